// Guests: invite, hand the link on, see who accepted, show his code, change, cancel.
import { action, h, show } from "./dom.js";
import { drafted } from "./draft.js";
import { homePicker } from "./my-home.js";
import { invitation } from "./my-invite.js";
import { recurring } from "./my-recurring.js";
import { paged } from "./paged.js";
import { qrPicture } from "./qrview.js";
import { between, t } from "./texts.js";

const TONE = { accepted: "good", pending: "wait" };

/** The way between who comes to visit and who brings something. */
export const comings = (at) => h("p", { class: "tabs" }, ["guests", "deliveries"].map((name) =>
  h("a", { href: `#${name}`, "aria-current": name === at ? "true" : null }, t(`${name}.title`))));

export async function guestsView(app) {
  const homes = await app.readHomes();
  if (homes.length === 0) return () => [h("h1", {}, t("guests.title")), h("p", {}, t("join.none.note"))];
  const picked = homePicker(app, homes);
  const { home } = picked;
  const path = `/homes/${home.community_id}/${home.home_id}/passes`;
  const [{ door_groups: groups }, list] = await Promise.all([
    app.session.get(`${path}/door-groups`),
    paged(app, path, "passes", (pass) => row(app, path, pass, { home, groups })),
  ]);
  return () => [
    h("h1", {}, t("guests.title")), comings("guests"), picked.choice(),
    h("details", { class: "card", open: list.empty || drafted("invite") !== null }, h("summary", {}, t("guests.invite")),
      invitation(app, path, home, groups, (name, made) => shared(app, name, made))),
    h("h2", {}, t("guests.list")), list(),
  ];
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

function row(app, path, pass, { home, groups }) {
  const open = ["pending", "accepted"].includes(pass.state);
  const doors = groups.filter((group) => pass.door_groups.includes(group.group_id)).map((group) => group.name).join(", ");
  return h("li", {},
    h("div", {}, h("strong", {}, pass.guest_name), " ",
      h("span", { class: `state ${TONE[pass.state] ?? ""}` }, t(`pass.${pass.state}`)),
      h("p", { class: "soft" }, between(pass.valid_from, pass.valid_until, home.time_zone)),
      pass.recurrence && h("p", { class: "soft" }, recurring(pass.recurrence)),
      (doors || pass.ask_first || pass.kind !== "guest") && h("p", { class: "soft" }, [pass.kind !== "guest" && t(`guests.kind.${pass.kind}`), doors, pass.ask_first && t("ask.first.short")].filter(Boolean).join(" · "))),
    h("div", { class: "acts" }, pass.state === "accepted" && action(t("guests.code"), () => codeOf(app, path, pass), app.failed, "plain"),
    open && h("a", { href: `#pass/${pass.pass_id}`, "aria-label": `${t("pass.edit")} ${pass.guest_name}` }, t("pass.edit")),
    open && h("button", {
      type: "button", class: "plain bad", "aria-label": `${t("guests.cancel")} ${pass.guest_name}`,
      click: () => app.ask("guests.cancel.ask", async () => {
        await app.session.send("DELETE", `${path}/${pass.pass_id}`);
        await app.reload();
      }, { name: pass.guest_name }),
    }, t("guests.cancel"))));
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
