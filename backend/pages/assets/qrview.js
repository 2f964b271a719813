// A QR code as a picture: one path, sharp at any size and on paper, white around it also where the page is dark.
import { encode } from "./qr.js";

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4;

/** The picture of a text; `label` says what it is to who cannot see it. */
export function qrPicture(text, label) {
  const rows = encode(text);
  const side = rows.length + 2 * QUIET;
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges",
  })) svg.setAttribute(name, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rows.flatMap((row, i) => row.map((dark, j) => (dark ? `M${j + QUIET} ${i + QUIET}h1v1h-1z` : ""))).join(""));
  path.setAttribute("fill", "#000");
  svg.append(path);
  return svg;
}
