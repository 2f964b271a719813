// The face and what was agreed to: every purpose with its exact text, refusable and withdrawable, one by one.
import { action, h } from "./dom.js";
import { Enrolling, FACE } from "./enrol.js";
import { t, time } from "./texts.js";

const PURPOSES = [FACE, "photo_retention"];
const TONE = { none: "", active: "good", in_review: "wait", inactive: "wait", open: "wait" };

export async function faceView(app) {
  const [{ consents }, { enrolments }, { documents }] = await Promise.all([
    app.session.get("/consents"), app.session.get("/enrolments"), app.session.get("/consents/documents"),
  ]);
  const given = (purpose) => consents.find((one) => one.purpose === purpose && one.counts);
  const newest = (purpose) => documents.find((one) =>
    one.purpose === purpose && one.language === document.documentElement.lang);
  const current = enrolments.find((one) => one.state !== "expired") ?? null;
  const enrolling = new Enrolling({
    session: app.session, frame: app.frame, draw: app.draw, failed: app.failed, refuse: "consent.no",
    done: app.reload, refused: app.reload, cancel: app.reload,
  });
  return () => [
    h("h1", {}, t("my.face.title")),
    h("p", { class: "soft" }, t("my.face.note")),
    faceCard(app, enrolling, current),
    PURPOSES.filter((purpose) => documents.some((one) => one.purpose === purpose))
      .map((purpose) => consentCard(app, enrolling, purpose, given(purpose), newest(purpose))),
  ];
}

function faceCard(app, enrolling, enrolment) {
  const state = enrolment?.state ?? "none";
  const again = ["none", "open", "refused", "enrol_again", "expired"].includes(state);
  return h("section", { class: "card" },
    h("h2", {}, t("face")), h("span", { class: `state ${TONE[state] ?? "bad"}` }, t(`face.${state}`)),
    state === "active" && h("p", { class: "soft" }, t("done.note")),
    state === "in_review" && h("p", { class: "soft" }, t("my.face.review")),
    enrolment?.communities.filter((place) => place.messages || place.reason).map((place) =>
      h("p", { class: "hint" }, place.messages?.[document.documentElement.lang] ?? place.reason)),
    h("div", { class: "actions" },
      action(t(state === "none" ? "my.face.begin" : state === "open" ? "my.face.go.on" : "my.face.anew"),
        () => enrolling.begin(), app.failed, again ? "first" : "")));
}

function consentCard(app, enrolling, purpose, consent, text) {
  return h("section", { class: "card" },
    h("h2", {}, t(`purpose.${purpose}`)),
    consent
      ? [h("span", { class: "state good" }, t("consent.given")),
        h("p", { class: "soft" }, t("consent.when", { version: consent.version, date: time(consent.given_at) })),
        text && consent.version < text.version && text.changes
          && h("p", { class: "hint" }, t("consent.newer", { version: text.version }), text.changes),
        h("div", { class: "actions" }, h("button", {
          type: "button", class: "bad", click: () => app.ask(`withdraw.${purpose}`, async () => {
            await app.session.send("POST", `/consents/${purpose}/withdraw`);
            await app.reload();
          }),
        }, t("consent.withdraw")))]
      : [h("span", { class: "state" }, t("consent.none")),
        h("div", { class: "actions" }, action(t("consent.read"), () => enrolling.ask(purpose, app.reload), app.failed))]);
}
