// Every page: the house clock, countdowns, language, who acts, and sections that follow the stream.
import { attend, suit } from "./acts.js";
import { fill, now, patience, setClock, span, words } from "./common.js";
import { listen } from "./stream.js";

const body = document.body;

const clock = document.getElementById("clock");
// Day before month and 00:05 after midnight, as the server's words have it.
const spelled = new Intl.DateTimeFormat(body.dataset.lang === "en" ? "en-GB" : "zh-CN", {
  timeZone: body.dataset.zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

function tick() {
  const at = now();
  const text = spelled.format(at);
  if (clock.textContent !== text) clock.textContent = text;
  for (const due of document.querySelectorAll("[data-until-ms]")) {
    const left = Math.ceil((Number(due.dataset.untilMs) - at) / 1000);
    const role = due.dataset.role;
    const line = left > 0 ? fill(words.in, { span: span(left), role }) : fill(words.now, { role });
    if (due.textContent !== line) due.textContent = line;
  }
}
tick();
setInterval(tick, 250);

// On a phone the tabs run past the edge: the one that is on comes into sight.
const tab = document.querySelector("nav .on");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 40;

// A section marked data-live is drawn by the server alone: when something changed, the page is
// fetched again and what differs is put in its place.
const QUIET_MS = 2000; // readings come often; incidents are shown at once
let due = null, dueAt = Infinity, busy = false, again = false;

export function refresh(delay) {
  const at = performance.now() + delay;
  if (at >= dueAt) return;
  clearTimeout(due);
  dueAt = at;
  due = setTimeout(draw, delay);
}

// To the same button or link as before the section was drawn again; when it has gone, to what it was about.
function focusAgain(section, held) {
  const same = (one) => one.tagName === held.tagName && one.dataset.act === held.dataset.act && one.dataset.body === held.dataset.body
    && one.getAttribute("href") === held.getAttribute("href") && !one.closest("[hidden]");
  const around = held.closest("article")?.id;
  const next = [...section.querySelectorAll("a, button, summary")].find(same)
    ?? (around && section.querySelector(`#${around} a`)) ?? section;
  if (next === section) section.tabIndex = -1;
  next.focus({ preventScroll: true });
}

async function draw() {
  dueAt = Infinity;
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: patience() });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    let left = null;
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      if (!next) { old.replaceChildren(); continue; }
      old.className = next.className;
      const drawn = old.cloneNode(true);
      for (const line of drawn.querySelectorAll("[data-until-ms]")) line.textContent = "";
      for (const one of drawn.querySelectorAll("[data-whose]")) one.hidden = "mine" in one.dataset;
      for (const one of drawn.querySelectorAll("[aria-disabled]")) one.removeAttribute("aria-disabled");
      const version = next.querySelector("input[name=version]")?.getAttribute("value");
      if (version) drawn.querySelector("input[name=version]")?.setAttribute("value", version); // set below: what was chosen beside it stays
      if (drawn.innerHTML === next.innerHTML || old.contains(document.activeElement) && document.activeElement.matches("input")) continue;
      const held = old.contains(document.activeElement) ? document.activeElement : null;
      const unfolded = [...old.querySelectorAll("details")].map((one) => one.open);
      const scrolled = [...old.querySelectorAll(".screen")].map((one) => one.scrollTop);
      old.innerHTML = next.innerHTML;
      old.querySelectorAll(".screen").forEach((one, i) => { one.scrollTop = scrolled[i] ?? 0; });
      old.querySelectorAll("details").forEach((one, i) => { one.open = unfolded[i] ?? false; });
      if (held) left = [old, held];
    }
    for (const one of document.querySelectorAll("input[name=version]")) {
      one.value = fresh.querySelector("input[name=version]")?.value ?? one.value;
    }
    suit();
    if (left) focusAgain(...left);
    document.title = fresh.title;
    document.dispatchEvent(new Event("drawn"));
    tick();
  } catch {
    // The stream says that the connection is gone, and asks again when it is back.
  } finally {
    busy = false;
    if (again) { again = false; refresh(300); }
  }
}

const shows = document.querySelector('[data-live="readings"]');
listen({
  clock: (told) => setClock(told.now_ms, told.speed),
  incidents: () => refresh(50),
  resync: () => refresh(50),
  readings: () => { if (shows) refresh(QUIET_MS); },
});
setInterval(() => refresh(0), 30_000); // what changes by time alone: silence, the watch asleep
attend(() => refresh(0));
