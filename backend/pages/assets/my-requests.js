// What the law lets people ask for: a copy, a correction, a halt, an objection, erasure.
import { action, h } from "./dom.js";
import { form } from "./form.js";
import { homePicker } from "./my-home.js";
import { t, time } from "./texts.js";

const ASKED = ["correction", "restriction", "objection", "erasure"];
const TONE = { open: "wait", granted: "good", refused: "bad" };

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
  const others = ASKED.filter(may);
  const ask = async (body) => {
    await app.session.send("POST", base, body);
    await app.reload();
  };
  return () => {
    const picked = homes.length > 0 ? homePicker(app, homes) : null;
    return [
      h("p", {}, ward ? h("a", { href: `#child/${child}` }, `← ${ward.name}`) : h("a", { href: "#me" }, `← ${t("tab.me")}`)),
      h("h1", {}, ward ? t("child.requests", { name: ward.name }) : t("requests.title")),
      may("access") && h("section", { class: "card" }, h("h2", {}, t(ward ? "child.copy" : "request.access")), h("p", { class: "soft" }, t(ward ? "child.copy.note" : "request.access.note")),
        h("div", { class: "actions" }, action(t("request.access.ask"), () => ask({ kind: "access" }), app.failed, "first"))),
      others.length > 0 && h("details", { class: "card" }, h("summary", {}, t("request.other")), picked?.choice(), form({
        fields: [
          { name: "kind", label: t("request.kind"), options: others.map((kind) => [kind, t(`request.${kind}`)]) },
          { name: "name", label: t("request.name"), maxlength: 100, autocomplete: "off", when: ({ kind }) => kind === "correction" },
          { name: "text", label: t("request.text"), maxlength: 1000, autocomplete: "off" },
        ],
        submit: t("request.send"),
        ended: app.failed,
        work: ({ kind, name, text }) => ask({
          kind, ...(picked ? { community_id: picked.home.community_id } : {}),
          ...(kind === "correction" && name ? { name } : {}), ...(text ? { text } : {}),
        }),
      })),
      h("section", { class: "card" }, h("h2", {}, t("requests.list")),
        requests.length === 0 ? h("p", { class: "soft" }, t("none")) : h("ul", { class: "rows" }, requests.map((one) => row(app, base, one)))),
    ];
  };
}

function row(app, base, one) {
  const fetchable = one.kind === "access" && one.export_until !== null;
  return h("li", {},
    h("div", {}, h("strong", {}, t(`request.${one.kind}`)), " ", h("span", { class: `state ${TONE[one.state] ?? ""}` }, t(`request.state.${one.state}`)),
      h("p", { class: "soft" }, one.state === "open" ? t("request.due", { date: time(one.due_at) }) : time(one.opened_at)),
      one.answer && h("p", {}, one.answer)),
    fetchable && action(t("request.fetch"), async () => {
      const file = await app.session.file(`${base}/${one.request_id}/export`);
      h("a", { href: file, download: `doorward-${one.opened_at.slice(0, 10)}.zip` }).click();
    }, app.failed),
    one.kind === "restriction" && one.state === "granted" && action(t("request.lift"), async () => {
      await app.session.send("POST", `${base}/${one.request_id}/lift`);
      await app.reload();
    }, app.failed, "plain"));
}
