/** The model picker: what cards say, and what a dry run found. */

import { get, post } from "./api.js";
import { byId, bytes, duration, fill, make, number } from "./dom.js";

export class Models {
  constructor(changed) {
    this.changed = changed;
    this.all = [];
    for (const name of ["model", "scale", "guide", "uncertainty", "detail"]) {
      byId(name).addEventListener("change", () => this.update());
    }
  }

  async begin() {
    this.all = await get("/api/models");
    const groups = { upscale: "Enlarge", sharpen: "Sharpen with a guide" };
    const select = byId("model");
    select.replaceChildren(...Object.entries(groups).map(([verb, label]) => make("optgroup", { label },
      ...this.all.filter((model) => model.verb === verb).map((model) => make("option", { value: model.name }, model.name)))));
    select.value = "loupe-x4";
  }

  get chosen() {
    return this.all.find((model) => model.name === byId("model").value);
  }

  get scale() {
    return this.chosen.free_scales ? Number(byId("scale").value) : null;
  }

  /** What a job is asked for, besides its scene. */
  get order() {
    const { verb, name } = this.chosen;
    const order = { verb, model: name, scale: this.scale };
    if (this.chosen.guided) order.guide = byId("guide").value || null;
    if (verb === "upscale") {
      order.uncertainty = byId("uncertainty").checked && this.chosen.sigma;
      order.detail = byId("detail").checked;
    }
    return order;
  }

  guides(pairs) {
    fill(byId("guide"), pairs.length ? pairs : [["", "open another scene first"]]);
  }

  update(scene = this.scene) {
    this.scene = scene;
    const model = this.chosen;
    if (!model) return; // they are not here yet
    byId("scale-row").hidden = !model.free_scales;
    if (model.free_scales) fill(byId("scale"), model.free_scales.map((x) => [x, `${x} ×`]), byId("scale").value || 4);
    byId("guide-row").hidden = !model.guided;
    byId("extras").hidden = model.verb !== "upscale";
    byId("sigma-row").hidden = !model.sigma;
    for (const name of ["draw", "preview"]) byId(name).disabled = !scene || model.guided;
    byId("about").replaceChildren(...this.facts(model));
    this.changed();
    this.forecast();
  }

  facts(model) {
    const rows = [];
    const row = (term, text) => text && rows.push(make("dt", {}, term), make("dd", {}, text));
    row("About", model.scale && model.notes);
    row("Gain", model.gain && `${model.gain.map((x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(1)}`).join(" to ")} dB over bicubic`);
    row("Tried on", model.tried_on?.join(", "));
    row("Bands", model.bands?.join(", "));
    row("Not for", model.not_for);
    row("Licence", model.licence);
    const notes = model.notes ? make("p", {}, model.notes) : null;
    const card = rows.length ? make("details", { class: "facts-card", open: this.open },
      make("summary", {}, "The card"), make("dl", {}, ...rows)) : null;
    card?.addEventListener("toggle", () => { this.open = card.open; });
    return [notes, card].filter(Boolean);
  }

  async forecast() {
    this.asking?.abort();
    const place = byId("forecast");
    const warning = byId("warning");
    warning.hidden = true;
    place.replaceChildren();
    byId("run").disabled = true;
    if (!this.scene) return;
    const order = this.order;
    if (this.chosen.guided && !order.guide) {
      place.replaceChildren(make("p", { class: "note" }, "Open its guide as a second scene, then choose it above."));
      return;
    }
    const asking = this.asking = new AbortController();
    place.replaceChildren(make("p", { class: "note pulse" }, "Trying one tile…"));
    try {
      const found = await post("/api/forecast", { scene: this.scene.id, ...order }, asking.signal);
      if (asking !== this.asking) return;
      const cell = (term, text) => make("div", {}, make("dt", {}, term), make("dd", {}, text));
      place.replaceChildren(
        cell("Time", duration(found.seconds)), cell("Memory, at most", bytes(found.memory)),
        cell("Result", `${number(found.width)} × ${number(found.height)}`), cell("Disk", bytes(found.disk)));
      warning.textContent = found.warnings.join(" ");
      warning.hidden = !found.warnings.length;
      byId("run").disabled = false;
    } catch (error) {
      if (asking !== this.asking || error.name === "AbortError") return;
      place.replaceChildren();
      warning.textContent = error.message;
      warning.hidden = false;
    }
  }
}
