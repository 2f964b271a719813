// Visits that recur: the rule as the server takes it (a part of RFC 5545), and as people read it.
import { language, t, time } from "./texts.js";

export const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
// A Monday, so that the days of the week can be named in any language.
const MONDAY = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;

export const dayName = (day, width = "short") =>
  new Intl.DateTimeFormat(language(), { weekday: width, timeZone: "UTC" }).format(MONDAY + DAYS.indexOf(day) * DAY_MS);

/** The rule of what was chosen; `begin` as the community's clocks show it; `last`, the last day as `YYYY-MM-DD`, counts. Null for a visit that does not recur. */
export function ruleOf({ repeat, days, begin, last }) {
  if (repeat === "once") return null;
  const until = `UNTIL=${last.replaceAll("-", "")}`;
  if (repeat !== "weekly") return `FREQ=${repeat.toUpperCase()};${until}`;
  // The first visit is one of them, whatever was ticked.
  const first = DAYS[(new Date(`${begin}Z`).getUTCDay() + 6) % 7];
  return `FREQ=WEEKLY;BYDAY=${DAYS.filter((day) => day === first || days.includes(day)).join(",")};${until}`;
}

/** In words, as far as it is a rule that this page makes; others, made by another client, are only called so. */
export function recurring({ rule, except_dates: skipped }) {
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=")));
  const plain = (parts.BYDAY ?? "").split(",").filter((day) => DAYS.includes(day));
  const known = ["FREQ", "BYDAY", "UNTIL", "COUNT"];
  const simple = Object.keys(parts).every((part) => known.includes(part)) && plain.length === (parts.BYDAY ?? "").split(",").filter(Boolean).length;
  const often = simple && t(`repeat.${parts.FREQ.toLowerCase()}`) + (plain.length > 0 ? ` (${plain.map((day) => dayName(day)).join(", ")})` : "");
  const days = skipped.map((date) => time(`${date}T00:00:00Z`, "UTC", { month: "short", day: "numeric" })).join(", ");
  return [often || t("repeat.other"), skipped.length > 0 && t("repeat.without", { days })].filter(Boolean).join(" · ");
}
