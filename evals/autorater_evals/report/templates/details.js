// One item: people's label, the images in the orders in which they were shown, and every run's judgment.

const title = (text) => h("h3", null, text);
const listed = (items) => (items.length ? h("ul", null, items.map((item) => h("li", null, item))) : null);
const table = (name, headings, lines) =>
  h(".scroll", { tabindex: 0, role: "region", "aria-label": name },
    h("table", null,
      h("thead", null, h("tr", null, headings.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, lines)));
const line = (name, cells, kind) =>
  h(kind ? `tr.${kind}` : "tr", null, h("th", { scope: "row" }, name), cells.map((cell) => h("td", null, cell)));
const ANSWERS = { yes: "✓ yes", no: "✕ no", not_applicable: "not applicable", cannot_tell: "? cannot tell" };
const answer = (given) => h(`span.answer.${given || "none"}`, null, ANSWERS[given] || "–");

function peoplePart(item) {
  const lines = item.people.map((told) =>
    line(foreign(told.dimension.replaceAll("_", " ")), [
      h("b", null, told.said),
      [...told.facts, ...told.raters.map(([value, number]) => `${value} × ${number}`)].map((fact) => h("span.fact", null, foreign(fact))),
    ]));
  return h("section.people", null, title("People"),
    lines.length ? table("What people said", ["Dimension", "Label", "Raters"], lines) : h("p.quiet", null, "No label but the answers to the questions."));
}

function marksOf(runs) {
  const found = {};
  for (const [, run] of runs) {
    for (const [name, marks] of Object.entries(run?.marks || {})) {
      const known = (found[name] ||= []);
      for (const mark of marks) if (!known.some((one) => one.title === mark.title)) known.push(mark);
    }
  }
  return found;
}

// Every order that some run was shown, with what each run said then.
function ordersOf(runs) {
  const found = new Map();
  for (const [place, run] of runs) {
    for (const one of run?.passes || []) {
      const order = one.order;
      if (!found.has(order)) found.set(order, []);
      found.get(order).push([place, one]);
    }
  }
  if (!found.size) found.set("", []);
  return [...found].sort(([one], [other]) => one.localeCompare(other));
}

function pictures(item) {
  const first = item.runs.find(([, run]) => run)?.[1];
  if (!first) return h("p.notice", null, "Not judged: no picture was recorded.");
  const marks = marksOf(item.runs);
  const sources = first.sources.map((number, place) => plate(number, h("span", null, "Source"), `source image ${place + 1}`));
  const groups = ordersOf(item.runs).map(([shownAs, said]) => {
    const order = shownAs || first.letters;
    const names = [...order].map((name, place) => [place ? ", " : "", letter(name)]);
    return h(".order", null,
      first.letters.length > 1 ? h("h4", null, shownAs ? ["Shown as ", names] : "Looked at in no order") : null,
      h(`.plates.of-${Math.min(order.length, 3)}`, null, [...order].map((name) => {
        const number = first.candidates[first.letters.indexOf(name)];
        return plate(number, [letter(name), preferredBy(item.runs, name), generator(item, first.letters.indexOf(name))], `image ${name}`, marks[name]);
      })),
      h("ul.said-then", null, said.map(([place, one]) => h("li", null, runTag(place), one.said, one.chance ? ` (${one.chance})` : ""))));
  });
  const box = h("section.pictures", null, toggles(marks), sources.length ? h(".order.source", null, h("h4", null, "Before the edit"), h(".plates.of-1", null, sources)) : null, h(".orders", null, groups));
  setLayers(box, overlays.names || new Set());
  return box;
}

// Of several runs, which: their numbers follow the star unless all of them agree.
function preferredBy(runs, name) {
  const there = runs.filter(([, run]) => run?.preferred);
  const some = there.filter(([, run]) => run.preferred === name);
  if (!some.length) return null;
  return h("span.preferred", null, some.length === there.length ? "★ preferred" : ["★ by ", some.map(([place]) => runTag(place))]);
}

const generator = (item, place) => (item.generators[place] ? h("span.generator", null, foreign(item.generators[place])) : null);
const runTag = (place) => (index.runs.length > 1 ? h("span.run-tag", { title: index.runs[place].name }, String(place + 1)) : null);

function toggles(marks) {
  const names = [...new Set(Object.values(marks).flat().map((mark) => mark.title))];
  if (!names.length) return null;
  overlays.names ||= new Set();
  if (overlays.on) names.forEach((name) => overlays.names.add(name));
  return h("fieldset.toggles", null, h("legend", null, "Show what specialists marked"), names.map((name) =>
    h("label", null, h("input", { type: "checkbox", checked: overlays.names.has(name), onchange: (event) => {
      overlays.names[event.target.checked ? "add" : "delete"](name);
      setLayers(byId("detail"), overlays.names);
    } }), " ", foreign(name))));
}

function toggleOverlays() {
  overlays.on = !overlays.on;
  overlays.names = new Set();
  for (const box of byId("detail").querySelectorAll(".toggles input")) {
    box.checked = overlays.on;
    if (overlays.on) overlays.names.add(box.parentElement.textContent.trim());
  }
  setLayers(byId("detail"), overlays.names);
}

function judgmentPart(item, [place, run], number) {
  const name = index.runs[place].name;
  if (!run) return h("section.judgment", { "aria-label": `Judgment of ${name}` }, h("h3.judge", null, runTag(place), foreign(name)), h("p.notice", null, "Not judged."));
  return h(`section.judgment.for-${run.preferred || "none"}`, { "aria-label": `Judgment of ${name}` },
    h("h3.judge", null, runTag(place), foreign(name)),
    h("p.headline", null, h("strong", null, run.headline), h(`span.badge.${run.outcome}`, null, run.outcome), run.chance ? h("span.quiet", null, run.chance) : null),
    h("p.states", null, index.dimensions.map((dimension) => dimensionState(place, dimension, number))),
    run.reason ? foreign(run.reason, "p.reason") : null,
    run.agreement ? h("p.quiet", null, run.agreement) : null,
    run.warnings.map((warning) => foreign(warning, "p.notice")),
    run.rationale ? [title("Rationale"), prose(run.rationale)] : null,
    seenPart(run), levelsPart(run), checklistPart(item, run), evidencePart(run), passesPart(run), factsPart(run));
}

function dimensionState(place, dimension, number) {
  const found = index.runs[place].by[dimension];
  const mark = found && stateMark(found.state[number], wordsOf(number, dimension));
  return mark ? h("span.said", null, dimension.replaceAll("_", " "), " ", found.said[number] ? foreign(found.said[number]) : null, mark) : null;
}

function seenPart(run) {
  const names = [...run.letters].filter((name) => run.observations[name] || run.weaknesses[name]?.length);
  if (!names.length) return null;
  return [title("What the judge saw"), names.map((name) => h(".seen", null, letter(name),
    run.observations[name] ? prose(run.observations[name]) : null,
    listed((run.weaknesses[name] || []).map(([what, where]) => [foreign(what), " ", h("span.quiet", null, foreign(where))]))))];
}

function levelsPart(run) {
  const parts = [];
  if (run.attributes.length) parts.push(title("Attributes"), table("Attributes", ["Attribute", "Level"], run.attributes.map(([name, level]) => line(foreign(name), [foreign(level)]))));
  if (run.dimensions.length) parts.push(title("Predicted means of people, 1 to 5"), table("Dimensions", ["Dimension", ...run.letters], run.dimensions.map(([name, values]) => line(foreign(name), [...run.letters].map((one) => values[one] || "–")))));
  return parts;
}

function checklistPart(item, run) {
  if (!run.checklist.length) return null;
  const people = run.checklist.some(([, , , said]) => said);
  return [title("Checklist"), table("Checklist", ["Question", ...run.letters, ...(people ? ["people"] : [])], run.checklist.map(([text, answers, differs, said]) =>
    line(foreign(text), [...[...run.letters].map((name) => answer(answers[name])), ...(people ? [said ? [answer(said), stateMark(said === answers.a ? "a" : "d")] : "–"] : [])], differs ? "differs" : "")))];
}

const citation = ([quote, flag]) => h(flag ? "span.cited.flagged" : "span.cited", null, flag ? "⚠ cited " : "cited ", h("q", null, foreign(quote)), flag ? [": ", foreign(flag)] : null);

function evidencePart(run) {
  if (!run.evidence.length && !run.loose.length) return null;
  const lines = run.evidence.flatMap((told) => [
    h("tr.group", null, h("th", { scope: "rowgroup", colspan: 1 + run.letters.length }, foreign(told.title), told.errors ? h("small", null, foreign(told.errors)) : null)),
    ...told.rows.map(([name, scale, cells]) => line([foreign(name), scale ? h("small", null, scale) : null], [...run.letters].map((one) => (cells[one] || []).map(evidenceCell)))),
    ...(Object.keys(told.texts).length ? [line("In words", [...run.letters].map((one) => (told.texts[one] || []).map(([text, cited]) => [prose(text), cited.map(citation)])))] : []),
  ]);
  return [title("Assessments by specialists"), lines.length ? table("Assessments", ["Measured", ...run.letters], lines) : null,
    run.loose.length ? [h("p.quiet", null, "Citations of nothing in the table:"), listed(run.loose.map(([name, quote, flag]) => [foreign(name), " ", citation([quote, flag])]))] : null];
}

function evidenceCell([kind, text, sigma, best, cited]) {
  return h(`.cell.${kind}`, null, kind === "value" ? h("b", null, text) : h("span", null, kind === "absent" ? "" : `${kind}: `, foreign(text)), sigma ? ` ${sigma}` : "", best ? h("span.better", null, " ▲ better") : null, cited.map(citation));
}

function passesPart(run) {
  if (!run.passes.some((one) => one.rationale || one.detail || one.warnings.length) && !run.steps.length) return null;
  return h("details", null, h("summary", null, `The judge's ${plural(run.passes.length, "answer")}`),
    run.passes.map((one) => h(".pass", null, h("h4", null, one.order.length > 1 ? `Shown as ${[...one.order].join(" then ")}: ` : "", one.said, one.sample ? `, sample ${one.sample + 1}` : ""),
      one.rationale ? prose(one.rationale) : null, one.detail ? foreign(one.detail, "p.notice") : null, one.warnings.map((text) => foreign(text, "p.notice")))),
    run.steps.length ? [h("h4", null, "What the agent did"), listed(run.steps.map(([thought, looks]) => [foreign(thought), listed(looks.map((look) => foreign(look)))]))] : null);
}

function factsPart(run) {
  const [how, names, reason] = run.selection;
  const told = [...run.facts, ["Specialists", `${how}: ${names.join(", ") || "none"}`], ...(reason ? [["Why these", reason]] : [])];
  return h("dl.facts", null, told.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, foreign(value)))));
}

async function showItem(number) {
  const item = await details(number);
  if (number !== chosen) return;
  const place = shown.indexOf(number);
  const where = [item.benchmark, item.part, ...item.facets.map(([name, value]) => `${name}: ${value}`), item.group ? `group ${item.group}` : ""];
  const box = byId("detail");
  box.replaceChildren(
    h("p.crumbs", null,
      h("button.back", { type: "button", onclick: closeItem }, "← List"),
      h("span", null, place < 0 ? "" : `${count(place + 1)} of ${count(shown.length)}`),
      where.filter(Boolean).map((text) => foreign(text, "span"))),
    h("h2", null, foreign(item.id)),
    h("section", null, h("h3", null, item.edit ? "Instruction" : "Prompt"), item.prompt ? prose(item.prompt) : h("p.quiet", null, "None.")),
    pictures(item), peoplePart(item),
    h(`.judgments.of-${Math.min(3, item.runs.length)}`, null, item.runs.map((run) => judgmentPart(item, run, number))));
  box.scrollTop = 0;
}
