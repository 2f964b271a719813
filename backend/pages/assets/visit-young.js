// Somebody from fourteen on, by the link that is his: whether gates know his face is for him to say, on any phone.
import { action, h } from "./dom.js";
import { FACE } from "./enrol.js";
import { certificates, kept } from "./records.js";
import { t } from "./texts.js";
import { requestsLink } from "./visit-requests.js";

/** What draws the page of a young person, once it is read. */
export async function youngView(page) {
  const { session, enrolling, failed, overview, code } = page;
  const [{ consents }, { enrolments }, { erasures }] = await Promise.all([
    session.get("/consents"), session.get("/enrolments"), session.get("/erasures"),
  ]);
  const given = consents.find((one) => one.purpose === FACE && one.counts) ?? null;
  const state = enrolments.find((one) => !["expired", "refused"].includes(one.state))?.state ?? "none";
  const enrolled = ["active", "in_review", "inactive"].includes(state);
  const no = async () => {
    await session.send("POST", `/consents/${FACE}/withdraw`);
    await overview();
  };
  return () => [
    h("h1", {}, t("young.title")),
    h("p", {}, t("young.note")),
    // What a guardian agreed to is no answer of his own: yes and no stand side by side.
    given?.guardian_relation && h("section", { class: "card" }, h("h2", {}, t("young.guardian")),
      h("p", { class: "soft" }, t("young.guardian.note")),
      h("div", { class: "actions two" }, action(t("young.no"), no, failed), action(t("young.yes"), () => enrolling.ask(FACE, overview), failed))),
    !given?.guardian_relation && (given !== null && enrolled ? page.faceCard(state) : page.choice()),
    h("div", { class: "actions" }, action(t("code.title"), code, failed)),
    certificates(session, erasures, failed),
    kept(session, page.keptOf("young"), failed),
    requestsLink(page),
  ];
}
