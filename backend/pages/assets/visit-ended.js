// What is left on the phone that accepted when the link has ended, and what a link shows that may be somebody else's.
import { Refused } from "./api.js";
import { action, h, show } from "./dom.js";
import { FACE } from "./enrol.js";
import { certificates, kept } from "./records.js";
import { t } from "./texts.js";
import { companies, residentLink } from "./visit-courier.js";
import { requestsLink } from "./visit-requests.js";

/** Nothing can be entered for any more; what is kept is still the person's to take back, to ask for and to see destroyed. */
export async function over(page, kind, { erasures }) {
  const { session, frame, failed, confirmed, overview } = page;
  const consents = await consentsLeft(session);
  const face = consents?.some((one) => one.purpose === FACE && one.counts);
  const erase = async () => {
    await session.send("POST", `/consents/${FACE}/withdraw`);
    await overview();
  };
  page.draw(() => show(frame(
    h("section", { class: "card" }, h("h1", {}, t("wrong.ended")), h("p", { class: "soft" }, t(`wrong.ended.${kind}`)),
      erasures.length === 0 && h("p", { class: "soft" }, t("over.note")),
      face && h("div", { class: "actions" },
        h("button", { type: "button", class: "plain bad", click: () => confirmed("over.erase", erase) }, t("face.remove")))),
    consents && kind === "courier" && companies(page),
    certificates(session, erasures, failed),
    kept(session, page.keptOf(kind), failed),
    consents && requestsLink(page))));
}

/** What he has agreed to; null where nothing of him is left, or a later link's phone has his rights. */
async function consentsLeft(session) {
  try {
    return (await session.get("/consents")).consents;
  } catch (error) {
    if (error instanceof Refused && error.status === 410) return null;
    throw error;
  }
}

/** A company's link that leads to a resident: what the company says is shown, and nothing of the resident's. */
export async function unproven(page) {
  const { session, frame, failed, leave } = page;
  const invitation = await session.get("/invitation");
  page.draw(() => show(frame(
    page.summary(invitation),
    h("section", { class: "card" }, h("p", {}, t("unproven.note")), residentLink(),
      invitation.state !== "withdrawn" && h("div", { class: "actions" }, action(t("decline"), leave, failed, "plain"))))));
}
