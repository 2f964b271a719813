// The page behind a visitor's link: who invites, what is kept, yes or no, face or code, and the way out again.
import { Refused, Session, Unreachable } from "./api.js";
import { action, h, show } from "./dom.js";
import { Enrolling, FACE } from "./enrol.js";
import { words } from "./form.js";
import { canHoldKeys, Keyring } from "./phonekey.js";
import { certificates, kept } from "./records.js";
import { chooseLanguage, switchLanguage, t, time } from "./texts.js";
import { companies, ownCodes, residentLink } from "./visit-courier.js";
import { Earlier } from "./visit-earlier.js";
import { over, unproven } from "./visit-ended.js";
import { requestsLink } from "./visit-requests.js";
import { youngView } from "./visit-young.js";

// The rules of retention that concern whoever has such a link, as the server names them.
const KEPT = { guest: ["guest_faces", "guest_names"], courier: ["courier_faces", "left_courier_faces"], young: ["resident_faces"] };
const KEPT_OF_ALL = ["open_enrolments", "entries", "links", "consents"];
const keptOf = (whose) => new Set([...KEPT[whose], ...KEPT_OF_ALL]);
const session = new Session("visitor", "doorward.visit");
const keyring = new Keyring(session, "visitor");
const earlier = new Earlier(session);
// A guest has the code that the community signed; whoever has many communities, or lives there, makes codes on his phone.
let kind = "guest";
// What to draw anew when the language changes.
let redraw = start;
const enrolling = new Enrolling({
  session, frame, failed, refuse: "consent.refuse", done: () => overview(), refused: () => code(), cancel: () => start(),
  draw: (view) => { redraw = view; view(); },
});

// What the parts of this page share.
const page = {
  session, keyring, enrolling, frame, failed, confirmed, choice, faceCard, summary, keptOf,
  code: () => code(), overview: () => overview(), leave: () => leave(), draw(view) { redraw = view; view(); },
};

async function start() {
  redraw = start;
  show(frame(h("h1", {}, t("loading"))));
  try {
    // The token stands in the fragment, which browsers send to nobody. It goes from the address at once, so that a
    // picture of the screen, or the phone's history, gives nothing away.
    const token = location.hash.slice(1);
    if (token) {
      history.replaceState(null, "", location.pathname);
      if (await earlier.mayGoOnWith(token)) return again(token);
      await open(token);
    }
    if (!session.known) return wrong("link");
    await overview();
  } catch (error) {
    failed(error);
  }
}

/** A link that this phone opened before goes on with the session it has: a second one would be refused. */
async function open(token, asBefore = false) {
  try {
    await earlier.begin(token, asBefore);
  } catch (error) {
    if (!(error instanceof Refused && error.code === "link-held" && session.known)) throw error;
  }
}

/** The phone was here before: what was given then may count again, or all is given anew. Both are equally easy. */
function again(token) {
  redraw = () => again(token);
  const way = (name, asBefore) => h("div", {}, h("div", { class: "actions" }, action(t(`again.${name}`), async () => {
    await open(token, asBefore);
    await overview();
  }, failed)), h("p", { class: "soft" }, t(`again.${name}.note`)));
  show(frame(h("section", { class: "card" }, h("h1", {}, t("again.title")), h("p", { class: "soft" }, t("again.note")),
    way("before", true), way("anew", false))));
}

async function overview() {
  if (earlier.kind === "young") {
    kind = "young";
    const drawn = await youngView(page);
    redraw = () => show(frame(drawn()));
    return redraw();
  }
  const [invitation, erasures] = await Promise.all([session.get("/invitation").catch(unlessEnded), session.get("/erasures")]);
  if (!invitation) return over(page, earlier.kind ?? "courier", erasures);
  // Whoever has withdrawn may read these two and nothing else.
  const enrolments = invitation.state === "withdrawn" ? { enrolments: [] } : await session.get("/enrolments");
  kind = invitation.kind;
  if (invitation.state === "accepted") earlier.accepted();
  const view = () => (invitation.state === "pending" ? asked(invitation, enrolments) : accepted(invitation, enrolments, erasures));
  redraw = view;
  view();
}

function asked(invitation, { enrolments }) {
  const face = enrolments.some((one) => ["active", "inactive", "in_review"].includes(one.state));
  show(frame(
    summary(invitation),
    earlier.wentOn && h("p", { class: "hint" }, t(face ? "again.face" : "again.none")),
    h("section", { class: "card" },
      h("h2", {}, t("asked")),
      h("p", { class: "soft" }, t("accept.note")),
      h("div", { class: "actions two" },
        action(t("decline"), () => leave(), failed),
        action(t("accept"), async () => {
          await session.send("POST", "/invitation/accept");
          await overview();
        }, failed, "first"))),
    kept(session, keptOf(invitation.kind), failed),
  ));
}

function accepted(invitation, { enrolments }, { erasures }) {
  if (invitation.state !== "accepted") return gone(invitation, erasures);
  const state = enrolments.find((one) => !["expired", "refused"].includes(one.state))?.state ?? "none";
  const works = ["active", "in_review", "inactive"].includes(state);
  show(frame(
    summary(invitation),
    works ? faceCard(state) : choice(),
    works && h("div", { class: "actions" }, action(t("code.title"), code, failed)),
    invitation.kind === "courier" && [companies(page), residentLink()],
    certificates(session, erasures, failed),
    kept(session, keptOf(invitation.kind), failed),
    requestsLink(page),
    invitation.kind === "guest" && h("div", { class: "actions" }, h("button", { type: "button", class: "plain bad", click: () => confirmed("leave.ask", leave) }, t("leave"))),
  ));
}

function summary(invitation) {
  const rows = [
    invitation.host && [t("guest.host"), invitation.host],
    invitation.name && [t("guest.named"), invitation.name],
    invitation.valid_from && [t("from"), time(invitation.valid_from, invitation.time_zone)],
    invitation.valid_until && [t("until"), time(invitation.valid_until, invitation.time_zone)],
  ].filter(Boolean);
  const tone = { accepted: "good", pending: "wait" }[invitation.state] ?? "bad";
  return h("section", { class: "card" },
    h("h1", {}, t(`${invitation.kind}.title`, { inviting: invitation.inviting })),
    h("span", { class: `state ${tone}` }, t(`state.${invitation.state}`)),
    h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    invitation.kind === "courier" && h("p", { class: "soft" }, t("courier.note")));
}

/** Two ways, side by side and equally easy: nobody is led to give his face. */
function choice() {
  const way = (name, work) => h("div", {}, h("div", { class: "actions" }, action(t(`how.${name}`), work, failed)),
    h("p", { class: "soft" }, name === "face" ? t(`how.face.note.${kind}`) : t("how.code.note")));
  return h("section", { class: "card" },
    h("h2", {}, t("how.title")), h("p", { class: "soft" }, t("how.note")), way("face", () => enrolling.begin()), way("code", code));
}

function faceCard(state) {
  const tone = state === "active" ? "good" : "wait";
  return h("section", { class: "card" },
    h("h2", {}, t("face")), h("span", { class: `state ${tone}` }, t(`face.${state}`)),
    h("p", { class: "soft" }, state === "in_review" ? t("done.wait") : t("done.note")),
    h("div", { class: "actions" }, h("button", {
      type: "button", class: "plain bad", click: () => confirmed("face.remove.ask", async () => {
        await session.send("POST", `/consents/${FACE}/withdraw`);
        await overview();
      }),
    }, t("face.remove"))));
}

async function code() {
  if (kind !== "guest") return ownCodes(page);
  const picture = await session.file("/code/image?form=svg");
  const view = () => show(frame(h("section", { class: "card" },
    h("h1", {}, t("code.title")), h("p", { class: "soft" }, t("code.note")),
    h("div", { class: "code" }, h("img", { src: picture, alt: t("code.title") })),
    h("div", { class: "actions two" },
      h("button", { type: "button", click: () => window.print() }, t("code.print")),
      action(t("back"), overview, failed, "first")))));
  redraw = view;
  view();
}

async function leave() {
  if (canHoldKeys()) await keyring.clear();
  const answer = await session.send("POST", "/invitation/withdraw");
  redraw = () => left(answer);
  redraw();
}

function left({ certificate_link: certificate }) {
  show(frame(h("section", { class: "card" }, h("h1", {}, t("left.title")), h("p", {}, t("left.note")),
    certificate && h("p", {}, h("a", { href: certificate, rel: "noreferrer" }, t("left.certificate"))))));
}

function gone(invitation, erasures) {
  show(frame(summary(invitation), h("section", { class: "card" }, h("h2", {}, t("wrong.ended")),
    h("p", { class: "soft" }, t(`wrong.ended.${invitation.kind}`))), invitation.kind === "courier" && companies(page),
    certificates(session, erasures, failed), kept(session, keptOf(invitation.kind), failed),
    // A guest's no has begun to erase all of it.
    invitation.kind === "courier" && requestsLink(page)));
}

/** Of an invitation that has ended nothing can be read; the rights that this phone has are left, where it answered. */
function unlessEnded(error) {
  if (!(error instanceof Refused && ["link-closed", "link-expired"].includes(error.code))) throw error;
  return null;
}

function confirmed(question, work, values = {}) {
  redraw = () => confirmed(question, work, values);
  show(frame(h("section", { class: "card" }, h("h1", {}, t(question, values)), h("p", {}, t(`${question}.note`, values)),
    h("div", { class: "actions two" }, action(t("back"), overview, failed), action(t("yes"), work, failed, "bad")))));
}

const WRONG = {
  "link-unknown": "link", "link-held": "held", "link-closed": "ended", "link-expired": "ended",
  "link-opened-too-often": "often", "unauthorised": "link",
};

function failed(error) {
  if (error instanceof Unreachable) return wrong("network");
  if (error instanceof Refused && error.code === "link-unproven") return unproven(page).catch((worse) => wrong("other", words(worse)));
  if (error instanceof Refused && error.code in WRONG) {
    if (error.code !== "link-opened-too-often") session.forget();
    return wrong(WRONG[error.code]);
  }
  wrong("other", words(error));
}

function wrong(what, note = null) {
  redraw = () => wrong(what, note);
  show(frame(h("section", { class: "card" }, h("h1", {}, t(`wrong.${what}`)),
    h("p", {}, note ?? t(`wrong.${what}.note`)),
    h("div", { class: "actions" }, action(t("retry"), start, failed, "first"),
      // His phone makes them itself, also now.
      what === "network" && kind !== "guest" && action(t("code.title"), code, failed)))));
}

function frame(...content) {
  document.title = `${t("visit.short")} · Doorward`;
  return [h("header", {}, h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "" }), h("strong", {}, "Doorward"),
    h("button", { type: "button", class: "plain", click: () => { switchLanguage(); redraw(); } }, t("switch"))), ...content];
}

chooseLanguage();
start();
