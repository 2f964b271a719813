// What stands above every view: what has to be decided by somebody before a day is over, and whether there is news.
import { action, h } from "./dom.js";
import { recaptureDue, stageOf } from "./my-children.js";
import { t, time } from "./texts.js";

const EVERY_MS = 60_000;

export class Notices {
  #app; #unread = 0; #me = null; #age = null; #wards = []; #timer = null;
  /** Announced to who cannot see it, wherever he is on the page. */
  above = h("div", { role: "status" });
  bell = h("a", { href: "#news", class: "bell" });

  constructor(app) {
    this.#app = app;
    document.addEventListener("visibilitychange", () => { if (this.#timer !== null) this.#news(); });
  }

  /** From log-in on. */
  begin() {
    this.end();
    this.#timer = setInterval(() => this.#news(), EVERY_MS);
    return this.refresh();
  }

  /** The person is logged in no more: nothing of his stays on the screen. */
  end() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#unread = 0;
    this.#me = this.#age = null;
    this.#wards = [];
    this.draw();
  }

  /** All of it anew. Whoever has no network, or whose log-in ends, learns it from what he does himself. */
  async refresh() {
    const { session } = this.#app;
    const running = this.#timer;
    const read = (path) => session.get(path).catch(() => null);
    const [me, age, wards] = await Promise.all(["/me", "/age", "/wards"].map(read));
    if (running !== this.#timer) return;
    this.#me = me;
    this.#age = age;
    this.#wards = wards?.wards ?? [];
    await this.#news();
  }

  async #news() {
    if (document.visibilityState === "hidden" || this.#timer === null) return;
    const news = await this.#app.session.get("/notifications?unread=true&limit=1").catch(() => null);
    if (news !== null && this.#timer !== null) this.#unread = news.unread;
    this.draw();
  }

  draw() {
    this.bell.replaceChildren(t("news.short"), this.#unread > 0 ? h("span", { class: "count" }, String(this.#unread)) : "");
    if (this.#unread > 0) this.bell.setAttribute("aria-label", t("news.unread", { count: this.#unread }));
    else this.bell.removeAttribute("aria-label");
    const cards = [this.#move(), this.#birthday(), ...this.#wards.map((ward) => this.#ward(ward))].filter(Boolean);
    this.above.replaceChildren(...cards);
  }

  #move() {
    const move = this.#me?.number_move;
    return move && h("details", { class: "card notice" }, h("summary", {}, t("move.title")),
      h("p", {}, t("move.note", { date: time(move.at), digits: move.ends_in })),
      h("div", { class: "actions" }, action(t("move.stop"), async () => {
        await this.#app.session.send("DELETE", "/me/number");
        await this.refresh();
      }, this.#app.failed, "first")));
  }

  /** From the fourteenth birthday on: what guardians agreed to ends in thirty days, unless one agrees oneself. */
  #birthday() {
    const until = this.#age?.decides_until;
    return this.#age?.stage === "asked" && h("details", { class: "card notice" }, h("summary", {}, t("birthday.title")),
      h("p", {}, until ? t("birthday.note", { date: time(until, this.#age.time_zone) }) : t("birthday.soon")),
      h("div", { class: "actions" }, h("a", { class: "button", href: "#face" }, t("birthday.decide"))));
  }

  #ward(ward) {
    const due = ward.may.includes("enrol") && recaptureDue(ward);
    return (ward.stage === "asked" || due) && h("p", { class: "card notice" },
      h("a", { href: `#child/${ward.person_id}` }, ward.stage === "asked" ? stageOf(ward) : t("child.recapture.of", { name: ward.name })));
  }
}
