// Shows what is pushed to this browser, and opens it. It handles no fetch: pages come from the house itself.
const KEPT = "shouwang-browser"; // who wants notices here: kept by the page of the people
// No page is open from which they could be read.
const UNREAD = {
  zh: { title: "守望", body: "有新的通知，请打开守望看看。" },
  en: { title: "守望", body: "There is a new notice. Please open the watch." },
};

self.addEventListener("install", () => self.skipWaiting()); // no page has to close for a newer one

function read(data) {
  try {
    const told = data.json();
    if (typeof told.title === "string" && told.title) return told;
  } catch {
    // Of another version, or no JSON: a browser still demands that something shows.
  }
  return UNREAD[navigator.language.startsWith("zh") ? "zh" : "en"];
}

self.addEventListener("push", (event) => {
  const told = read(event.data);
  event.waitUntil(self.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag ?? "notice", // a newer word of one incident takes the older one's place
    renotify: told.urgent === true,
    data: { link: told.link, incident: told.incident },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data ?? {}));
});

async function lead({ link, incident }) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shows = pages.find((page) => /^(?:\/m)?\/incidents\/(\d+)$/.exec(new URL(page.url).pathname)?.[1] === String(incident));
  if (shows) return shows.focus();
  return self.clients.openWindow(/^https?:/.test(link) ? link : "/");
}

// The browser is reached anew, without anybody asking: the house must know, or its notices go nowhere.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

async function renew(event) {
  const kept = await (await caches.match("/kept", { cacheName: KEPT }))?.json();
  if (!kept) return;
  const there = event.newSubscription ?? (await self.registration.pushManager.subscribe({
    userVisibleOnly: true, applicationServerKey: kept.key,
  }));
  const { endpoint, keys } = there.toJSON();
  const answer = await fetch("/api/v1/browsers", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ who: kept.who, endpoint, p256dh: keys.p256dh, auth: keys.auth, replaces: kept.browser }),
  });
  if (!answer.ok) return there.unsubscribe();
  const { id } = await answer.json();
  await (await caches.open(KEPT)).put("/kept", new Response(JSON.stringify({ ...kept, browser: id })));
}
