// Words in drawings.

import { svg } from "../../../dmol_molnet/live/stage/svg.js";

export function text(words, attributes) {
  // Words about a point, in the page's ink (live.css)
  return svg("text", { "text-anchor": "middle", "dominant-baseline": "central", ...attributes }, words);
}
