// This phone's keys, one for each community, and the codes that they sign. The bytes are those of docs/codes.md.

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const STEP_MS = 30_000;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

const utf8 = (text) => new TextEncoder().encode(text);
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const uuid = (text) => Uint8Array.from(text.replaceAll("-", "").match(/../g), (hex) => parseInt(hex, 16));
const uint32 = (number) => Uint8Array.from([24, 16, 8, 0], (shift) => (number >>> shift) & 255);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const unbase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

export function base45(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let number = pair ? bytes[at] * 256 + bytes[at + 1] : bytes[at];
    for (let digit = 0; digit < (pair ? 3 : 2); digit++) {
      text += ALPHABET[number % 45];
      number = Math.floor(number / 45);
    }
  }
  return text;
}

export const makeKey = () => crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
const publicKey = async (keys) => new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
const sign = async (keys, bytes) => new Uint8Array(await crypto.subtle.sign(ECDSA, keys.privateKey, bytes));

/** That this phone has the key, over the server's challenge. */
export async function proof(keys, community, challenge) {
  const parts = [uuid(community), await sha256(challenge), await sha256(await publicKey(keys))];
  return sign(keys, join(utf8("doorward/phone-key/v1\0"), ...parts));
}

/** The code of a moment, in milliseconds since the Unix epoch. */
export async function codeAt(keys, community, nowMs) {
  const id = (await sha256(await publicKey(keys))).slice(0, 8);
  const step = uint32(Math.floor(nowMs / STEP_MS));
  const signature = await sign(keys, join(utf8("doorward/code/v1\0"), uuid(community), id, step));
  return `DW1:${base45(join([1], id, step, signature))}`;
}

/** What is left of the code of that moment, in milliseconds. */
export const leftMs = (nowMs) => STEP_MS - (nowMs % STEP_MS);

/** The server's time, as far as it was ahead of this phone's when they last spoke. */
export const nowMs = (place) => Date.now() + place.aheadMs;

/** Whether this browser can hold keys: WebCrypto needs HTTPS, and some private windows have no IndexedDB. */
export const canHoldKeys = () => globalThis.crypto?.subtle !== undefined && globalThis.indexedDB !== undefined;

function transaction(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("doorward", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const done = database.transaction("keys", mode);
      const request = work(done.objectStore("keys"));
      done.oncomplete = () => { database.close(); resolve(request.result); };
      done.onabort = done.onerror = () => { database.close(); reject(done.error); };
    };
  });
}

/** The keys of one surface's session; the visitor's and the resident's never meet, or a gate could tell that they are one.
 *
 * A place is `{id, surface, community, name, keys, keyId, aheadMs}`; its private key can be used and never read.
 */
export class Keyring {
  #session; #surface;

  constructor(session, surface) {
    this.#session = session;
    this.#surface = surface;
  }

  /** The places in which this phone has a key, also without a network. */
  async list() {
    const all = await transaction("readonly", (store) => store.getAll());
    return all.filter((place) => place.surface === this.#surface).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Make a key for a community and have it registered. */
  async add(community, name, label) {
    const path = `/communities/${community}/phones`;
    const { challenge, now_us: nowUs } = await this.#session.send("POST", `${path}/challenge`);
    const keys = await makeKey();
    const registered = await this.#session.send("POST", path, {
      label, challenge,
      public_key: base64(await publicKey(keys)),
      proof: base64(await proof(keys, community, unbase64(challenge))),
    });
    const place = {
      id: `${this.#surface}:${community}`, surface: this.#surface, community, name, keys,
      keyId: hex((await sha256(await publicKey(keys))).slice(0, 8)), aheadMs: nowUs / 1000 - Date.now(),
    };
    if (place.keyId !== registered.key_id) throw new Error("the server names the key differently");
    await transaction("readwrite", (store) => store.put(place));
    return place;
  }

  /** The person's phones there; a key of this phone that was taken back elsewhere, or the time, is put right here. */
  async phones(community) {
    const { phones, now_us: nowUs } = await this.#session.get(`/communities/${community}/phones`);
    const place = (await this.list()).find((one) => one.community === community);
    if (place === undefined) return phones.map((phone) => ({ ...phone, here: false }));
    if (!phones.some((phone) => phone.key_id === place.keyId)) await this.drop(place);
    else await transaction("readwrite", (store) => store.put({ ...place, aheadMs: nowUs / 1000 - Date.now() }));
    return phones.map((phone) => ({ ...phone, here: phone.key_id === place.keyId }));
  }

  async remove(community, keyId) {
    await this.#session.send("DELETE", `/communities/${community}/phones/${keyId}`);
    const place = (await this.list()).find((one) => one.keyId === keyId);
    if (place) await this.drop(place);
  }

  drop(place) {
    return transaction("readwrite", (store) => store.delete(place.id));
  }

  /** Take every key of this phone back, as far as the server can be told, and forget it. */
  async clear() {
    for (const place of await this.list()) {
      await this.#session.send("DELETE", `/communities/${place.community}/phones/${place.keyId}`).catch(() => {});
      await this.drop(place);
    }
  }
}
