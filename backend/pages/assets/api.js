// One surface of the API, as the OpenAPI document describes it.

/** What the server refused, in its own words: `code`, `remedy`, and what to do in the person's language. */
export class Refused extends Error {
  constructor(problem, status, after = 0) {
    super(problem.detail ?? "");
    this.status = status;
    /** When to come back, in seconds, as Retry-After says. */
    this.after = after;
    this.code = problem.code ?? "unknown";
    this.remedy = problem.remedy ?? "";
    /** The names of the fields that have the wrong form. */
    this.fields = (problem.errors ?? []).map((one) => one.field);
    this.extra = problem.extra ?? {};
  }

  /** What to do, in this language where the server has it. */
  advice(language) {
    return this.extra.messages?.[language] ?? "";
  }
}

/** Nothing was answered: no network, or nobody there. */
export class Unreachable extends Error {}

// A refresh token is good once; without the lock (old browsers) the server refuses the slower window, which asks again.
const alone = async (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());

// A line that is dead without saying so is given up after this; a picture takes a while on a slow one.
const PATIENCE_MS = 20_000;
const PATIENCE_UPLOAD_MS = 90_000;
const PAUSES_MS = [0, 700, 2500];
const LONGEST_PAUSE_S = 5;
// What passes by itself, and is safe to repeat: it was not carried out, or the key says that it is the same.
const PASSING = ["request-in-progress", "faces-busy", "storage-unavailable", "database-unavailable", "unavailable"];

/** Somebody's session on one surface. Its refresh token is all that stays on the phone, until it ends. */
export class Session {
  #surface; #store; #access = null; #renewing = null;

  constructor(surface, store) {
    this.#surface = surface;
    this.#store = store;
  }

  get known() {
    return localStorage.getItem(this.#store) !== null;
  }

  forget() {
    localStorage.removeItem(this.#store);
    this.#access = null;
  }

  /** What another session of the same person may be begun with. */
  get token() {
    return localStorage.getItem(this.#store);
  }

  /** Begin with what a public route such as `/session` answers. */
  async begin(path, body) {
    const answer = await this.#call("POST", path, { json: body });
    localStorage.setItem(this.#store, answer.refresh_token);
    this.#access = answer.access_token;
    return answer;
  }

  /** From here on the session is somebody's whom the office knew before: his tokens, and not those that are still good. */
  renew() {
    this.#access = null;
    return this.#renew();
  }

  /** What anybody may ask for, such as a code to log in with. */
  ask(path, body) {
    return this.#call("POST", path, { json: body });
  }

  /** What anybody may read. */
  public(path) {
    return this.#call("GET", path, {});
  }

  /** A picture or page as an address within this page; another origin never sees it. */
  async file(path) {
    return URL.createObjectURL(await this.#authorised("GET", path, { whole: true }));
  }

  get(path) {
    return this.#authorised("GET", path, {});
  }

  /** `[value, etag]`: to change it by `send`, which then overwrites nobody else's change.
   *
   * The value is null where it is as it was when its tag was `known`.
   */
  read(path, known = null) {
    return this.#authorised("GET", path, { tagged: true, known });
  }

  send(method, path, body, etag = null) {
    return this.#authorised(method, path, { json: body, etag });
  }

  upload(path, blob) {
    return this.#authorised("PUT", path, { blob });
  }

  async #authorised(method, path, content) {
    if (this.#access === null) await this.#renew();
    try {
      return await this.#call(method, path, { ...content, token: this.#access });
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      await this.#renew();
      return this.#call(method, path, { ...content, token: this.#access });
    }
  }

  /** Two requests that find the access expired renew it once; two windows one after the other, each with the newest. */
  #renew() {
    this.#renewing ??= alone(this.#store, async () => {
      const answer = await this.#call("POST", "/token", { json: { refresh_token: localStorage.getItem(this.#store) ?? "" } });
      this.#access = answer.access_token;
      localStorage.setItem(this.#store, answer.refresh_token);
    }).finally(() => { this.#renewing = null; });
    return this.#renewing;
  }

  async #call(method, path, { json, blob, token, whole, tagged, etag, known }) {
    const headers = { "Accept-Language": document.documentElement.lang };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    if (known) headers["If-None-Match"] = known;
    if (blob) headers["Content-Type"] = blob.type || "image/jpeg";
    // What creates is named, so that a repeated request after a lost connection creates nothing twice.
    if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
    const body = blob ?? (json === undefined ? undefined : JSON.stringify(json));
    return this.#reach(`/${this.#surface}/v1${path}`, { method, headers, body }, { whole, tagged });
  }

  /** A connection lost on the way is tried again, with the same key, before anybody is troubled with it. */
  async #reach(address, request, form) {
    let failure = new Unreachable();
    let pause = 0;
    for (const least of PAUSES_MS) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(least, pause)));
      try {
        return await once(address, request, form);
      } catch (error) {
        failure = error;
        if (error instanceof Unreachable) continue;
        pause = error.after * 1000;
        if (!PASSING.includes(error.code) || error.after > LONGEST_PAUSE_S) throw error;
      }
    }
    throw failure;
  }
}

/** One answer, whole: a line that breaks in the middle of it has given none. */
async function once(address, request, { whole, tagged }) {
  const patience = AbortSignal.timeout(request.body instanceof Blob ? PATIENCE_UPLOAD_MS : PATIENCE_MS);
  let response;
  let content;
  try {
    response = await fetch(address, { ...request, signal: patience, credentials: "omit", cache: "no-store" });
    content = response.ok && whole ? await response.blob() : await response.text();
  } catch {
    throw new Unreachable();
  }
  if (response.status === 304) return [null, response.headers.get("etag")];
  if (response.ok && whole) return content;
  const answer = content && response.headers.get("content-type")?.includes("json") ? JSON.parse(content) : {};
  if (!response.ok) throw new Refused(answer, response.status, Number(response.headers.get("retry-after")) || 0);
  return tagged ? [answer, response.headers.get("etag")] : answer;
}
