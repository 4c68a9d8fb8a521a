"use strict";
// One page, no network: viewers whose layers share one view, and tables that sort.

const COLOURS = ["#0b8f8f", "#d9822b", "#7a5ea8", "#c0392b", "#3b7dd8", "#5d8a2f", "#8a6d3b", "#555"];
const within = (value, least, most) => Math.min(Math.max(value, least), most);

class Viewer {
  constructor(element) {
    this.element = element;
    const facts = JSON.parse(document.getElementById(element.dataset.viewer).textContent);
    this.layers = facts.layers;
    this.size = facts.size; // [width, height] that all layers are drawn at
    this.stage = element.querySelector(".stage");
    this.readout = element.querySelector(".readout");
    this.readout.style.setProperty("--lines", this.layers.length + 1);
    this.profile = element.querySelector(".profile");
    this.left = facts.left;
    this.right = facts.right;
    this.mode = "swipe";
    this.split = 0.5;
    this.view = { x: this.size[0] / 2, y: this.size[1] / 2, zoom: 1 };
    this.pointers = new Map();
    this.values = this.layers.map((layer) => decoded(layer.values));
    this.tools();
    const printed = [...element.querySelectorAll(".printed img")];
    Promise.all(printed.map((image) => image.decode().then(() => image))).then((images) => {
      this.images = images;
      this.arrange();
      this.fit();
      element.dataset.ready = "true";
    });
    new ResizeObserver(() => this.draw()).observe(this.stage);
    element.addEventListener("keydown", (event) => this.key(event));
  }

  tools() {
    for (const side of ["left", "right"]) {
      const choice = this.element.querySelector(`select[data-side=${side}]`);
      this.layers.forEach((layer, index) => choice.add(new Option(layer.name, index)));
      choice.value = this[side];
      choice.addEventListener("change", () => { this[side] = Number(choice.value); this.draw(); });
    }
    for (const button of this.element.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this.compare(button.dataset.mode));
    }
    const zooms = { in: () => this.zoom(1.5), out: () => this.zoom(1 / 1.5), fit: () => this.fit() };
    for (const button of this.element.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", zooms[button.dataset.zoom]);
    }
  }

  compare(mode) {
    this.mode = mode;
    this.arrange();
    this.fit();
  }

  arrange() {
    clearInterval(this.timer);
    this.stage.replaceChildren();
    const count = this.mode === "all" ? this.layers.length : 1;
    const columns = this.mode === "all" ? Math.min(count, this.stage.clientWidth > 760 ? 2 : 1) : 1;
    this.stage.style.setProperty("--columns", columns);
    this.panes = Array.from({ length: count }, () => this.pane());
    for (const button of this.element.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode));
    }
    if (this.mode === "swipe") this.addBar(this.panes[0].element);
    if (this.mode === "flicker") {
      this.flipped = false;
      this.timer = setInterval(() => { this.flipped = !this.flipped; this.draw(); }, 700);
    }
  }

  pane() {
    const element = document.createElement("div");
    element.className = "pane";
    element.style.aspectRatio = String(within(this.size[0] / this.size[1], 0.6, 2));
    const canvas = document.createElement("canvas");
    const tags = ["left", "right"].map((side) => {
      const tag = document.createElement("span");
      tag.className = `tag ${side}`;
      return tag;
    });
    element.append(canvas, ...tags);
    this.stage.append(element);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.0016), this.place(event, canvas));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event, canvas));
    canvas.addEventListener("pointermove", (event) => this.move(event, canvas));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.up(event, canvas));
    }
    canvas.addEventListener("pointerleave", () => { this.readout.textContent = ""; });
    return { element, canvas, tags };
  }

  addBar(pane) {
    this.bar = document.createElement("div");
    this.bar.className = "bar";
    this.bar.setAttribute("role", "slider");
    this.bar.setAttribute("aria-label", "Where the two layers meet");
    this.bar.tabIndex = 0;
    const to = (event) => {
      const box = pane.getBoundingClientRect();
      this.split = within((event.clientX - box.left) / box.width, 0, 1);
      this.draw();
    };
    this.bar.addEventListener("pointerdown", (event) => {
      this.bar.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.bar.addEventListener("pointermove", (event) => {
      if (this.bar.hasPointerCapture(event.pointerId)) to(event);
    });
    this.bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (!step) return;
      this.split = within(this.split + step, 0, 1);
      event.preventDefault();
      event.stopPropagation();
      this.draw();
    });
    pane.append(this.bar);
  }

  box() {
    const { clientWidth, clientHeight } = this.panes[0].element;
    return [clientWidth, clientHeight];
  }

  fit() {
    const [width, height] = this.box();
    const zoom = Math.min(width / this.size[0], height / this.size[1]);
    this.view = { x: this.size[0] / 2, y: this.size[1] / 2, zoom };
    this.draw();
  }

  zoom(factor, place) {
    const [width, height] = this.box();
    const fitting = Math.min(width / this.size[0], height / this.size[1]);
    const zoom = within(this.view.zoom * factor, fitting / 2, Math.max(32, fitting));
    if (place) { // what lies under the pointer stays there
      this.view.x = place.x + ((this.view.x - place.x) * this.view.zoom) / zoom;
      this.view.y = place.y + ((this.view.y - place.y) * this.view.zoom) / zoom;
    }
    this.view.zoom = zoom;
    this.draw();
  }

  place(event, canvas) {
    const box = canvas.getBoundingClientRect();
    return {
      x: this.view.x + (event.clientX - box.left - box.width / 2) / this.view.zoom,
      y: this.view.y + (event.clientY - box.top - box.height / 2) / this.view.zoom,
    };
  }

  down(event, canvas) {
    canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.moved = false;
  }

  move(event, canvas) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.tell(this.place(event, canvas));
    const others = [...this.pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    if (others.length) { // two fingers
      const far = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      this.zoom(far(event) / Math.max(far(before), 1), this.place(event, canvas));
    } else {
      this.view.x -= (event.clientX - before.clientX) / this.view.zoom;
      this.view.y -= (event.clientY - before.clientY) / this.view.zoom;
      this.moved ||= Math.hypot(event.movementX, event.movementY) > 1;
      this.draw();
    }
    this.pointers.set(event.pointerId, event);
  }

  up(event, canvas) {
    if (event.type === "pointerup" && !this.moved && this.pointers.size === 1) {
      this.plot(this.place(event, canvas));
    }
    this.pointers.delete(event.pointerId);
  }

  key(event) {
    if (event.target.closest("select, button")) return;
    const step = 40 / this.view.zoom;
    const moves = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    };
    if (moves[event.key]) {
      this.view.x += moves[event.key][0];
      this.view.y += moves[event.key][1];
      this.draw();
    } else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === " ") this.compare(this.mode === "flicker" ? "swipe" : "flicker");
    else if (event.key >= "1" && event.key <= String(this.layers.length)) {
      this.left = Number(event.key) - 1;
      this.element.querySelector("select[data-side=left]").value = this.left;
      this.draw();
    } else return;
    event.preventDefault();
  }

  draw() {
    if (!this.images || !this.panes) return;
    this.element.querySelector(".zoom").textContent = `${Math.round(this.view.zoom * 100)} %`;
    this.panes.forEach((pane, index) => this.drawPane(pane, index));
  }

  drawPane({ element, canvas, tags }, index) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [element.clientWidth, element.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = this.view.zoom < 1;
    const paint = (layer) => context.drawImage(
      this.images[layer],
      width / 2 - this.view.x * this.view.zoom, height / 2 - this.view.y * this.view.zoom,
      this.size[0] * this.view.zoom, this.size[1] * this.view.zoom,
    );
    const say = (left, right) => {
      [left, right].forEach((layer, side) => {
        tags[side].hidden = layer === null;
        tags[side].textContent = layer === null ? "" : this.layers[layer].name;
      });
    };
    if (this.mode === "all") {
      paint(index);
      say(index, null);
    } else if (this.mode === "flicker") {
      const layer = this.flipped ? this.right : this.left;
      paint(layer);
      say(layer, null);
    } else {
      paint(this.right);
      context.save();
      context.beginPath();
      context.rect(0, 0, width * this.split, height);
      context.clip();
      context.clearRect(0, 0, width, height);
      paint(this.left);
      context.restore();
      this.bar.style.left = `${this.split * 100}%`;
      this.bar.setAttribute("aria-valuenow", String(Math.round(this.split * 100)));
      say(this.left, this.right);
    }
  }

  numbers(place) {
    const [x, y] = [place.x / this.size[0], place.y / this.size[1]];
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return null;
    return this.values.map((values) => values && values.at(x, y));
  }

  tell(place) {
    const found = this.numbers(place);
    if (!found) { this.readout.textContent = ""; return; }
    const lines = found.flatMap((numbers, index) => {
      if (!numbers) return [];
      const few = numbers.slice(0, 8).map((value) => short(value)).join("  ");
      return [`${this.layers[index].name.padEnd(14)} ${few}${numbers.length > 8 ? "  …" : ""}`];
    });
    const at = `column ${Math.floor(place.x)}, row ${Math.floor(place.y)}`;
    this.readout.textContent = [at, ...lines].join("\n");
  }

  plot(place) {
    const found = this.numbers(place);
    const curves = (found || []).flatMap((numbers, index) =>
      numbers && numbers.length > 1
        ? [{ name: this.layers[index].name, numbers, colour: COLOURS[index % COLOURS.length] }] : []);
    this.profile.hidden = !curves.length;
    if (curves.length) this.profile.replaceChildren(plotted(curves, place));
  }
}

/** Numbers of 16 bits between low and high, bands by rows by columns; 65535 is missing. */
function decoded(values) {
  if (!values) return null;
  const bytes = Uint8Array.from(atob(values.data), (letter) => letter.charCodeAt(0));
  const numbers = new Uint16Array(bytes.buffer);
  const [bands, height, width] = values.shape;
  return {
    at(x, y) {
      const place = Math.floor(y * height) * width + Math.floor(x * width);
      return Array.from({ length: bands }, (_, band) => {
        const number = numbers[band * height * width + place];
        return number === 65535 ? NaN : values.low + (number / 65534) * (values.high - values.low);
      });
    },
  };
}

function short(value) {
  if (Number.isNaN(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function drawn(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Spectra of one pixel as an SVG: bands from left to right. */
function plotted(curves, place) {
  const [width, height, edge] = [860, 260, 44];
  const all = curves.flatMap((curve) => curve.numbers).filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const count = curves[0].numbers.length;
  const x = (band) => edge + (band / (count - 1)) * (width - 2 * edge);
  const y = (value) => height - edge / 2 - ((value - low) / (high - low || 1)) * (height - edge);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  const style = { fill: "currentColor", "font-size": 12, opacity: 0.75 };
  svg.append(
    drawn("title", {}, `bands of column ${Math.floor(place.x)}, row ${Math.floor(place.y)}`),
    drawn("text", { x: 4, y: y(high) + 4, ...style }, short(high)),
    drawn("text", { x: 4, y: y(low) + 4, ...style }, short(low)),
    drawn("text", { x: edge, y: height - 4, ...style }, "band 1"),
    drawn("text", { x: width - edge - 40, y: height - 4, ...style }, `band ${count}`),
  );
  curves.forEach((curve, index) => {
    const points = curve.numbers.flatMap((value, band) =>
      Number.isNaN(value) ? [] : [`${x(band).toFixed(1)},${y(value).toFixed(1)}`]);
    const line = { fill: "none", stroke: curve.colour, "stroke-width": 2 };
    svg.append(
      drawn("polyline", { points: points.join(" "), ...line }),
      drawn("text", { x: edge + 16 + index * 130, y: 14, fill: curve.colour, "font-size": 13 }, curve.name),
    );
  });
  return svg;
}

function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.firstElementChild.addEventListener("click", () => {
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const worth = (row) => row.cells[column].textContent.trim();
    const rows = [...table.tBodies[0].rows].sort((one, other) => {
      const [a, b] = [worth(one), worth(other)];
      const [m, n] = [parseFloat(a), parseFloat(b)];
      const order = Number.isNaN(m) || Number.isNaN(n) ? a.localeCompare(b) : m - n;
      return rising ? order : -order;
    });
    table.tBodies[0].append(...rows);
  }));
}

document.querySelectorAll(".viewer").forEach((element) => new Viewer(element));
document.querySelectorAll("table.sortable").forEach(sortable);
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
