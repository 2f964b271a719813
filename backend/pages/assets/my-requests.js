// What the law lets people ask for: a copy, a correction, a halt, an objection, erasure.
import { action, h } from "./dom.js";
import { form } from "./form.js";
import { homePicker } from "./my-home.js";
import { t, time } from "./texts.js";

const ASKED = ["correction", "restriction", "objection", "erasure"];
const TONE = { open: "wait", granted: "good", refused: "bad" };

export async function requestsView(app) {
  const homes = await app.readHomes();
  const { requests } = await app.session.get("/requests");
  const ask = async (body) => {
    await app.session.send("POST", "/requests", body);
    await app.reload();
  };
  return () => {
    const picked = homes.length > 0 ? homePicker(app, homes) : null;
    return [
      h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`)),
      h("h1", {}, t("requests.title")),
      h("section", { class: "card" }, h("h2", {}, t("request.access")), h("p", { class: "soft" }, t("request.access.note")),
        h("div", { class: "actions" }, action(t("request.access.ask"), () => ask({ kind: "access" }), app.failed, "first"))),
      h("details", { class: "card" }, h("summary", {}, t("request.other")), picked?.choice(), form({
        fields: [
          { name: "kind", label: t("request.kind"), options: ASKED.map((kind) => [kind, t(`request.${kind}`)]) },
          { name: "name", label: t("request.name"), maxlength: 100, hint: t("request.name.note"), autocomplete: "off" },
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
        requests.length === 0 ? h("p", { class: "soft" }, t("none")) : h("ul", { class: "rows" }, requests.map((one) => row(app, one)))),
    ];
  };
}

function row(app, one) {
  const fetchable = one.kind === "access" && one.export_until !== null;
  return h("li", {},
    h("div", {}, h("strong", {}, t(`request.${one.kind}`)), " ", h("span", { class: `state ${TONE[one.state] ?? ""}` }, t(`request.state.${one.state}`)),
      h("p", { class: "soft" }, one.state === "open" ? t("request.due", { date: time(one.due_at) }) : time(one.opened_at)),
      one.answer && h("p", {}, one.answer)),
    fetchable && action(t("request.fetch"), async () => {
      const file = await app.session.file(`/requests/${one.request_id}/export`);
      h("a", { href: file, download: `doorward-${one.opened_at.slice(0, 10)}.zip` }).click();
    }, app.failed),
    one.kind === "restriction" && one.state === "granted" && action(t("request.lift"), async () => {
      await app.session.send("POST", `/requests/${one.request_id}/lift`);
      await app.reload();
    }, app.failed, "plain"));
}
