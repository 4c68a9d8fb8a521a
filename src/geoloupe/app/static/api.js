/** The REST face: the page uses nothing else. */

const CSRF = document.querySelector("meta[name=csrf]").content;

export class Refused extends Error {}

async function checked(response) {
  if (response.ok) return response;
  let text = `the server answered ${response.status}`;
  try {
    text = (await response.json()).error || text;
  } catch { /* no JSON: the status must do */ }
  throw new Refused(text);
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "x-geoloupe-csrf": CSRF, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("the server does not answer; is geoloupe app still running?");
  }
  return checked(response);
}

export const get = async (path, signal) => (await request(path, { signal })).json();

export async function post(path, values = {}, signal = undefined) {
  return (await request(path, { method: "POST", body: JSON.stringify(values), signal })).json();
}

export const remove = async (path) => (await request(path, { method: "DELETE" })).json();

/** Bring a file; progress is told in shares of one. */
export function upload(file, tell) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("PUT", `/api/uploads/${encodeURIComponent(file.name)}`);
    sending.setRequestHeader("x-geoloupe-csrf", CSRF);
    sending.upload.onprogress = (event) => tell(event.loaded / Math.max(event.total, 1));
    sending.onerror = () => reject(new Refused(`${file.name} could not be brought: is it too large?`));
    sending.onload = () => {
      let found = {};
      try { found = JSON.parse(sending.responseText); } catch { /* told below */ }
      if (sending.status < 300) resolve(found);
      else reject(new Refused(found.error || `the server answered ${sending.status}`));
    };
    sending.send(file);
  });
}

/** Ask, and call `tell` with every line of JSON as it comes. */
export async function lines(path, values, tell, signal) {
  const response = await request(path, { method: "POST", body: JSON.stringify(values), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const whole = rest.split("\n");
    rest = whole.pop();
    for (const line of whole) if (line) tell(JSON.parse(line));
  }
}
