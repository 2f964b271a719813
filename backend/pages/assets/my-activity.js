// Where somebody came in, and where he is logged in.
import { action, h } from "./dom.js";
import { paged } from "./paged.js";
import { known, t, time } from "./texts.js";

const back = () => h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`));

export async function entriesView(app) {
  const names = new Map((await app.readHomes()).map((home) => [home.community_id, home.community]));
  const list = await paged(app, "/entries", "entries", (entry) => h("li", {},
    h("div", {}, h("strong", {}, time(entry.at)), h("p", { class: "soft" }, [names.get(entry.community_id), via(entry)].filter(Boolean).join(" · "))),
    h("span", { class: `state ${entry.outcome === "allow" ? "good" : "bad"}` }, t(entry.outcome === "allow" ? "entry.allow" : "entry.deny"))));
  return () => [back(), h("h1", {}, t("entries.title")), h("p", { class: "soft" }, t("entries.note")), list()];
}

const via = (entry) => known(`via.${entry.via}`) && t(`via.${entry.via}`);

export async function sessionsView(app) {
  const list = await paged(app, "/me/sessions", "sessions", (one) => h("li", {},
    h("div", {}, h("strong", {}, one.device ?? t("session.device")), one.current && h("span", { class: "soft" }, ` · ${t("phones.here")}`),
      h("p", { class: "soft" }, t("session.used", { date: time(one.used_at) }))),
    !one.current && action(t("session.end"), async () => {
      await app.session.send("DELETE", `/me/sessions/${one.session_id}`);
      await app.reload();
    }, app.failed, "plain bad")));
  return () => [
    back(), h("h1", {}, t("sessions.title")), list(),
    h("div", { class: "actions" }, action(t("sessions.end"), async () => {
      await app.session.send("DELETE", "/me/sessions");
      await app.reload();
    }, app.failed)),
  ];
}
