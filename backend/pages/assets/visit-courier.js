// What only couriers have: codes for many communities, and companies that name them.
import { Unreachable } from "./api.js";
import { codeCard, phoneList } from "./codecard.js";
import { h, show } from "./dom.js";
import { canHoldKeys } from "./phonekey.js";
import { t } from "./texts.js";

const TONE = { active: "good", pending: "wait" };

/** The phone's own codes, one of each community in which the person may enter: a shift, a delivery, a home. */
export async function ownCodes(page) {
  const { session, keyring, failed } = page;
  const changed = () => ownCodes(page);
  const places = canHoldKeys() ? await keyring.list() : [];
  const { communities } = canHoldKeys() ? await session.get("/communities").catch(heldHere(places)) : { communities: [] };
  page.draw(() => show(page.frame(
    h("h1", {}, t("code.title")),
    communities.length === 0 && h("p", {}, t(canHoldKeys() ? "code.nowhere" : "code.cannot")),
    communities.map(({ community_id: community, name }) => [
      codeCard({ keyring, place: places.find((one) => one.community === community), community, name, changed, failed }),
      phoneList({ keyring, community, changed, failed }),
    ]),
    h("div", { class: "actions" }, h("button", { type: "button", click: () => page.overview().catch(failed) }, t("back"))))));
}

/** Without a network a gate still takes the codes whose keys this phone has. */
const heldHere = (places) => (error) => {
  if (!(error instanceof Unreachable) || places.length === 0) throw error;
  return { communities: places.map(({ community, name }) => ({ community_id: community, name })) };
};

/** To the residents' page, which makes a courier who lives here one person with himself. */
export const residentLink = () => h("div", { class: "actions" }, h("a", { class: "button", href: "/my#courier" }, t("courier.resident")));

/** Every company that names the courier; each is left by itself, and what it asserted ends at once. */
export function companies({ session, confirmed, overview, failed }) {
  const rows = h("ul", { class: "rows" });
  const leave = (one) => confirmed("company.leave.ask", async () => {
    await session.send("DELETE", `/companies/${one.partner_id}`);
    await overview();
  }, { name: one.company });
  const card = h("section", { class: "card" }, h("h2", {}, t("companies")), h("p", { class: "soft" }, t("companies.note")), rows);
  card.hidden = true;
  session.get("/companies").then(({ companies: all }) => {
    card.hidden = all.length === 0;
    rows.append(...all.map((one) => h("li", {},
      h("div", {}, h("strong", {}, one.company), " ", h("span", { class: `state ${TONE[one.state] ?? ""}` }, t(`company.${one.state}`))),
      one.state !== "suspended" && h("button", { type: "button", class: "plain bad", click: () => leave(one) }, t("company.leave", { name: one.company })))));
  }).catch(failed);
  return card;
}
