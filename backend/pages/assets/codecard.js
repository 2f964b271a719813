// The person's own code: a new one every thirty seconds, also without a network, for as long as it is on the screen.
import { action, h } from "./dom.js";
import { qrPicture } from "./qrview.js";
import { t } from "./texts.js";
import { codeAt, leftMs, nowMs } from "./phonekey.js";

/** What the owner sees as this phone's name in his list: the make, as far as the browser tells, never more. */
const phoneName = () => navigator.userAgent.match(/iPhone|iPad|Android|Windows|Macintosh|Linux/)?.[0] ?? t("code.phone");

/** A code that changes where it stands and stops when it is taken away. */
export function liveCode(place) {
  const picture = h("div", { class: "code" });
  const left = h("progress", { max: 30, "aria-label": t("code.left") });
  const seconds = h("span", { class: "soft", "aria-hidden": "true" });
  const card = h("div", { class: "live", "aria-live": "off" }, picture, left, seconds);
  let shown = null;
  let awake = null;
  const stayAwake = async () => {
    try {
      awake = await navigator.wakeLock?.request("screen");
    } catch {
      awake = null; // The battery is low, or the browser has none of it: the screen dims as it always does.
    }
  };
  const turn = async () => {
    if (shown !== null && !card.isConnected) {
      await awake?.release();
      return;
    }
    const now = nowMs(place);
    const step = Math.floor(now / 30_000);
    if (step !== shown && document.visibilityState === "visible") {
      picture.replaceChildren(qrPicture(await codeAt(place.keys, place.community, now), t("code.own")));
      shown = step;
      if (awake?.released !== false) stayAwake();
    }
    const rest = Math.ceil(leftMs(now) / 1000);
    left.value = rest;
    seconds.textContent = t("code.seconds", { seconds: rest });
    setTimeout(turn, 250);
  };
  turn();
  return card;
}

/** A community's code, or the way to get one on this phone. */
export function codeCard({ keyring, place, community, name, changed, failed }) {
  const make = () => action(t("code.make"), async () => {
    await keyring.add(community, name, phoneName());
    await changed();
  }, failed, "first");
  return h("section", { class: "card" },
    h("h2", {}, name),
    place
      ? [h("p", { class: "soft" }, t("code.live.note")), liveCode(place)]
      : [h("p", { class: "soft" }, t("code.make.note")), h("div", { class: "actions" }, make())]);
}

/** The phones whose codes open there, each removable. */
export function phoneList({ keyring, community, changed, failed }) {
  const list = h("details", { class: "card" }, h("summary", {}, t("phones")));
  list.addEventListener("toggle", async () => {
    try {
      const phones = await keyring.phones(community);
      list.append(phones.length === 0 ? h("p", { class: "soft" }, t("phones.none")) : h("ul", { class: "rows" }, phones.map((phone) => h("li", {},
        h("span", {}, phone.label, phone.here && h("span", { class: "soft" }, ` · ${t("phones.here")}`)),
        action(t("remove"), async () => {
          await keyring.remove(community, phone.key_id);
          await changed();
        }, failed, "plain bad")))));
    } catch (error) {
      failed(error);
    }
  }, { once: true });
  return list;
}
