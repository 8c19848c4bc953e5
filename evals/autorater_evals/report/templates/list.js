// The list of items: filters, search, and only those rows in the document that are in sight.

const ROW = 76;
const MARGIN = 4;
const listBox = byId("list");
const rowsBox = byId("rows");
const pool = [];
let shown = []; // numbers of the items that the filters leave, in order
let chosen = -1; // the number of the item that is read
let speed = 0; // pixels that the list was moved by since it was last drawn: pictures wait while rows fly past
let lastTop = 0;
let asked = 0; // grows with every search, so that an older one stops
const state = { words: [], hits: null, run: -1, dimension: 0, agreement: "", outcome: -1, specialist: -1, part: -1, generator: -1, facet: -1, order: "given" };

const runsOf = (item) => (state.run >= 0 ? [state.run] : index.runs.map((_, place) => place));
const column = (run, dimension) => index.runs[run].by[index.dimensions[dimension]];

function stateOf(run, item) {
  const found = column(run, state.dimension);
  return found ? found.state[item] : "-";
}

function fits(item) {
  if (state.part >= 0 && rows.part[item] !== state.part) return false;
  if (state.generator >= 0 && !rows.generators[item].includes(state.generator)) return false;
  if (state.facet >= 0 && !rows.facets[item].includes(state.facet)) return false;
  if (state.specialist >= 0 && !rows.cited[item].includes(state.specialist)) return false;
  const runs = runsOf(item);
  if (state.run >= 0 && index.runs[state.run].outcome[item] < 0) return false;
  if (state.outcome >= 0 && !runs.some((run) => index.runs[run].outcome[item] === state.outcome)) return false;
  if (state.agreement === "x") {
    const said = new Set(runs.map((run) => column(run, state.dimension)?.said[item] || "").filter(Boolean));
    if (said.size < 2) return false;
  } else if (state.agreement && !runs.some((run) => stateOf(run, item) === state.agreement)) return false;
  return true;
}

const named = (item) => state.words.every((word) => head(item).includes(word));
const strength = (item) => Math.max(-100, ...runsOf(item).map((run) => column(run, state.dimension)?.strength[item] ?? -100));

function arrange() {
  const found = [];
  for (let item = 0; item < total; item += 1) {
    if (fits(item) && (!state.words.length || named(item) || state.hits?.has(item))) found.push(item);
  }
  if (state.order === "strong") {
    const keys = new Map(found.map((item) => [item, strength(item)]));
    found.sort((one, other) => keys.get(other) - keys.get(one) || one - other);
  }
  shown = found;
  rowsBox.style.height = `${shown.length * ROW}px`;
  draw(true);
  tellFound("");
}

function tellFound(more) {
  byId("found").textContent = `${count(shown.length)} of ${plural(total, "item")}${more}`;
}

async function search(text) {
  const mine = (asked += 1);
  state.words = folded(text).split(/\s+/).filter(Boolean);
  state.hits = null;
  listBox.scrollTop = 0;
  arrange();
  if (!state.words.length) return;
  state.hits = new Set();
  let drawn = performance.now();
  for (let number = 0; number < chunkCount; number += 1) {
    const held = await bodiesOf(number);
    if (mine !== asked) return;
    held.forEach((body, place) => {
      const item = number * index.chunk + place;
      if (state.words.every((word) => body.includes(word) || head(item).includes(word))) state.hits.add(item);
    });
    if (performance.now() - drawn > 250) {
      arrange();
      tellFound(`, searching what was said: ${Math.round((100 * number) / chunkCount)} %`);
      await pause();
      drawn = performance.now();
      if (mine !== asked) return;
    }
  }
  arrange();
}

function newRow() {
  const row = {
    element: h(".row", { role: "option" }),
    images: [h("img", { alt: "", decoding: "async" }), h("img", { alt: "", decoding: "async" })],
    prompt: h("p.prompt", { dir: "auto" }),
    facts: h("p.facts"),
    item: -1,
  };
  row.element.append(h(".thumbs", null, row.images), h(".about", null, row.prompt, row.facts));
  row.element.addEventListener("click", () => choose(row.item, true));
  rowsBox.append(row.element);
  return row;
}

function fill(row, place) {
  const item = shown[place];
  row.element.style.transform = `translateY(${place * ROW}px)`;
  row.element.setAttribute("aria-posinset", place + 1);
  row.element.setAttribute("aria-setsize", shown.length);
  row.element.setAttribute("aria-selected", item === chosen);
  if (row.item === item && row.dimension === state.dimension) return;
  Object.assign(row, { item, dimension: state.dimension });
  row.element.id = `row-${item}`;
  row.prompt.textContent = rows.prompt[item] || rows.id[item];
  row.facts.replaceChildren(foreign(rows.id[item].replace(/^[^/]*\//, "")), ...saidOf(item));
  row.images.forEach((image, number) => {
    image.hidden = number >= rows.images[item].length;
    image.removeAttribute("src");
  });
  clearTimeout(row.waiting);
  row.waiting = setTimeout(() => rows.images[item].slice(0, 2).forEach((number, place) => {
    showPicture(row.images[place], number, () => row.item === item);
  }), speed > listBox.clientHeight / 3 ? 120 : 0);
}

function saidOf(item) {
  const people = index.people[index.dimensions[state.dimension]]?.[item];
  const parts = people ? [h("span.said", null, "people ", foreign(people))] : [];
  index.runs.forEach((run, place) => {
    if (run.outcome[item] < 0) return;
    const said = column(place, state.dimension)?.said[item];
    parts.push(h("span.said", { title: run.name }, index.runs.length > 1 ? `${place + 1} ` : "judge ", said ? foreign(said) : null, stateMark(stateOf(place, item), wordsOf(item, index.dimensions[state.dimension]))));
  });
  return parts;
}

function draw(again) {
  if (!listBox.clientHeight) return; // another view is shown
  speed = Math.abs(listBox.scrollTop - lastTop);
  lastTop = listBox.scrollTop;
  const first = Math.max(0, Math.floor(lastTop / ROW) - MARGIN);
  const last = Math.min(shown.length, Math.ceil((listBox.scrollTop + listBox.clientHeight) / ROW) + MARGIN);
  const wanted = new Set();
  for (let place = first; place < last; place += 1) wanted.add(place);
  if (again) for (const row of pool) row.place = -1;
  const free = pool.filter((row) => !wanted.delete(row.place));
  for (const row of pool) if (!free.includes(row)) fill(row, row.place);
  for (const place of wanted) {
    let row = free.pop();
    if (!row) pool.push((row = newRow()));
    row.place = place;
    row.element.hidden = false;
    fill(row, place);
  }
  for (const row of free) {
    Object.assign(row, { place: -1, item: -1 });
    row.element.hidden = true;
    row.element.removeAttribute("id");
    row.element.setAttribute("aria-selected", "false");
  }
  if (chosen >= 0) listBox.setAttribute("aria-activedescendant", `row-${chosen}`);
}

function reveal(place) {
  const top = place * ROW;
  if (top < listBox.scrollTop) listBox.scrollTop = top;
  else if (top + ROW > listBox.scrollTop + listBox.clientHeight) listBox.scrollTop = top + ROW - listBox.clientHeight;
}

function step(by) {
  if (!shown.length) return;
  const place = shown.indexOf(chosen);
  const next = Math.min(shown.length - 1, Math.max(0, place < 0 ? 0 : place + by));
  choose(shown[next], false);
}
