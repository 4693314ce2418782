// A rotation in the hand: what it does to a molecule, and to its numbers of degree 1, 2 and 3.

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { drawing, set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { Bars, ROW, Squares, listed, place, read, text } from "./shared/signs.js";
import { axes, byHand, degrees, drop, lobesOf, wigner } from "./shared/turns.js";
import { ONE, about, angleOf, apply, dot, minus, norm, scaled, times } from "./shared/vectors.js";

const DEGREES = [1, 2, 3];

molnetLive.figures.turning = async (element) => {
  const { clouds, axis, angle, colors, view: seen } = read(element);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element);
  let cloud = clouds.methanol, l = 2, R, before, most, D, now;

  const row = place(frame.stage, ROW);
  const left = view(row), right = view(row);
  const scene = new Scene(left.box, { reach: [2.6, 2.6] }), shape = new Scene(right.box, { reach: [1.35, 1.35] });
  axes(scene, 2.25, seen), axes(shape, 1.17, seen);
  const molecule = scene.molecule(clouds.methanol.symbols, clouds.methanol.bonds);
  const arrow = scene.arrows(1), foot = drop(scene);
  const form = [0, ...DEGREES].map(lobesOf), lobes = shape.surface(() => 0);
  const matrices = place(frame.stage, "");
  matrices.className = "live-one";
  const panels = DEGREES.map((degree) => new Panel(matrices, degree, colors));

  const begin = (key) => {
    // Another cloud: its numbers before the rotation.
    cloud = clouds[key];
    before = sums(cloud), most = before.map(reach);
    molecule.visible(key === "methanol"), arrow.visible(key === "direction"), foot.visible(key === "direction");
  };

  const paint = () => {
    D = wigner(R);
    now = D.map((block, k) => apply(block, before[k]));
    const x = cloud.positions.map((it) => apply(R, it));
    if (cloud === clouds.methanol) molecule.place(x.flat());
    else arrow.set(0, [0, 0, 0], scaled(x[0], 2)), foot.set(scaled(x[0], 2));
    panels.forEach((panel) => panel.set(D[panel.l], before[panel.l], now[panel.l], panel.l === l));
    lobes.set(form[l](now[l], 1 / most[l]));
    left.caption.textContent = cloud === clouds.methanol ? "methanol, turned" : "a direction n, turned";
    right.caption.textContent = `lobes of its l = ${l}`;
    scene.describe(`${left.caption.textContent} by ${signed(angleOf(R), 0)} degrees`);
    shape.describe(`Lobes of the numbers of degree ${l}: ${listed(now[l])}`);
    const lengths = DEGREES.map((k) => norm(now[k]));
    frame.numbers({
      angle: angleOf(R), rotation: JSON.stringify(R), degree: String(l),
      ...Object.fromEntries(DEGREES.flatMap((k) => [
        [`length${k}`, lengths[k - 1]], [`before${k}`, listed(before[k], 6)], [`numbers${k}`, listed(now[k], 6)],
      ])),
    });
    const written = `${lengths.map((it) => signed(it)).join(", ")}${cloud === clouds.methanol ? " e Åˡ" : ""}`;
    frame.show({ "turned by": `${signed(angleOf(R), 0)}°`, "lengths of l = 1, 2, 3": written });
  };

  const turn = (around, by) => {
    const last = now[l];
    R = times(about(around, by), R);
    paint();
    const other = norm(minus(last, now[l])) > 0.005 ? "other" : "the same", length = signed(norm(now[l]));
    frame.tell(Math.round(angleOf(R)) === 0 ? "Not turned: each matrix is the identity, all numbers are as before."
      : `Turned by ${signed(angleOf(R), 0)}°: ${other} numbers of l = ${l}, their length is still ${length}.`);
  };

  const slider = frame.slider({
    label: "about one axis, from the start", min: 0, max: 180, step: 1, value: angle, show: (it) => `${it}°`,
    act: (it) => ((R = ONE), turn(axis, (it * Math.PI) / 180)),
  });
  const what = frame.choice({
    label: "turn", options: { methanol: "methanol", direction: "one direction" }, value: "methanol",
    act: (key) => {
      begin(key), paint();
      frame.tell(key === "methanol" ? "Methanol: nuclear charges times harmonics, added up over atoms."
        : "A direction: before, it lay along z, where only m = 0 is not zero.");
    },
  });
  const which = frame.choice({
    label: "degree shown", options: { 1: "l = 1", 2: "l = 2", 3: "l = 3" }, value: "2",
    act: (key) => ((l = Number(key)), paint(), frame.tell(`Degree ${l}: ${2 * l + 1} numbers.`)),
  });
  byHand(frame, [scene, shape], turn, "Turn it");
  const reset = () => {
    R = about(axis, (angle * Math.PI) / 180), (l = 2);
    slider.set(angle), what.set("methanol"), which.set("2");
    begin("methanol"), paint();
  };
  frame.reset(reset);
  frame.copy(() => python(cloud, R), "Copy as Python");
  reset();
  frame.ready();
};

class Panel {
  // D of one degree as squares; above its columns the numbers before, beside its rows the numbers now: D times those.
  constructor(parent, l, colors) {
    const n = 2 * l + 1, [width, height] = [n + 3.4, n + 3.6];
    Object.assign(this, { l, squares: new Squares(n, n, colors) });
    const style = `flex: ${width} 1 ${1.35 * width}rem; max-width: ${2 * width}rem`; // cells of one size in all
    this.box = drawing(parent, { box: [-0.8, -3.4, width, height], label: "", style });
    this.above = new Bars(n, { length: 1.1, open: true }), this.beside = new Bars(n, { length: 1.1, across: true });
    const title = l === 1 ? "l = 1: D¹ = R" : `l = ${l}: D${" ²³"[l - 1]}`;
    this.box.append(
      text(title, 0, -2.85, { size: 0.5, anchor: "start", bold: true }),
      text("before", n + 1.35, -1.3, {}), text("now", n + 1.35, -0.15, {}),
      this.squares.element, svg("g", { transform: "translate(0 -1.4)" }, this.above.element),
      svg("g", { transform: `translate(${n + 1.35} 0)` }, this.beside.element),
    );
    for (let k = 0; k < n; k++)
      this.box.append(text(l === 1 ? "yzx"[k] : signed(k - l, 0), -0.4, k + 0.65, { size: 0.4 }));
  }

  set(D, before, now, chosen) {
    this.box.classList.toggle("live-chosen", chosen);
    const size = norm(before) || 1;
    this.squares.set(D), this.above.set(scaled(before, 1 / size)), this.beside.set(scaled(now, 1 / size));
    set(this.box, { "aria-label": `The matrix of degree ${this.l}, its rows: ${D.map((row) => listed(row)).join("; ")}.`
      + ` Numbers before: ${listed(before)}. Numbers now: ${listed(now)}.` });
  }
}

function sums({ numbers, positions }) {
  // Of degrees 0 to 3: charges times harmonics, over all points.
  const all = positions.map(degrees);
  return all[0].map((first, l) => first.map((_, m) => dot(numbers, all.map((Y) => Y[l][m]))));
}

function reach(coefficients, l) {
  // How far the lobes go.
  let most = 0;
  for (let i = 0; i <= 36; i++)
    for (let j = 0; j < 72; j++) {
      const [polar, phi] = [(i * Math.PI) / 36, (j * Math.PI) / 36], r = Math.sin(polar);
      const Y = degrees([r * Math.cos(phi), r * Math.sin(phi), Math.cos(polar)])[l];
      most = Math.max(most, Math.abs(dot(coefficients, Y)));
    }
  return most || 1;
}

function view(parent) {
  // A place for a scene, with words below.
  const around = place(parent, "flex: 1 1 9rem; max-width: 17rem; min-width: 0");
  return { box: place(around, ""), caption: place(around, "font-size: 0.9rem; text-align: center") };
}

function python({ numbers, positions }, R) {
  const rows = (them) => `[${them.map((row) => `[${row.map((it) => +it.toFixed(10)).join(", ")}]`).join(", ")}]`;
  return [
    "import numpy as np; from dmol_molnet import so3",
    `Z, x, R = np.array([${numbers.join(", ")}]), np.array(${rows(positions)}), np.array(${rows(R)})`,
    "print([so3.wigner_d(l, R) @ (Z @ so3.spherical_harmonics(3, x)[:, l * l:(l + 1) ** 2]) for l in (1, 2, 3)])",
  ].join("\n");
}
