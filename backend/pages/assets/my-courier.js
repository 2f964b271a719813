// Somebody who lives here and brings parcels too: one person, once the company's link is open on this phone.
import { action, h, show } from "./dom.js";
import { t } from "./texts.js";

const LINK = "doorward.visit";
const KIND = "doorward.visit.kind";

/** Whether a company's link is open on this phone; the visitors' page keeps its session here. */
export const courierHere = () => localStorage.getItem(KIND) === "courier" && localStorage.getItem(LINK) !== null;

export async function courierView(app) {
  const join = async () => {
    const joined = await app.session.send("POST", "/courier", { refresh_token: localStorage.getItem(LINK) });
    app.draw(() => show(app.frame(h("section", { class: "card" }, h("h1", {}, t("courier.joined")), h("p", {}, t("courier.joined.note")),
      h("ul", { class: "rows" }, joined.companies.map((one) => h("li", {}, h("strong", {}, one.company)))),
      joined.certificate_link && h("p", {}, h("a", { href: joined.certificate_link, rel: "noreferrer" }, t("courier.certificate"))),
      h("div", { class: "actions" }, h("a", { class: "button", href: "/visit" }, t("courier.back")))))));
  };
  return () => [
    h("p", {}, h("a", { href: "#me" }, `← ${t("tab.me")}`)),
    h("h1", {}, t("courier.title.my")),
    h("section", { class: "card" }, courierHere()
      ? [h("p", {}, t("courier.what")), h("p", { class: "soft" }, t("courier.face")), h("div", { class: "actions" }, action(t("courier.join"), join, app.failed, "first"))]
      : h("p", {}, t("courier.nolink"))),
  ];
}
