// Another number: proven by both, the one that is held and the one that is to come.
import { action, h, show } from "./dom.js";
import { drafted, dropDraft, keepDraft } from "./draft.js";
import { form, mustLogIn, words } from "./form.js";
import { t } from "./texts.js";

// As with logging in: two codes are looked up on two phones, and the page may come back anew meanwhile.
const ASKED = "number";

const digits = (name, label, hint) => ({
  name, label, hint, inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]{6}", maxlength: 6, required: true,
});

export async function numberView(app) {
  const asked = drafted(ASKED);
  if (asked?.until > Date.now()) return () => codes(app, drafted(ASKED) ?? asked);
  return () => [
    h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`)),
    h("h1", {}, t("number.title")),
    h("section", { class: "card" }, h("p", { class: "soft" }, t("number.note")), form({
      fields: [{ name: "phone", label: t("number.new"), type: "tel", autocomplete: "off", required: true, minlength: 3, maxlength: 32 }],
      submit: t("number.send"),
      ended: app.failed,
      keep: "number.phone",
      work: async ({ phone }) => {
        const sent = await ask(app, phone);
        app.draw(() => show(app.frame(codes(app, drafted(ASKED) ?? sent))));
      },
    })),
  ];
}

async function ask(app, phone) {
  const sent = await app.session.send("POST", "/me/number", { phone });
  const asked = { ...sent, phone, until: Date.now() + sent.expires_in * 1000 };
  keepDraft(ASKED, asked);
  return asked;
}

function codes(app, asked) {
  const { phone } = asked;
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
  const back = () => {
    dropDraft(ASKED);
    return app.reload();
  };
  return [
    h("h1", {}, t("number.codes.title")),
    h("section", { class: "card" }, h("p", { class: "soft" }, t("number.codes.note")), form({
      fields: [digits("current_code", t("number.code.old")), digits("new_code", t("number.code.new", { phone }))],
      submit: t("number.change"),
      ended: app.failed,
      work: async (given) => {
        await app.session.send("POST", "/me/number/verify", {
          current_challenge_id: asked.current_challenge_id, new_challenge_id: asked.new_challenge_id, ...given,
        });
        dropDraft(ASKED);
        app.go("me");
      },
    }), said),
    h("div", { class: "actions two" }, h("button", { type: "button", class: "plain", click: back }, t("back")),
      action(t("number.again"), again, app.failed, "plain")),
  ];
}
