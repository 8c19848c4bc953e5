// Pictures and what specialists marked on them.

async function showPicture(image, number, still = () => true) {
  const url = await block(`p${number}`);
  if (!still()) return;
  if (url) image.src = url;
  else image.replaceWith(h("span.absent", null, "no picture"));
}

const overlays = { on: false };

// A grey picture of 0 to 255 as yellow to red, transparent where it is 0.
async function paintMask(canvas, number) {
  const image = new Image();
  image.src = await block(`m${number}`);
  await image.decode();
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    const strong = pixels.data[place] / 255;
    pixels.data.set([255 - 25 * strong, 214 * (1 - strong), 60 * strong, 190 * strong], place);
  }
  pen.putImageData(pixels, 0, 0);
}

function region([label, left, top, width, height, score], hue) {
  const box = h(`.region.hue-${hue % 6}`, null, h("span", null, foreign(label), score === null ? "" : ` ${Math.round(100 * score)} %`));
  Object.assign(box.style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%` });
  box.classList.toggle("below", top < 0.08);
  box.classList.toggle("late", left + width / 2 > 0.5);
  return box;
}

// The marks of one specialist on one image; drawn when they are first asked for.
function layer(mark) {
  const element = h(".layer", { "data-specialist": mark.title });
  element.draw = () => {
    if (element.firstChild) return;
    for (const [, number] of mark.masks) {
      if (number < 0) continue;
      const canvas = h("canvas");
      element.append(canvas);
      paintMask(canvas, number).catch(() => canvas.remove());
    }
    element.append(...mark.regions.map((one) => region(one, mark.hue)));
  };
  return element;
}

function plate(number, caption, alt, marks) {
  const image = h("img", { alt, decoding: "async" });
  const layers = (marks || []).map(layer);
  const open = h("button.well", { type: "button", "aria-label": `Enlarge: ${alt}`, onclick: () => enlarge(number, alt, marks) }, image, layers);
  showPicture(image, number);
  return h("figure.plate", null, h("figcaption", null, caption), open);
}

function setLayers(root, on) {
  for (const element of root.querySelectorAll(".layer")) {
    element.classList.toggle("on", on.has(element.dataset.specialist));
    if (on.has(element.dataset.specialist)) element.draw();
  }
}

function enlarge(number, alt, marks) {
  const image = h("img", { alt });
  const layers = (marks || []).map(layer);
  showPicture(image, number);
  const box = byId("zoom");
  box.replaceChildren(h("form", { method: "dialog" }, h("button", null, "Close")), h(".well", null, image, layers));
  box.showModal();
  setLayers(box, overlays.names || new Set());
}
