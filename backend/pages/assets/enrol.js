// A face, from the text that is agreed to, to three good pictures: the same for residents and for visitors.
import { Refused, Unreachable } from "./api.js";
import { takePictures } from "./camera.js";
import { action, h, show } from "./dom.js";
import { words } from "./form.js";
import { language, t } from "./texts.js";

export const FACE = "face_access";
const SLOTS = [1, 2, 3];

/** What to do about a picture that was refused; `null` where no other picture would help. */
function describe(error) {
  if (error instanceof Refused && error.status === 422) return error.advice(language()) || t("photo.again");
  if (error instanceof Unreachable) return t("wrong.network.note");
  if (error instanceof Refused && error.code === "too-many-photos") return null;
  if (error instanceof Refused && [413, 415, 429, 503].includes(error.status)) return words(error);
  return null;
}

/** The texts as they are now, each with `handlers`, who processes the data in each community, and with `beneath`: what
 * gates of the communities keep beyond it, in a paragraph each.
 *
 * `communities` are `{community_id, name}`; without them, those in which the person may enter.
 */
export async function consentTexts(session, communities = null) {
  const places = communities ?? (await session.get("/communities")).communities;
  const read = (query) => session.get(`/consents/documents${query}`);
  const [{ documents }, ...local] = await Promise.all([
    read(""), ...places.map(({ community_id: community }) => read(`?community_id=${community}`)),
  ]);
  const handlers = places.map(({ name }, at) => ({ name, handler: local[at].handler }));
  return documents.map((text) => ({ ...text, handlers, beneath: places.flatMap(({ name }, at) => {
    const added = local[at].documents.find((one) => one.purpose === text.purpose && one.language === text.language)?.supplement;
    return added ? [places.length > 1 ? `${name}\n${added}` : added] : [];
  }) }));
}

/** Enrols on a page: `{session, frame, draw, done, refused, refuse, cancel, failed, base?, communities?}`.
 *
 * `base` is where somebody else's consents and enrolments stand, whose guardian holds the phone, and `communities`
 * where he may enter; else they are his own.
 * `draw(view)` shows a view and remembers it for a change of language; `done`, `refused` and `cancel` say where to go
 * on; `refuse` is the key of the words for who would rather not.
 */
export class Enrolling {
  #page;

  constructor(page) {
    this.#page = { base: "", communities: null, ...page };
  }

  /** Agree to the exact text first, then three pictures. */
  async begin() {
    const { consents } = await this.#page.session.get(`${this.#page.base}/consents`);
    if (consents.some((one) => one.purpose === FACE && one.counts)) return this.pictures();
    return this.ask(FACE, () => this.pictures());
  }

  /** Show a purpose's text as it is now; yes and no are equally easy. */
  async ask(purpose, then) {
    const { session, frame, draw, refused, refuse, failed, base, communities } = this.#page;
    const documents = await consentTexts(session, communities);
    draw(() => {
      const text = documents.find((one) => one.purpose === purpose && one.language === language());
      show(frame(h("section", { class: "card" },
        h("h1", {}, text.title),
        h("p", { class: "soft" }, t("consent.version", { version: text.version })),
        text.handlers.map(({ name, handler }) =>
          h("p", { class: "soft" }, t(handler === null ? "consent.handler.desk" : "consent.handler", { name, handler }))),
        h("div", { class: "text", tabindex: "0" }, [text.body, ...text.beneath].join("\n\n")),
        h("div", { class: "actions" },
          action(t("consent.agree"), async () => {
            await session.send("PUT", `${base}/consents/${purpose}`, { version: text.version, language: language() });
            await then();
          }, failed),
          action(t(refuse), refused, failed)))));
    });
  }

  async pictures() {
    const { session, frame, draw, done, cancel, failed, base } = this.#page;
    draw(() => {});
    try {
      let enrolment = await this.#begunOrNew();
      for (;;) {
        const send = (slot, blob) => session.upload(`${base}/enrolments/${enrolment.enrolment_id}/photos/${slot}`, blob);
        await takePictures({ frame, captures: enrolment.captures, done: enrolment.done, send, describe, cancel });
        try {
          await session.send("POST", `${base}/enrolments/${enrolment.enrolment_id}/complete`);
          return await done();
        } catch (error) {
          const words = describe(error);
          if (words === null) throw error;
          // Only what the three pictures are is a reason to take others; where the line broke they are still good.
          const refused = error instanceof Refused && error.status === 422;
          await this.#explained(t(refused ? "photo.again" : "photo.unsent"), words);
          enrolment = refused ? await this.#new() : { ...enrolment, captures: [], done: SLOTS };
        }
      }
    } catch (error) {
      failed(error);
    }
  }

  /** What was good before the connection was lost, or the page closed, is not taken again. */
  async #begunOrNew() {
    const { session, base } = this.#page;
    const { enrolments } = await session.get(`${base}/enrolments`);
    const open = enrolments.find((one) => one.state === "open");
    const begun = open && await session.get(`${base}/enrolments/${open.enrolment_id}`);
    // Where as many pictures were tried as may be, only another round takes more.
    return begun && begun.attempts_left > 0 ? begun : this.#new();
  }

  async #new() {
    return { ...await this.#page.session.send("POST", `${this.#page.base}/enrolments`, {}), done: [] };
  }

  #explained(title, words) {
    return new Promise((resolve) => show(this.#page.frame(h("section", { class: "card" },
      h("h1", {}, title), h("p", {}, words),
      h("div", { class: "actions" }, h("button", { type: "button", click: resolve, class: "first" }, t("retry")))))));
  }
}
