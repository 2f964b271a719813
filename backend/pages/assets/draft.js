// What somebody was filling in, kept by this tab alone: a phone drops the pages that are behind, such as while its owner
// looks up a code or a name elsewhere. It goes once it is sent, and with the person.

const PLACE = "doorward.draft.";

/** What was kept by that name; null where there is nothing. */
export function drafted(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE + name));
  } catch {
    return null; // Another release's, or a browser that keeps nothing.
  }
}

export function keepDraft(name, value) {
  try {
    sessionStorage.setItem(PLACE + name, JSON.stringify(value));
  } catch {
    // Nothing may be kept here: it is filled in again, as before.
  }
}

export function dropDraft(name) {
  sessionStorage.removeItem(PLACE + name);
}

/** Nobody else's: whoever logs in next on this phone finds none of it. */
export function dropDrafts() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(PLACE)) sessionStorage.removeItem(name);
}
