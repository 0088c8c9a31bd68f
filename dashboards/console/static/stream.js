// The one event stream of a page; the browser resumes it by Last-Event-ID.
import { say, words } from "./common.js";

const QUIET_MS = 15_000; // the house tells its clock every 5 s: three are missing
const tellers = [];
const adrift = document.getElementById("adrift");
let source = null, broken = false, heard = 0, opened = 0;

export function listen(handlers) {
  tellers.push(handlers);
  if (source) return;
  heard = performance.now();
  open();
  setInterval(watch, 1000);
}

function open() {
  const { site, place } = document.body.dataset;
  const only = site ? `?site=${site}${place ? `&place=${place}` : ""}` : "";
  source?.close();
  opened = performance.now();
  const here = new EventSource(`/events${only}`);
  source = here;
  for (const kind of ["clock", "incidents", "readings", "resync"]) {
    here.addEventListener(kind, (event) => {
      hear();
      const told = JSON.parse(event.data);
      for (const teller of tellers) teller[kind]?.(told);
    });
  }
  here.onopen = () => {
    if (!broken) return;
    broken = false;
    say(words.online);
    for (const teller of tellers) teller.resync?.({});
  };
  here.onerror = () => {
    if (!broken) say(words.offline, true);
    broken = true;
    if (here.readyState === EventSource.CLOSED) setTimeout(() => { if (source === here) open(); }, 3000);
  };
}

function hear() {
  heard = performance.now();
  if (adrift.hidden) return;
  adrift.hidden = true;
  document.body.classList.remove("adrift");
}

// A house that hangs and a network that is gone raise no error: the silence itself is the sign.
function watch() {
  const now = performance.now();
  if (now - heard < QUIET_MS) return;
  if (adrift.hidden) {
    adrift.hidden = false;
    adrift.textContent = words.adrift;
    document.body.classList.add("adrift");
  }
  if (now - opened < QUIET_MS) return;
  broken = true; // what was missed meanwhile is asked for again
  open();
}
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted && source) open(); });
