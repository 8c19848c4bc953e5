// What happens when: views, choices, keys.

function chooser(name, key, options, empty) {
  if (options.length < (empty ? 1 : 2)) return null;
  const select = h("select", { id: `choose-${key}`, onchange: (event) => {
    const value = event.target.value;
    state[key] = key === "agreement" || key === "order" ? value : Number(value);
    arrange();
  } }, empty ? h("option", { value: key === "agreement" ? "" : -1 }, empty) : null, options.map(([value, text]) => h("option", { value }, text)));
  return h("label", null, h("span", null, name), select);
}

const numbered = (names) => names.map((name, place) => [place, name]).sort(([, one], [, other]) => one.localeCompare(other));

function buildChoices() {
  const spoken = index.dimensions.map((name, place) => [place, name.replaceAll("_", " ")]);
  const differing = index.runs.length > 1 ? [["x", "the runs differ"]] : [];
  byId("choices").append(...[
    chooser("Judge and people", "agreement", [["d", "disagree"], ["a", "agree"], ["t", "one ties"], ["n", "no result"], ...differing], "any"),
    chooser("Dimension", "dimension", spoken, ""),
    chooser("Run", "run", index.runs.length > 1 ? index.runs.map((run, place) => [place, `${place + 1} ${run.name}`]) : [], "any"),
    chooser("Outcome", "outcome", numbered(index.outcomes), "any"),
    chooser("Cites", "specialist", index.specialists.map(([, text], place) => [place, text]), "any"),
    chooser("Part", "part", index.parts.length > 1 ? numbered(index.parts) : [], "any"),
    chooser("Generator", "generator", numbered(index.generators), "any"),
    chooser("Facet", "facet", numbered(index.facets), "any"),
    chooser("Order", "order", [["given", "as given"], ["strong", "most differing"]], ""),
  ].filter(Boolean));
}

function choose(item, focus) {
  chosen = item;
  document.body.classList.add("reading");
  history.replaceState(null, "", `#item=${encodeURIComponent(rows.id[item])}`);
  const place = shown.indexOf(item);
  if (place >= 0) reveal(place);
  draw(false);
  showItem(item).catch(announceError);
  if (focus && matchMedia("(max-width: 800px)").matches) byId("detail").focus();
}

function closeItem() {
  document.body.classList.remove("reading");
  listBox.focus();
}

function show(view) {
  const items = view === "items";
  byId("report").hidden = items;
  byId("items").hidden = !items;
  byId("to-report").toggleAttribute("aria-current", !items);
  byId("to-items").toggleAttribute("aria-current", items);
  if (!items) return;
  draw(true);
  if (chosen < 0 && shown.length && !matchMedia("(max-width: 800px)").matches) {
    choose(shown[0], false);
    listBox.focus({ preventScroll: true });
  }
}

function follow() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted.startsWith("item=")) {
    const item = rows.id.indexOf(wanted.slice(5));
    if (item >= 0) choose(item, true);
    show("items");
  } else show(wanted === "items" ? "items" : "report");
}

function setAgreement(value) {
  state.agreement = value;
  byId("choose-agreement").value = value;
  arrange();
}

function leave() {
  if (document.activeElement === byId("search")) {
    if (byId("search").value) {
      byId("search").value = "";
      search("");
    }
    listBox.focus();
  } else if (document.body.classList.contains("reading") && matchMedia("(max-width: 800px)").matches) closeItem();
  else if (!byId("items").hidden) listBox.focus();
}

const page = () => Math.max(1, Math.floor(listBox.clientHeight / ROW) - 1);
const KEYS = {
  j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
  PageDown: () => step(page()), PageUp: () => step(-page()), Home: () => step(-total), End: () => step(total),
  o: toggleOverlays, d: () => setAgreement(state.agreement === "d" ? "" : "d"),
  Enter: () => byId("detail").focus(), "/": () => byId("search").focus(),
};
const LIST_ONLY = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"];

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.key === "Escape") leave();
  else if (typing) {
    if (event.key !== "ArrowDown" || event.target !== byId("search")) return;
    listBox.focus();
    step(1);
  } else if (event.key === "?") byId("help").showModal();
  else if (event.key === "f") location.hash = "#report";
  else if (event.key === "i") location.hash = "#items";
  else {
    if (byId("items").hidden && event.key === "/") location.hash = "#items";
    if (byId("items").hidden && event.key !== "/") return;
    const inList = event.target === listBox || event.target === document.body;
    if (!KEYS[event.key] || (LIST_ONLY.includes(event.key) && !inList)) return;
    show("items");
    KEYS[event.key]();
  }
  event.preventDefault();
}

let waiting = 0;
byId("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => search(byId("search").value).catch(announceError), 120);
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => {
  Object.assign(state, { words: [], hits: null, run: -1, dimension: 0, agreement: "", outcome: -1, specialist: -1, part: -1, generator: -1, facet: -1, order: "given" });
  asked += 1;
  arrange();
});
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("zoom").addEventListener("click", (event) => event.target === byId("zoom") && byId("zoom").close());
listBox.addEventListener("scroll", () => requestAnimationFrame(() => draw(false)), { passive: true });
addEventListener("resize", () => draw(false));
addEventListener("keydown", key);
addEventListener("hashchange", follow);
buildChoices();
arrange();
follow();
document.documentElement.dataset.ready = performance.now();
