/** Layers of one place in its own pixels: a slider, a flicker, a magnifier, boxes. Uses OpenLayers. */

import { byId } from "./dom.js";

const ol = window.ol;
const LENS = 8; // screen pixels of the finest layer's pixel under the magnifier

/** Return where a scene lies in the pixels of another, {box, scale}; null if they do not meet. */
export function placed(scene, input) {
  const whole = { top: 0, left: 0, height: input.height, width: input.width };
  if (!scene.georeferenced || !input.georeferenced || scene.crs !== input.crs) {
    const alike = Math.abs(scene.width / scene.height - input.width / input.height) < 0.01;
    return alike ? { box: whole, scale: scene.width / input.width } : null;
  }
  const [a, b, c, d, e, f] = input.transform;
  const [x, y] = [scene.transform[2] - c, scene.transform[5] - f];
  const left = (e * x - b * y) / (a * e - b * d);
  const top = (a * y - d * x) / (a * e - b * d);
  const scale = input.pixel[0] / scene.pixel[0];
  const [width, height] = [scene.width / scale, scene.height / scale];
  const meet = left < input.width && top < input.height && left + width > 0 && top + height > 0;
  return meet ? { box: { left, top, width, height }, scale } : null;
}

/** One thing to look at: a scene on the server, or a box of which tiles are still coming. */
class Shown {
  constructor(viewer, { key, name, scene, scale = 1, box }) {
    Object.assign(this, { viewer, key, name, scene, scale, box, parts: [], cells: [] });
    if (scene) this.addTiles();
  }

  get extent() {
    const { left, top, width, height } = this.box;
    return [left, -(top + height), left + width, -top];
  }

  source() {
    const { scene, scale, viewer } = this;
    const count = scene.levels + 1;
    const grid = new ol.tilegrid.TileGrid({
      extent: this.extent,
      origin: [this.box.left, -this.box.top],
      resolutions: Array.from({ length: count }, (_, z) => 2 ** (scene.levels - z) / scale),
      tileSize: scene.tile,
    });
    const found = new ol.source.TileImage({
      projection: viewer.projection,
      tileGrid: grid,
      interpolate: false,
      transition: 120,
      tileUrlFunction: ([z, x, y]) => `/api/tiles/${scene.id}/${z}/${x}/${y}.png?${viewer.look(scene)}`,
    });
    found.on("tileloadstart", () => viewer.loading(1));
    found.on(["tileloadend", "tileloaderror"], () => viewer.loading(-1));
    found.on("tileloaderror", () => viewer.handlers.tileFailed());
    return found;
  }

  addTiles() {
    this.tiles = this.source();
    this.add(new ol.layer.Tile({ source: this.tiles, extent: this.extent }));
  }

  add(layer) {
    layer.on("prerender", (event) => this.viewer.clip(event, this));
    layer.on("postrender", (event) => event.context.restore());
    this.parts.push(layer);
    this.viewer.map.addLayer(layer);
    this.viewer.arrange();
  }

  /** Show a picture of a part of the box, {top, left, height, width} in its own pixels. */
  cell(place, png) {
    const s = this.scale;
    const extent = [place.left, -(place.top + place.height), place.left + place.width, -place.top];
    const layer = new ol.layer.Image({
      source: new ol.source.ImageStatic({
        url: `data:image/png;base64,${png}`,
        imageExtent: extent.map((value) => value / s),
        projection: this.viewer.projection,
        interpolate: false,
      }),
    });
    this.cells.push(layer);
    this.add(layer);
  }

  /** Tiles of the server take the place of the pictures. */
  finish(scene) {
    this.scene = scene;
    this.addTiles();
    const old = this.cells;
    this.cells = [];
    const swap = () => {
      for (const layer of old) {
        this.viewer.map.removeLayer(layer);
        this.parts.splice(this.parts.indexOf(layer), 1);
      }
    };
    this.viewer.map.once("rendercomplete", swap);
  }

  remove() {
    for (const layer of this.parts) this.viewer.map.removeLayer(layer);
  }
}

export class Viewer {
  constructor(handlers) {
    this.handlers = handlers;
    this.shown = new Map();
    this.split = 0.5;
    this.mode = "swipe";
    this.flipped = false;
    this.drawing = false;
    this.waiting = 0;
    this.chosen = { bands: "", cut: 0.005 };
    this.outlines = new ol.source.Vector();
    this.map = new ol.Map({
      target: "map",
      controls: [new ol.control.Zoom()],
      keyboardEventTarget: byId("map"),
      layers: [],
    });
    this.map.on("pointermove", (event) => !event.dragging && this.point(event.coordinate));
    this.map.on("singleclick", (event) => this.press(event.coordinate));
    this.map.on("moveend", () => handlers.moved?.());
    this.addBoxes();
    this.addBar();
  }

  /** Begin with a scene, in its own pixels: x is columns, y is rows upwards. */
  show(scene) {
    for (const shown of this.shown.values()) shown.remove();
    this.shown.clear();
    this.outlines.clear();
    this.map.getLayers().clear();
    const extent = [0, -scene.height, scene.width, 0];
    this.projection = new ol.proj.Projection({ code: `pixels-${scene.id}`, units: "pixels", extent });
    this.input = scene;
    const levels = scene.levels + 2;
    const view = new ol.View({
      projection: this.projection,
      resolutions: [
        ...Array.from({ length: levels }, (_, z) => 2 ** (levels - z)),
        ...[1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64].map((zoom) => 1 / zoom),
      ],
      constrainResolution: true,
      extent,
      constrainOnlyCenter: true,
    });
    this.map.setView(view);
    const style = new ol.style.Style({ stroke: new ol.style.Stroke({ color: "#e08a3c", width: 2 }) });
    this.map.addLayer(new ol.layer.Vector({ source: this.outlines, style, zIndex: 10 }));
    this.lens = null;
    this.fit();
  }

  put(facts) {
    this.shown.get(facts.key)?.remove();
    const made = new Shown(this, { ...(facts.box ? {} : placed(facts.scene, this.input)), ...facts });
    this.shown.set(facts.key, made);
    this.arrange();
    return made;
  }

  drop(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
  }

  compare(left, right) {
    Object.assign(this, { left, right, flipped: false, lens: null });
    this.arrange();
  }

  /** The query of tiles: bands by number where a layer has the input's, else its own. */
  look(scene) {
    const fits = this.input && scene.bands.length === this.input.bands.length;
    return `${fits && this.chosen.bands ? `bands=${this.chosen.bands}&` : ""}cut=${this.chosen.cut}`;
  }

  restretch(chosen) {
    this.chosen = chosen;
    for (const { tiles } of this.shown.values()) tiles?.refresh();
  }

  arrange() {
    for (const shown of this.shown.values()) {
      const chosen = shown.key === this.left || shown.key === this.right;
      const top = shown.key === "input" ? 0 : shown.key === this.left ? 2 : 1;
      const seen = chosen || shown.key === "input";
      for (const layer of shown.parts) {
        layer.setZIndex(top);
        layer.setVisible(seen);
      }
    }
    const swiping = this.mode === "swipe" && this.left !== this.right && this.shown.size > 1;
    byId("bar").hidden = !swiping;
    const names = [this.left, this.right].map((key) => this.shown.get(key)?.name);
    const flat = this.mode === "flicker" || !swiping;
    const tags = [byId("tag-left"), byId("tag-right")];
    tags[0].textContent = flat ? names[this.flipped ? 1 : 0] ?? "" : names[0] ?? "";
    tags[1].textContent = names[1] ?? "";
    tags[0].hidden = !tags[0].textContent || this.shown.size < 2;
    tags[1].hidden = flat || !names[1];
    this.map.render();
  }

  /** Let a layer draw only on its side of the bar. */
  clip(event, shown) {
    const context = event.context;
    context.save();
    const [width, height] = this.map.getSize();
    let [from, to] = [0, width];
    if (shown.key === this.left || shown.key === this.right) {
      if (this.mode === "flicker") {
        const key = this.flipped ? this.right : this.left;
        if (shown.key !== key && shown.key !== "input") to = 0;
      } else if (this.left !== this.right) {
        const middle = width * this.split;
        if (shown.key === this.left) to = middle;
        else from = middle;
      }
    }
    if (shown.key === "input" && this.mode === "swipe") return; // below boxes, on both sides
    const corners = [[from, 0], [to, 0], [to, height], [from, height]];
    context.beginPath();
    corners.forEach((corner, index) => {
      const [x, y] = ol.render.getRenderPixel(event, corner);
      if (index) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.closePath();
    context.clip();
  }

  flicker(wanted) {
    this.mode = wanted ? "flicker" : "swipe";
    this.flipped = false;
    this.arrange();
  }

  flip() {
    this.flipped = !this.flipped;
    this.arrange();
  }

  fit() {
    const { width, height } = this.input;
    this.map.getView().fit([0, -height, width, 0], { nearest: true });
  }

  /** Look at a box from near enough to see what was made of it. */
  approach({ left, top, width, height }) {
    const [x0, y0, x1, y1] = this.map.getView().calculateExtent(this.map.getSize());
    if (Math.max(width / (x1 - x0), height / (y1 - y0)) > 0.6) return;
    const extent = [left, -(top + height), left + width, -top];
    this.map.getView().fit(extent, { nearest: true, duration: 350 });
  }

  addBar() {
    const bar = byId("bar");
    const place = (split) => {
      this.split = Math.min(Math.max(split, 0), 1);
      bar.style.left = `${this.split * 100}%`;
      bar.setAttribute("aria-valuenow", String(Math.round(this.split * 100)));
      this.map.render();
    };
    bar.addEventListener("pointerdown", (event) => {
      bar.setPointerCapture(event.pointerId);
      event.preventDefault();
      bar.focus();
    });
    bar.addEventListener("pointermove", (event) => {
      if (!bar.hasPointerCapture(event.pointerId)) return;
      const box = byId("map").getBoundingClientRect();
      place((event.clientX - box.left) / box.width);
    });
    bar.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
      if (!steps[event.key]) return;
      event.preventDefault();
      place(this.split + steps[event.key]);
    });
    place(0.5);
  }

  addBoxes() {
    const drag = new ol.interaction.DragBox({ condition: () => this.drawing, className: "drawn" });
    drag.on("boxend", () => this.handlers.drawn(this.whole(drag.getGeometry().getExtent())));
    this.map.addInteraction(drag);
  }

  draw(wanted) {
    this.drawing = wanted;
    byId("map").classList.toggle("drawing", wanted);
  }

  /** Return the whole pixels of an extent that lie within the scene; null if there are none. */
  whole([x0, y0, x1, y1]) {
    const { width, height } = this.input;
    const [left, right] = [Math.max(Math.floor(x0), 0), Math.min(Math.ceil(x1), width)];
    const [top, bottom] = [Math.max(Math.floor(-y1), 0), Math.min(Math.ceil(-y0), height)];
    return left < right && top < bottom ? { top, left, height: bottom - top, width: right - left } : null;
  }

  /** Return a box in the middle of what is seen, at most `side` pixels a side. */
  middle(side) {
    const [x, y] = this.map.getView().getCenter();
    const [a, b, c, d] = this.map.getView().calculateExtent(this.map.getSize());
    const [width, height] = [Math.min(side, c - a) / 2, Math.min(side, d - b) / 2];
    return this.whole([x - width, y - height, x + width, y + height]);
  }

  outline(box) {
    this.outlines.clear();
    if (!box) return;
    const { left, top, width, height } = box;
    const extent = [left, -(top + height), left + width, -top];
    this.outlines.addFeature(new ol.Feature(ol.geom.Polygon.fromExtent(extent)));
  }

  point([x, y]) {
    const place = { row: Math.floor(-y), column: Math.floor(x) };
    const inside = this.input && place.row >= 0 && place.column >= 0
      && place.row < this.input.height && place.column < this.input.width;
    this.handlers.pointed(inside ? { ...place, x, y: -y } : null);
    if (inside) this.lens?.forEach((map) => map?.getView().setCenter([x, y]));
  }

  press([x, y]) {
    this.point([x, y]);
    if (x >= 0 && y <= 0 && x < this.input.width && -y < this.input.height) {
      this.handlers.pressed({ x, y: -y });
    }
  }

  /** Show both layers below the pointer, each of the finest pixels 8 x 8 on the screen. */
  magnify(wanted) {
    byId("lens").hidden = !wanted;
    this.lens?.forEach((map) => map?.setTarget(null));
    this.lens = null;
    if (!wanted || !this.input) return;
    const both = [this.left, this.right].map((key) => this.shown.get(key));
    const finest = Math.max(...both.map((shown) => shown?.scale ?? 1));
    this.lens = ["left", "right"].map((side, index) => {
      const shown = both[index];
      byId(`lens-${side}`).nextElementSibling.textContent = shown?.name ?? "";
      if (!shown?.tiles) return null;
      return new ol.Map({
        target: `lens-${side}`,
        controls: [],
        interactions: [],
        layers: [...new Set([this.shown.get("input"), shown])].map((each) =>
          new ol.layer.Tile({ source: each.source(), extent: each.extent })),
        view: new ol.View({
          projection: this.projection,
          center: this.map.getView().getCenter(),
          resolution: 1 / (finest * LENS),
          minResolution: 1 / (finest * LENS),
          maxResolution: 1 / (finest * LENS),
        }),
      });
    });
  }

  loading(step) {
    this.waiting = Math.max(this.waiting + step, 0);
    byId("busy").hidden = !this.waiting;
  }
}
