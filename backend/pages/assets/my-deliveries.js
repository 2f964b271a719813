// Couriers with an order: announced, handed over at the door or left at the gate, ended.
import { action, h } from "./dom.js";
import { drafted } from "./draft.js";
import { form } from "./form.js";
import { comings } from "./my-guests.js";
import { homePicker } from "./my-home.js";
import { local, moment } from "./walltime.js";
import { between, t } from "./texts.js";

const HOUR_MS = 3_600_000;
const EXPECTED_HOURS = 12;
const PLACES = ["door", "gate"];

export async function deliveriesView(app) {
  const homes = await app.readHomes();
  const title = h("h1", {}, t("deliveries.title"));
  if (homes.length === 0) return () => [title, h("p", {}, t("join.none.note"))];
  const picked = homePicker(app, homes);
  const { home } = picked;
  const path = `/homes/${home.community_id}/${home.home_id}/deliveries`;
  const [{ deliveries }, companies] = await Promise.all([app.session.get(path), companiesOf(app, home.community_id)]);
  const names = new Map(companies.map((one) => [one.partner_id, one.name]));
  return () => [
    h("h1", {}, t("deliveries.title")), comings("deliveries"), picked.choice(),
    h("details", { class: "card", open: drafted("delivery") !== null }, h("summary", {}, t("deliveries.expect")),
      companies.length === 0 ? h("p", { class: "soft" }, t("deliveries.no.company")) : expectation(app, path, home, companies)),
    h("section", { class: "card" }, h("h2", {}, t("deliveries.list")), deliveries.length === 0
      ? h("p", { class: "soft" }, t("deliveries.none"))
      : h("ul", { class: "rows" }, deliveries.map((one) => row(app, path, one, { home, company: names.get(one.partner_id) ?? t("deliveries.company") })))),
  ];
}

/** Every company that may come, over as many pages as there are. */
async function companiesOf(app, community) {
  const found = [];
  let cursor = null;
  do {
    const page = await app.session.get(`/partners?community_id=${community}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    found.push(...page.partners);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

function expectation(app, path, { time_zone: zone }, companies) {
  const now = Date.now();
  return form({
    fields: [
      { name: "partner_id", label: t("deliveries.company"), options: companies.map((one) => [one.partner_id, one.name]) },
      {
        name: "order_ref", label: t("deliveries.order"), required: true, maxlength: 100, pattern: "[A-Za-z0-9._~:@+\\-]+",
        hint: t("deliveries.order.note"), autocomplete: "off", autocapitalize: "off", spellcheck: "false",
      },
      { name: "valid_from", label: t("from"), type: "datetime-local", value: local(now, zone), required: true },
      { name: "valid_until", label: t("until"), type: "datetime-local", value: local(now + EXPECTED_HOURS * HOUR_MS, zone), required: true },
      { name: "handover", label: t("handover"), options: PLACES.map((place) => [place, t(`handover.${place}`)]) },
      { name: "ask_first", label: t("ask.first"), type: "checkbox", hint: t("ask.first.note"), when: ({ handover }) => handover === "door" },
    ],
    submit: t("deliveries.expect"),
    keep: "delivery",
    ended: app.failed,
    work: async ({ valid_from, valid_until, ...what }) => {
      await app.session.send("POST", path, { ...what, valid_from: moment(valid_from, zone), valid_until: moment(valid_until, zone) });
      await app.reload();
    },
  });
}

function row(app, path, one, { home: { time_zone: zone }, company }) {
  const there = `${path}/${one.delivery_id}`;
  const other = one.handover === "door" ? "gate" : "door";
  return h("li", {},
    h("div", {}, h("strong", {}, company), " ", h("span", { class: `state ${one.state === "assigned" ? "good" : "wait"}` }, t(`delivery.${one.state}`)),
      h("p", { class: "soft" }, one.order_ref),
      h("p", { class: "soft" }, between(one.courier_from ?? one.valid_from, one.courier_until ?? one.valid_until, zone)),
      h("p", { class: "soft" }, [t(`handover.${one.handover}.now`), one.ask_first && t("ask.first.short")].filter(Boolean).join(" ")),
      !one.announced && h("p", { class: "hint" }, t("deliveries.unannounced"))),
    h("div", { class: "acts" }, action(t(`handover.${other}.choose`), async () => {
      await app.session.send("PUT", `${there}/handover`, { handover: other });
      await app.reload();
    }, app.failed, "plain"),
    h("button", {
      type: "button", class: "plain bad", "aria-label": `${t("deliveries.cancel")} ${one.order_ref}`,
      click: () => app.ask("deliveries.cancel.ask", async () => {
        await app.session.send("DELETE", there);
        await app.reload();
      }, { company }),
    }, t("deliveries.cancel"))));
}
