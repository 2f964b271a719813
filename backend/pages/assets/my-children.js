// Children and wards: what their guardian agreed to for them, their pictures, and the birthday from which they decide.
import { h } from "./dom.js";
import { faceCards } from "./my-face.js";
import { t, time } from "./texts.js";

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

/** A child's face has grown, or will soon have: the old one serves until there is a new one. */
export const recaptureDue = (one) => one.recapture_due_at !== null && Date.parse(one.recapture_due_at) - Date.now() < SOON_DAYS * DAY_MS;

// A birthday begins at midnight where the child lives: to a phone elsewhere that is the day before, or after.
const day = (iso, zone) => time(iso, zone, { dateStyle: "medium" });

/** Where the child stands, in a sentence; the thirty days begin when the server has asked, soon after the birthday. */
export function stageOf({ name, stage, decides_from, decides_until, time_zone: zone }) {
  if (stage === "asked") return decides_until ? t("child.asked", { name, date: day(decides_until, zone) }) : t("child.young", { name });
  return t(`child.${stage}`, { name, date: day(decides_from, zone) });
}

/** The children whose guardian the person is; nothing for whoever is none's. */
export function childrenCard(wards) {
  return wards.length > 0 && h("section", { class: "card" }, h("h2", {}, t("children.title")), h("ul", { class: "rows links" },
    wards.map((ward) => h("li", {}, h("a", { href: `#child/${ward.person_id}` }, h("strong", {}, ward.name),
      h("p", { class: "soft" }, stageOf(ward)), recaptureDue(ward) && h("span", { class: "state wait" }, t("child.recapture.short")))))));
}

export async function childView(app) {
  const { wards } = await app.session.get("/wards");
  const ward = wards.find((one) => one.person_id === app.argument);
  const back = h("p", {}, h("a", { href: "#home" }, `← ${t("tab.home")}`));
  if (ward === undefined) return () => [back, h("h1", {}, t("children.title")), h("p", {}, t("child.gone"))];
  const cards = await faceCards(app, {
    base: `/wards/${ward.person_id}`, may: ward.may, refused: ward.refused,
    communities: [{ community_id: ward.community_id, name: ward.community }],
  });
  return () => [
    h("p", {}, h("a", { href: "#home" }, `← ${t("tab.home")}`)),
    h("h1", {}, ward.name),
    h("section", { class: "card" }, h("p", {}, stageOf(ward)),
      h("p", { class: "soft" }, t(`child.${ward.stage}.note`)),
      recaptureDue(ward) && h("p", { class: "hint" }, t("child.recapture", { date: day(ward.recapture_due_at, ward.time_zone) }))),
    cards(),
    h("section", { class: "card" }, h("ul", { class: "rows links" },
      h("li", {}, h("a", { href: `#child-requests/${ward.person_id}` }, t("child.requests", { name: ward.name }))))),
  ];
}
