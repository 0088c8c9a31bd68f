// People's acts. Until sign-in comes, the browser remembers who acts.
import { fill, filled, send, words } from "./common.js";

const KEY = "shouwang-who";
const ON_ONE = /^\/api\/v1\/(incidents|duties)\//; // what may be entered for somebody else
const dialog = document.getElementById("who");
const behalf = document.getElementById("behalf");
let chosen = null;

export function remembered() {
  try {
    const id = JSON.parse(localStorage.getItem(KEY))?.id;
    const button = dialog.querySelector(`[data-person="${CSS.escape(id ?? "")}"]`);
    return button ? { id, name: button.dataset.name } : null;
  } catch {
    return null;
  }
}

function show() {
  const who = remembered();
  const badge = document.getElementById("iam");
  badge.textContent = who ? fill(words.iam, who) : badge.dataset.otherwise;
  document.dispatchEvent(new Event("iam"));
  suit();
}

// What is for whoever has it, or for everybody else: the server does not know who looks.
export function suit() {
  const me = remembered()?.id;
  for (const one of document.querySelectorAll("[data-whose]")) {
    one.hidden = one.dataset.whose.split(" ").includes(me) !== ("mine" in one.dataset);
  }
}

export function ask() {
  return new Promise((resolve) => {
    chosen = resolve;
    dialog.showModal();
  });
}

async function act(path, body, control, changed) {
  const who = remembered() ?? (await ask());
  if (!who) return false;
  const other = ON_ONE.test(path) ? (behalf?.value.trim() ?? "") : "";
  const { ok } = await send(path, { ...body, who: who.id, ...(other && { on_behalf_of: other }) }, control,
    other ? fill(words["done-for"], { who: other }) : words.done);
  if (ok && other) behalf.value = ""; // for this one act only
  changed();
  return ok;
}

export function attend(changed) {
  show();
  document.getElementById("iam").addEventListener("click", ask);
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-person]");
    if (button) {
      const who = { id: button.dataset.person, name: button.dataset.name };
      localStorage.setItem(KEY, JSON.stringify({ id: who.id }));
      show();
      chosen?.(who);
      chosen = null;
      dialog.close();
    } else if (event.target.closest("[data-close]")) {
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => {
    chosen?.(null);
    chosen = null;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) act(button.dataset.act, JSON.parse(button.dataset.body ?? "{}"), button, changed);
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-act]");
    if (!form) return;
    event.preventDefault();
    const said = filled(form);
    if (said && (await act(form.dataset.act, said, form.querySelector("button"), changed))) form.reset();
  });
}
