// Forms: every field has its label, what was refused is said beneath, and nothing is sent twice.
import { Refused, Unreachable } from "./api.js";
import { h } from "./dom.js";
import { known, language, t } from "./texts.js";

/** What went wrong in the person's language: the server's own words, else ours for its code, else its remedy. */
export function words(error) {
  if (error instanceof Unreachable) return t("wrong.network.note");
  if (!(error instanceof Refused)) throw error;
  if (error.advice(language())) return error.advice(language());
  return known(`problem.${error.code}`) ? t(`problem.${error.code}`) : error.remedy || t("wrong.other");
}

/** A form of fields `{name, label, type?, options?, hint?, …attributes}`; `work(values)` gets what was filled in.
 *
 * A field with `options`, pairs of value and label, is a choice. A session that ended, or is too old for this, goes to `ended`.
 */
export function form({ fields, submit, work, ended, kind = "first" }) {
  const said = h("div", { role: "alert" });
  const button = h("button", { type: "submit", class: kind }, submit);
  const inputs = fields.map(({ name, label, type = "text", options, hint, ...attributes }) => {
    const id = `field-${name}`;
    const input = options
      ? h("select", { id, name, ...attributes }, options.map(([value, text]) => h("option", { value }, text)))
      : h("input", { id, name, type, ...attributes, "aria-describedby": hint ? `${id}-hint` : null });
    const line = [h("label", { for: id }, label), input];
    return h("div", { class: type === "checkbox" ? "field check" : "field" },
      type === "checkbox" ? line.reverse() : line, hint && h("p", { class: "soft", id: `${id}-hint` }, hint));
  });
  const whole = h("form", { novalidate: false }, inputs, said, h("div", { class: "actions" }, button));
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.replaceChildren();
    button.disabled = true;
    try {
      const given = new FormData(whole);
      await work(Object.fromEntries(fields.map(({ name, type }) =>
        [name, type === "checkbox" ? given.has(name) : (given.get(name) ?? "").trim()])));
    } catch (error) {
      if (error instanceof Refused && ["session-ended", "fresh-log-in-needed"].includes(error.code) && ended) ended(error);
      else said.replaceChildren(h("p", { class: "problem" }, words(error)));
    } finally {
      button.disabled = false;
    }
  });
  return whole;
}
