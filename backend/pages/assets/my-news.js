// What happened: told in the app, and, where the person wants it, by push and by text message.
import { action, h } from "./dom.js";
import { paged } from "./paged.js";
import { canPush, isTold, tellHere, tellNoMore } from "./push.js";
import { known, t, time } from "./texts.js";

// Where what a notification is about can be seen.
const WHERE = {
  pass: "guests", delivery: "deliveries", member: "home", tenancy: "home", session: "sessions", erasure: "me", review: "face", account: "me",
};

export async function newsView(app) {
  let newest = null;
  const list = await paged(app, "/notifications", "notifications", (one) => {
    newest ??= one.created_at;
    return h("li", {}, h("div", {}, one.read_at === null && h("span", { class: "state wait" }, t("news.new")), " ",
      WHERE[one.about] ? h("a", { href: `#${WHERE[one.about]}` }, one.text) : one.text,
      h("p", { class: "soft" }, [time(one.created_at), one.community].filter(Boolean).join(" · "))));
  });
  const told = canPush() && await isTold(app.session);
  return () => {
    const cards = [
      h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`)), h("h1", {}, t("news.title")), list(), pushCard(app, told), preferences(app),
    ];
    // Only what is on the screen counts as read, not what comes meanwhile.
    if (newest !== null) app.session.send("PUT", "/notifications/read", { until: newest }).then(app.watch, () => {});
    return cards;
  };
}

function pushCard(app, told) {
  const said = h("p", { class: "soft", role: "status" });
  const turn = async () => {
    if (told) await tellNoMore(app.session);
    else if (!(await tellHere(app.session))) {
      said.textContent = t("push.refused");
      return;
    }
    await app.reload();
  };
  return h("section", { class: "card" }, h("h2", {}, t("push.title")), h("p", { class: "soft" }, t("push.note")),
    canPush()
      ? [h("span", { class: `state ${told ? "good" : ""}` }, t(told ? "push.on" : "push.off")),
        h("div", { class: "actions" }, action(t(told ? "push.stop" : "push.start"), turn, app.failed))]
      : h("p", { class: "hint" }, t("push.cannot")),
    said);
}

/** Each kind, and by which ways; read when somebody opens it. */
function preferences(app) {
  const list = h("details", { class: "card" }, h("summary", {}, t("told.title")));
  list.addEventListener("toggle", async () => {
    try {
      const { preferences: all } = await app.session.get("/notifications/preferences");
      list.append(h("p", { class: "soft" }, t("told.note")), h("ul", { class: "rows" }, all.map((one) => preference(app, one))));
    } catch (error) {
      app.failed(error);
    }
  }, { once: true });
  return list;
}

function preference(app, one) {
  const name = known(`told.${one.kind}`) ? t(`told.${one.kind}`) : one.kind;
  const way = (channel) => {
    if (one[channel] === null) return null;
    const box = h("input", { type: "checkbox", checked: one[channel], disabled: !one.refusable, "aria-label": `${name}: ${t(`told.${channel}`)}` });
    box.addEventListener("change", async () => {
      box.disabled = true;
      try {
        await app.session.send("PUT", `/notifications/preferences/${one.kind}`, { [channel]: box.checked });
        box.disabled = false;
      } catch (error) {
        app.failed(error);
      }
    });
    return h("label", { class: "check" }, box, h("span", {}, t(`told.${channel}`)));
  };
  return h("li", {}, h("div", {}, name, !one.refusable && h("p", { class: "soft" }, t("told.always"))),
    h("div", { class: "ways" }, way("push"), way("sms")));
}
