// One's own requests, or those about a child whose guardian one is.
import { h } from "./dom.js";
import { homePicker } from "./my-home.js";
import { requestCards } from "./requests.js";
import { t } from "./texts.js";

const ASKED = ["correction", "restriction", "objection", "erasure"];

// What a guardian may do for a child is said by other names than what is asked for.
const POWER = { access: "copy", correction: "speak", objection: "speak", restriction: "restrict", erasure: "withdraw" };

/** One's own requests; or, with an id in the address, those about a child whose guardian one is. */
export async function requestsView(app) {
  const homes = await app.readHomes();
  const child = app.argument;
  const base = child ? `/wards/${child}/requests` : "/requests";
  const [{ requests }, wards] = await Promise.all([app.session.get(base), child ? app.session.get("/wards") : null]);
  const ward = wards?.wards.find((one) => one.person_id === child) ?? null;
  const may = (kind) => ward === null || ward.may.includes(POWER[kind]);
  return () => {
    const picked = homes.length > 0 ? homePicker(app, homes) : null;
    return [
      h("p", {}, ward ? h("a", { href: `#child/${child}` }, `← ${ward.name}`) : h("a", { href: "#me" }, `← ${t("tab.me")}`)),
      h("h1", {}, ward ? t("child.requests", { name: ward.name }) : t("requests.title")),
      requestCards({
        session: app.session, base, requests, failed: app.failed, ended: app.failed, reload: app.reload,
        copy: may("access") && { title: t(ward ? "child.copy" : "request.access"), note: t(ward ? "child.copy.note" : "request.access.note") },
        others: ASKED.filter(may), above: picked?.choice(), about: () => picked?.home.community_id,
      }),
    ];
  };
}
