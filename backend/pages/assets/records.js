// What is kept of somebody and for how long, and the proof that it was destroyed.
import { action, h } from "./dom.js";
import { language, span, t, time } from "./texts.js";

/** The rules of retention of these names, as the server states them: the same list that is enforced. */
export function kept(session, names, failed) {
  const list = h("details", { class: "card" }, h("summary", {}, t("kept")));
  list.addEventListener("toggle", async () => {
    try {
      const { rules } = await session.public("/retention");
      const english = language() === "en";
      list.append(h("ul", { class: "rows" }, rules.filter((rule) => names.has(rule.key)).map((rule) => {
        const since = english ? rule.since : rule.since_zh;
        // Without a period it is kept until something happens, and `since` says until when.
        return h("li", {}, h("div", {}, english ? rule.what : rule.what_zh,
          h("p", { class: "soft" }, rule.period_s === null ? since : t("kept.for", { span: span(rule.period_s), since }))));
      })));
    } catch (error) {
      failed(error);
    }
  }, { once: true });
  return list;
}

/** The certificates of erasures, each to be kept as a file; there is none while the server still destroys. */
export function certificates(session, erasures, failed) {
  if (erasures.length === 0) return null;
  return h("section", { class: "card" }, h("h2", {}, t("certificates")), h("p", { class: "soft" }, t("certificates.note")),
    erasures.map((one) => h("p", {}, one.state === "running" ? t("certificate.running", { date: time(one.started_at) }) : action(t("certificate.open", { date: time(one.started_at) }), async () => {
      const page = await session.file(`/erasures/${one.erasure_id}/certificate/page?language=${language()}`);
      h("a", { href: page, download: `doorward-${one.erasure_id}.html` }).click();
    }, failed, "plain"))));
}
