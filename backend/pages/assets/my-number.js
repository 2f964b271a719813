// Another number: proven by both, the one that is held and the one that is to come.
import { action, h, show } from "./dom.js";
import { form, mustLogIn, words } from "./form.js";
import { t } from "./texts.js";

const digits = (name, label, hint) => ({
  name, label, hint, inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]{6}", maxlength: 6, required: true,
});

export async function numberView(app) {
  return () => [
    h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`)),
    h("h1", {}, t("number.title")),
    h("section", { class: "card" }, h("p", { class: "soft" }, t("number.note")), form({
      fields: [{ name: "phone", label: t("number.new"), type: "tel", autocomplete: "off", required: true, minlength: 3, maxlength: 32 }],
      submit: t("number.send"),
      ended: app.failed,
      work: async ({ phone }) => askBoth(app, phone, await ask(app, phone)),
    })),
  ];
}

const ask = (app, phone) => app.session.send("POST", "/me/number", { phone });

function askBoth(app, phone, asked) {
  const said = h("p", { class: "soft", role: "status" });
  // Both anew: each is good for minutes only, and for a few tries.
  const again = async () => {
    try {
      asked = await ask(app, phone);
      said.textContent = t("login.sent");
    } catch (error) {
      if (mustLogIn(error)) app.failed(error);
      else said.textContent = words(error);
    }
  };
  app.draw(() => show(app.frame(
    h("h1", {}, t("number.codes.title")),
    h("section", { class: "card" }, h("p", { class: "soft" }, t("number.codes.note")), form({
      fields: [digits("current_code", t("number.code.old")), digits("new_code", t("number.code.new", { phone }))],
      submit: t("number.change"),
      ended: app.failed,
      work: async (codes) => {
        await app.session.send("POST", "/me/number/verify", {
          current_challenge_id: asked.current_challenge_id, new_challenge_id: asked.new_challenge_id, ...codes,
        });
        app.go("me");
      },
    }), said),
    h("div", { class: "actions two" }, h("button", { type: "button", class: "plain", click: app.reload }, t("back")),
      action(t("number.again"), again, app.failed, "plain")))));
}
