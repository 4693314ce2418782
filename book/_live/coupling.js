// Two vectors in the hand, and their three products: a number, a vector, and five numbers.

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { drawing, set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { Bars, ROW, Squares, listed, place, read, text } from "./shared/signs.js";
import { axes, byHand, drop, lobesOf, tilt, yzx } from "./shared/turns.js";
import { about, apply, cross, dot, norm, scaled } from "./shared/vectors.js";

const TITLES = ["l = 0: a · b / √3", "l = 1: a × b / √2", "l = 2: symm., traceless"];
const COLUMNS = [1.7, 5.3, 9.8], WIDE = 12.4; // of the drawing: the middles of the three, and its width
const ZOOM = 1.6, REACH = 4.4; // Å of the scene for a vector of 1, and to its edge
const SIZE = 1.25; // of the tips
const FULL = 0.82; // a number of a product is at most √(2/3) |a||b|

molnetLive.figures.coupling = async (element) => {
  // tables: √(2l + 1) C of 1 x 1 -> l, [3][3][2l + 1]; longest: of a and b
  const { a, b, tables, longest, colors, view } = read(element);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element), radius = SIZE * molnetLive.style.radii.H;
  const vectors = { a, b }, most = longest ** 2;

  const row = place(frame.stage, `${ROW}; align-items: center`);
  const scene = new Scene(place(row, "flex: 1 1 9rem; max-width: 19rem; min-width: 0"), { reach: [REACH, REACH] });
  axes(scene, 3.7, view);
  const arrows = scene.arrows(2), third = scene.arrows(1, { color: molnetLive.style.highlight });
  const name = scene.text("a × b", [0, 0, 0], { size: 0.7 });
  const feet = [drop(scene), drop(scene)];
  const tips = scene.molecule(["H", "H"], [], { letters: ["a", "b"], grab: true, size: SIZE });
  const nine = new Nine(row, colors), three = new Three(frame.stage, Scene, tables, most, view);

  const products = () => tables.map((C) => C[0][0].map((_, k) =>
    dot(yzx(vectors.a), C.map((plane) => dot(yzx(vectors.b), plane.map((it) => it[k]))))));

  let found;
  const paint = () => {
    found = products();
    const { a, b } = vectors, known = dot(a, b), area = cross(a, b), whole = dot(a, a) * dot(b, b);
    tips.place(scaled([...a, ...b], ZOOM));
    [a, b].forEach((it, k) => arrows.set(k, [0, 0, 0], scaled(it, Math.max(ZOOM - radius / (norm(it) || 1), 0))));
    [a, b].forEach((it, k) => feet[k].set(scaled(it, ZOOM)));
    third.set(0, [0, 0, 0], scaled(area, ZOOM));
    name.at(scaled(area, ZOOM + 0.4 / (norm(area) || 1))), name.visible(norm(area) > 0.1);
    nine.set(yzx(a).map((x) => scaled(yzx(b), x / most)), a, b);
    three.set(found);
    const parts = found.map((it) => dot(it, it)), some = whole > 1e-12;
    const theta = (Math.atan2(norm(area), known) * 180) / Math.PI, angle = some ? `${signed(theta, 0)}°` : "none";
    const all = Number(whole.toFixed(2)), [one, second] = parts.map((it) => Number(it.toFixed(2)));
    const summands = [one, second, all - one - second]; // as readers add
    const added = `${summands.map((it) => signed(it)).join(" + ")} = ${signed(all)}`;
    scene.describe(`Vectors a, ${listed(a)}, and b, ${listed(b)}, with the angle ${angle}; and a × b, ${listed(area)}`);
    frame.numbers({
      a: listed(a, 6), b: listed(b, 6), dot: known, cross: listed(area, 6), whole, angle: some ? theta : "none",
      ...Object.fromEntries(found.flatMap((it, l) => [[`product${l}`, listed(it, 6)], [`squares${l}`, parts[l]]])),
    });
    frame.show({ "angle": angle, "squares": added, "|a|² |b|²": signed(whole) });
  };

  const told = () => {
    const [one, three, five] = found.map((it) => dot(it, it)), small = 2.5e-5;
    if (five < small) return "A vector without length has no products.";
    if (one < small) return "Perpendicular: the number of l = 0 is gone, the others stay.";
    if (three < small) return "Along one line: the three of l = 1 are gone, the others stay.";
    return `Squares of the one, the three and the five: ${[one, three, five].map((it) => signed(it)).join(", ")}.`;
  };
  const put = (key, to) => {
    // No longer than the longest.
    vectors[key] = scaled(to, Math.min(1, longest / (norm(to) || 1)));
    paint();
    frame.tell(told());
  };
  const move = (k, by) => put("ab"[k], vectors["ab"[k]].map((x, d) => x + by[d]));
  scene.ongrab = (_, k) => tips.mark(k);
  scene.onpull = (_, k, by) => move(k, scaled(by, 1 / ZOOM));
  scene.onrelease = () => tips.mark(null);

  const words = { label: "Vectors", noun: "vector" };
  const hand = frame.handles(["a", "b"], { chosen: (k) => tips.mark(k), move, step: 0.1, ...words });
  frame.button("b = a", () => put("b", vectors.a), frame.controls);
  frame.button("b ⊥ a", () => put("b", upright(vectors)), frame.controls);
  byHand(frame, [scene, three.scene], (around, by) => {
    const R = about(around, by);
    for (const key of "ab") vectors[key] = apply(R, vectors[key]);
    paint();
    frame.tell(`Both turned. ${told()}`);
  }, "Turn both vectors");
  frame.reset(() => (Object.assign(vectors, { a, b }), hand.choose(null), paint()));
  frame.copy(() => [
    "import numpy as np; from dmol_molnet import so3",
    `a, b = np.array([[${vectors.a.map(digits)}], [${vectors.b.map(digits)}]])[:, [1, 2, 0]]  # as y, z, x`,
    'print([(2 * l + 1) ** 0.5 * np.einsum("ijk,i,j->k", so3.clebsch_gordan(1, 1, l), a, b) for l in range(3)])',
  ].join("\n"), "Copy as Python");
  paint();
  frame.ready();
};

const digits = (x) => ` ${+x.toFixed(10)}`;

function upright({ a, b }) {
  // b without what it has along a, as long as before; if it has nothing else, some vector that is perpendicular.
  const size = norm(b) || 1, along = dot(a, b) / (dot(a, a) || 1);
  let rest = b.map((x, d) => x - along * a[d]);
  if (norm(rest) < 1e-6 * size) rest = cross(a, Math.abs(a[1]) < 0.7 * norm(a) ? [0, 1, 0] : [1, 0, 0]);
  return scaled(rest, size / (norm(rest) || 1));
}

class Nine {
  // All products of a component of a with one of b.
  constructor(parent, colors) {
    this.box = drawing(parent, { box: [-0.8, -1.75, 4, 5], label: "", style: "flex: 0 1 clamp(8.6rem, 26%, 12rem)" });
    this.squares = new Squares(3, 3, colors);
    this.box.append(text("nine: a bᵀ", 1.5, -1.2, { size: 0.4, bold: true }), this.squares.element);
    for (let k = 0; k < 3; k++)
      this.box.append(component("a", k, -0.4, k + 0.58), component("b", k, k + 0.5, -0.3));
  }

  set(values) {
    this.squares.set(values);
    const rows = values.map((it) => listed(it)).join("; ");
    set(this.box, { "aria-label": `The nine products of components, as shares of the largest possible: ${rows}` });
  }
}

function component(letter, k, x, y) {
  const made = text(letter, x, y, { size: 0.4 });
  made.append(svg("tspan", { dy: 0.09, "font-size": 0.33 }, "yzx"[k]));
  return made;
}

class Three {
  // The products as lobes, and below them as bars; bars of all degrees have one scale.
  constructor(parent, Scene, tables, most, view) {
    this.most = most, this.forms = tables.map((_, l) => lobesOf(l));
    const column = place(parent, "flex: 1 0 100%; margin: 0 auto; max-width: 36rem; min-width: 0");
    const middle = (l) => (7.4 * (COLUMNS[l] - WIDE / 2)) / WIDE; // the scene is as wide as the drawing below
    this.scene = new Scene(place(column, ""), { reach: [3.7, 1.05] });
    tilt(this.scene, view);
    this.lobes = tables.map((_, l) => this.scene.surface(() => 0, { center: this.scene.inRoot(middle(l), 0, 0) }));
    this.box = drawing(column, { box: [0, -2.1, WIDE, 4.1], label: "", style: "max-width: 100%" });
    this.bars = tables.map((_, l) => {
      const n = 2 * l + 1, bars = new Bars(n, { length: 1.4 });
      this.box.append(svg("g", { transform: `translate(${COLUMNS[l] - n / 2} 0)` }, bars.element));
      this.box.append(text(TITLES[l], COLUMNS[l], -1.7, { size: 0.38, bold: true }));
      for (let k = 0; k < n; k++)
        this.box.append(text(l === 1 ? "yzx"[k] : signed(k - l, 0), COLUMNS[l] - n / 2 + k + 0.5, 1.8, { size: 0.38 }));
      return bars;
    });
  }

  set(products) {
    products.forEach((c, l) => {
      this.bars[l].set(scaled(c, 1 / (FULL * this.most)));
      const scale = 1.25 / (Math.sqrt(2 * l + 1) * this.most);
      this.lobes[l].set(this.forms[l](c, scale));
    });
    const words = products.map((c, l) => `degree ${l}: ${listed(c)}`).join("; ");
    this.scene.describe(`The three products as lobes; ${words}`);
    set(this.box, { "aria-label": `The three products as bars; ${words}` });
  }
}
