// The page is whole without this. It asks the server for the page again when figures change, and
// replaces the parts that differ, so that every number is written in one place: the server.
"use strict";
const main = document.querySelector("main[data-stream]");
const state = document.getElementById("state");
let stream = null;
let waiting = false;
let asked = 0;

function show(text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = next.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!other || part.innerHTML === other.innerHTML || part.contains(document.activeElement)) continue;
    part.innerHTML = other.innerHTML;
    part.hidden = other.hidden;
    if (part.matches("section")) {
      part.classList.remove("moved");
      void part.offsetWidth;
      part.classList.add("moved");
    }
  }
}

async function refresh() {
  if (waiting) { asked += 1; return; }
  waiting = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) show(await answer.text());
  } catch { /* the stream says when the server is back */ }
  await new Promise((done) => setTimeout(done, 400));
  waiting = false;
  if (asked) { asked = 0; refresh(); }
}

function connected(is) {
  state.classList.toggle("off", !is);
  if (!is) state.textContent = state.dataset.off;
}

function open() {
  if (stream || document.hidden) return;
  stream = new EventSource(main.dataset.stream);
  stream.onopen = () => { connected(true); refresh(); };
  stream.onerror = () => connected(false);
  for (const name of ["change", "lag"]) stream.addEventListener(name, refresh);
}

function close() {
  if (stream) stream.close();
  stream = null;
}

// A hidden tab needs no figures, and a browser has six connections for a host.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
