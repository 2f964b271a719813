// Forms: every field has its label, what was refused is said beneath, and nothing is sent twice.
import { Refused, Unreachable } from "./api.js";
import { busy, h } from "./dom.js";
import { drafted, dropDraft, keepDraft } from "./draft.js";
import { problem } from "./problems.js";
import { language, t } from "./texts.js";

/** What went wrong in the person's language: the server's own words, else ours for its code, else its remedy. */
export function words(error) {
  if (error instanceof Unreachable) return t("wrong.network.note");
  if (error instanceof Refused) return error.advice(language()) || problem(error.code, language()) || error.remedy || t("wrong.other");
  reportError(error); // The page's own fault: whoever looks into it finds it in the console.
  return t("wrong.other");
}

/** Whether the person has to log in (again) before it is of use to try again; a wrong one-time code is not that. */
export const mustLogIn = (error) => error instanceof Refused
  && (error.code === "fresh-log-in-needed" || (error.status === 401 && error.code !== "code-refused"));

const VALUE = {
  checkbox: (given, name) => given.has(name),
  many: (given, name) => given.getAll(name),
};

/** A form of fields `{name, label, type?, options?, hint?, when?, …attributes}`; `work(values)` gets what was filled in.
 *
 * A field with `options`, pairs of value and label, is a choice; of type "many" it is any number of them, `chosen` at
 * first, and its value a list. `when(values)` says whether a field is asked for at all. A session that ended, or is too
 * old for this, goes to `ended`. By the name `keep` what was filled in outlasts the page, until it is sent.
 */
export function form({ fields, submit, work, ended, keep = null, kind = "first" }) {
  const said = h("div", { role: "alert" });
  const button = h("button", { type: "submit", class: kind }, submit);
  const inputs = fields.map(element);
  const whole = h("form", {}, inputs, said, h("div", { class: "actions" }, button));
  const values = () => {
    const given = new FormData(whole);
    return Object.fromEntries(fields.map(({ name, type }) =>
      [name, (VALUE[type] ?? (() => (given.get(name) ?? "").trim()))(given, name)]));
  };
  const adapt = () => fields.forEach(({ when }, at) => {
    if (!when) return;
    inputs[at].hidden = !when(values());
    inputs[at].querySelectorAll("input, select, textarea").forEach((one) => { one.disabled = inputs[at].hidden; });
  });
  whole.addEventListener("change", adapt);
  if (keep !== null) {
    const kept = drafted(keep) ?? {};
    refill(whole, kept);
    // What he never touched, such as a time that begins now, is to be as new when he comes back.
    const touched = new Set(Object.keys(kept));
    whole.addEventListener("input", ({ target }) => {
      const given = new FormData(whole);
      keepDraft(keep, Object.fromEntries([...touched.add(target.name)].map((name) => [name, given.getAll(name)])));
    });
  }
  adapt();
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.replaceChildren();
    whole.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
    // Gone before it is sent: what is drawn once it has arrived begins anew.
    const kept = keep === null ? null : drafted(keep);
    if (kept !== null) dropDraft(keep);
    try {
      await busy(button, () => work(values()));
    } catch (error) {
      if (kept !== null) keepDraft(keep, kept);
      if (ended && mustLogIn(error)) ended(error);
      else {
        said.replaceChildren(h("p", { class: "problem" }, words(error)));
        mark(whole, error);
      }
    }
  });
  return whole;
}

/** Fill in again what was kept, values by the field's name; the others are as they are at first. */
function refill(whole, kept) {
  for (const one of whole.elements) {
    const given = kept[one.name];
    if (given && one.type === "checkbox") one.checked = given.includes(one.value);
    else if (given?.length > 0) [one.value] = given;
  }
}

/** The fields that the server could not take, marked; the first has the focus. */
function mark(whole, error) {
  const wrong = [...whole.elements].filter((one) => error instanceof Refused && error.fields.includes(one.name));
  wrong.forEach((one) => one.setAttribute("aria-invalid", "true"));
  wrong[0]?.focus();
}

function element({ name, label, type = "text", options, hint, when, chosen = [], ...attributes }) {
  // Browsers say it where the pattern is not met.
  if (attributes.pattern) attributes.title ??= hint ?? label;
  const id = `field-${name}`;
  const described = { "aria-describedby": hint ? `${id}-hint` : null };
  const advice = hint && h("p", { class: "soft", id: `${id}-hint` }, hint);
  if (type === "many") {
    return h("fieldset", { class: "field", ...described }, h("legend", {}, label), advice, options.map(([value, text]) =>
      h("label", { class: "check" }, h("input", { type: "checkbox", name, value, checked: chosen.includes(value) }), h("span", {}, text))));
  }
  const input = options
    ? h("select", { id, name, ...attributes, ...described }, options.map(([value, text]) =>
      h("option", { value, selected: chosen.includes(value) }, text)))
    : h(type === "textarea" ? type : "input", { id, name, type: type === "textarea" ? null : type, ...attributes, ...described });
  const line = [h("label", { for: id }, label), input];
  return h("div", { class: type === "checkbox" ? "field check" : "field" }, type === "checkbox" ? line.reverse() : line, advice);
}
