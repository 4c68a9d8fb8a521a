/** Whole scenes: progress, time left, cancel, resume, what came of them. */

import { get, post, remove } from "./api.js";
import { byId, duration, make, toast } from "./dom.js";

const WORDS = { queued: "waits", running: "runs", stopped: "stopped", failed: "failed", done: "done" };

export class Jobs {
  constructor(show) {
    this.show = show;
    this.jobs = new Map();
    this.streams = new Map();
  }

  async begin() {
    for (const job of (await get("/api/jobs")).reverse()) this.take(job);
  }

  take(job) {
    const before = this.jobs.get(job.id);
    this.jobs.set(job.id, { ...job, verdict: before?.verdict });
    if (["queued", "running"].includes(job.state)) this.watch(job.id);
    this.draw();
    return before;
  }

  watch(id) {
    if (this.streams.has(id)) return;
    const stream = new EventSource(`/api/jobs/${id}/events`);
    this.streams.set(id, stream);
    const end = () => {
      stream.close();
      this.streams.delete(id);
    };
    stream.addEventListener("job", (event) => this.take(JSON.parse(event.data)));
    stream.addEventListener("end", (event) => {
      end();
      const job = JSON.parse(event.data);
      this.take(job);
      if (job.state === "done") {
        toast(`${job.output.split("/").pop()} is done`, "good");
        this.show(job);
      }
    });
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) end();
    };
  }

  async act(job, what) {
    try {
      if (what === "forget") {
        await remove(`/api/jobs/${job.id}`);
        this.jobs.delete(job.id);
        this.draw();
      } else {
        this.take(await post(`/api/jobs/${job.id}/${what}`));
      }
    } catch (error) {
      toast(error.message);
    }
  }

  async judge(job, button) {
    button.disabled = true;
    button.textContent = "Measuring…";
    try {
      const { scene, input } = await post(`/api/jobs/${job.id}/open`);
      const found = await post("/api/inspect", { product: scene.id, scene: input.id });
      this.jobs.get(job.id).verdict = found.verdict;
    } catch (error) {
      toast(error.message);
    }
    this.draw();
  }

  draw() {
    const all = [...this.jobs.values()].sort((one, other) => other.created - one.created);
    if (!all.length) {
      byId("jobs").replaceChildren(make("p", { class: "note" }, "Nothing was run yet."));
      return;
    }
    const focused = document.activeElement?.dataset?.act;
    byId("jobs").replaceChildren(...all.map((job) => this.row(job)));
    if (focused) byId("jobs").querySelector(`[data-act="${focused}"]`)?.focus();
  }

  row(job) {
    const button = (text, act, name) =>
      make("button", { onclick: act, "data-act": `${name}-${job.id}` }, text);
    const link = (text, part) => make("a", { class: "button", href: `/api/jobs/${job.id}/${part}`, download: true }, text);
    const buttons = {
      queued: [button("Cancel", () => this.act(job, "cancel"), "cancel")],
      running: [button("Cancel", () => this.act(job, "cancel"), "cancel")],
      stopped: [button("Resume", () => this.act(job, "resume"), "resume")],
      failed: [button("Try again", () => this.act(job, "resume"), "resume")],
      done: [button("Show", () => this.show(job), "show"), link("Product", "product"), link("Report", "report")],
    }[job.state];
    if (job.state === "done" && job.verb === "upscale" && !job.verdict) {
      buttons.push(button("Judge", (event) => this.judge(job, event.target), "judge"));
    }
    const over = ["stopped", "failed", "done"].includes(job.state);
    const forget = over ? button("×", () => this.act(job, "forget"), "forget") : null;
    forget?.setAttribute("class", "quiet forget");
    forget?.setAttribute("aria-label", `Take ${job.output.split("/").pop()} off the list`);
    const share = job.count ? job.done / job.count : 0;
    const left = job.seconds_left === null ? "" : ` · ${duration(job.seconds_left)} left`;
    const tiles = job.count ? ` · ${job.done} of ${job.count} tiles` : "";
    const told = job.state === "running" ? `${job.count ? `${Math.round(share * 100)} %` : "starts"}${tiles}${left}`
      : `${WORDS[job.state]}${job.state === "stopped" ? `${tiles}; finished work is kept` : ""}`;
    const warnings = job.state === "done" ? job.result?.warnings ?? [] : [];
    return make("article", { class: `job ${job.state}` },
      make("header", {}, make("strong", { title: job.output }, job.output.split("/").pop()),
        make("small", {}, job.model ?? job.verb), forget),
      job.state === "done" ? null : make("progress", { max: 1, value: String(share), "aria-label": "done" }),
      make("p", { class: "note" }, told),
      job.error ? make("p", { class: "warning" }, job.error) : null,
      ...warnings.map((text) => make("p", { class: "warning" }, text)),
      job.verdict ? make("p", { class: "verdict" }, job.verdict) : null,
      make("div", { class: "row" }, ...buttons));
  }
}
