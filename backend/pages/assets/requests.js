// What the law lets people ask for: a copy, a correction, a halt, an objection, erasure; the same on both pages.
import { action, h } from "./dom.js";
import { drafted } from "./draft.js";
import { form } from "./form.js";
import { t, time } from "./texts.js";

const TONE = { open: "wait", granted: "good", refused: "bad" };

/** The cards: a copy, what else may be asked for, and what became of all that was asked.
 *
 * `{session, base, requests, copy, others, places, failed, ended, reload}`: `base` is where they are made, `copy` the heading
 * and the note of the copy, or null where there is none to ask for, `others` the kinds beside it; `places` are fields that
 * name a community, `above` what stands above all fields, and `about(values)` which community it is, if any.
 */
export function requestCards(app) {
  const { session, base, requests, copy, others, failed, ended = null, reload, above = null, places = [], about = () => null } = app;
  const ask = async (body) => {
    await session.send("POST", base, body);
    await reload();
  };
  return [
    copy && h("section", { class: "card" }, h("h2", {}, copy.title), h("p", { class: "soft" }, copy.note),
      h("div", { class: "actions" }, action(t("request.access.ask"), () => ask({ kind: "access" }), failed, "first"))),
    others.length > 0 && h("details", { class: "card", open: drafted(base) !== null }, h("summary", {}, t(others.length > 2 ? "request.other" : "request.other.few")), above, form({
      fields: [
        { name: "kind", label: t("request.kind"), options: others.map((kind) => [kind, t(`request.${kind}`)]) },
        ...places,
        { name: "name", label: t("request.name"), maxlength: 100, autocomplete: "off", when: ({ kind }) => kind === "correction" },
        { name: "text", label: t("request.text"), type: "textarea", rows: 3, maxlength: 1000, autocomplete: "off" },
      ],
      submit: t("request.send"),
      keep: base,
      ended,
      work: (values) => {
        const community = about(values);
        return ask({
          kind: values.kind, ...(community ? { community_id: community } : {}),
          ...(values.kind === "correction" && values.name ? { name: values.name } : {}), ...(values.text ? { text: values.text } : {}),
        });
      },
    })),
    h("section", { class: "card" }, h("h2", {}, t("requests.list")),
      requests.length === 0 ? h("p", { class: "soft" }, t("none")) : h("ul", { class: "rows" }, requests.map((one) => row(app, one)))),
  ];
}

function row({ session, base, failed, reload }, one) {
  const fetchable = one.kind === "access" && one.export_until !== null && Date.parse(one.export_until) > Date.now();
  return h("li", {},
    h("div", {}, h("strong", {}, t(`request.${one.kind}`)), " ", h("span", { class: `state ${TONE[one.state] ?? ""}` }, t(`request.state.${one.state}`)),
      h("p", { class: "soft" }, one.state === "open" ? t("request.due", { date: time(one.due_at) }) : time(one.opened_at)),
      one.answer && h("p", {}, one.answer)),
    fetchable && action(t("request.fetch"), async () => {
      const file = await session.file(`${base}/${one.request_id}/export`);
      h("a", { href: file, download: `doorward-${one.opened_at.slice(0, 10)}.zip` }).click();
    }, failed),
    one.kind === "restriction" && one.state === "granted" && action(t("request.lift"), async () => {
      await session.send("POST", `${base}/${one.request_id}/lift`);
      await reload();
    }, failed, "plain"));
}
