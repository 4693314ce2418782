// A molecule in a plane as SVG, in the manner of `figures/draw.py`: bonds, and circles whose words and fills change.

import { svg as element } from "../../../dmol_molnet/live/stage/svg.js";
import { layout } from "./layout.js";

export const RADIUS = 0.36; // bonds are about 1 long

export function svg(tag, attributes, parent, ...words) {
  // An element at the end of another.
  const made = element(tag, attributes, ...words);
  parent?.append(made);
  return made;
}

function strokes([ax, ay], [bx, by], order) {
  // The lines of a bond: one an order, side by side; 1.5 is a full line and a broken one.
  const length = Math.hypot(bx - ax, by - ay) || 1, n = Math.ceil(order);
  const across = [(-0.09 * (by - ay)) / length, (0.09 * (bx - ax)) / length];
  return Array.from({ length: n }, (_, k) => {
    const [x, y] = across.map((it) => (2 * k - n + 1) * it);
    const at = (share) => [ax + share * (bx - ax) + x, ay + share * (by - ay) + y];
    const pieces = order === 1.5 && k ? [[0.16, 0.3], [0.43, 0.57], [0.7, 0.84]] : [[0, 1]];
    return pieces.map(([from, to]) => [at(from), at(to)]);
  }).flat();
}

export class Picture {
  // A panel with a title.  act(v): an atom was clicked.
  constructor(parent, act = null) {
    this.box = document.createElement("div");
    this.box.className = "live-panel";
    this.title = document.createElement("p");
    this.svg = svg("svg", { role: "img" });
    this.box.append(this.title, this.svg);
    parent.append(this.box);
    this.act = act;
  }

  molecule(molecule) {
    // Draws it; -> how wide and high it is.
    const { symbols, bonds } = molecule, at = layout(molecule).map(([x, y]) => [x, -y]);
    this.svg.replaceChildren();
    const line = { stroke: "currentColor", "stroke-width": 0.05, "stroke-linecap": "round" };
    for (const [i, j, order] of bonds)
      for (const [[x1, y1], [x2, y2]] of strokes(at[i], at[j], order))
        svg("line", { x1, y1, x2, y2, ...line }, this.svg);
    const stress = { fill: "none", stroke: molnetLive.style.highlight, "stroke-width": 0.07, visibility: "hidden" };
    this.atoms = at.map(([cx, cy], v) => {
      const r = RADIUS * (symbols[v] === "H" ? 0.72 : 1), group = svg("g", {}, this.svg);
      const ring = svg("circle", { cx, cy, r: r + 0.08, ...stress }, group);
      const disc = svg("circle", { cx, cy, r, "stroke-width": 0.035 }, group);
      const word = svg("text", { x: cx, y: cy, dy: "0.36em", "text-anchor": "middle" }, group);
      if (this.act) {
        group.style.cursor = "pointer";
        group.addEventListener("click", () => this.act(v));
      }
      return { r, ring, disc, word };
    });
    const room = RADIUS + 0.14, low = [0, 1].map((d) => Math.min(...at.map((p) => p[d])) - room);
    this.low = low, this.extent = [0, 1].map((d) => Math.max(...at.map((p) => p[d])) + room - low[d]);
    return this.extent;
  }

  fit([width, height]) {
    // In the middle of a box, so that several pictures have one scale.
    const [x, y] = [this.low[0] - (width - this.extent[0]) / 2, this.low[1] - (height - this.extent[1]) / 2];
    this.svg.setAttribute("viewBox", [x, y, width, height].map((it) => it.toFixed(3)).join(" "));
  }

  paint(faces, label) {
    // faces: {text, fill, ringed, faint} of every atom; faint ones are broken circles on the page's own ground.
    const { onColor } = molnetLive.style;
    faces.forEach(({ text, fill, ringed = false, faint = false }, v) => {
      const { r, ring, disc, word } = this.atoms[v];
      ring.setAttribute("visibility", ringed ? "visible" : "hidden");
      disc.setAttribute("fill", faint ? "var(--pst-color-background, Canvas)" : fill);
      disc.setAttribute("stroke", faint ? "currentColor" : onColor);
      disc.setAttribute("stroke-dasharray", faint ? "0.1 0.09" : "none");
      word.textContent = text;
      word.setAttribute("font-size", Math.min(0.34, (2.6 * r) / Math.max(2, text.length)).toFixed(3));
      word.style.fill = faint ? "currentColor" : onColor;
    });
    this.svg.setAttribute("aria-label", label);
  }
}
