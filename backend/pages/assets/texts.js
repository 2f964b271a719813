// Everything the pages say, in the two languages of the product.
import { en } from "./texts-en.js";
import { zh } from "./texts-zh.js";

const TEXTS = { "zh-CN": { ...zh }, en: { ...en } };

/** The texts of a page of its own, by language. */
export function addTexts(more) {
  for (const [name, texts] of Object.entries(more)) Object.assign(TEXTS[name], texts);
}

/** Whether there is a text of that key. */
export const known = (key) => key in TEXTS[language()];

/** The text of a key, with `{names}` put in. */
export function t(key, values = {}) {
  const text = TEXTS[language()][key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function language() {
  return document.documentElement.lang === "en" ? "en" : "zh-CN";
}

/** The other language from here on, also at the next visit. */
export function switchLanguage() {
  document.documentElement.lang = language() === "en" ? "zh-CN" : "en";
  localStorage.setItem("doorward.language", language());
}

/** The language chosen before, else the phone's. */
export function chooseLanguage() {
  const kept = localStorage.getItem("doorward.language");
  document.documentElement.lang = kept in TEXTS ? kept : navigator.language.startsWith("zh") ? "zh-CN" : "en";
}

/** A span of seconds in the largest unit that it fills. */
export function span(seconds) {
  const [unit, length] = [["year", 31_536_000], ["day", 86400], ["hour", 3600], ["minute", 60]].find(([, one]) => seconds >= 2 * one || one === 60);
  return new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "long" }).format(Math.round(seconds / length));
}

/** From one time to another; what both have in common, such as the day, is said once. */
export function between(from, until, timeZone) {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short", timeZone }).formatRange(new Date(from), new Date(until));
}

/** A time as people write it, in the community's or else the phone's time zone. */
export function time(iso, timeZone, style = { dateStyle: "medium", timeStyle: "short" }) {
  return new Date(iso).toLocaleString(language(), { ...style, timeZone });
}
