// A guest who comes again with the same phone: what is remembered here of the earlier visit, and how to go on as then.

const KIND = "doorward.visit.kind";
const LINK = "doorward.visit.link";
const ACCEPTED = "doorward.visit.accepted";

/** Which link it was, and never the link itself; null where the browser cannot say. */
async function nameOf(token) {
  if (!globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Earlier {
  #session;
  /** Whether the person chose to go on as before, just now. */
  wentOn = false;

  constructor(session) {
    this.#session = session;
  }

  /** "guest", "courier" or "young", as the link that was opened last said; null where that was before it was kept. */
  get kind() {
    return localStorage.getItem(KIND);
  }

  /** Whether this is another guest's link than the one that this phone has accepted before. */
  async mayGoOnWith(token) {
    if (!this.#session.known || this.kind !== "guest" || localStorage.getItem(ACCEPTED) === null) return false;
    const name = await nameOf(token);
    return name === null || name !== localStorage.getItem(LINK);
  }

  /** Begin a session by a link: as whoever accepted on this phone before, or as somebody new. */
  async begin(token, asBefore) {
    const known = asBefore ? { known: this.#session.token } : {};
    const { kind } = await this.#session.begin("/session", { token, ...known });
    localStorage.setItem(KIND, kind);
    localStorage.removeItem(ACCEPTED);
    this.wentOn = asBefore;
    const name = await nameOf(token);
    if (name === null) localStorage.removeItem(LINK);
    else localStorage.setItem(LINK, name);
  }

  /** The invitation was accepted on this phone. */
  accepted() {
    this.wentOn = false;
    localStorage.setItem(ACCEPTED, "yes");
  }
}
