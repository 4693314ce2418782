// Two environments, all neighbours on one shell, and the invariant products of up to nu factors A of both, side by side.
// The reader slides nu and l_max, chooses a pair, and moves, adds and removes neighbours of the second.

import { ProductBasis } from "../../dmol_molnet/live/engine/ace.js";
import { Harmonics } from "../../dmol_molnet/live/engine/harmonics.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { set, svg, text } from "./shared/pen.js";

const { style } = molnetLive;
const SHELL = 2.4, MOST = 8; // the shell's radius in the drawing; neighbours that there is room for
const FAR = [0, 1e4, 0]; // where those are that are not there
const EQUAL = 1e-8; // a difference below this share of the largest number of its nu is rounding
const UP = 44, DOWN = 27, PITCH = 27; // px: bars above and below zero, and from one number to the next

molnetLive.figures.shell = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const frame = new Frame(element);
  const box = Object.assign(document.createElement("div"), { className: "live-pair" });
  box.style.cssText = "display: grid; flex: 1 0 100%; gap: 0 0.5rem; grid-template-columns: 1fr 1fr; max-width: 38rem; min-width: 0";
  frame.stage.append(box);
  const a = new Environment(box, "a"), b = new Environment(box, "b", true), bars = new Bars(frame.stage);
  a.scene.onturn = () => b.turnedAs(a);
  b.scene.onturn = () => a.turnedAs(b);

  let name = job.start.pair, nu = job.start.nu, lMax = job.start.lMax, chosen = null, touched = false, found;

  const paint = () => {
    const both = [a, b].map(({ x }) => products(job, lMax, x).slice(0, nu));
    const groups = both[0].map((first, k) => group(k + 1, first, both[1][k], job.trees[lMax].degrees[k]));
    const count = (list) => list.reduce((sum, one) => sum + one, 0);
    const differ = count(groups.map((one) => count(one.differs))), total = count(groups.map((one) => one.a.length));
    const first = groups.find((one) => one.differs.includes(true))?.nu ?? null;
    const mirror = !touched && job.pairs[name].relation === "mirror images";
    found = first
      ? `${differ} of ${total} numbers ${differ === 1 ? "differs" : "differ"}, first at ν\u00a0=\u00a0${first}: told apart.`
      : `All ${total} numbers are equal: not told apart${mirror ? ", as mirror images must be" : ""}.`;
    bars.show(groups, found);
    const list = (values) => values.flat().map((x) => x.toFixed(6)).join(" ");
    frame.numbers({
      pair: name, nu: String(nu), lMax: String(lMax), neighbors: String(b.x.length), differ: String(differ), total: String(total),
      first: String(first ?? "none"), a: list(both[0]), b: list(both[1]), directionsA: list(a.x), directionsB: list(b.x),
    });
    handles.forEach((button, k) => (button.hidden = k >= b.x.length));
    add.setAttribute("aria-disabled", String(b.x.length >= MOST));
    remove.setAttribute("aria-disabled", String(b.x.length <= 1));
  };
  const tell = () => frame.tell(found);

  const begin = (which) => {
    name = which, touched = false;
    a.place(job.pairs[name].a), b.place(job.pairs[name].b);
    a.scene.face(), b.scene.face();
    list.choose(null), paint();
  };

  const move = (k, by) => {
    // Along the shell
    const to = b.x[k].map((value, d) => value + by[d] / SHELL), size = Math.hypot(...to);
    if (size < 0.05 || !by.some(Boolean)) return; // through the middle it has no direction
    touched = true;
    b.place(b.x.map((one, j) => (j === k ? to.map((value) => value / size) : one)));
    paint(), tell();
  };

  const pairs = frame.choice({
    label: "equal in", value: name, options: Object.fromEntries(Object.entries(job.pairs).map(([key, it]) => [key, it.equal])),
    act: (which) => (begin(which), tell()),
  });
  const factors = frame.slider({
    label: "factors, up to ν", min: 1, max: 4, step: 1, value: nu, act: (to) => ((nu = to), paint(), tell()),
  });
  const degree = frame.slider({
    label: "degrees, up to l_max", min: 1, max: 3, step: 1, value: lMax, act: (to) => ((lMax = to), paint(), tell()),
  });
  const list = frame.handles(Array.from({ length: MOST }, (_, k) => `b${k + 1}`), {
    label: "Neighbours of b", step: 0.1, scene: b.scene, move, chosen: (k) => ((chosen = k), b.mark(k)),
  });
  const handles = [...frame.controls.querySelectorAll(".live-handles button")];
  const add = frame.button("Add", () => {
    if (b.x.length >= MOST) return frame.tell(`There is room for ${MOST} neighbours.`);
    touched = true;
    b.place([...b.x, freest(b.x)]), list.choose(b.x.length - 1), paint(), tell();
  });
  const remove = frame.button("Remove", () => {
    if (b.x.length <= 1) return frame.tell("One neighbour stays.");
    touched = true;
    const k = chosen ?? b.x.length - 1;
    b.place(b.x.filter((_, j) => j !== k)), list.choose(null), paint(), tell();
  });
  add.setAttribute("aria-label", "Add a neighbour to b"), remove.setAttribute("aria-label", "Remove a neighbour of b");
  frame.turns(a.scene);
  frame.reset(() => {
    ({ nu, lMax } = job.start);
    pairs.set(job.start.pair), factors.set(nu), degree.set(lMax), begin(job.start.pair);
  });
  frame.copy(() => python(a.x, b.x, nu, lMax), "Copy as Python");

  b.scene.ongrab = (_, k) => k && list.choose(k - 1);
  b.scene.onpull = (_, k, by) => k && move(k - 1, by);
  begin(name);
  frame.ready();
};

// ------------------------------------------------------------------------------------------------ numbers

function products(job, lMax, x) {
  // Directions from the atom to its neighbours [N][3] -> of each nu, its invariants
  const { basis, levels, arrays, counts } = job.trees[lMax];
  const harmonics = new Harmonics(lMax), tree = new ProductBasis({ basis, levels }, arrays, 1);
  const A = new Float64Array(tree.rows), Y = new Float64Array(harmonics.rows);
  for (const one of x) {
    harmonics.at(...one, Y, 0);
    Y.forEach((y, row) => (A[row] += y));
  }
  tree.call(A, 1);
  return counts.map((count, k) => Array.from(A.subarray(k ? tree.start[k + 1] : 0, (k ? tree.start[k + 1] : 0) + count)));
}

function group(nu, a, b, degrees) {
  // The numbers of one nu, and which of them differ
  const largest = Math.max(...[...a, ...b].map(Math.abs)) || 1;
  return { nu, a, b, degrees, largest, differs: a.map((one, c) => Math.abs(one - b[c]) > EQUAL * largest) };
}

function freest(x) {
  // Of 300 directions evenly about, that which is farthest from all that are taken.
  let best = null, least = Infinity;
  for (let k = 0; k < 300; k++) {
    const z = 1 - (2 * k + 1) / 300, r = Math.sqrt(1 - z * z), turn = k * Math.PI * (3 - Math.sqrt(5));
    const u = [r * Math.cos(turn), r * Math.sin(turn), z];
    const near = Math.max(...x.map((one) => one[0] * u[0] + one[1] * u[1] + one[2] * u[2]));
    if (near < least) (least = near), (best = u);
  }
  return best;
}

function python(a, b, nu, lMax) {
  const rows = (x) => `[${x.map((one) => `[${one.map((value) => +value.toFixed(8)).join(", ")}]`).join(", ")}]`;
  return [
    `import numpy as np; from dmol_molnet import so3; products = so3.symmetric_product(${lMax}, 4, "0e")`,
    `sums = [so3.spherical_harmonics(${lMax}, np.array(x)).sum(axis=0) for x in (${rows(a)}, ${rows(b)})]`,
    `print([[products(A)[nu, so3.Irrep.of("0e")].ravel() for nu in range(1, ${nu + 1})] for A in sums])`,
  ].join("\n");
}

// ------------------------------------------------------------------------------------------------ pictures

class Environment {
  // An atom i in the middle and up to MOST numbered neighbours on a shell, to be turned, and pulled if `grab`.
  constructor(parent, name, grab = false) {
    const panel = document.createElement("div"), title = Object.assign(document.createElement("strong"), { textContent: name });
    panel.style.cssText = "display: flex; flex-direction: column; min-width: 0; text-align: center";
    panel.append(title), parent.append(panel);
    const reach = SHELL + 0.55, words = grab ? "its neighbours to be pulled along the shell" : "to be turned";
    this.scene = new molnetLive.stage.Scene(panel, { reach: [reach, reach], label: `Environment ${name}, ${words}` });
    this.scene.canvas.style.flex = "none"; // in a column its share would be a height
    const turn = Array.from({ length: 72 }, (_, k) => [SHELL * Math.cos((k * Math.PI) / 36), SHELL * Math.sin((k * Math.PI) / 36)]);
    for (const circle of [([x, y]) => [x, y, 0], ([x, y]) => [x, 0, y], ([x, y]) => [0, x, y]])
      this.scene.line(turn.map(circle), { closed: true });
    const letters = ["i", ...Array.from({ length: MOST }, (_, k) => String(k + 1))];
    const fills = letters.map((_, k) => style.colors[k ? 0 : 1]);
    this.bonds = [];
    this.atoms = this.scene.molecule(letters.map(() => "H"), this.bonds, { letters, fills, grab });
  }

  place(x) {
    this.x = x;
    this.bonds.splice(0, this.bonds.length, ...x.map((_, k) => [0, k + 1]));
    const spots = Array.from({ length: MOST }, (_, k) => (x[k] ? x[k].map((value) => SHELL * value) : FAR));
    this.atoms.place([0, 0, 0, ...spots.flat()]);
  }

  mark(k) {
    this.atoms.mark(k === null ? null : k + 1);
  }

  turnedAs({ scene }) {
    this.scene.root.quaternion.copy(scene.root.quaternion);
    this.scene.draw();
  }
}

class Bars {
  // Of each nu, of each number: two bars, a full and b hollow, on a scale of that nu; and what sets them apart.
  constructor(parent) {
    this.svg = svg("svg", { role: "img" });
    this.svg.style.cssText = "flex: 1 0 100%; max-width: 38rem";
    parent.append(this.svg);
    new ResizeObserver(() => this.groups && this.draw()).observe(this.svg);
  }

  show(groups, found) {
    Object.assign(this, { groups, found });
    const words = groups.map((one) => `ν = ${one.nu}: ${verdict(one)}`).join("; ");
    this.svg.setAttribute("aria-label", `Invariants of a and b. ${found} ${words}.`);
    this.draw();
  }

  draw() {
    const width = this.svg.clientWidth || 360;
    this.svg.replaceChildren(text(this.found, { x: 2, y: 12, "text-anchor": "start", "font-size": 14, "font-weight": 650 }));
    let y = 28;
    for (const line of [this.groups.slice(0, 3), this.groups.slice(3)].filter((it) => it.length)) {
      let pitch = PITCH;
      const sizes = () => line.map((one) => Math.max(76, one.a.length * pitch)), gap = 10;
      while (pitch > 8 && sizes().reduce((sum, size) => sum + size + gap, -gap) > width) pitch--;
      let x = 0;
      line.forEach((one, k) => {
        this.group(one, x, y, pitch, sizes()[k]);
        x += sizes()[k] + gap;
      });
      y += 36 + UP + DOWN + 11 * line.at(-1).nu + 14;
    }
    this.key(y);
    set(this.svg, { viewBox: `0 0 ${width} ${y + 18}`, width, height: y + 18 });
  }

  group(one, x, y, pitch, size) {
    const most = Math.max(...one.a, ...one.b, 0), least = Math.min(...one.a, ...one.b, 0);
    const scale = Math.min(most ? UP / most : Infinity, least ? -DOWN / least : Infinity);
    const zero = y + 44 + UP, wide = Math.min(10, 0.4 * pitch);
    const words = { x: x + 2, "text-anchor": "start" };
    this.svg.append(
      text(`ν = ${one.nu}`, { ...words, y: y + 10, "font-size": 13, "font-weight": 650 }),
      text(verdict(one), { ...words, y: y + 26, "font-size": 12 }),
      svg("line", { x1: x, x2: x + Math.max(one.a.length * pitch, 20), y1: zero, y2: zero, stroke: style.gray }),
    );
    one.a.forEach((value, c) => {
      const middle = x + (c + 0.5) * pitch, made = svg("g");
      const l = one.degrees[c];
      made.append(svg("title", {}, `degrees ${l.join(", ")}: a ${signed(value)}, b ${signed(one.b[c])}`));
      [value, one.b[c]].forEach((height, which) => {
        const far = Number.isFinite(scale) ? scale * height : 0;
        made.append(svg("rect", {
          x: middle + (which ? 0.5 : -wide - 0.5), y: zero - Math.max(far, 0), width: wide, height: Math.abs(far),
          fill: which ? "none" : style.colors[0], stroke: which ? "currentColor" : style.onColor, "stroke-width": which ? 1.4 : 0.8,
        }));
      });
      if (one.differs[c]) {
        const top = zero - scale * Math.max(value, one.b[c], 0) - 8;
        made.append(text("≠", { x: middle, y: top, "font-size": 14, "font-weight": 700 }));
      }
      l.forEach((digit, k) => made.append(text(digit, { x: middle, y: zero + DOWN + 11 + 11 * k, "font-size": 10.5 })));
      this.svg.append(made);
    });
  }

  key(y) {
    const words = { y: y + 8, "text-anchor": "start", "font-size": 12 };
    this.svg.append(
      svg("rect", { x: 2, y: y + 3, width: 10, height: 10, fill: style.colors[0], stroke: style.onColor, "stroke-width": 0.8 }),
      text("a", { ...words, x: 17 }),
      svg("rect", { x: 36, y: y + 3, width: 10, height: 10, fill: "none", stroke: "currentColor", "stroke-width": 1.4 }),
      text("b", { ...words, x: 51 }),
      text("below: degrees l of the factors; each ν on a scale of its own", { ...words, x: 74, "font-size": 11.5 }),
    );
  }
}

function verdict({ a, differs }) {
  const differ = differs.filter(Boolean).length;
  return differ ? `${differ} of ${a.length} ${differ === 1 ? "differs" : "differ"}` : "equal";
}
