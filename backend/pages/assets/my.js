// The resident's page: who is logged in, which of its views is shown, and how to get from one to another.
import { Refused, Session, Unreachable } from "./api.js";
import { action, h, show } from "./dom.js";
import { dropDrafts } from "./draft.js";
import { mustLogIn, words } from "./form.js";
import { accountView } from "./my-account.js";
import { entriesView, sessionsView } from "./my-activity.js";
import { Approvals } from "./my-approvals.js";
import { childView } from "./my-children.js";
import { codeView } from "./my-code.js";
import { courierView } from "./my-courier.js";
import { deliveriesView } from "./my-deliveries.js";
import { faceView } from "./my-face.js";
import { guestsView } from "./my-guests.js";
import { homeView, joinView } from "./my-home.js";
import { passView } from "./my-invite.js";
import { logIn } from "./my-login.js";
import { newsView } from "./my-news.js";
import { Notices } from "./my-notices.js";
import { numberView } from "./my-number.js";
import { requestsView } from "./my-requests.js";
import { en } from "./my-texts-en.js";
import { zh } from "./my-texts-zh.js";
import { canHoldKeys, Keyring } from "./phonekey.js";
import { dropHere } from "./push.js";
import { addTexts, chooseLanguage, language, switchLanguage, t } from "./texts.js";

const PERSON = "doorward.person";
// By the address's fragment, in which an id may follow; the first five stand below on every view.
const VIEWS = {
  code: codeView, guests: guestsView, home: homeView, face: faceView, me: accountView,
  join: joinView, entries: entriesView, sessions: sessionsView, requests: requestsView, news: newsView, number: numberView,
  deliveries: deliveriesView, pass: passView, child: childView, "child-requests": requestsView,
  courier: courierView,
};
const TABS = ["code", "guests", "home", "face", "me"];
// Where what cannot wait is looked for; on the others it would only stand in the way.
const NOTICED = ["code", "home", "me"];
const ABOVE = {
  join: "home", child: "home", "child-requests": "home", deliveries: "guests", pass: "guests",
  entries: "me", sessions: "me", requests: "me", news: "me", number: "me", courier: "me",
};
const session = new Session("resident", "doorward.my");
const keyring = new Keyring(session, "resident");
let redraw = () => {};
// Of two views that load at once the later one is shown.
let loading = 0;

const app = {
  session, keyring,
  /** The person's homes, read once; `null` afterwards reads them again. */
  homes: null,
  failed, frame, reload, loggedIn, forgotten,
  /** The id behind the view's name in the address, if there is one. */
  get argument() { return location.hash.split("/")[1] ?? null; },
  /** Look whether there is news, for what stands above every view. */
  watch: () => notices.refresh(),
  draw(view) { redraw = view; view(); },
  go(name) { if (location.hash === `#${name}`) reload(); else location.hash = name; },
  async readHomes() {
    app.homes ??= (await session.get("/homes")).homes;
    return app.homes;
  },
  /** Ask before what cannot be taken back. */
  ask(question, work, values = {}) {
    app.draw(() => show(frame(h("section", { class: "card" },
      h("h1", {}, t(question, values)), h("p", {}, t(`${question}.note`, values)),
      h("div", { class: "actions two" }, action(t("back"), reload, failed), action(t("yes"), work, failed, "bad"))))));
  },
};

const notices = new Notices(app);
const approvals = new Approvals(app);
// What goes on by itself while somebody is logged in.
const watches = [notices, approvals];

const current = () => {
  const [name] = location.hash.slice(1).split("/");
  return Object.hasOwn(VIEWS, name) ? name : "code";
};

async function reload() {
  const turn = ++loading;
  if (!session.known) return logIn(app);
  // On a slow line what stood there stays: the bar above it says that something comes.
  const page = document.getElementById("page");
  page.setAttribute("aria-busy", "true");
  try {
    const view = await VIEWS[current()](app);
    if (turn === loading) app.draw(() => show(frame(view())));
  } catch (error) {
    if (turn === loading) failed(error);
  } finally {
    if (turn === loading) page.removeAttribute("aria-busy");
  }
}

/** Keys belong to one person: who logs in on another's phone finds none of his. */
async function loggedIn() {
  const me = await session.get("/me");
  const same = localStorage.getItem(PERSON) === me.person_id;
  if (!same) {
    dropDrafts();
    if (canHoldKeys()) for (const place of await keyring.list()) await keyring.drop(place);
    await dropHere();
  }
  localStorage.setItem(PERSON, me.person_id);
  app.homes = null;
  watches.forEach((watch) => watch.begin());
  // Who was asked to log in once more goes on where he was; whoever comes from a company's link has logged in for that.
  if (same || ["", "#code", "#courier"].includes(location.hash)) await reload();
  else app.go("code");
}

/** Log out here, or gone for good: nothing of the person stays on this phone. */
async function forgotten() {
  dropDrafts();
  if (canHoldKeys()) for (const place of await keyring.list()) await keyring.drop(place);
  await dropHere();
  session.forget();
  watches.forEach((watch) => watch.end());
  localStorage.removeItem(PERSON);
  app.homes = null;
}

/** What takes everything away, or hands it out, is for who has just shown that he has the number; his keys stay. */
async function again() {
  await session.send("POST", "/logout").catch(() => {});
  session.forget();
  watches.forEach((watch) => watch.end());
  logIn(app, t("login.fresh"));
}

function failed(error) {
  if (error instanceof Refused && error.code === "fresh-log-in-needed") return again();
  if (mustLogIn(error)) {
    session.forget();
    watches.forEach((watch) => watch.end());
    return logIn(app, t("login.ended"));
  }
  const kind = error instanceof Unreachable ? "network" : "other";
  app.draw(() => show(frame(h("section", { class: "card" },
    h("h1", {}, t(`wrong.${kind}`)), h("p", {}, words(error)),
    h("div", { class: "actions" }, action(t("retry"), reload, failed, "first"))))));
}

function frame(...content) {
  const at = ABOVE[current()] ?? current();
  const change = h("button", { type: "button", class: "plain", click: () => {
    switchLanguage();
    for (const watch of watches) watch.draw();
    redraw();
    // Messages follow the page; where that fails they keep the language before.
    if (session.known) session.send("PATCH", "/me", { language: language() }).catch(() => {});
  } }, t("switch"));
  document.title = `${t(session.known ? `tab.${at}` : "login.title")} · Doorward`;
  return [
    h("header", {}, h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "" }), h("strong", {}, "Doorward"),
      session.known && notices.bell, change),
    session.known && approvals.above,
    session.known && NOTICED.includes(current()) && notices.above,
    ...content,
    session.known && h("nav", { "aria-label": t("views") }, TABS.map((name) =>
      h("a", { href: `#${name}`, "aria-current": name === at ? "page" : null }, t(`tab.${name}`)))),
  ];
}

addTexts({ "zh-CN": zh, en });
chooseLanguage();
window.addEventListener("hashchange", reload);
if (session.known) watches.forEach((watch) => watch.begin());
navigator.serviceWorker?.register("/my-offline.js", { scope: "/my" }).catch(() => {});
reload();
