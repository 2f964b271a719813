// Logging in: a number, the code that comes by message, and another code where none came.
import { h, show } from "./dom.js";
import { drafted, dropDraft, keepDraft } from "./draft.js";
import { form } from "./form.js";
import { language, t } from "./texts.js";

const RESEND_S = 60;
// Whoever looks for the message may find this page loaded anew: it goes on where it was, while the code is good.
const ASKED = "login";

/** Ask for the number; `note` says why somebody who was logged in is not. */
export function logIn(app, note = null) {
  const asked = drafted(ASKED);
  if (note === null && asked?.until > Date.now()) return askCode(app, asked);
  app.draw(() => show(app.frame(h("section", { class: "card" },
    h("h1", {}, t("login.title")), h("p", { class: "soft" }, note ?? t("login.note")),
    form({
      fields: [{ name: "phone", label: t("login.phone"), type: "tel", autocomplete: "tel", required: true, minlength: 3, maxlength: 32 }],
      submit: t("login.send"),
      keep: "login.phone",
      work: async ({ phone }) => askCode(app, await send(app, phone)),
    })))));
}

/** What was asked for and until when its code is good, kept for when the page comes back. */
async function send(app, phone) {
  const challenge = await app.session.ask("/login", { phone, language: language() });
  const now = Date.now();
  const asked = { phone, id: challenge.challenge_id, again: now + RESEND_S * 1000, until: now + challenge.expires_in * 1000 };
  keepDraft(ASKED, asked);
  return asked;
}

function askCode(app, asked) {
  const { phone } = asked;
  app.draw(() => {
    const resend = h("button", { type: "button", class: "plain" }, t("login.again"));
    const said = h("p", { class: "soft", role: "status" });
    resend.addEventListener("click", async () => {
      resend.disabled = true;
      asked = { ...asked, again: Date.now() + RESEND_S * 1000 };
      try {
        asked = await send(app, phone);
        said.textContent = t("login.sent");
      } catch (error) {
        app.failed(error);
      }
    });
    const count = () => {
      const left = Math.ceil((asked.again - Date.now()) / 1000);
      resend.disabled = left > 0;
      resend.textContent = left > 0 ? t("login.again.in", { seconds: left }) : t("login.again");
      if (resend.isConnected) setTimeout(count, 500);
    };
    show(app.frame(h("section", { class: "card" },
      h("h1", {}, t("login.code.title")), h("p", { class: "soft" }, t("login.code.note", { phone })),
      form({
        fields: [{
          name: "code", label: t("login.code"), inputmode: "numeric", autocomplete: "one-time-code",
          pattern: "[0-9]{6}", maxlength: 6, required: true,
        }],
        submit: t("login.in"),
        work: async ({ code }) => {
          await app.session.begin("/login/verify", { challenge_id: asked.id, code });
          dropDraft(ASKED);
          await app.loggedIn();
        },
      }),
      said,
      h("div", { class: "actions two" },
        h("button", { type: "button", class: "plain", click: () => { dropDraft(ASKED); logIn(app); } }, t("login.other")), resend))));
    count();
  });
}
