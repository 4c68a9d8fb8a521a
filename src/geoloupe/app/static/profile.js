/** Spectra of one place in all layers that show it. */

import { get } from "./api.js";
import { byId, short } from "./dom.js";

const COLOURS = ["var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)", "var(--series-5)"];
const [WIDTH, HEIGHT] = [300, 150];

function drawn(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Return the pixel of a layer below a place of the input, or null outside of it. */
function below(shown, { x, y }) {
  if (!shown.scene) return null;
  const row = Math.floor((y - shown.box.top) * shown.scale);
  const column = Math.floor((x - shown.box.left) * shown.scale);
  const { width, height } = shown.scene;
  return row >= 0 && column >= 0 && row < height && column < width ? { row, column } : null;
}

export async function profileAt(place, layers) {
  const found = [];
  for (const shown of layers) {
    const pixel = below(shown, place);
    if (!pixel) continue;
    const told = await get(`/api/scenes/${shown.scene.id}/pixel?row=${pixel.row}&column=${pixel.column}`);
    found.push({ name: shown.name, bands: shown.scene.bands, ...told });
  }
  if (!found.length) return;
  const card = byId("profile");
  card.hidden = false;
  const { x, y } = found[0];
  const row = Math.floor(place.y);
  const column = Math.floor(place.x);
  card.querySelector(".note").textContent =
    `row ${row}, column ${column} · ${x.toFixed(2)}, ${y.toFixed(2)}`;
  card.querySelector(".plot").replaceChildren(plotted(found), legend(found));
}

function plotted(curves) {
  const all = curves.flatMap((curve) => curve.values).filter((value) => value !== null);
  const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  const bands = curves[0].bands;
  const count = Math.max(bands.length, 2);
  const x = (band) => 34 + (band / (count - 1)) * (WIDTH - 50);
  const y = (value) => HEIGHT - 26 - ((value - low) / (high - low || 1)) * (HEIGHT - 42);
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(drawn("title", {}, "values of the bands, from the first to the last"));
  for (const value of high > low ? [low, high] : [low]) {
    svg.append(drawn("line", { x1: 34, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "grid" }));
    svg.append(drawn("text", { x: 30, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const step = Math.ceil(bands.length / 6);
  bands.forEach((band, index) => {
    if (index % step) return;
    const label = { x: x(index), y: HEIGHT - 8, "text-anchor": "middle" };
    svg.append(drawn("text", label, band.nm ? `${Math.round(band.nm)}` : band.name.slice(0, 8)));
  });
  curves.forEach((curve, index) => {
    const points = curve.values.flatMap((value, band) =>
      value === null ? [] : [`${x(band).toFixed(1)},${y(value).toFixed(1)}`]);
    const colour = COLOURS[index % COLOURS.length];
    const line = drawn("polyline", { points: points.join(" "), fill: "none", "stroke-width": 2 });
    line.style.stroke = colour;
    svg.append(line);
    for (const point of points) {
      const [cx, cy] = point.split(",");
      const dot = drawn("circle", { cx, cy, r: 2.6 });
      dot.style.fill = colour;
      svg.append(dot);
    }
  });
  return svg;
}

function legend(curves) {
  const list = document.createElement("ul");
  curves.forEach((curve, index) => {
    const item = document.createElement("li");
    const dot = document.createElement("i");
    dot.style.background = COLOURS[index % COLOURS.length];
    const values = curve.values.slice(0, 6).map(short).join("  ");
    const more = curve.values.length > 6 ? " …" : "";
    item.append(dot, `${curve.name}  `, Object.assign(document.createElement("span"), { textContent: values + more }));
    list.append(item);
  });
  return list;
}

byId("profile").querySelector(".close").addEventListener("click", () => { byId("profile").hidden = true; });
