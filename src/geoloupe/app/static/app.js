/** The page as a whole: what is open, what is compared, what is made. */

import { get, lines, post } from "./api.js";
import { byId, fill, number, toast } from "./dom.js";
import { Files } from "./files.js";
import { Jobs } from "./jobs.js";
import { Models } from "./models.js";
import { profileAt } from "./profile.js";
import { Viewer, placed } from "./viewer.js";

const SIDE = 256; // pixels a side of a preview of the middle
const state = { scene: null, others: new Map(), box: null, magnified: false, failed: false };

const viewer = new Viewer({
  drawn: (box) => {
    setDrawing(false);
    if (box) preview(box);
  },
  pointed: readout,
  pressed: (place) => profileAt(place, [...viewer.shown.values()]).catch((error) => toast(error.message)),
  tileFailed: () => {
    if (!state.failed) toast("A part of the scene could not be drawn; is the file still there?");
    state.failed = true;
  },
});
const files = new Files(opened);
const jobs = new Jobs(showProduct);
const models = new Models(() => {});

function opened(scene) {
  if (state.scene) state.others.set(state.scene.id, state.scene);
  state.others.delete(scene.id);
  Object.assign(state, { scene, box: null, failed: false });
  byId("empty").hidden = true;
  byId("back").hidden = false;
  byId("profile").hidden = true;
  const unit = scene.georeferenced ? ` of ${Number(scene.pixel[0].toPrecision(6))}` : "";
  const large = scene.width * scene.height >= 1e8 ? " · coarse until you zoom in" : "";
  byId("scene-facts").replaceChildren(
    Object.assign(document.createElement("strong"), { textContent: scene.name, title: scene.path }),
    ` ${number(scene.width)} × ${number(scene.height)} px${unit} · ${scene.bands.length} × ${scene.dtype}${
      scene.crs ? ` · ${scene.crs}` : ""}${large}`);
  document.title = `${scene.name} · geoloupe`;
  const names = scene.bands.map((band) => [band.number, `${band.number} ${band.name}`]);
  const three = scene.visible.length === 3 ? scene.visible : [1, 1, 1];
  three.forEach((number, index) => fill(byId(`band-${index}`), names, number));
  viewer.chosen = look();
  viewer.show(scene);
  viewer.put({ key: "input", name: "input", scene });
  const same = [...state.others.values()];
  models.guides(same.map((other) => [other.id, other.name]));
  for (const other of same) {
    if (placed(other, scene)) {
      viewer.put({ key: `scene-${other.id}`, name: other.name, scene: other });
    }
  }
  layersChanged("input", "input");
  models.update(scene);
  byId("stage").dataset.ready = scene.id;
}

function layersChanged(left, right) {
  const pairs = [...viewer.shown.values()].map((shown) => [shown.key, shown.name]);
  fill(byId("left"), pairs, left ?? byId("left").value);
  fill(byId("right"), pairs, right ?? byId("right").value);
  compare();
}

function compare() {
  viewer.compare(byId("left").value, byId("right").value);
  viewer.magnify(state.magnified);
}

function look() {
  const bands = [0, 1, 2].map((index) => byId(`band-${index}`).value);
  const one = bands.every((band) => band === bands[0]);
  return { bands: one ? bands[0] : bands.join(","), cut: byId("cut").value };
}

function readout(place) {
  const { scene } = state;
  if (!place || !scene) { byId("readout").textContent = ""; return; }
  const [a, b, c, d, e, f] = scene.transform;
  const [x, y] = [a * place.x + b * place.y + c, d * place.x + e * place.y + f];
  const zoom = 1 / viewer.map.getView().getResolution();
  const shown = zoom >= 1 ? `${Number(zoom.toFixed(2))} : 1` : `1 : ${Number((1 / zoom).toFixed(2))}`;
  const where = scene.georeferenced ? `  ·  ${x.toFixed(2)}, ${y.toFixed(2)}` : "";
  byId("readout").textContent = `row ${place.row}, column ${place.column}${where}  ·  ${shown}`;
}

/** Compute a box by the chosen model, and by interpolation to compare with. */
async function preview(box) {
  const { chosen: model, scale } = models;
  const factor = model.scale ?? scale;
  state.previewing?.abort();
  const ending = state.previewing = new AbortController();
  state.box = box;
  viewer.outline(box);
  viewer.approach(box);
  const look = viewer.chosen.bands.split(",").map(Number);
  const one = async (name, times, key) => {
    const shown = viewer.put({ key, name: `${name}${model.scale && name === model.name ? "" : ` ×${times}`}`, scale: times, box });
    const asked = {
      scene: state.scene.id, ...box, model: name, bands: look, cut: Number(viewer.chosen.cut),
      scale: name === model.name ? scale : times,
    };
    await lines("/api/preview", asked, (event) => {
      if (event.error) throw new Error(event.error);
      if (event.png) shown.cell(event.cell, event.png);
      if (event.count) hint(event.done ? `${name}: ${event.done} of ${event.count} tiles` : `${name}: begins…`);
      if (event.done) byId("stage").dataset.previewed = `${name} ${event.done}`;
      if (event.scene) shown.finish(event.scene);
    }, ending.signal);
  };
  try {
    const key = `preview-${model.name}-${factor}`;
    const running = one(model.name, factor, key);
    layersChanged("input", key);
    await running;
    if (model.name !== "bicubic" && factor <= 8) await one("bicubic", factor, `bicubic-${factor}`);
    for (const shown of [...viewer.shown.values()]) { // those of other boxes say nothing of this one
      if (shown.key !== "input" && !shown.scene) viewer.drop(shown.key);
    }
    layersChanged();
    byId("stage").dataset.previewed = "done";
  } catch (error) {
    if (error.name === "AbortError") return;
    toast(error.message);
    for (const shown of [...viewer.shown.values()]) if (!shown.scene) viewer.drop(shown.key);
    layersChanged("input", "input");
  } finally {
    if (ending === state.previewing) hint("");
  }
}

function hint(text) {
  byId("hint").textContent = text;
  byId("hint").hidden = !text;
}

async function showProduct(job) {
  try {
    const { scene, input, beside } = await post(`/api/jobs/${job.id}/open`);
    if (state.scene?.id !== input.id) opened(input);
    if (!placed(scene, state.scene)) throw new Error(`${scene.name} has another place than ${input.name}; open it alone`);
    const key = `product-${job.id}`;
    viewer.put({ key, name: `product ${job.model ?? ""}`.trim(), scene });
    for (const [layer, found] of Object.entries(beside)) viewer.put({ key: `${key}-${layer}`, name: layer, scene: found });
    layersChanged("input", key);
  } catch (error) {
    toast(error.message);
  }
}

function setDrawing(wanted) {
  viewer.draw(wanted);
  byId("draw").setAttribute("aria-pressed", String(wanted));
  hint(wanted ? "Drag over the part to try; Escape ends" : "");
}

function setFlicker(wanted) {
  byId("flicker").setAttribute("aria-pressed", String(wanted));
  viewer.flicker(wanted);
}

function setMagnified(wanted) {
  state.magnified = wanted;
  byId("magnify").setAttribute("aria-pressed", String(wanted));
  viewer.magnify(wanted);
}

async function run() {
  byId("run").disabled = true;
  try {
    jobs.take(await post("/api/jobs", { scene: state.scene.id, ...models.order }));
  } catch (error) {
    toast(error.message);
  } finally {
    byId("run").disabled = false;
  }
}

const pressed = (name) => byId(name).getAttribute("aria-pressed") === "true";
byId("left").addEventListener("change", compare);
byId("right").addEventListener("change", compare);
byId("swap").addEventListener("click", () => layersChanged(byId("right").value, byId("left").value));
byId("draw").addEventListener("click", () => setDrawing(!pressed("draw")));
byId("flicker").addEventListener("click", () => (pressed("flicker") ? setFlicker(false) : setFlicker(true)));
byId("magnify").addEventListener("click", () => setMagnified(!pressed("magnify")));
byId("fit").addEventListener("click", () => state.scene && viewer.fit());
byId("run").addEventListener("click", run);
byId("preview").addEventListener("click", () => {
  const box = viewer.middle(SIDE);
  if (box) preview(box);
});
for (const name of ["band-0", "band-1", "band-2", "cut"]) {
  byId(name).addEventListener("change", () => viewer.restretch(look()));
}
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!state.scene) return;
  const key = event.key.toLowerCase();
  if (key === "f" && !event.repeat) {
    if (!pressed("flicker")) setFlicker(true);
    viewer.flip();
  } else if (key === "m") setMagnified(!pressed("magnify"));
  else if (key === "0") viewer.fit();
  else if (key === "escape") {
    setDrawing(false);
    setFlicker(false);
  }
});

async function begin() {
  for (const name of ["draw", "preview", "run"]) byId(name).disabled = true;
  try {
    const start = await get("/api/start");
    if (start.scene) await files.path(start.scene); // what people wait for comes first
    if (!state.scene) files.show(true);
    await models.begin();
    models.update(state.scene);
    await jobs.begin();
  } catch (error) {
    toast(error.message);
  }
}

begin();
