// The phone page behind a link: who acts stands in the cookie, so nothing is asked.
import { filled, patience, say, send, words } from "./common.js";

const main = document.getElementById("main");

// The page as it is now, in place of what stands here; what is being written stays, and so does
// what is said. Where nothing comes, what stands is kept: it may be all that somebody has.
async function renew() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: patience() });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById("main");
    if (!next) return;
    const writing = [...main.querySelectorAll("input[id]")].map(({ id, value }) => [id, value]);
    const { id: focused, dataset: { act: pressed } = {} } = document.activeElement ?? {};
    main.innerHTML = next.innerHTML;
    document.title = fresh.title;
    for (const [id, value] of writing) {
      const field = document.getElementById(id);
      if (field) field.value = value;
    }
    // Whoever hears the page stays where they were; where that is gone, at its beginning.
    const again = pressed ? `button[data-act="${pressed}"]` : focused ? `#${focused}` : "";
    if (again) (document.querySelector(again) ?? main).focus();
  } catch {
    say(words.adrift, true, true);
  }
}

async function act(path, body, control, form) {
  const { ok, status } = await send(path, body, control, control.dataset.done);
  if (ok) form?.reset();
  if (status) await renew(); // after a refusal too: something else is so than stood here
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) act(button.dataset.act, JSON.parse(button.dataset.body ?? "{}"), button);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  const said = filled(form);
  if (said) act(form.dataset.act, said, form.querySelector("button"), form);
});

// Only eyes count: an app that fetches the page runs no script, and one that does shows it to nobody.
const seen = document.querySelector("[data-opened]")?.dataset.opened;
let told = false;
function look() {
  if (!seen || told || document.visibilityState !== "visible") return;
  told = true;
  fetch(seen, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).catch(() => {});
}
document.addEventListener("visibilitychange", () => {
  look();
  if (document.visibilityState === "visible") renew();
});
look();
document.body.dataset.alive = ""; // alive.js says so where it is not
