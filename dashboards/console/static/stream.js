// The one event stream of a page; the browser resumes it by Last-Event-ID.
import { say, words } from "./common.js";

const tellers = [];
let source = null, broken = false;

export function listen(handlers) {
  tellers.push(handlers);
  if (!source) open();
}

function open() {
  const { site, place } = document.body.dataset;
  const only = site ? `?site=${site}${place ? `&place=${place}` : ""}` : "";
  source = new EventSource(`/events${only}`);
  for (const kind of ["clock", "incidents", "readings", "resync"]) {
    source.addEventListener(kind, (event) => {
      const told = JSON.parse(event.data);
      for (const teller of tellers) teller[kind]?.(told);
    });
  }
  source.onopen = () => {
    if (!broken) return;
    broken = false;
    say(words.online);
    for (const teller of tellers) teller.resync?.({});
  };
  source.onerror = () => {
    if (!broken) say(words.offline, true);
    broken = true;
    if (source.readyState === EventSource.CLOSED) setTimeout(open, 3000);
  };
}
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted && source) open(); });
