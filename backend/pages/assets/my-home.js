// Homes and who lives in them: join, name a member, remove one, leave.
import { action, h, show } from "./dom.js";
import { drafted } from "./draft.js";
import { form } from "./form.js";
import { childrenCard } from "./my-children.js";
import { t, time } from "./texts.js";

const PICKED = "doorward.home";
const RELATIONS = ["spouse", "child", "parent", "sibling", "other"];
const TONE = { active: "good", invited: "wait", proposed: "wait" };

/** The home that the views are about, and a choice for whoever has several. */
export function homePicker(app, homes) {
  const home = homes.find((one) => one.home_id === localStorage.getItem(PICKED)) ?? homes[0];
  const choice = () => homes.length > 1 && h("div", { class: "field" }, h("label", { for: "home" }, t("home.which")),
    h("select", { id: "home", change: (event) => { localStorage.setItem(PICKED, event.target.value); app.reload(); } },
      homes.map((one) => h("option", { value: one.home_id, selected: one === home }, nameOf(one)))));
  return { home, choice };
}

const nameOf = (home) => `${home.community} · ${home.building}-${home.label}`;

export async function homeView(app) {
  app.homes = null;
  const homes = await app.readHomes();
  if (homes.length === 0) return joinView(app);
  const picked = homePicker(app, homes);
  const { home } = picked;
  const path = `/homes/${home.community_id}/${home.home_id}/members`;
  const [{ members }, { wards }] = await Promise.all([app.session.get(path), app.session.get("/wards")]);
  const tenant = home.relation === "tenant";
  return () => [
    h("h1", {}, t("home.title")), picked.choice(),
    h("section", { class: "card" }, h("h2", {}, nameOf(home)),
      h("dl", {}, h("dt", {}, t("home.role")), h("dd", {}, t(`relation.${home.relation}`)),
        h("dt", {}, t("home.since")), h("dd", {}, time(home.starts_at, home.time_zone)),
        home.ends_at && [h("dt", {}, t("until")), h("dd", {}, time(home.ends_at, home.time_zone))])),
    h("section", { class: "card" }, h("h2", {}, t("home.members")),
      h("ul", { class: "rows" }, members.map((member) => row(app, path, member, { home, tenant })))),
    childrenCard(wards),
    tenant && h("details", { class: "card", open: drafted("member") !== null }, h("summary", {}, t("member.add")), proposal(app, path)),
    h("p", {}, h("a", { href: "#join" }, t("join.another"))),
  ];
}

function row(app, path, member, { home, tenant }) {
  const own = member.member_id === home.member_id;
  // Whoever rents the home leaves by its office, with everybody who lives in it.
  const ends = member.state !== "ended" && (own ? !tenant : tenant);
  const question = own ? "home.leave.ask" : "member.remove.ask";
  return h("li", {},
    h("div", {}, h("strong", {}, member.name), own && h("span", { class: "soft" }, ` · ${t("member.you")}`),
      h("p", { class: "soft" }, t(`relation.${member.relation}`)), h("span", { class: `state ${TONE[member.state] ?? ""}` }, t(`member.${member.state}`))),
    ends && h("button", {
      type: "button", class: "plain bad", "aria-label": own ? t("home.leave") : `${t("remove")} ${member.name}`,
      click: () => app.ask(question, async () => {
        const { certificate_link: link } = await app.session.send("POST", `${path}/${member.member_id}/end`);
        app.homes = null;
        if (own && link) movedOut(app, link);
        else await app.reload();
      }, { name: member.name }),
    }, own ? t("home.leave") : t("remove")));
}

/** The certificate's link works without an account: where this was the only home, there is none any more. */
function movedOut(app, link) {
  app.draw(() => show(app.frame(h("section", { class: "card" },
    h("h1", {}, t("home.left")), h("p", {}, t("left.note")),
    h("div", { class: "actions" }, h("a", { class: "button", href: link }, t("me.certificate")),
      action(t("share.done"), app.reload, app.failed))))));
}

function proposal(app, path) {
  const said = form({
    fields: [
      { name: "name", label: t("member.name"), required: true, maxlength: 100, autocomplete: "off" },
      { name: "relation", label: t("member.relation"), options: RELATIONS.map((one) => [one, t(`relation.${one}`)]) },
      { name: "phone", label: t("login.phone"), type: "tel", maxlength: 32, hint: t("member.phone.note"), autocomplete: "off" },
      { name: "without_phone", label: t("member.without"), type: "checkbox" },
    ],
    submit: t("member.add"),
    keep: "member",
    ended: app.failed,
    work: async ({ name, relation, phone, without_phone }) => {
      await app.session.send("POST", path, { name, relation, without_phone, ...(phone ? { phone } : {}) });
      await app.reload();
    },
  });
  return h("div", {}, h("p", { class: "soft" }, t("member.add.note")), said);
}

export async function joinView(app) {
  return () => [
    h("h1", {}, t("join.title")),
    h("section", { class: "card" }, h("p", { class: "soft" }, t("join.note")),
      form({
        fields: [{ name: "activation_code", label: t("join.code"), required: true, maxlength: 40, autocomplete: "off", autocapitalize: "characters" }],
        submit: t("join.submit"),
        keep: "join",
        ended: app.failed,
        work: async ({ activation_code }) => {
          const joined = await app.session.send("POST", "/join", { activation_code });
          if (joined.renew_tokens) await app.session.renew();
          app.homes = null;
          app.go("home");
        },
      })),
  ];
}
