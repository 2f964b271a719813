// The resident's page: who is logged in, which of its views is shown, and how to get from one to another.
import { Refused, Session, Unreachable } from "./api.js";
import { action, h, show } from "./dom.js";
import { words } from "./form.js";
import { accountView } from "./my-account.js";
import { codeView } from "./my-code.js";
import { entriesView, sessionsView } from "./my-activity.js";
import { faceView } from "./my-face.js";
import { guestsView } from "./my-guests.js";
import { homeView, joinView } from "./my-home.js";
import { logIn } from "./my-login.js";
import { requestsView } from "./my-requests.js";
import { en } from "./my-texts-en.js";
import { zh } from "./my-texts-zh.js";
import { canHoldKeys, Keyring } from "./phonekey.js";
import { addTexts, chooseLanguage, language, switchLanguage, t } from "./texts.js";

const PERSON = "doorward.person";
// By the address's fragment; the first five stand below on every view.
const VIEWS = {
  code: codeView, guests: guestsView, home: homeView, face: faceView, me: accountView,
  join: joinView, entries: entriesView, sessions: sessionsView, requests: requestsView,
};
const TABS = ["code", "guests", "home", "face", "me"];
const ABOVE = { join: "home", entries: "me", sessions: "me", requests: "me" };
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

const current = () => (location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "code");

async function reload() {
  const turn = ++loading;
  if (!session.known) return logIn(app);
  try {
    const view = await VIEWS[current()](app);
    if (turn === loading) app.draw(() => show(frame(view())));
  } catch (error) {
    if (turn === loading) failed(error);
  }
}

/** Keys belong to one person: who logs in on another's phone finds none of his. */
async function loggedIn() {
  const me = await session.get("/me");
  if (localStorage.getItem(PERSON) !== me.person_id && canHoldKeys()) {
    for (const place of await keyring.list()) await keyring.drop(place);
  }
  localStorage.setItem(PERSON, me.person_id);
  app.homes = null;
  if (location.hash === "" || location.hash === "#code") await reload();
  else app.go("code");
}

/** Log out here, or gone for good: nothing of the person stays on this phone. */
async function forgotten() {
  if (canHoldKeys()) for (const place of await keyring.list()) await keyring.drop(place);
  session.forget();
  localStorage.removeItem(PERSON);
  app.homes = null;
}

/** What takes everything away, or hands it out, is for who has just shown that he has the number; his keys stay. */
async function again() {
  await session.send("POST", "/logout").catch(() => {});
  session.forget();
  logIn(app, t("login.fresh"));
}

function failed(error) {
  if (error instanceof Refused && error.code === "fresh-log-in-needed") return again();
  if (error instanceof Refused && error.status === 401) {
    session.forget();
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
    redraw();
    // Messages follow the page; where that fails they keep the language before.
    if (session.known) session.send("PATCH", "/me", { language: language() }).catch(() => {});
  } }, t("switch"));
  return [
    h("header", {}, h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "" }), h("strong", {}, "Doorward"), change),
    ...content,
    session.known && h("nav", { "aria-label": t("views") }, TABS.map((name) =>
      h("a", { href: `#${name}`, "aria-current": name === at ? "page" : null }, t(`tab.${name}`)))),
  ];
}

addTexts({ "zh-CN": zh, en });
chooseLanguage();
window.addEventListener("hashchange", reload);
navigator.serviceWorker?.register("/my-offline.js", { scope: "/my" }).catch(() => {});
reload();
