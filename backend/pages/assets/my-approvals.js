// Who stands at a gate and waits for the home's word: shown on every view while the page is open, and gone in time.
import { Refused } from "./api.js";
import { action, h } from "./dom.js";
import { mustLogIn, words } from "./form.js";
import { t, time } from "./texts.js";

const EVERY_MS = 3_000;
// A page that lies open and is not touched asks less often: a push message, or a touch, makes it look at once.
const IDLE_MS = 120_000;
const IDLE_TURNS = 5;
const SAID_MS = 6_000;
const clock = { timeStyle: "short" };

export class Approvals {
  #app; #timer = null; #turns = 0; #touched = 0; #looking = null;
  // By home what was last answered; by question what waits, until when, and what was said to an answer.
  #homes = new Map(); #waiting = new Map(); #until = new Map(); #said = new Map();
  /** Announced at once, whatever is being read: somebody waits. */
  above = h("div", { "aria-live": "assertive", "aria-relevant": "additions", class: "askings" });

  constructor(app) {
    this.#app = app;
    document.addEventListener("visibilitychange", () => this.#look());
    navigator.serviceWorker?.addEventListener("message", () => this.#look());
    for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => this.#touch(), { passive: true });
  }

  /** From log-in on. */
  begin() {
    this.end();
    this.#timer = setInterval(() => {
      this.#keep();
      this.#turns += 1;
      if (!this.#idle || this.#turns % IDLE_TURNS === 0) this.#look();
    }, EVERY_MS);
    this.#touch();
    this.#look();
  }

  get #idle() {
    return performance.now() - this.#touched > IDLE_MS;
  }

  #touch() {
    const idle = this.#idle;
    this.#touched = performance.now();
    if (idle) this.#look();
  }

  end() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#looking = null;
    this.#homes.clear();
    this.#waiting.clear();
    this.#until.clear();
    this.#said.clear();
    this.draw();
  }

  /** Ask for each home, by what was there before: an answer without change costs next to nothing. */
  async #look() {
    // One at a time: on a dead line each takes longer than the pause until the next.
    if (this.#timer === null || this.#looking !== null || document.visibilityState === "hidden") return;
    const turn = this.#looking = Symbol("look");
    try {
      const homes = await this.#app.readHomes();
      const seen = await Promise.all(homes.map(async (home) => {
        const path = `/homes/${home.community_id}/${home.home_id}/approvals`;
        const before = this.#homes.get(path);
        const [answer, etag] = await this.#app.session.read(path, before?.etag);
        return [path, { etag, approvals: answer?.approvals ?? before.approvals }];
      }));
      if (turn === this.#looking) this.#homes = new Map(seen);
    } catch {
      // Without a network the last answer stands until its time is over; a log-in that ended shows by itself.
    }
    if (turn !== this.#looking) return;
    this.#looking = null;
    this.#keep();
  }

  /** What waits still. The phone's clock may be wrong, so a question counts from when it was first seen here. */
  #keep() {
    const now = performance.now();
    const before = [...this.#waiting.keys(), ...this.#said.keys()].join();
    const open = [...this.#homes].flatMap(([path, { approvals }]) =>
      approvals.filter((one) => one.state === "waiting").map((one) => ({ ...one, path })));
    // Also what is over stays noted for as long as the last answer names it: it must not come back.
    this.#until = new Map(open.map((one) => [
      one.approval_id, this.#until.get(one.approval_id) ?? now + Date.parse(one.expires_at) - Date.parse(one.asked_at),
    ]));
    this.#waiting = new Map(open.map((one) => [one.approval_id, one]).filter(([id]) => this.#until.get(id) > now));
    for (const [id, one] of this.#said) if (one.until < now) this.#said.delete(id);
    // Drawn only when it changes: a button must not go away under the finger.
    if (before !== [...this.#waiting.keys(), ...this.#said.keys()].join()) this.draw();
  }

  draw() {
    this.above.replaceChildren(
      ...[...this.#waiting.values()].map((one) => this.#card(one)),
      ...[...this.#said.values()].map(({ text }) => h("p", { class: "card notice" }, text)));
  }

  #card(one) {
    const who = one.guest_name ?? (one.order_ref ? t("approval.courier", { order: one.order_ref }) : t("approval.somebody"));
    const answer = (said) => async () => {
      let text = t(`approval.${said}.done`, { who });
      try {
        await this.#app.session.send("POST", `${one.path}/${one.approval_id}/${said}`);
      } catch (error) {
        if (!(error instanceof Refused) || mustLogIn(error)) throw error;
        text = words(error);
      }
      this.#said.set(one.approval_id, { text, until: performance.now() + SAID_MS });
      this.#waiting.delete(one.approval_id);
      this.#until.set(one.approval_id, 0);
      this.draw();
    };
    return h("section", { class: "card notice asking" }, h("h2", {}, t("approval.title", { who, gate: one.gate })),
      h("p", { class: "soft" }, t("approval.since", { time: time(one.asked_at, undefined, clock) })),
      h("div", { class: "actions two" },
        action(t("approval.deny"), answer("deny"), this.#app.failed, "bad"),
        action(t("approval.approve"), answer("approve"), this.#app.failed, "first")));
  }
}
