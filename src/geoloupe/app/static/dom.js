/** Elements and words. */

export const byId = (name) => document.getElementById(name);

/** Make an element; texts stay texts. */
export function make(kind, attributes = {}, ...inside) {
  const element = document.createElement(kind);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...inside.filter((part) => part !== null && part !== undefined));
  return element;
}

/** Fill a select with [value, text] pairs, and keep what was chosen where it is still there. */
export function fill(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value }, text)));
  if (pairs.some(([value]) => String(value) === String(chosen))) select.value = chosen;
}

export function toast(text, kind = "error") {
  const shown = make("div", { class: `toast ${kind}` }, make("span", {}, text));
  shown.append(make("button", { "aria-label": "Close", onclick: () => shown.remove() }, "×"));
  byId("toasts").append(shown);
  setTimeout(() => shown.remove(), kind === "error" ? 15000 : 6000);
}

export const number = (value) => value.toLocaleString("en").replace(/,/g, "\u2009");

export function bytes(count) {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(0)} MB`;
  return `${Math.max(count / 1e3, 0.1).toFixed(0)} kB`;
}

export function duration(seconds) {
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function short(value) {
  if (value === null || Number.isNaN(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
