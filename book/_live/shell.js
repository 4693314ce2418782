// Two environments, all neighbours on one shell, and the invariant products of up to nu factors A of both.
// The reader slides nu and l_max, chooses a pair, and moves, adds and removes neighbours of the second.

import { ProductBasis } from "../../dmol_molnet/live/engine/ace.js";
import { Harmonics } from "../../dmol_molnet/live/engine/harmonics.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { text } from "./shared/pen.js";
import { apply, dot } from "./shared/vectors.js";

const { style } = molnetLive;
const SHELL = 2.4, MOST = 8; // the shell's radius in the drawing; neighbours that there is room for
const FAR = [0, 1e4, 0]; // where those are that are not there
const EQUAL = 1e-8; // a difference below this share of the largest number of its nu is rounding
const FULL = { fill: style.colors[0], stroke: style.onColor, "stroke-width": 0.8 }; // bars of a, and of b
const HOLLOW = { fill: "none", stroke: "currentColor", "stroke-width": 1.4 };
const TALL = 30, PITCH = 34, ABOVE = 50, LINE = 12; // px: the longest bar, from one number to the next, words, a digit

molnetLive.figures.shell = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const frame = new Frame(element);
  const box = Object.assign(document.createElement("div"), { className: "live-pair" });
  box.style.cssText = "display: grid; flex: 1 0 100%; gap: 0.5rem; grid-template-columns: 1fr 1fr; max-width: 38rem";
  frame.stage.append(box);
  const a = new Environment(box, "a"), b = new Environment(box, "b", true), bars = new Bars(frame.stage);
  const together = (other, one) => () => {
    other.turnedAs(one);
    if (begun) frame.tell("Both environments turned: all numbers as before.");
  };
  a.scene.onturn = together(b, a), b.scene.onturn = together(a, b);

  let name = job.start.pair, nu = job.start.nu, lMax = job.start.lMax;
  let chosen = null, touched = false, begun = false, found;

  const paint = () => {
    const both = [a, b].map(({ x }) => products(job, lMax, x).slice(0, nu));
    const groups = both[0].map((first, k) => compared(k + 1, first, both[1][k], job.trees[lMax].degrees[k]));
    const count = (list) => list.reduce((sum, one) => sum + one, 0);
    const differ = count(groups.map((one) => count(one.differs))), total = count(groups.map((one) => one.a.length));
    const first = groups.find((one) => one.differs.includes(true))?.nu ?? null;
    const mirror = !touched && job.pairs[name].relation === "mirror images";
    const one = total === 1;
    const some = one ? "The one number differs"
      : `${differ} of ${total} numbers ${verb(differ)}, first at ν\u00a0=\u00a0${first}`;
    const all = one ? "The one number is equal" : `All ${total} numbers are equal`;
    found = first ? `${some}: told apart.` : `${all}: not told apart${mirror ? ", as mirror images must be" : ""}.`;
    bars.show(groups, job.trees[lMax].counts, found);
    const list = (values) => values.flat().map((x) => x.toFixed(6)).join(" ");
    const counts = { nu, lMax, neighbors: b.x.length, differ, total, first: first ?? "none" };
    frame.numbers(Object.fromEntries(Object.entries(counts).map(([key, value]) => [key, String(value)])));
    frame.numbers({ a: list(both[0]), b: list(both[1]), directionsA: list(a.x), directionsB: list(b.x) });
    frame.numbers({ pair: touched ? "own" : name });
    handles.forEach((button, k) => (button.hidden = k >= b.x.length));
    add.setAttribute("aria-disabled", String(b.x.length >= MOST));
    remove.setAttribute("aria-disabled", String(b.x.length <= 1));
  };
  const tell = (what) => frame.tell(`${what}. ${found}`);
  const own = () => ((touched = true), pairs.set(null)); // b is no longer that of a pair

  const begin = (which) => {
    name = which, touched = begun = false;
    a.place(job.pairs[name].a), b.place(job.pairs[name].b);
    a.scene.face(), b.scene.face();
    list.choose(null), paint();
    begun = true;
  };

  const move = (k, by) => {
    // Along the shell: to where the hand is, on the side of it where the neighbour was
    if (!by.some(Boolean)) return;
    const R = b.scene.rotation(), at = apply(R, b.x[k]), [dx, dy, dz] = apply(R, by).map((d) => d / SHELL);
    let [x, y, z] = [at[0] + dx, at[1] + dy, at[2] + dz];
    const out = Math.hypot(x, y);
    if (Math.abs(dz) <= Math.hypot(dx, dy)) z = out < 1 ? Math.sqrt(1 - out * out) * (at[2] < -1e-6 ? -1 : 1) : 0;
    const size = Math.hypot(x, y, z), to = b.scene.inRoot(x / size, y / size, z / size);
    own();
    b.place(b.x.map((one, j) => (j === k ? to : one)));
    paint(), tell(`b${k + 1} moved`);
  };

  const options = Object.fromEntries(Object.entries(job.pairs).map(([key, it]) => [key, it.equal]));
  const pairs = frame.choice({
    label: "pair, equal in", value: name, options, act: (which) => (begin(which), tell("Another pair")),
  });
  const factors = frame.slider({
    label: "factors, up to ν =", min: 1, max: 4, step: 1, value: nu,
    act: (to) => ((nu = to), paint(), tell(`ν up to ${to}`)),
  });
  const degree = frame.slider({
    label: "degrees, up to l_max =", min: 1, max: 3, step: 1, value: lMax,
    act: (to) => ((lMax = to), paint(), tell(`Degrees up to ${to}`)),
  });
  const list = frame.handles(Array.from({ length: MOST }, (_, k) => `b${k + 1}`), {
    label: "Neighbours of b", noun: "neighbour", step: 0.1, scene: b.scene, move,
    chosen: (k) => ((chosen = k), b.mark(k)),
  });
  const group = frame.controls.querySelector(".live-handles"), handles = [...group.querySelectorAll("button")];
  const add = frame.button("Add", () => {
    if (b.x.length >= MOST) return frame.tell(`There is room for ${MOST} neighbours.`);
    own();
    b.place([...b.x, freest(b.x, b.scene.rotation())]), list.choose(b.x.length - 1);
    paint(), tell(`b${b.x.length} added`);
  }, group);
  const remove = frame.button("Remove", () => {
    if (b.x.length <= 1) return frame.tell("One neighbour stays.");
    own();
    const k = chosen ?? b.x.length - 1;
    b.place(b.x.filter((_, j) => j !== k)), list.choose(null);
    paint(), tell(`b${k + 1} removed, the others numbered anew`);
  }, group);
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
  return counts.map((count, k) => {
    const start = tree.start[k + 1]; // of the rows of nu = k + 1, whose first are its invariants
    return Array.from(A.subarray(start, start + count));
  });
}

function compared(nu, a, b, degrees) {
  // The numbers of one nu, and which of them differ
  const largest = Math.max(...[...a, ...b].map(Math.abs)) || 1;
  return { nu, a, b, degrees, largest, differs: a.map((one, c) => Math.abs(one - b[c]) > EQUAL * largest) };
}

function freest(x, R) {
  // Of 300 directions evenly about, and of these where one sees it, that which is farthest from all that are taken.
  let best = null, least = Infinity;
  for (let k = 0; k < 300; k++) {
    const z = 1 - (2 * k + 1) / 300, r = Math.sqrt(1 - z * z), turn = k * Math.PI * (3 - Math.sqrt(5));
    const u = [r * Math.cos(turn), r * Math.sin(turn), z];
    const seen = apply(R, u), near = Math.max(...x.map((one) => dot(one, u)));
    if (seen[2] < -0.2 || Math.hypot(seen[0], seen[1]) < 0.5) continue; // behind the atom, or before it
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
    const panel = document.createElement("div"), title = document.createElement("strong");
    title.textContent = name;
    panel.style.cssText = "display: flex; flex-direction: column; min-width: 0; text-align: center";
    panel.append(title), parent.append(panel);
    const reach = SHELL + 0.55, words = grab ? "its neighbours to be pulled along the shell" : "to be turned";
    this.scene = new molnetLive.stage.Scene(panel, { reach: [reach, reach], label: `Environment ${name}, ${words}` });
    this.scene.canvas.style.flex = "none"; // in a column its share would be a height
    const circle = (u, v) => {
      const point = (turn) => u.map((value, d) => SHELL * (Math.cos(turn) * value + Math.sin(turn) * v[d]));
      this.scene.line(Array.from({ length: 72 }, (_, k) => point((k * Math.PI) / 36)), { closed: true });
    };
    circle([1, 0, 0], [0, 0.28, 0.96]); // turns with the atoms
    circle([1, 0, 0], [0, 1, 0]); // the shell's outline does not
    this.scene.space.add(this.scene.root.children.at(-1));
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
  // Of each nu, of each number: two bars, a full and b hollow, as long as the longer of the two allows; and a sign
  // where they differ.
  constructor(parent) {
    this.words = document.createElement("p");
    this.words.style.cssText = "flex: 1 0 100%; font-weight: 600; margin: 0; max-width: 38rem";
    this.svg = svg("svg", { role: "img" });
    this.svg.style.cssText = "flex: 1 0 100%; max-width: 38rem";
    parent.append(this.words, this.svg);
    new ResizeObserver(() => this.groups && this.draw()).observe(this.svg);
  }

  show(groups, counts, found) {
    // counts: of each nu, how many numbers there are, also of those that are left out
    Object.assign(this, { groups, counts }), this.words.textContent = found;
    const words = groups.map((one) => `ν = ${one.nu}: ${verdict(one)}`).join("; ");
    this.svg.setAttribute("aria-label", `Invariants of a and b. ${found} ${words}.`);
    this.draw();
  }

  draw() {
    // There is room for all nu at all times, so that nothing moves when one slides.
    const width = this.svg.clientWidth || 360;
    this.words.style.minHeight = width < 480 ? "2lh" : "";
    this.svg.replaceChildren();
    let y = 0;
    for (const line of width < 480 ? [[1, 2, 3], [4]] : [[1, 2, 3, 4]]) {
      let pitch = PITCH;
      const sizes = () => line.map((nu) => Math.max(80, this.counts[nu - 1] * pitch)), gap = 10;
      while (pitch > 8 && sizes().reduce((sum, size) => sum + size + gap, -gap) > width) pitch--;
      let x = 0;
      line.forEach((nu, k) => {
        const wide = Math.max(this.counts[nu - 1] * pitch, 20);
        this.heading(nu, x, y, wide);
        if (this.groups[nu - 1]) this.group(this.groups[nu - 1], x, y, pitch);
        x += sizes()[k] + gap;
      });
      y += ABOVE + 2 * TALL + 14 + LINE * line.at(-1);
    }
    const height = this.key(y, width);
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
  }

  heading(nu, x, y, wide) {
    const one = this.groups[nu - 1], words = { x: x + 2, "text-anchor": "start" }, zero = y + ABOVE + TALL;
    const line = { x1: x, x2: x + wide, y1: zero, y2: zero, stroke: style.gray };
    this.svg.append(
      text(`ν = ${nu}`, { ...words, y: y + 10, "font-size": 13, "font-weight": one ? 650 : 400 }),
      text(one ? verdict(one) : "left out", { ...words, y: y + 26, "font-size": 12 }),
      svg("line", { ...line, "stroke-dasharray": one ? "none" : "3 4" }),
    );
  }

  group(one, x, y, pitch) {
    const zero = y + ABOVE + TALL, wide = Math.min(13, 0.4 * pitch);
    one.a.forEach((value, c) => {
      const middle = x + (c + 0.5) * pitch, made = svg("g");
      const l = one.degrees[c];
      made.append(svg("title", {}, `degrees ${l.join(", ")}: a ${signed(value)}, b ${signed(one.b[c])}`));
      const most = Math.max(Math.abs(value), Math.abs(one.b[c])), scale = most > EQUAL * one.largest ? TALL / most : 0;
      [value, one.b[c]].forEach((height, which) => {
        const far = scale * height;
        const size = { y: zero - Math.max(far, 0), width: wide, height: Math.abs(far) };
        made.append(svg("rect", { x: middle + (which ? 0.5 : -wide - 0.5), ...size, ...(which ? HOLLOW : FULL) }));
      });
      if (one.differs[c]) {
        const top = zero - scale * Math.max(value, one.b[c], 0) - 8;
        made.append(text("≠", { x: middle, y: top, "font-size": 14, "font-weight": 700 }));
      }
      const below = (k) => zero + TALL + 10 + LINE * k;
      l.forEach((digit, k) => made.append(text(digit, { x: middle, y: below(k), "font-size": 12.5 })));
      this.svg.append(made);
    });
  }

  key(y, width) {
    // What bars and digits are; where the page is narrow, in two lines -> where it ends
    const words = { y: y + 8, "text-anchor": "start", "font-size": 12 };
    this.svg.append(
      svg("rect", { x: 2, y: y + 3, width: 10, height: 10, ...FULL }), text("a", { ...words, x: 17 }),
      svg("rect", { x: 36, y: y + 3, width: 10, height: 10, ...HOLLOW }), text("b", { ...words, x: 51 }),
      text("digits: degrees l of the factors", { ...words, x: 76 }),
    );
    const below = width < 480 ? 18 : 0;
    this.svg.append(text("each number on its own scale", { ...words, x: below ? 2 : 280, y: y + 8 + below }));
    return y + 18 + below;
  }
}

const verb = (count) => (count === 1 ? "differs" : "differ");

function verdict({ a, differs }) {
  const differ = differs.filter(Boolean).length;
  return differ ? `${differ} of ${a.length} ${verb(differ)}` : "equal";
}
