// Guests: invite, hand the link on, see who accepted, show his code, cancel.
import { action, h, show } from "./dom.js";
import { form } from "./form.js";
import { homePicker } from "./my-home.js";
import { qrPicture } from "./qrview.js";
import { t, time } from "./texts.js";

const TONE = { accepted: "good", pending: "wait" };
const KINDS = ["guest", "family", "helper"];
const USES = [0, 1, 2, 5];
const HOUR_MS = 3_600_000;
const STAYS_HOURS = 6;

export async function guestsView(app) {
  const homes = await app.readHomes();
  if (homes.length === 0) return () => [h("h1", {}, t("guests.title")), h("p", {}, t("join.none.note"))];
  const picked = homePicker(app, homes);
  const path = `/homes/${picked.home.community_id}/${picked.home.home_id}/passes`;
  const page = await app.session.get(path);
  const passes = page.passes;
  let cursor = page.next_cursor;
  return () => {
    const rows = h("ul", { class: "rows" }, passes.map((pass) => row(app, path, pass)));
    const more = action(t("more"), async () => {
      const next = await app.session.get(`${path}?cursor=${encodeURIComponent(cursor)}`);
      passes.push(...next.passes);
      rows.append(...next.passes.map((pass) => row(app, path, pass)));
      cursor = next.next_cursor;
      more.hidden = cursor === null;
    }, app.failed, "plain");
    more.hidden = cursor === null;
    return [
      h("h1", {}, t("guests.title")), picked.choice(),
      h("details", { class: "card", open: passes.length === 0 }, h("summary", {}, t("guests.invite")), invitation(app, path)),
      h("section", { class: "card" }, h("h2", {}, t("guests.list")),
        passes.length === 0 ? h("p", { class: "soft" }, t("guests.none")) : [rows, more]),
    ];
  };
}

/** A moment as `datetime-local` wants it: the phone's own clock, without a zone. */
const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

function invitation(app, path) {
  const now = Date.now();
  return form({
    fields: [
      { name: "guest_name", label: t("guests.name"), required: true, maxlength: 100, autocomplete: "off" },
      { name: "valid_from", label: t("from"), type: "datetime-local", value: local(now), required: true },
      { name: "valid_until", label: t("until"), type: "datetime-local", value: local(now + STAYS_HOURS * HOUR_MS), required: true },
      { name: "kind", label: t("guests.kind"), options: KINDS.map((kind) => [kind, t(`guests.kind.${kind}`)]) },
      { name: "uses", label: t("guests.uses"), options: USES.map((uses) => [uses, t(`guests.uses.${uses}`)]) },
    ],
    submit: t("guests.invite"),
    ended: app.failed,
    work: async ({ guest_name, valid_from, valid_until, kind, uses }) => shared(app, guest_name, await app.session.send("POST", path, {
      guest_name, kind, uses: Number(uses),
      valid_from: new Date(valid_from).toISOString(), valid_until: new Date(valid_until).toISOString(),
    })),
  });
}

/** The link, this once: the server keeps only its hash. */
function shared(app, name, { link }) {
  app.draw(() => {
    const said = h("p", { class: "soft", role: "status" });
    const address = h("input", { id: "link", readonly: true, value: link });
    show(app.frame(
      h("h1", {}, t("share.title", { name })),
      h("p", {}, t("share.note")),
      h("section", { class: "card" },
        h("div", { class: "code" }, qrPicture(link, t("share.code"))),
        h("div", { class: "field" }, h("label", { for: "link" }, t("share.link")), address),
        h("div", { class: navigator.share ? "actions two" : "actions" },
          navigator.share && action(t("share.send"), () => navigator.share({ title: "Doorward", text: t("share.text"), url: link })
            .catch(() => {}), app.failed, "first"),
          action(t("share.copy"), async () => {
            await navigator.clipboard.writeText(link).catch(() => address.select());
            said.textContent = t("share.copied");
          }, app.failed)),
        said),
      h("div", { class: "actions" }, action(t("share.done"), app.reload, app.failed))));
  });
}

function row(app, path, pass) {
  const cancellable = ["pending", "accepted"].includes(pass.state);
  return h("li", {},
    h("div", {}, h("strong", {}, pass.guest_name), " ",
      h("span", { class: `state ${TONE[pass.state] ?? ""}` }, t(`pass.${pass.state}`)),
      h("p", { class: "soft" }, `${time(pass.valid_from)} – ${time(pass.valid_until)}`)),
    pass.state === "accepted" && action(t("guests.code"), () => codeOf(app, path, pass), app.failed, "plain"),
    cancellable && h("button", {
      type: "button", class: "plain bad", "aria-label": `${t("guests.cancel")} ${pass.guest_name}`,
      click: () => app.ask("guests.cancel.ask", async () => {
        await app.session.send("DELETE", `${path}/${pass.pass_id}`);
        await app.reload();
      }, { name: pass.guest_name }),
    }, t("guests.cancel")));
}

async function codeOf(app, path, pass) {
  const { code } = await app.session.get(`${path}/${pass.pass_id}/code`);
  app.draw(() => show(app.frame(h("section", { class: "card" },
    h("h1", {}, t("guests.code.title", { name: pass.guest_name })),
    h("p", { class: "soft" }, t("guests.code.note")),
    h("div", { class: "code" }, qrPicture(code, t("guests.code"))),
    h("div", { class: "actions two" },
      h("button", { type: "button", click: () => window.print() }, t("code.print")),
      action(t("back"), app.reload, app.failed, "first"))))));
}
