// The face and what was agreed to: every purpose with its exact text, refusable and withdrawable, one by one.
import { action, h } from "./dom.js";
import { consentTexts, Enrolling, FACE } from "./enrol.js";
import { t, time } from "./texts.js";

const PURPOSES = [FACE, "photo_retention"];
const TONE = { none: "", active: "good", in_review: "wait", inactive: "wait", open: "wait" };

export async function faceView(app) {
  const face = await faceCards(app);
  return () => [h("h1", {}, t("my.face.title")), h("p", { class: "soft" }, t("my.face.note")), face()];
}

/** The cards of somebody's face and consents: one's own, or of a child whose guardian `may` do what is named.
 *
 * `base` is where they stand, and `communities` where the child may enter; `refused` are the purposes to which a guardian has said no.
 */
export async function faceCards(app, { base = "", communities = null, may = ["consent", "withdraw", "enrol"], refused = [] } = {}) {
  const [{ consents }, { enrolments }, documents] = await Promise.all([
    app.session.get(`${base}/consents`), app.session.get(`${base}/enrolments`), consentTexts(app.session, communities),
  ]);
  const given = (purpose) => consents.find((one) => one.purpose === purpose && one.counts);
  const newest = (purpose) => documents.find((one) =>
    one.purpose === purpose && one.language === document.documentElement.lang);
  const current = enrolments.find((one) => one.state !== "expired") ?? null;
  const enrolling = new Enrolling({
    session: app.session, frame: app.frame, draw: app.draw, failed: app.failed, refuse: "consent.no", base, communities,
    done: app.reload, refused: app.reload, cancel: app.reload,
  });
  const whose = { base, may, refused };
  return () => [
    faceCard(enrolling, current, { ...whose, failed: app.failed }),
    PURPOSES.filter((purpose) => documents.some((one) => one.purpose === purpose))
      .map((purpose) => consentCard(app, enrolling, purpose, given(purpose), { ...whose, text: newest(purpose) })),
  ];
}

function faceCard(enrolling, enrolment, { base, may, failed }) {
  const state = enrolment?.state ?? "none";
  const again = ["none", "open", "refused", "enrol_again", "expired"].includes(state);
  return h("section", { class: "card" },
    h("h2", {}, t("face")), h("span", { class: `state ${TONE[state] ?? "bad"}` }, t(`face.${state}`)),
    state === "active" && !base && h("p", { class: "soft" }, t("done.note")),
    state === "in_review" && h("p", { class: "soft" }, t("my.face.review")),
    enrolment?.communities.map((place) => place.messages?.[document.documentElement.lang] ?? place.reason).filter(Boolean)
      .map((why) => h("p", { class: "hint" }, why)),
    may.includes("enrol") && h("div", { class: "actions" },
      action(t(state === "none" ? "my.face.begin" : state === "open" ? "my.face.go.on" : "my.face.anew"),
        () => enrolling.begin(), failed, again ? "first" : "")));
}

function consentCard(app, enrolling, purpose, consent, { base, may, refused, text }) {
  const no = refused.includes(purpose);
  const withdraw = async () => {
    await app.session.send("POST", `${base}/consents/${purpose}/withdraw`);
    await app.reload();
  };
  const question = `withdraw.${purpose}`;
  return h("section", { class: "card" },
    h("h2", {}, t(`purpose.${purpose}`)),
    consent
      ? [h("span", { class: "state good" }, t("consent.given")),
        h("p", { class: "soft" }, t("consent.when", { version: consent.version, date: time(consent.given_at) })),
        text && consent.version < text.version && text.changes
          && h("p", { class: "hint" }, t("consent.newer", { version: text.version }), text.changes),
        consent.guardian_relation && h("p", { class: "soft" }, t("consent.guardian", { relation: t(`guardian.${consent.guardian_relation}`) }))]
      : h("span", { class: `state ${no ? "bad" : ""}` }, t(no ? "consent.refused" : "consent.none")),
    // A community may turn on what the text only announces after it was agreed to.
    consent && text?.beneath.map((added) => h("p", { class: "hint" }, added)),
    h("div", { class: "actions" },
      // What a guardian agreed to is made one's own, or not, from the fourteenth birthday on.
      (!consent || (consent.guardian_relation && !base)) && may.includes("consent") && action(t("consent.read"), () => enrolling.ask(purpose, app.reload), app.failed),
      consent && may.includes("withdraw") && h("button", {
        type: "button", class: "bad", click: () => app.ask(question, withdraw),
      }, t("consent.withdraw")),
      // A guardian's no also holds against what another guardian would agree to later.
      !consent && base && !no && may.includes("withdraw") && h("button", {
        type: "button", class: "plain bad", click: () => app.ask("child.refuse", withdraw),
      }, t("consent.no"))));
}
