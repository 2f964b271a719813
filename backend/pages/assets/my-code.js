// The first view: the code for the gate, drawn from what the phone holds, before anybody is asked anything.
import { Unreachable } from "./api.js";
import { codeCard, phoneList } from "./codecard.js";
import { h } from "./dom.js";
import { canHoldKeys } from "./phonekey.js";
import { t } from "./texts.js";

export async function codeView(app) {
  const { keyring, reload, failed } = app;
  const places = canHoldKeys() ? await keyring.list() : [];
  const communities = new Map(places.map((place) => [place.community, place.name]));
  let offline = false;
  if (places.length > 0) refresh(app, places);
  else {
    try {
      for (const home of await app.readHomes()) communities.set(home.community_id, home.community);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      offline = true;
    }
  }
  for (const home of app.homes ?? []) communities.set(home.community_id, home.community);
  return () => [
    h("h1", {}, t("my.code.title")),
    !canHoldKeys() && h("p", { class: "problem" }, t("code.cannot")),
    offline && h("p", { class: "hint" }, t("wrong.network.note")),
    communities.size === 0 && !offline && nowhere(),
    canHoldKeys() && [...communities].map(([community, name]) => [
      codeCard({ keyring, place: places.find((one) => one.community === community), community, name, changed: reload, failed }),
      phoneList({ keyring, community, changed: reload, failed }),
    ]),
  ];
}

const nowhere = () => h("section", { class: "card" }, h("h2", {}, t("join.none")), h("p", { class: "soft" }, t("join.none.note")),
  h("div", { class: "actions" }, h("a", { class: "button", href: "#join" }, t("join.title"))));

/** While the code is shown already: is this phone still registered, what is the time, is there another home? */
async function refresh(app, places) {
  try {
    for (const place of places) await app.keyring.phones(place.community);
    const known = new Set(places.map((place) => place.community));
    const more = (await app.readHomes()).some((home) => !known.has(home.community_id));
    const fewer = (await app.keyring.list()).length !== places.length;
    if ((more && !app.toldOfMore) || fewer) {
      app.toldOfMore = true;
      if (["", "#code"].includes(location.hash)) await app.reload();
    }
  } catch (error) {
    if (error.code === "nobody-here") await left(app, places);
    else if (!(error instanceof Unreachable)) app.failed(error);
  }
}

/** Who moved away has no code there any more. */
async function left(app, places) {
  const homes = await app.readHomes();
  const gone = places.filter((place) => !homes.some((home) => home.community_id === place.community));
  for (const place of gone) await app.keyring.drop(place);
  if (gone.length > 0) await app.reload();
}
