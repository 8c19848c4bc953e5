// What the inert blocks of the page hold. They are parsed when they are asked for; blocks may still be on their way.

const index = JSON.parse(byId("index").textContent);
const rows = index.rows;
const total = rows.id ? rows.id.length : 0;
const whole = new Promise((done) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", done, { once: true });
  else done();
});

// An element that is followed by another one was read to its end.
async function block(id) {
  let element = byId(id);
  if (!element || !element.nextElementSibling) {
    await whole;
    element = byId(id);
  }
  return element ? element.textContent.trim() : "";
}

async function unpack(text) {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old (no DecompressionStream)");
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const KEPT = 12; // chunks whose details stay unpacked
const chunks = new Map();

function chunk(number) {
  let found = chunks.get(number);
  chunks.delete(number);
  found ||= block(`d${number}`).then(unpack);
  chunks.set(number, found);
  for (const old of chunks.keys()) {
    if (chunks.size <= KEPT) break;
    chunks.delete(old);
  }
  return found;
}

const details = async (item) => (await chunk(Math.floor(item / index.chunk)))[item % index.chunk];
const chunkCount = Math.ceil(total / index.chunk);

// Everything that is said of an item, for the search. Keys are not searched, and numbers do not matter.
function words(value, found) {
  if (typeof value === "string") {
    if (value.length > 2) found.push(value);
  } else if (Array.isArray(value)) for (const part of value) words(part, found);
  else if (value && typeof value === "object") for (const part of Object.values(value)) words(part, found);
  return found;
}

const folded = (text) => text.normalize("NFKC").toLowerCase();
const heads = (rows.text || []).map(() => null);
const head = (item) => (heads[item] ??= folded(rows.text[item]));
const bodies = new Map(); // chunk → the words of its items

async function bodiesOf(number) {
  if (!bodies.has(number)) {
    const held = await (chunks.get(number) || block(`d${number}`).then(unpack));
    bodies.set(number, held.map((one) => folded(words(one, []).join("\n"))));
  }
  return bodies.get(number);
}
