/** Opening: by dropping, by a dialog, by a path, out of a folder. */

import { get, post, upload } from "./api.js";
import { byId, bytes, make, toast } from "./dom.js";

export class Files {
  constructor(opened) {
    this.opened = opened;
    byId("open").addEventListener("click", () => this.show(true));
    byId("back").addEventListener("click", () => this.show(false));
    byId("file").addEventListener("change", (event) => this.bring(event.target.files[0]));
    byId("by-path").addEventListener("submit", (event) => {
      event.preventDefault();
      this.path(byId("path").value.trim());
    });
    for (const kind of ["dragover", "drop"]) {
      document.addEventListener(kind, (event) => {
        if (![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        document.body.classList.toggle("dropping", kind === "dragover");
        if (kind === "drop") this.bring(event.dataTransfer.files[0]);
      });
    }
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) document.body.classList.remove("dropping");
    });
  }

  show(wanted) {
    byId("empty").hidden = !wanted;
    if (!wanted) return;
    this.list(this.folder);
    byId("path").focus();
  }

  async path(path) {
    if (!path) return;
    this.wait(`Opening ${path.split("/").pop()}…`);
    try {
      this.opened(await post("/api/scenes", { path }));
    } catch (error) {
      toast(error.message);
    } finally {
      this.wait("");
    }
  }

  async bring(file) {
    if (!file) return;
    try {
      this.opened(await upload(file, (share) => this.wait(
        share < 1 ? `Bringing ${file.name}: ${Math.round(share * 100)} %` : `Opening ${file.name}…`)));
    } catch (error) {
      toast(error.message);
    } finally {
      this.wait("");
      byId("file").value = "";
    }
  }

  wait(text) {
    byId("hint").textContent = text;
    byId("hint").hidden = !text;
  }

  async list(folder) {
    const place = byId("files");
    try {
      const found = await get(`/api/files${folder ? `?folder=${encodeURIComponent(folder)}` : ""}`);
      this.folder = found.folder;
      const rows = [];
      const row = (text, note, act) => rows.push(make("li", {},
        make("button", { type: "button", onclick: act }, make("span", {}, text), make("small", {}, note))));
      if (found.above) row("↑ the folder above", "", () => this.list(found.above));
      for (const path of found.folders) row(`${path.split("/").pop()}/`, "folder", () => this.list(path));
      for (const { path, bytes: size } of found.scenes) row(path.split("/").pop(), bytes(size), () => this.path(path));
      if (!found.scenes.length && !found.folders.length) rows.push(make("li", { class: "note" }, "No rasters lie here."));
      place.replaceChildren(make("p", { class: "note path" }, found.folder), make("ul", {}, ...rows));
    } catch (error) {
      place.replaceChildren(make("p", { class: "note" }, error.message));
    }
  }
}
