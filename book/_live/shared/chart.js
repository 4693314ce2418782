// Axes as SVG, in the page's ink: what curves and marks are drawn into.

import { drawing, svg } from "../../../dmol_molnet/live/stage/svg.js";

export const text = (words, x, y, more = {}) => svg("text", { x, y, "font-size": 13, ...more }, words);

export class Chart {
  constructor(parent, { x, y, width = 340, height = 260, label }) {
    // x, y: {from, to, ticks, name}; from may be above to.  Lines and marks are given in units of the axes.
    // x.ends: words below the axis where it begins and where it ends.
    const left = 46, right = width - 14, top = 14, bottom = height - 42;
    this.box = drawing(parent, { box: [0, 0, width, height], label });
    this.x = (value) => left + ((value - x.from) / (x.to - x.from)) * (right - left);
    this.y = (value) => bottom - ((value - y.from) / (y.to - y.from)) * (bottom - top);
    const ink = { fill: "none", stroke: "currentColor" };
    this.box.append(svg("path", { ...ink, d: `M${left} ${top}V${bottom}H${right}` }));
    for (const tick of x.ticks) {
      this.box.append(svg("path", { ...ink, d: `M${this.x(tick)} ${bottom}v5` }));
      this.box.append(text(x.show?.(tick) ?? String(tick), this.x(tick), bottom + 19, { "text-anchor": "middle" }));
    }
    for (const tick of y.ticks) {
      this.box.append(svg("path", { ...ink, d: `M${left} ${this.y(tick)}h-5` }));
      this.box.append(text(y.show?.(tick) ?? String(tick), left - 8, this.y(tick) + 4.5, { "text-anchor": "end" }));
    }
    const middle = (top + bottom) / 2;
    this.box.append(text(x.name, (left + right) / 2, height - 6, { "text-anchor": "middle" }));
    (x.ends ?? []).forEach((words, k) =>
      this.box.append(text(words, k ? right : left - 8, height - 6, { "text-anchor": k ? "end" : "start" })));
    this.box.append(text(y.name, 13, middle, { "text-anchor": "middle", transform: `rotate(-90 13 ${middle})` }));
  }

  curve(color, more = {}, name = "") {
    // -> {set([[x, y], …])}; its name stands near its end.
    const line = svg("polyline", { fill: "none", stroke: color, "stroke-width": 2.2, ...more });
    const label = text(name, 0, 0, { "text-anchor": "end" });
    this.box.append(line, label);
    return {
      set: (points) => {
        const places = points.map(([a, b]) => [this.x(a), this.y(b)]), [x, y] = places.at(-1);
        line.setAttribute("points", places.map(([a, b]) => `${a.toFixed(2)},${b.toFixed(2)}`).join(" "));
        label.setAttribute("x", x - 15), label.setAttribute("y", y - 6);
      },
    };
  }

  mark(color, letter) {
    // A disc with a letter -> {set(x, y, down)}; down: how much lower it stands, so that two can be read
    const sign = { "text-anchor": "middle", "font-weight": 700, "font-size": 12, style: "fill: #14171a" };
    const group = svg("g", {}, svg("circle", { r: 9, fill: color, stroke: "#14171a" }), text(letter, 0, 4.3, sign));
    this.box.append(group);
    return { set: (a, b, down = 0) => group.setAttribute("transform", `translate(${this.x(a)} ${this.y(b) + down})`) };
  }
}
