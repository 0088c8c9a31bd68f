// The phone page behind a link: who acts stands in the cookie, so nothing is asked.
import { fill, post, say, why, words } from "./common.js";

async function act(path, body, control) {
  control.disabled = true;
  say(words.acting);
  try {
    const { ok, told } = await post(path, body);
    if (!ok) return say(fill(words.failed, { why: why(told) }), true);
    say(words.done);
    setTimeout(() => location.reload(), 900);
  } catch (error) {
    say(fill(words.failed, { why: error.message }), true);
  } finally {
    control.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) act(button.dataset.act, JSON.parse(button.dataset.body ?? "{}"), button);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  act(form.dataset.act, Object.fromEntries(new FormData(form)), form.querySelector("button"));
});

// Only eyes count: an app that fetches the page runs no script, and one that does shows it to nobody.
const seen = document.querySelector("[data-opened]");
const count = () => {
  if (!seen || document.visibilityState !== "visible") return;
  document.removeEventListener("visibilitychange", count);
  post(seen.dataset.opened, {}).catch(() => {});
};
document.addEventListener("visibilitychange", count);
count();
