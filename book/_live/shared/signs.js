// Numbers with a sign, drawn as in `dmol_molnet.figures.space.matrix`: orange is positive, blue negative; so that
// colour is not alone, squares bear + or −, and bars go to one side or the other.

import { signed } from "../../../dmol_molnet/live/stage/frame.js";
import { drawing, set, svg } from "../../../dmol_molnet/live/stage/svg.js";

export const RIM = { true: "#d9822b", false: "#2a7fb8" };

export const ROW = "display: flex; flex: 1 0 100%; gap: 1rem; justify-content: center";

export const read = (element) => JSON.parse(element.querySelector('script[type="application/json"]').textContent);

export function place(parent, style) {
  // A box in an element.
  const made = Object.assign(document.createElement("div"), { style });
  parent.append(made);
  return made;
}

// Numbers in a row: with two digits for readers, with more, and a plain minus, for scripts.
export const listed = (values, digits = 2) =>
  values.map((it) => (digits > 2 ? it.toFixed(digits) : signed(it))).join(" ");

export function text(words, x, y, { size = 0.42, anchor = "middle", bold = false } = {}) {
  return svg("text", { x, y, "font-size": size, "text-anchor": anchor, "font-weight": bold ? 650 : 400 }, words);
}

export function shade(value, colors) {
  // From the neutral fill at 0 to that of its sign at 1.
  const rgb = (color) => [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16));
  const share = Math.min(Math.abs(value), 1);
  const [from, to] = [rgb(colors.neutral), rgb(value > 0 ? colors.positive : colors.negative)];
  return `rgb(${from.map((it, k) => Math.round(it + share * (to[k] - it))).join(" ")})`;
}

export class Squares {
  // A matrix whose number 1 fills a cell -> {element, set(values [rows][columns])}; a cell is 1 x 1.
  constructor(rows, columns, colors) {
    this.colors = colors;
    this.element = svg("g");
    this.cells = Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => {
      const square = svg("rect", { "stroke-width": 0.025 });
      const mark = svg("path", { stroke: molnetLive.style.onColor, "stroke-width": 0.05, fill: "none" });
      this.element.append(svg("g", { transform: `translate(${j + 0.5} ${i + 0.5})` }, square, mark));
      return { square, mark };
    }));
    const rim = { fill: "none", stroke: molnetLive.style.gray, "stroke-width": 0.03 };
    this.element.append(svg("rect", { width: columns, height: rows, ...rim }));
  }

  set(values) {
    values.forEach((row, i) => row.forEach((value, j) => {
      const { square, mark } = this.cells[i][j], share = Math.min(Math.abs(value), 1), nothing = share < 1e-6;
      const side = nothing ? 0.06 : 0.15 + 0.8 * Math.sqrt(share), arm = Math.min(0.3 * side, 0.16);
      const fill = nothing ? molnetLive.style.gray : shade(value, this.colors);
      const stroke = nothing ? "none" : RIM[value > 0];
      set(square, { x: -side / 2, y: -side / 2, width: side, height: side, fill, stroke });
      mark.setAttribute("d", side < 0.25 ? "" : `M${-arm} 0H${arm}${value > 0 ? `M0 ${-arm}V${arm}` : ""}`);
    }));
  }
}

export class Bars {
  // A bar for each number, from a line at 0; positive ones go up, or to the right -> {element, set(values)}.
  constructor(n, { length, across = false, open = false }) {
    // length: of a bar of 1; across: bars lie, one under the other; open: drawn in outline
    Object.assign(this, { length, across, open });
    const gray = { stroke: molnetLive.style.gray, "stroke-width": 0.03 };
    this.element = svg("g", {}, svg("path", { d: `M0 0${across ? "V" : "H"}${n}`, ...gray }));
    this.bars = Array.from({ length: n }, () => svg("rect", { "stroke-width": 0.04 }));
    this.element.append(...this.bars);
  }

  set(values) {
    values.forEach((value, k) => {
      const size = this.length * Math.min(Math.abs(value), 1), from = k + 0.2;
      const positive = value > 0, color = RIM[positive];
      const place = this.across
        ? { x: positive ? 0 : -size, y: from, width: size, height: 0.6 }
        : { x: from, y: positive ? -size : 0, width: 0.6, height: size };
      set(this.bars[k], { ...place, stroke: color, fill: this.open ? "none" : color });
    });
  }
}
