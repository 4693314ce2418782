// One atom and two neighbours: columns of harmonics, their sum A, products B, an energy E.  The reader opens the angle
// and turns the whole.

import { Harmonics } from "../../dmol_molnet/live/engine/harmonics.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { text } from "./shared/pen.js";
import { about, apply, times } from "./shared/vectors.js";

const { style } = molnetLive;
const WIDTH = 350, HEIGHT = 234; // px, of the picture
const SCALE = 48, MIDDLE = [86, 100]; // px a unit of length, and where the atom is
const ATOM = 0.24, NEIGHBOUR = 0.22, ARC = 0.52; // as in the still figures
const CELL = 58, ROW = 23, COLUMNS = [58, 120, 188, 262]; // of the table: width, height, where each column begins
const STEP = Math.PI / 12;

molnetLive.figures.bending = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element), harmonics = new Harmonics(job.C.length - 1);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const table = svg("svg", { viewBox: "0 0 334 310", role: "img" });
  picture.style.cssText = "flex: 1.25 1 17rem; touch-action: pan-y pinch-zoom";
  frame.stage.append(picture, table);
  const drawn = drawing(picture, job), cells = numbers(table, job);
  let theta = job.theta, R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]], now;

  const compute = () => {
    const t = (theta * Math.PI) / 180;
    const n = [[1, 0, 0], [Math.cos(t), Math.sin(t), 0]].map((one) => apply(R, one)); // from neighbour to atom
    const phi = n.map((one) => {
      const Y = new Float64Array(harmonics.rows);
      harmonics.at(...one, Y, 0);
      return Y;
    });
    const A = phi[0].map((y, row) => y + phi[1][row]);
    // A of degree l stands in the rows l² … (l+1)² - 1
    const B = job.C.map((couples, l) => couples.reduce((sum, [m, k, c]) => sum + c * A[l * l + m] * A[l * l + k], 0));
    const E = B.reduce((sum, b, l) => sum + job.weights[l] * b, 0);
    return { n, phi, A, B, E };
  };

  const paint = () => {
    now = compute();
    drawn(now, theta, R), cells(now);
    const list = (values) => Array.from(values, (x) => x.toFixed(6)).join(" ");
    frame.numbers({ theta, energy: now.E, a: list(now.A), b: list(now.B), directions: list(now.n.flat()) });
  };

  const open = (to) => {
    theta = to, paint();
    const [, one, two] = now.B;
    frame.tell(`θ is ${theta.toFixed(0)}°: B₁ is ${signed(one)}, B₂ is ${signed(two)}, E is ${signed(now.E)}.`);
  };

  const turn = (axis, angle) => {
    const { A } = now;
    R = times(about(axis, angle), R), paint();
    const most = Math.max(...A.map((a, row) => Math.abs(a - now.A[row])));
    const same = "Turned about an axis of its own: A, B and E are the same.";
    frame.tell(most > 0.005 ? "Turned: numbers of A have changed, B and E have not." : same);
  };

  const slider = frame.slider({
    label: "angle θ", min: job.angles[0], max: job.angles.at(-1), step: 1, value: theta, show: (to) => `${to}°`,
    act: open,
  });
  frame.turns({ turn });
  const group = frame.buttons.querySelector(".live-turns");
  for (const [sign, words, way] of [["\u21ba", "Turn against the clock", 1], ["\u21bb", "Turn with the clock", -1]])
    frame.button(sign, () => turn([0, 0, 1], way * STEP), group).setAttribute("aria-label", words);
  frame.reset(() => {
    theta = job.theta, R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    slider.set(theta), paint();
  });
  frame.copy(() => python(now.n, job.weights), "Copy as Python");

  // A drag of neighbour 2 opens the angle; of anything else, it turns the whole.
  let drag = null;
  const at = (event) => {
    const box = picture.getBoundingClientRect(), px = WIDTH / box.width;
    return [(event.clientX - box.left) * px, (event.clientY - box.top) * px];
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button || drag) return;
    picture.setPointerCapture(event.pointerId);
    drag = { id: event.pointerId, at: at(event), hit: event.target.dataset.grab !== undefined };
  });
  picture.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag?.id) return;
    const [x, y] = at(event), dx = x - drag.at[0], dy = y - drag.at[1], size = Math.hypot(dx, dy);
    drag.at = [x, y];
    if (drag.hit) {
      const to = nearest([(x - MIDDLE[0]) / SCALE, (MIDDLE[1] - y) / SCALE], R, job);
      // Beyond 180° the nearest angle lies at the other end: the neighbour stays where it is.
      if (to !== theta && Math.abs(to - theta) < 90) slider.set(to), open(to);
    } else if (size) turn([dy / size, dx / size, 0], 0.01 * size);
  });
  const end = (event) => event.pointerId === drag?.id && (drag = null);
  picture.addEventListener("pointerup", end);
  picture.addEventListener("pointercancel", end);

  paint();
  frame.ready();
};

// ------------------------------------------------------------------------------------------------ pictures

function drawing(picture, job) {
  // The atom and its neighbours, seen along z, and below the curves with a dot on each.
  const place = ([x, y]) => [MIDDLE[0] + SCALE * x, MIDDLE[1] - SCALE * y];
  const arc = svg("polyline", { fill: "none", stroke: style.gray, "stroke-width": 1.6 });
  const angle = text("θ", { "font-size": 15 });
  const arrows = [1, 2].map(() => ({
    line: svg("line", { stroke: "currentColor", "stroke-width": 2.2 }), tip: svg("polygon", { fill: "currentColor" }),
  }));
  const labels = [1, 2].map((j) => {
    const label = text("n", { "font-size": 15, "font-weight": 700 });
    label.append(svg("tspan", { dy: 4, "font-size": 11, "font-weight": 400 }, String(j)));
    return label;
  });
  const ball = (letter, fill, radius, more = {}) => {
    const made = svg("g");
    const circle = svg("circle", { r: radius * SCALE, fill, stroke: style.onColor, "stroke-width": 1, ...more });
    const letters = text(letter, { "font-size": 13 });
    letters.style.fill = style.onColor, letters.style.pointerEvents = "none";
    made.append(circle, letters);
    return made;
  };
  const neighbours = [1, 2].map((j) => ball(j, style.colors[0], NEIGHBOUR));
  const hand = svg("circle", { r: 22, fill: "transparent", "data-grab": "" }); // a finger needs more than the circle
  hand.style.touchAction = "none", hand.style.cursor = "grab";
  neighbours[1].append(hand);
  const atom = ball("i", style.colors[1], ATOM);
  atom.lastChild.setAttribute("font-style", "italic");
  const space = svg("g");
  picture.append(space);
  const dots = chart(picture, job);

  return ({ n, B, E }, theta, R) => {
    const ends = n.map((one) => one.map((x) => -job.distance * x));
    // What is farther from the reader is drawn first.
    const order = [[0, atom], ...ends.map((end, j) => [end[2], neighbours[j]])].sort((a, b) => a[0] - b[0]);
    const pointers = arrows.flatMap((one) => [one.line, one.tip]), balls = order.map(([, made]) => made);
    space.replaceChildren(arc, angle, ...pointers, ...balls, ...labels);
    atom.setAttribute("transform", `translate(${place([0, 0])})`);
    ends.forEach((end, j) => {
      neighbours[j].setAttribute("transform", `translate(${place(end)})`);
      const [from, to] = [job.distance - NEIGHBOUR, ATOM].map((r) => place(n[j].map((x) => -r * x)));
      const flat = Math.hypot(n[j][0], n[j][1]), length = Math.hypot(to[0] - from[0], to[1] - from[1]);
      const { line, tip } = arrows[j], hidden = length < 10; // it points at the reader, or away
      line.style.display = tip.style.display = hidden ? "none" : "";
      if (!hidden) {
        const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
        const neck = [to[0] - 9 * ux, to[1] - 9 * uy];
        const side = (s) => [neck[0] - 4.5 * s * uy, neck[1] + 4.5 * s * ux];
        set(line, { x1: from[0], y1: from[1], x2: neck[0], y2: neck[1] });
        set(tip, { points: [to, side(1), side(-1)].join(" ") });
      }
      // The label stands on the side where the other neighbour is not.
      let across = flat > 0.1 ? [-n[j][1] / flat, n[j][0] / flat] : [0, 1];
      const other = n[1 - j];
      if (across[0] * -other[0] + across[1] * -other[1] > 0) across = across.map((x) => -x);
      const half = n[j].map((x, d) => -0.75 * x + (d < 2 ? 0.27 * across[d] : 0));
      set(labels[j], xy(place(half)));
    });
    const points = Array.from({ length: 33 }, (_, k) => apply(R, spot(-ARC, (theta * k) / 32)));
    set(arc, { points: points.map(place).join(" ") });
    set(angle, xy(place(apply(R, spot(-ARC - 0.2, theta / 2)))));
    dots(theta, [...B, E]);
    const words = `An atom and two neighbours at an angle of ${theta.toFixed(0)} degrees; beside, B and E against it`;
    picture.setAttribute("aria-label", words);
  };
}

function chart(picture, { angles, curves }) {
  // B and E against the angle, each on a scale of its own; lines by Legendre's polynomials -> dots(theta, values)
  const left = 198, width = 130, right = left + width, bottom = 198, last = curves.length - 1;
  const x = (theta) => left + (width * (theta - angles[0])) / (angles.at(-1) - angles[0]);
  const scale = (them, top, height) => {
    const all = [0, ...them.flat()], low = Math.min(...all), high = Math.max(...all);
    return (value) => top + (height * (high - value)) / (high - low);
  };
  const B = scale(curves.slice(0, -1), 12, 72), E = scale(curves.slice(-1), 112, 82), gray = { stroke: style.gray };
  for (const [y, ticks] of [[B, [0, 4, 8]], [E, [0, -2]]])
    for (const tick of ticks) {
      const at = { x1: tick ? right - 4 : left, x2: right, y1: y(tick), y2: y(tick) };
      const number = text(signed(tick, 0), { x: right + 19, y: y(tick), "text-anchor": "end", "font-size": 11 });
      picture.append(svg("line", { ...at, ...gray }), number);
    }
  curves.forEach((curve, l) => {
    const y = l === last ? E : B, how = l === last ? ["currentColor", 2.2] : [style.gray, 1.4];
    picture.append(svg("polyline", {
      points: curve.map((value, k) => `${x(angles[k]).toFixed(1)},${y(value).toFixed(1)}`).join(" "), fill: "none",
      stroke: how[0], "stroke-width": how[1],
    }));
    const name = text(l === last ? "E" : "B", { x: left - 5, y: y(curve[0]), "text-anchor": "end", "font-size": 12 });
    if (l < last) name.append(svg("tspan", { dy: 3, "font-size": 11 }, String(l)));
    picture.append(name);
  });
  const ink = { stroke: "currentColor" };
  picture.append(svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, ...ink }));
  for (const tick of [60, 120, 180])
    picture.append(
      svg("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4, ...ink }),
      text(`${tick}°`, { x: x(tick), y: bottom + 12, "font-size": 11 }),
    );
  picture.append(
    text("θ", { x: x(90), y: bottom + 12, "font-size": 12 }),
    text("E on its own scale", { x: right, y: 106, "text-anchor": "end", "font-size": 11 }),
    text("lines: from the angle; dots: from A", { x: WIDTH / 2, y: HEIGHT - 7, "font-size": 11.5 }),
  );
  const rules = [[8, 84], [112, bottom]].map(([y1, y2]) => svg("line", { ...gray, "stroke-dasharray": "3 3", y1, y2 }));
  const dots = curves.map(() => svg("circle", { r: 4, fill: "currentColor" }));
  picture.append(...rules, ...dots);
  return (theta, values) => {
    for (const rule of rules) set(rule, { x1: x(theta), x2: x(theta) });
    values.forEach((value, l) => set(dots[l], { cx: x(theta), cy: (l === last ? E : B)(value) }));
  };
}

function numbers(table, job) {
  // Columns: the harmonics of each neighbour, their sum A, the products B; below, E -> paint({phi, A, B, E})
  const rows = [], products = [], groups = job.C.map((_, l) => ({ l, first: l * l }));
  const y = (row) => 46 + ROW * row + 7 * Math.floor(Math.sqrt(row)); // a gap between degrees
  const head = (words, column, line = 0) => {
    const [x, y] = [COLUMNS[column] + CELL / 2, 12 + 13 * line];
    table.append(text(words, { x, y, "font-size": 11.5, "font-weight": line ? 400 : 700 }));
  };
  head("Y of 1", 0), head("Y of 2", 1), head("A", 2), head("sum", 2, 1), head("B", 3), head("ΣA² / √(2l+1)", 3, 1);
  table.append(text("l", { x: 14, y: 25, "font-size": 12, "font-style": "italic" }));
  table.append(text("m", { x: 42, y: 25, "font-size": 12, "font-style": "italic" }));
  for (const { l, first } of groups) {
    const middle = y(first + l);
    table.append(text(l, { x: 14, y: middle, "font-size": 12 }));
    for (let m = -l; m <= l; m++) {
      const at = y(first + l + m);
      table.append(text(signed(m, 0), { x: 42, y: at, "font-size": 11 }));
      rows[first + l + m] = [0, 1, 2].map((column) => cell(table, COLUMNS[column], at));
    }
    const [top, bottom] = [y(first) - ROW / 2 + 2, y(first + 2 * l) + ROW / 2 - 2], right = COLUMNS[2] + CELL + 3;
    const d = `M${right} ${top}h4V${bottom}h-4M${right + 4} ${middle}h6`; // a bracket
    table.append(svg("path", { d, fill: "none", stroke: style.gray, "stroke-width": 1.2 }));
    products[l] = cell(table, COLUMNS[3], middle);
  }
  const end = y(rows.length - 1) + ROW / 2;
  for (const [words, from, to] of [["l = 1, 2 turn with the whole", 0, 2], ["stay", 3, 3]]) {
    const [x1, x2] = [COLUMNS[from], COLUMNS[to] + CELL];
    table.append(
      svg("line", { x1, x2, y1: end + 5, y2: end + 5, stroke: style.gray }),
      text(words, { x: (x1 + x2) / 2, y: end + 15, "font-size": 11.5 }),
    );
  }
  const term = (w, l) => `${l && w >= 0 ? "+ " : ""}${String(w).replace("-", "\u2212")} B${"₀₁₂"[l]}`;
  const sum = `E = ${job.weights.map(term).join(" ")} =`;
  table.append(text(sum, { x: COLUMNS[3] - 8, y: end + 41, "text-anchor": "end", "font-size": 12.5 }));
  const energy = cell(table, COLUMNS[3], end + 41);
  const most = largest(job);
  return ({ phi, A, B, E }) => {
    const write = (set, value, scale) => set(value, scale, job.shades);
    A.forEach((a, row) => [...phi.map((Y) => Y[row]), a].forEach((value, k) => write(rows[row][k], value, most.A)));
    B.forEach((b, l) => write(products[l], b, most.B));
    write(energy, E, most.E);
    const told = (values) => Array.from(values, (x) => signed(x)).join(", ");
    table.setAttribute("aria-label", `A: ${told(A)}. B: ${told(B)}. E: ${signed(E)}.`);
  };
}

function largest({ curves }) {
  // What the deepest colours stand for, the same at all angles: of degree 2, a sum of two goes up to 2 √5.
  const B = Math.max(...curves.slice(0, -1).flat()), E = Math.max(...curves.at(-1).map(Math.abs));
  return { A: 2 * Math.sqrt(5), B, E };
}

function cell(table, x, y) {
  // A box with a number -> set(value, scale, shades)
  const size = { width: CELL, height: ROW - 3, rx: 3 };
  const box = svg("rect", { x, y: y - ROW / 2 + 1.5, ...size, stroke: style.gray, "stroke-width": 0.8 });
  const letters = text("", { x: x + CELL / 2, y, "font-size": 12 });
  letters.style.fill = style.onColor, letters.style.fontVariantNumeric = "tabular-nums";
  table.append(box, letters);
  return (value, scale, [negative, neutral, positive]) => {
    const share = Math.min(Math.abs(value) / scale, 1), end = value > 0 ? positive : negative;
    box.setAttribute("fill", `rgb(${neutral.map((from, c) => Math.round(from + share * (end[c] - from)))})`);
    letters.textContent = signed(value);
  };
}

// ------------------------------------------------------------------------------------------------ small things

const xy = ([x, y]) => ({ x, y });
const spot = (r, degrees) => [r * Math.cos((degrees * Math.PI) / 180), r * Math.sin((degrees * Math.PI) / 180), 0];

function nearest(point, R, { angles, distance }) {
  // The whole angle at which neighbour 2 is seen nearest to a point, [x, y] in units of length.
  let best = angles[0], least = Infinity;
  const size = Math.hypot(...point) || 1;
  for (let theta = angles[0]; theta <= angles.at(-1); theta++) {
    const [x, y] = apply(R, spot(-distance, theta)), long = Math.max(Math.hypot(x, y), 1e-9);
    // Seen from the front only the direction counts; where the whole is tilted, how far out it is seen counts too.
    const off = Math.hypot(x - (point[0] / size) * long, y - (point[1] / size) * long);
    if (off < least) (least = off), (best = theta);
  }
  return best;
}

function python(n, weights) {
  const rows = n.map((one) => `[${one.map((x) => +x.toFixed(8)).join(", ")}]`).join(", ");
  return [
    `import numpy as np; from dmol_molnet import so3; weights = [${weights.join(", ")}]`,
    `A = so3.spherical_harmonics(2, np.array([${rows}])).sum(axis=0)`,
    "print(A, B := [sum(A[l * l:(l + 1)**2]**2) / (2 * l + 1)**0.5 for l in range(3)], np.dot(weights, B))",
  ].join("\n");
}
