// The resident's page without a network: it must draw a code at a gate in a cellar. And news while it is closed. Only
// the page and its parts are kept, never an answer of the API. `{assets}` and `{files}` are the server's to fill in.
const ASSETS = "{assets}";
const KEPT = `doorward ${ASSETS}`;
const FILES = "{files}".split(" ").map((name) => `${ASSETS}/${name}`);

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(["/my", ...FILES])).then(() => self.skipWaiting()));
});

// Another release's parts are of no use: its page names other addresses.
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith("doorward ") && name !== KEPT).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith(`${ASSETS}/`)) {
    event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
  } else if (pathname === "/my") {
    event.respondWith(fetch(event.request).catch(async () => (await caches.match("/my")) ?? Response.error()));
  }
});

// What comes names nobody: that there is news, in the person's language, and its id, so that a repetition is shown once.
self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data?.json() ?? {};
  } catch {
    // Not what this release understands: that there is news is all that is said of it anyway.
  }
  event.waitUntil(Promise.all([
    self.registration.showNotification("Doorward", {
      body: told.text ?? "有新消息 · You have news", tag: told.notification_id, icon: `${ASSETS}/icon.svg`,
    }),
    // A page that is open looks at once: somebody may wait at a gate.
    self.clients.matchAll({ type: "window" }).then((pages) => pages.forEach((page) => page.postMessage("news"))),
  ]));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: "window" }).then(async ([open]) => {
    if (open === undefined) return self.clients.openWindow("/my#news");
    await open.focus();
    return open.navigate("/my#news");
  }));
});
