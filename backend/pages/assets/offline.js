// The resident's page without a network: it must draw a code at a gate in a cellar. Only the page and its parts are
// kept, never an answer of the API. `{assets}` and `{files}` are the server's to fill in.
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
