// Web Push to this browser. What comes says that there is news and nothing of it; the rest is read after log-in.

/** Whether this browser can be told while the page is closed; on some phones only once the page is on the home screen. */
export const canPush = () => "PushManager" in globalThis && "Notification" in globalThis && "serviceWorker" in navigator;

const PATH = "/notifications/subscriptions";

const standing = async () => (canPush() ? (await navigator.serviceWorker.getRegistration("/my"))?.pushManager.getSubscription() ?? null : null);

/** Whether this browser is told, by what it and the server both know. */
export async function isTold(session) {
  const [here, { subscriptions }] = await Promise.all([standing(), session.get(PATH)]);
  return here !== null && subscriptions.some((one) => one.current);
}

/** Ask the person, then the browser, then the server; false where the person or the browser says no. */
export async function tellHere(session) {
  if ((await Notification.requestPermission()) !== "granted") return false;
  const { application_server_key: key } = await session.get(`${PATH}/key`);
  const { pushManager } = await navigator.serviceWorker.ready;
  let made;
  try {
    made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch {
    return false; // No push service can be reached, or the browser has none.
  }
  try {
    await session.send("PUT", PATH, made.toJSON());
  } catch (error) {
    await made.unsubscribe();
    throw error;
  }
  return true;
}

/** Tell this browser no more. */
export async function tellNoMore(session) {
  const { subscriptions } = await session.get(PATH);
  for (const one of subscriptions.filter(({ current }) => current)) await session.send("DELETE", `${PATH}/${one.subscription_id}`);
  await dropHere();
}

/** Nothing more reaches this browser, whatever the server knows: somebody else may hold the phone next. */
export const dropHere = async () => (await standing().catch(() => null))?.unsubscribe();
