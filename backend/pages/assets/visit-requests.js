// What a guest or courier may ask about his data, on the phone that accepted; also when his link has ended.
import { Refused } from "./api.js";
import { h, show } from "./dom.js";
import { requestCards } from "./requests.js";
import { t } from "./texts.js";

// Of a community's gates and staff; the others are about oneself.
const LOCAL = ["restriction", "objection"];

/** Where the person may enter; nowhere, once his link has ended. */
async function placesOf(session) {
  try {
    return (await session.get("/communities")).communities;
  } catch (error) {
    if (error instanceof Refused && error.status === 410) return [];
    throw error;
  }
}

/** The way to the view, for the page's others. */
export const requestsLink = (page) => h("div", { class: "actions" },
  h("button", { type: "button", click: () => requestsView(page).catch(page.failed) }, t("requests.title")));

export async function requestsView(page) {
  const { session, frame, failed, overview } = page;
  const [{ requests }, communities] = await Promise.all([session.get("/requests"), placesOf(session)]);
  const local = ({ kind }) => LOCAL.includes(kind);
  page.draw(() => show(frame(
    h("h1", {}, t("requests.title")),
    requestCards({
      session, base: "/requests", requests, failed, reload: () => requestsView(page),
      copy: { title: t("request.access"), note: t("request.access.note") },
      others: ["correction", ...(communities.length > 0 ? LOCAL : []), "erasure"],
      places: communities.length < 2 ? [] : [{
        name: "community", label: t("request.community"), options: communities.map((one) => [one.community_id, one.name]), when: local,
      }],
      about: (values) => (local(values) ? values.community || communities[0].community_id : null),
    }),
    h("div", { class: "actions" }, h("button", { type: "button", click: () => overview().catch(failed) }, t("back"))))));
}
