// Times in form fields are those of the community's own clocks, wherever the phone is: guests come to its doors.

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
function ahead(ms, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(ms);
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

/** A moment as `datetime-local` wants it: what the zone's clocks show, without the zone. */
export const local = (ms, zone) => new Date(ms + ahead(ms, zone)).toISOString().slice(0, 16);

/** The moment at which the zone's clocks show that; where they show it twice, the first time. */
export function moment(text, zone) {
  const shown = Date.parse(`${text}Z`);
  // Twice: the first guess may lie on the other side of a change of the clocks.
  const guess = shown - ahead(shown, zone);
  return new Date(shown - ahead(guess, zone)).toISOString();
}
