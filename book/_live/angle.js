// Two directions in the hand: their harmonics, multiplied and added up, know the angle between them and nothing else.

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { drawing, set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { RIM, listed, place, read, text } from "./shared/signs.js";
import { axes, byHand, degrees, drop } from "./shared/turns.js";
import { about, apply, cross, dot, minus, norm, scaled } from "./shared/vectors.js";

const ZOOM = 2; // Å of the scene for a direction

molnetLive.figures.angle = async (element) => {
  const { a, b, degree, view } = read(element);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element), radius = molnetLive.style.radii.H;
  const pair = { a, b };
  let l = degree;

  const box = place(frame.stage, "align-self: center; flex: 1 1 12rem; max-width: 17rem; min-width: 0");
  const scene = new Scene(box, { reach: [2.75, 2.75] });
  axes(scene, 2.4, view), ball(scene);
  const arrows = scene.arrows(2), arc = scene.line([[0, 0, 0]], { color: molnetLive.style.highlight });
  const theta = scene.text("θ", [0, 0, 0], { size: 0.5 });
  const feet = [drop(scene), drop(scene)];
  const tips = scene.molecule(["H", "H"], [], { letters: ["a", "b"], grab: true });
  const sums = new Sums(frame.stage);

  const angleBetween = () => Math.atan2(norm(cross(pair.a, pair.b)), dot(pair.a, pair.b));
  const between = (angle) => {
    // The direction at an angle to a, towards b.
    const side = perpendicular(pair.a, pair.b);
    return pair.a.map((x, d) => Math.cos(angle) * x + Math.sin(angle) * side[d]);
  };
  const products = () => {
    const [Ya, Yb] = [degrees(pair.a)[l], degrees(pair.b)[l]];
    return Ya.map((it, k) => it * Yb[k]);
  };

  let found;
  const paint = () => {
    const { a, b } = pair, angle = angleBetween(), t = (angle * 180) / Math.PI;
    const law = (2 * l + 1) * legendre(l, Math.cos(angle));
    found = products();
    const sum = found.reduce((total, it) => total + it, 0);
    tips.place(scaled([...a, ...b], ZOOM));
    [a, b].forEach((it, k) => (arrows.set(k, [0, 0, 0], scaled(it, ZOOM - radius)), feet[k].set(scaled(it, ZOOM))));
    const at = (s) => scaled(between(s), 0.8);
    arc.set(around(at, angle)), theta.at(scaled(at(angle / 2), 1.4)), theta.visible(t > 12);
    sums.set(l, found, t);
    scene.describe(`Directions a, ${listed(a)}, and b, ${listed(b)}, with an angle of ${signed(t, 0)} degrees`);
    frame.numbers({ a: listed(a, 6), b: listed(b, 6), angle: t, degree: String(l) });
    frame.numbers({ products: listed(found, 6), sum, law });
    frame.show({ "sum of the products": signed(sum), "(2l + 1) Pₗ(cos θ)": signed(law) });
    return sum;
  };

  const put = (key, to) => {
    if (norm(to) < 1e-6) return;
    pair[key] = scaled(to, 1 / norm(to));
    slider.set(Math.round((angleBetween() * 180) / Math.PI));
    const sum = paint();
    frame.tell(`The angle is ${signed((angleBetween() * 180) / Math.PI, 0)}°, the sum ${signed(sum)}.`);
  };
  const move = (k, by) => put("ab"[k], pair["ab"[k]].map((x, d) => x + by[d]));
  scene.ongrab = (_, k) => tips.mark(k);
  scene.onpull = (_, k, by) => move(k, scaled(by, 1 / ZOOM));
  scene.onrelease = () => tips.mark(null);

  const slider = frame.slider({
    label: "angle θ", min: 0, max: 180, step: 1, value: 0, show: (it) => `${it}°`,
    act: (it) => {
      pair.b = between((it * Math.PI) / 180);
      frame.tell(`The angle is ${it}°, the sum ${signed(paint())}.`);
    },
  });
  const which = frame.choice({
    label: "degree", options: { 1: "l = 1", 2: "l = 2", 3: "l = 3" }, value: String(degree),
    act: (key) => {
      l = Number(key);
      frame.tell(`Degree ${l}: ${2 * l + 1} products, the sum ${signed(paint())}.`);
    },
  });
  const words = { label: "Directions", noun: "direction" };
  const hand = frame.handles(["a", "b"], { chosen: (k) => tips.mark(k), move, step: 0.1, ...words });
  byHand(frame, [scene], (axis, by) => {
    const R = about(axis, by), last = found;
    for (const key of "ab") pair[key] = apply(R, pair[key]);
    const sum = paint();
    const other = norm(minus(last, found)) > 0.005 ? "other" : "the same";
    frame.tell(`Both turned: ${other} products, their sum is still ${signed(sum)}.`);
  }, "Turn both directions");
  const reset = () => {
    Object.assign(pair, { a, b }), (l = degree);
    which.set(String(l)), slider.set(Math.round((angleBetween() * 180) / Math.PI)), hand.choose(null);
    paint();
  };
  frame.reset(reset);
  frame.copy(() => [
    "import numpy as np; from numpy.polynomial import Legendre; from dmol_molnet import so3",
    `a, b, l = np.array([${pair.a.map(digits)}]), np.array([${pair.b.map(digits)}]), ${l}`,
    "print(np.prod(so3.spherical_harmonics(l, np.stack([a, b])), axis=0)[l * l:].sum(), "
      + "(2 * l + 1) * Legendre.basis(l)(a @ b))",
  ].join("\n"), "Copy as Python");
  reset();
  frame.ready();
};

const digits = (x) => ` ${+x.toFixed(10)}`;

const around = (at, end) => Array.from({ length: 49 }, (_, k) => at((end * k) / 48));

function ball(scene) {
  // The directions that there are: an outline, and a circle on the floor, whose far half is dashed.
  scene.line(around((t) => [ZOOM * Math.cos(t), ZOOM * Math.sin(t), 0], 2 * Math.PI));
  scene.space.add(scene.root.children.at(-1)); // the outline stands upright on the screen
  const [x, , z] = scene.inRoot(1, 0, 0), start = Math.atan2(z, x);
  const rim = (t) => [ZOOM * Math.cos(start + t), 0, ZOOM * Math.sin(start + t)];
  scene.line(around(rim, Math.PI)), scene.line(around(rim, -Math.PI).slice(1), { dashed: true });
}

function perpendicular(a, b) {
  // A direction perpendicular to a, on b's side.
  let rest = b.map((x, d) => x - dot(a, b) * a[d]);
  if (norm(rest) < 1e-9) rest = cross(a, Math.abs(a[2]) < 0.7 ? [0, 0, 1] : [1, 0, 0]);
  return scaled(rest, 1 / norm(rest));
}

function legendre(l, t) {
  let [p, before] = [1, 0];
  for (let k = 0; k < l; k++) [p, before] = [((2 * k + 1) * t * p - k * before) / (k + 1), p];
  return p;
}

// Of the drawing: where the products begin, how wide they are, how far on the curve is, and the height that both share
const LEFT = 1, STEPS = 4.2, GAP = 1.1, CURVE = 4.2, HIGH = 4.6;

class Sums {
  // The products one after the other, each bar from where the last one ended; the curve's dot is level with the last.
  constructor(parent) {
    const end = LEFT + STEPS + GAP + CURVE;
    const style = "align-self: center; flex: 2 1 17rem; max-width: 30rem";
    this.box = drawing(parent, { box: [0, -0.75, end + 0.5, HIGH + 1.95], label: "", style });
    this.moving = svg("g");
    const gray = { stroke: molnetLive.style.gray, "stroke-width": 0.025, fill: "none" };
    this.box.append(
      text("Yₘ(a) Yₘ(b), added up", LEFT, -0.4, { size: 0.38, anchor: "start", bold: true }),
      svg("path", { d: `M${LEFT} ${HIGH / 2}H${end}M${LEFT} 0V${HIGH}M${end - CURVE} 0V${HIGH}`, ...gray }),
      text("m", LEFT + STEPS / 2, HIGH + 0.95, { size: 0.38 }),
      text("angle θ", end - CURVE / 2, HIGH + 0.95, { size: 0.38 }), this.moving,
    );
    for (const t of [0, 90, 180])
      this.box.append(text(`${t}°`, end - CURVE + (t / 180) * CURVE, HIGH + 0.4, { size: 0.36 }));
  }

  set(l, products, t) {
    const n = 2 * l + 1, y = (value) => (HIGH / 2) * (1 - value / n), wide = STEPS / n, start = LEFT + STEPS + GAP;
    const ink = { stroke: "currentColor", "stroke-width": 0.03, fill: "none" };
    const made = [text(`${n} P${"₁₂₃"[l - 1]}(cos θ)`, start, -0.4, { size: 0.38, anchor: "start", bold: true })];
    for (const tick of [n, 0, -n])
      made.push(text(signed(tick, 0), LEFT - 0.15, y(tick) + 0.1, { size: 0.36, anchor: "end" }));
    let sum = 0;
    products.forEach((value, k) => {
      const [from, to] = [y(sum), y((sum += value))], height = Math.abs(to - from);
      const x = LEFT + (k + 0.2) * wide, middle = x + 0.3 * wide, fill = RIM[value > 0];
      made.push(svg("rect", { x, y: Math.min(from, to), width: 0.6 * wide, height: Math.max(height, 0.03), fill }));
      const mark = text(value > 0 ? "+" : "\u2212", middle, (from + to) / 2 + 0.12, { size: 0.36 });
      mark.style.fill = molnetLive.style.onColor;
      if (height > 0.3) made.push(mark);
      made.push(svg("path", { d: `M${x} ${to}h${wide}`, ...ink }));
      made.push(text(signed(k - l, 0), middle, HIGH + 0.4, { size: 0.36 }));
    });
    const points = Array.from({ length: 91 }, (_, k) =>
      `${start + (k / 90) * CURVE} ${y(n * legendre(l, Math.cos((k * Math.PI) / 90))).toFixed(3)}`);
    const at = start + (t / 180) * CURVE, { highlight } = molnetLive.style;
    const thick = { fill: "none", "stroke-width": 0.045 }, dashed = { ...thick, "stroke-dasharray": "0.12 0.1" };
    made.push(
      svg("path", { d: `M${points.join("L")}`, ...thick, stroke: "currentColor" }),
      svg("path", { d: `M${LEFT + STEPS} ${y(sum)}H${at}`, ...dashed, stroke: highlight }),
      svg("circle", { cx: at, cy: y(sum), r: 0.14, fill: highlight }),
    );
    this.moving.replaceChildren(...made);
    set(this.box, { "aria-label": `The products ${listed(products)} add up to ${signed(sum)}; the curve of ${n} P of `
      + `the cosine, with a dot at ${signed(t, 0)} degrees` });
  }
}
