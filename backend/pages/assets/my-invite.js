// A pass: made, changed and extended; for a guest, for what recurs, or for one delivery.
import { h, show } from "./dom.js";
import { form } from "./form.js";
import { homePicker } from "./my-home.js";
import { DAYS, dayName, recurring, ruleOf } from "./my-recurring.js";
import { t } from "./texts.js";
import { local, moment } from "./walltime.js";

const KINDS = ["guest", "family", "helper", "delivery"];
const REPEATS = ["once", "daily", "weekly", "monthly"];
const USES = [0, 1, 2, 5];
const GRACE_MINUTES = [0, 15, 30, 60];
const HOUR_MS = 3_600_000;
const STAYS_HOURS = 6;
const SERIES_DAYS = 30;

const doors = (groups, chosen = []) => ({
  name: "door_groups", label: t("guests.doors"), hint: t("guests.doors.note"), type: "many", chosen,
  options: groups.map((group) => [group.group_id, group.name]), when: () => groups.length > 0,
});

/** A form for a new pass at a home; `made(name, answer)` gets what the server says, with the link. */
export function invitation(app, path, { time_zone: zone }, groups, made) {
  const now = Date.now();
  const recurs = ({ kind, repeat }) => kind !== "delivery" && repeat !== "once";
  return form({
    fields: [
      { name: "guest_name", label: t("guests.name"), required: true, maxlength: 100, autocomplete: "off" },
      { name: "kind", label: t("guests.kind"), options: KINDS.map((kind) => [kind, t(`guests.kind.${kind}`)]) },
      { name: "valid_from", label: t("from"), type: "datetime-local", value: local(now, zone), required: true },
      { name: "valid_until", label: t("until"), type: "datetime-local", value: local(now + STAYS_HOURS * HOUR_MS, zone), required: true },
      {
        name: "repeat", label: t("repeat"), options: REPEATS.map((repeat) => [repeat, t(`repeat.${repeat}`)]),
        when: ({ kind }) => kind !== "delivery",
      },
      {
        name: "days", label: t("repeat.days"), type: "many", options: DAYS.map((day) => [day, dayName(day)]),
        when: (values) => recurs(values) && values.repeat === "weekly",
      },
      {
        name: "last", label: t("repeat.last"), type: "date", required: true, hint: t("repeat.note"),
        value: local(now + SERIES_DAYS * 24 * HOUR_MS, zone).slice(0, 10), when: recurs,
      },
      {
        name: "uses", label: t("guests.uses"), options: USES.map((uses) => [uses, t(`guests.uses.${uses}`)]),
        when: ({ kind }) => kind !== "delivery",
      },
      doors(groups),
      { name: "ask_first", label: t("ask.first"), type: "checkbox", hint: t("ask.first.note") },
      { name: "phone", label: t("guests.phone"), type: "tel", maxlength: 32, hint: t("guests.phone.note"), autocomplete: "off" },
      { name: "grace_minutes", label: t("guests.grace"), options: GRACE_MINUTES.map((minutes) => [minutes, t("guests.minutes", { minutes })]) },
    ],
    submit: t("guests.invite"),
    keep: "invite",
    ended: app.failed,
    work: async ({ valid_from, valid_until, kind, uses, phone, door_groups, grace_minutes, repeat, days, last, guest_name, ask_first }) => {
      const rule = kind === "delivery" ? null : ruleOf({ repeat, days, begin: valid_from, last });
      made(guest_name, await app.session.send("POST", path, {
        guest_name, kind, valid_from: moment(valid_from, zone), valid_until: moment(valid_until, zone), door_groups, ask_first,
        grace_minutes: Number(grace_minutes), ...(kind === "delivery" ? {} : { uses: Number(uses) }),
        ...(phone ? { phone } : {}), ...(rule ? { recurrence: { rule } } : {}),
      }));
    },
  });
}

/** Another window, other doors, a day left out: at the gates at once, and nobody else's change is overwritten. */
export async function passView(app) {
  const { home } = homePicker(app, await app.readHomes());
  const path = `/homes/${home.community_id}/${home.home_id}/passes`;
  const [[pass, etag], { door_groups: groups }] = await Promise.all([
    app.session.read(`${path}/${app.argument}`), app.session.get(`${path}/door-groups`),
  ]);
  const first = pass.first_until ?? pass.valid_until;
  const zone = home.time_zone;
  return () => [
    h("p", {}, h("a", { href: "#guests" }, `← ${t("tab.guests")}`)),
    h("h1", {}, t("pass.change", { name: pass.guest_name })),
    h("section", { class: "card" },
      pass.recurrence && h("p", { class: "soft" }, recurring(pass.recurrence)),
      form({
        fields: [
          { name: "valid_from", label: t(pass.recurrence ? "repeat.first.from" : "from"), type: "datetime-local", value: local(Date.parse(pass.valid_from), zone), required: true },
          { name: "valid_until", label: t(pass.recurrence ? "repeat.first.until" : "until"), type: "datetime-local", value: local(Date.parse(first), zone), required: true },
          { name: "skipped", label: t("repeat.skip"), type: "date", when: () => pass.recurrence !== null },
          doors(groups, pass.door_groups),
          { name: "ask_first", label: t("ask.first"), type: "checkbox", hint: t("ask.first.note"), checked: pass.ask_first },
        ],
        submit: t("pass.save"),
        ended: app.failed,
        work: async ({ valid_from, valid_until, skipped, door_groups, ask_first }) => {
          // A window that was not touched is left alone: the field has no seconds.
          const moved = (text, before) => text !== local(Date.parse(before), zone);
          await app.session.send("PATCH", `${path}/${pass.pass_id}`, {
            ...(moved(valid_from, pass.valid_from) ? { valid_from: moment(valid_from, zone) } : {}),
            ...(moved(valid_until, first) ? { valid_until: moment(valid_until, zone) } : {}),
            door_groups, ask_first,
            ...(skipped ? { recurrence: { ...pass.recurrence, except_dates: [...pass.recurrence.except_dates, skipped] } } : {}),
          }, etag);
          app.go("guests");
        },
      })),
  ];
}
