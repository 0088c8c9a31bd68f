// Notices in this browser: asked for by a press, shown as it is, and taken back.
import { ask, remembered } from "./acts.js";
import { fill, post, why } from "./common.js";
import { refresh } from "./house.js";

const box = document.getElementById("browser");
const KEPT = "shouwang-browser"; // a cache, since the worker has no localStorage

function hindrance() {
  if (/MicroMessenger/i.test(navigator.userAgent)) return "wechat";
  if (!isSecureContext) return "insecure";
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return "unable";
  return Notification.permission === "denied" ? "denied" : null;
}

async function recall() {
  return (await caches.match("/kept", { cacheName: KEPT }))?.json();
}

const keep = async (kept) => (await caches.open(KEPT)).put("/kept", new Response(JSON.stringify(kept)));

async function subscribed() {
  const worker = await navigator.serviceWorker.getRegistration("/");
  return worker?.pushManager.getSubscription();
}

// One made with another key than the house's present one is refused by the push service.
function isOurs(there) {
  const key = btoa(String.fromCharCode(...new Uint8Array(there.options.applicationServerKey)));
  return key.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === box.dataset.key;
}

async function state() {
  const stopped = hindrance();
  if (stopped) return [stopped];
  const kept = await recall();
  const row = kept && document.querySelector(`[data-browser="${CSS.escape(kept.browser)}"]`);
  const there = await subscribed();
  if (!row || !there || !isOurs(there) || Notification.permission !== "granted") return ["off"];
  const who = remembered();
  return [who && who.id !== row.dataset.person ? "other" : "on", row.dataset];
}

async function show() {
  const [name, whose] = await state();
  for (const part of box.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(name);
    if (part.dataset.text && whose) part.textContent = fill(part.dataset.text, { name: whose.name });
  }
  const wasHidden = box.hidden;
  box.hidden = false;
  if (wasHidden && location.hash === "#browser") box.scrollIntoView();
}

const complain = (text) => { document.getElementById("browser-why").textContent = text; };

async function enable() {
  const who = remembered() ?? (await ask());
  if (!who) return;
  if ((await Notification.requestPermission()) !== "granted") {
    complain(hindrance() ? "" : box.dataset.dismissed);
    return;
  }
  await navigator.serviceWorker.register("/worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const old = await pushManager.getSubscription();
  if (old && !isOurs(old)) await old.unsubscribe();
  const there = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: box.dataset.key });
  const { endpoint, keys } = there.toJSON();
  const replaces = (await recall())?.browser ?? "";
  const { ok, told } = await post("/api/v1/browsers", { who: who.id, endpoint, p256dh: keys.p256dh, auth: keys.auth, replaces });
  if (ok) return keep({ who: who.id, browser: told.id, key: box.dataset.key });
  await there.unsubscribe();
  complain(why(told));
}

async function disable() {
  const kept = await recall();
  const row = document.querySelector(`[data-browser="${CSS.escape(kept.browser)}"]`);
  // Here first: what the house cannot be told now, it hears from the push service with the next notice.
  await (await subscribed())?.unsubscribe();
  await caches.delete(KEPT);
  const { ok, told } = await post(`/api/v1/browsers/${kept.browser}/remove`, { who: row.dataset.person });
  if (!ok) complain(why(told));
}

function attend(button, act) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    complain("");
    try {
      await act();
    } catch (error) {
      complain(error.name === "AbortError" ? box.dataset.unreached : error.message);
    } finally {
      button.disabled = false;
      show();
      refresh(0); // the list of browsers, by which it is on or off
    }
  });
}

attend(document.getElementById("browser-on"), enable);
attend(document.getElementById("browser-off"), disable);
document.addEventListener("iam", show);
document.addEventListener("drawn", show);
show();
