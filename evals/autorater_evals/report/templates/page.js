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

function stateMark(state) {
  const known = STATES[state];
  return known ? h(`span.state.${known[0]}`, { title: known[2], role: "img", "aria-label": known[2] }, known[1]) : null;
}

const pause = () => new Promise((done) => setTimeout(done));

function announceError(error) {
  byId("detail").replaceChildren(h("p.notice", null, `This item cannot be shown: ${error.message || error}`));
}
