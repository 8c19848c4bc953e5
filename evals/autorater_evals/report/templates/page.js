// Small things that every part of the page uses. Text from outside becomes text nodes, never markup.

const byId = (id) => document.getElementById(id);

function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Text that came from outside, isolated in its own writing direction.
const foreign = (text, tag = "bdi") => h(tag, { dir: "auto" }, String(text));
const prose = (text) => foreign(text, "p.prose");
const count = (number) => number.toLocaleString("en");
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
const letter = (name) => h(`span.letter.${"abcd".includes(name) ? name : "other"}`, null, name);
const STATES = {
  a: ["agree", "✓", "judge and people agree"],
  d: ["differ", "✕", "judge and people disagree"],
  t: ["tied", "≈", "one of judge and people ties"],
  n: ["none", "○", "no result"],
};

// What the marks of one image mean: it has no side to agree on.
const RATED = {
  a: "the judge ranks this image near where people rank it (at most a third of the part's images apart)",
  d: "the judge ranks this image far from where people rank it (more than a third of the part's images apart)",
};
const ASKED = { a: "all questions are answered as by people", d: "a question is answered otherwise than by people" };

function stateMark(state, words = {}) {
  const known = STATES[state];
  const told = words[state] || known?.[2];
  return known ? h(`span.state.${known[0]}`, { title: told, role: "img", "aria-label": told }, known[1]) : null;
}

const wordsOf = (item, dimension) => dimension === "questions" ? ASKED : rows.images[item].length === 1 ? RATED : {};

const pause = () => new Promise((done) => setTimeout(done));

function announceError(error) {
  byId("detail").replaceChildren(h("p.notice", null, `This item cannot be shown: ${error.message || error}`));
}
