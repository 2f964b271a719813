// Oneself: name and number, what was recorded, what was destroyed, and the way out.
import { action, h, show } from "./dom.js";
import { form } from "./form.js";
import { courierHere } from "./my-courier.js";
import { certificates, kept } from "./records.js";
import { t, time } from "./texts.js";

const KEPT = new Set([
  "resident_faces", "open_enrolments", "entries", "denied_approaches", "phones_and_cards", "register", "accounts", "sessions",
  "passes", "consents", "requests", "erasures",
]);

export async function accountView(app) {
  const [me, { erasures }] = await Promise.all([app.session.get("/me"), app.session.get("/erasures")]);
  return () => [
    h("h1", {}, t("me.title")),
    h("section", { class: "card" },
      h("dl", {}, h("dt", {}, t("login.phone")), h("dd", {}, me.phone), me.name && [h("dt", {}, t("member.name")), h("dd", {}, me.name)]),
      h("p", {}, h("a", { href: "#number" }, t("number.title"))),
      h("details", {}, h("summary", {}, t("me.name")), form({
        fields: [{ name: "name", label: t("member.name"), value: me.name, maxlength: 200, required: true, autocomplete: "name" }],
        submit: t("me.save"),
        ended: app.failed,
        work: async ({ name }) => {
          await app.session.send("PATCH", "/me", { name });
          await app.reload();
        },
      }))),
    h("section", { class: "card" }, h("ul", { class: "rows links" }, ["news", "entries", "sessions", "requests", ...(courierHere() ? ["courier"] : [])].map((name) =>
      h("li", {}, h("a", { href: `#${name}` }, t(name === "courier" ? "courier.title.my" : `${name}.title`)))))),
    erasures.length > 0 && h("section", { class: "card" }, h("h2", {}, t("erasures.title")), h("ul", { class: "rows" }, erasures.map((one) =>
      h("li", {}, h("div", {}, t(`erasure.${one.reason}`), h("p", { class: "soft" }, time(one.started_at))),
        h("span", { class: `state ${one.state === "completed" ? "good" : "wait"}` }, t(`erasure.state.${one.state}`)))))),
    certificates(app.session, erasures, app.failed),
    kept(app.session, KEPT, app.failed),
    h("div", { class: "actions" },
      action(t("me.out"), async () => {
        await app.keyring.clear().catch(() => {});
        await app.session.send("POST", "/logout").catch(() => {});
        await app.forgotten();
        await app.reload();
      }, app.failed),
      h("button", { type: "button", class: "plain bad", click: () => app.ask("me.leave.ask", () => leave(app)) }, t("me.leave"))),
  ];
}

/** Leave everything. The certificate's link works without an account: there is none any more. */
async function leave(app) {
  const { certificate_link: link } = await app.session.send("DELETE", "/me");
  await app.forgotten();
  app.draw(() => show(app.frame(h("section", { class: "card" },
    h("h1", {}, t("left.title")), h("p", {}, t("left.note")),
    h("div", { class: "actions" }, h("a", { class: "button", href: link }, t("me.certificate")))))));
}
