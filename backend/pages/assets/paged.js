// A list that is read a page at a time.
import { action, h } from "./dom.js";
import { t } from "./texts.js";

/** Reads the first page of `name` at `path`; answers what draws it, `row` by row, with a way to more, and whether it is `empty`. */
export async function paged(app, path, name, row) {
  const join = path.includes("?") ? "&" : "?";
  const read = (cursor) => app.session.get(cursor ? `${path}${join}cursor=${encodeURIComponent(cursor)}` : path);
  const first = await read(null);
  const items = first[name];
  let cursor = first.next_cursor;
  const draw = () => {
    const rows = h("ul", { class: "rows" }, items.map(row));
    const more = action(t("more"), async () => {
      const next = await read(cursor);
      items.push(...next[name]);
      rows.append(...next[name].map(row));
      cursor = next.next_cursor;
      more.hidden = cursor === null;
    }, app.failed, "plain");
    more.hidden = cursor === null;
    return h("section", { class: "card" }, items.length === 0 ? h("p", { class: "soft" }, t("none")) : [rows, more]);
  };
  draw.empty = items.length === 0;
  return draw;
}
