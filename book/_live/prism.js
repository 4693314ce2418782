// Six carbons fold from a hexagon to an antiprism.  What an atom hears of single neighbours stays; an angle does not.

import { computer } from "../../dmol_molnet/live/stage/computer.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { Chart } from "./shared/chart.js";

const SMALLER = 0.62; // atoms than elsewhere, so that all six show
const APART = 20; // units of the chart between the middles of two marks

export function folded(angle, axes) {
  // The six places u, v, w, -u, -v, -w [6 x 3] Å with this angle, in degrees, at v between u and w.
  // The pairs ±u and ±w turn about the line through ±v: they keep their distances to v and to the middle.
  const inner = 2 * Math.cos((angle * Math.PI) / 180); // u·w, Å²
  const turned = Math.acos((inner - 0.5) / 1.5) / 2; // half of what lies between the pairs
  const half = Math.SQRT1_2, far = Math.sqrt(1.5);
  const three = [1, 0, -1].map((side) =>
    side ? [half, side * far * Math.sin(turned), far * Math.cos(turned)] : [2 * half, 0, 0]);
  const places = three.map((at) => [0, 1, 2].map((d) => at[0] * axes[0][d] + at[1] * axes[1][d] + at[2] * axes[2][d]));
  return Float64Array.from([...places, ...places.map((at) => at.map((value) => -value))].flat());
}

const distance = (x, [i, j]) => Math.hypot(...[0, 1, 2].map((d) => x[3 * i + d] - x[3 * j + d]));
const at = (x, k) => Array.from(x.subarray(3 * k, 3 * k + 3));

molnetLive.figures.prism = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const frame = new Frame(element), numbers = Array(6).fill(6), [first, last] = job.angles;
  const label = "Six carbon atoms: a hexagon that folds about the line through atoms 1 and 4";
  const scene = new molnetLive.stage.Scene(frame.stage, { reach: [2.2, 1.95], label });
  const start = folded(first, job.axes), near = job.edges.filter((pair) => distance(start, pair) < 1.5);
  const molecule = scene.molecule(Array(6).fill("C"), near, { letters: [..."012345"] });
  for (const atom of molecule.atoms) {
    atom.radius *= SMALLER;
    for (const part of [atom.ball, atom.hull, atom.letter]) part.scale.multiplyScalar(SMALLER);
  }
  const lines = (pairs, more) => pairs.map((pair) => ({ pair, line: scene.line([[0, 0, 0]], more) }));
  const thin = lines(job.edges.filter((pair) => !near.includes(pair)), {});
  const broken = lines(job.unheard, { dashed: true, color: molnetLive.style.highlight });
  const arc = scene.line([[0, 0, 0]], { color: molnetLive.style.highlight });
  const chart = new Chart(frame.stage, {
    x: {
      from: first + 2, to: last - 2, ticks: job.ticks, show: (angle) => `${angle}°`,
      name: "angle 0–1–2", ends: ["hexagon", "antiprism"],
    },
    y: { from: -1, to: 6.5, ticks: [0, 2, 4, 6], name: "change of energy (eV)" },
    label: "The change of both energies against the angle, from the hexagon to the antiprism",
  });
  frame.stage.append(Object.assign(document.createElement("p"), {
    className: "live-caption",
    textContent: "Atoms hear each other along lines, thick ones if bonded; a line is as long as the distance heard.",
  }));
  const potentials = await Promise.all(job.models.map(async ({ model, name, color, dash }) => ({
    name, model, engine: await computer(model),
    curve: chart.curve(color, dash ? { "stroke-dasharray": dash } : {}, name),
    mark: chart.mark(color, name[0]),
  })));

  const heard = () => (everyone.value ? [...job.edges, ...job.unheard] : job.edges);
  const energies = (x) => Promise.all(potentials.map(async ({ engine }) =>
    (await engine.energyAndForces(numbers, x, { edges: heard() })).energy));
  let zero, x;

  const curves = async () => {
    // Both energies all the way, and where they begin.
    const found = [];
    for (let angle = first; angle >= last; angle -= 2) found.push([angle, await energies(folded(angle, job.axes))]);
    zero = found[0][1];
    potentials.forEach(({ curve }, p) => curve.set(found.map(([angle, e]) => [angle, e[p] - zero[p]])));
  };

  let busy = false, again = false;
  const measure = async () => {
    // One at a time; the last state wins.
    if (busy) return void (again = true);
    busy = true;
    do {
      again = false;
      const angle = -slider.value;
      x = folded(angle, job.axes);
      const e = await energies(x), change = e.map((value, p) => value - zero[p]);
      const off = Math.max(...heard().map((pair) => Math.abs(distance(x, pair) - distance(start, pair))));
      const sorted = (y) => heard().map((pair) => distance(y, pair)).sort((a, b) => a - b), before = sorted(start);
      const list = Math.max(...sorted(x).map((value, n) => Math.abs(value - before[n])));
      molecule.place(x);
      for (const { pair: [i, j], line } of thin) line.set([at(x, i), at(x, j)]);
      for (const { pair: [i, j], line } of broken) line.set(pieces(at(x, i), at(x, j)));
      for (const { line } of broken) line.visible(everyone.value);
      arc.set(between(at(x, 1), at(x, 0), at(x, 2)));
      const lower = chart.y(change[0]) - chart.y(change[1]); // so much lower stands the first mark than the second
      const push = (Math.max(0, APART - Math.abs(lower)) / 2) * (lower < 0 ? -1 : 1);
      potentials.forEach(({ mark }, p) => mark.set(angle, change[p], p ? -push : push));
      frame.numbers({
        angle, energySchnet: e[0], energyMace: e[1], heardOff: off.toExponential(1), listOff: list.toExponential(1),
        edges: String(heard().length),
      });
      frame.show({
        "a distance heard changes by": `${signed(off, 3)} Å at most`,
        "their sorted list by": `${signed(list, 3)} Å at most`,
        ...Object.fromEntries(
          potentials.map(({ name }, p) => [`energy of ${name} changes by`, `${signed(change[p], 3)} eV`])),
      });
      const both = potentials.map(({ name }, p) => `${name} ${signed(change[p], 3)}`);
      const same = list < 1e-9 && angle !== first && everyone.value
        ? "The same distances, between other atoms: SchNet takes it for the hexagon. " : "";
      frame.said = `${same}${angle} degrees: ${both.join(", ")} electronvolts against the hexagon.`;
    } while (again);
    busy = false;
  };
  const acted = async () => (await measure(), frame.tell(frame.said));

  const slider = frame.slider({
    label: `angle 0–1–2, ${first}° to ${last}°`, min: -first, max: -last, step: 1, value: -first,
    show: (value) => `${-value}°`, act: acted,
  });
  const everyone = frame.check({
    label: "all hear all (adds the dashed lines)", value: false, act: async () => (await curves(), acted()),
  });
  frame.turns(scene);
  frame.reset(async () => {
    slider.set(-first), everyone.set(false), scene.face();
    await curves(), await measure();
  });
  frame.copy(() => {
    const rows = [0, 1, 2, 3, 4, 5].map((k) => `[${at(x, k).map((value) => +value.toFixed(8)).join(", ")}]`);
    const both = heard().flatMap(([i, j]) => [[i, j], [j, i]]);
    return [
      "from dmol_molnet import Molecule; from dmol_molnet.nn import pretrained; " +
        "from dmol_molnet.nn.graph import MolecularGraph",
      `m, edges = Molecule([6] * 6, [${rows.join(", ")}]), ${JSON.stringify(both)}`,
      "print([float(p(MolecularGraph.from_edges(m.numbers, m.positions, edges))[0]) + p.normalisation.reference(m) " +
        "for p in map(pretrained.load, ('schnet', 'mace'))])",
    ].join("\n");
  });

  await curves();
  await measure();
  frame.ready();
};

function between(corner, first, second, n = 12) {
  // An arc about a corner, from one direction to another.
  return Array.from({ length: n + 1 }, (_, k) => {
    const way = corner.map((value, d) => (1 - k / n) * (first[d] - value) + (k / n) * (second[d] - value));
    return way.map((value, d) => corner[d] + (0.7 * value) / Math.hypot(...way));
  });
}

function pieces(from, to, n = 15) {
  // A broken line: every other of n pieces.
  return Array.from({ length: n + 1 }, (_, k) => from.map((value, d) => value + (k / n) * (to[d] - value)));
}
