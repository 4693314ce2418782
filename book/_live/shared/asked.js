// What the chapter on symmetry asks of a molecule with one atom in the middle, by the names that it gives there, and
// the report of how the answers follow when the molecule moves, next to `dmol_molnet/symmetry.py`.
//
// A molecule is {who, x}: which atom each row holds [A], and its position [A, 3] Å.  An answer is a list of numbers; an
// energy also has forces, minus its slopes [A, 3].

import { apply, cross, dot, minus } from "./vectors.js";

const MDYNE = 143.9325, DEGREE = Math.PI / 180; // mdyn Å in kcal/mol; as MMFF94 has them, with what follows
const CUBIC_STRETCH = -2, CUBIC_BEND = -0.4 * DEGREE; // 1/Å, 1/degree
const TOLERANCE = 1e-9; // of the largest number of an answer: rounding

const zeros = (n) => Array.from({ length: n }, () => [0, 0, 0]);
const add = (to, by, weight = 1) => by.forEach((value, d) => (to[d] += weight * value));
export const largest = (values) => Math.max(...values.map(Math.abs));

export class Asked {
  // constants: what `book/_live/symmetry.py` writes
  constructor(constants) {
    this.known = constants;
  }

  // --------------------------------------------------------------------------------------------- what is right

  energy(m) {
    // MMFF94: bonds, angles, and products of both -> {answer [1] eV, forces [A, 3] eV/Å}
    const { bonds, angles, kcal } = this.known, x = byAtom(m), slopes = zeros(x.length), stretched = [];
    let E = 0;
    const bond = (i, j) => {
      const r = minus(x[j], x[i]), length = Math.hypot(...r);
      return { length, u: r.map((value) => value / length) };
    };
    const pull = (i, j, u, slope) => (add(slopes[j], u, slope), add(slopes[i], u, -slope));
    for (const [i, j, k, rest] of bonds) {
      const { length, u } = bond(i, j), d = length - rest, c = CUBIC_STRETCH;
      E += (MDYNE / 2) * k * d * d * (1 + c * d + (7 / 12) * c * c * d * d);
      pull(i, j, u, (MDYNE / 2) * k * d * (2 + 3 * c * d + (7 / 3) * c * c * d * d));
      stretched[j] = d;
    }
    for (const [i, j, k, bend, rest, first, second] of angles) {
      const one = bond(j, i), two = bond(j, k), cosine = dot(one.u, two.u);
      const d = Math.acos(cosine) / DEGREE - rest, both = first * stretched[i] + second * stretched[k];
      E += MDYNE * DEGREE * ((DEGREE / 2) * bend * d * d * (1 + CUBIC_BEND * d) + both * d);
      pull(j, i, one.u, MDYNE * DEGREE * first * d), pull(j, k, two.u, MDYNE * DEGREE * second * d);
      const byAngle = MDYNE * ((DEGREE / 2) * bend * d * (2 + 3 * CUBIC_BEND * d) + both); // in radians
      const slope = byAngle / Math.sqrt(1 - cosine ** 2);
      for (const [end, a, b] of [[i, one, two], [k, two, one]])
        pull(j, end, b.u.map((value, d) => (cosine * a.u[d] - value) / a.length), slope);
    }
    return { answer: [kcal * E], forces: m.who.map((a) => slopes[a].map((s) => -kcal * s)) };
  }

  forces(m) {
    const { answer, forces } = this.energy(m);
    return { answer: forces.flat(), energy: answer[0], forces };
  }

  dipole(m) {
    const sum = [0, 0, 0];
    m.x.forEach((x, row) => add(sum, x, this.known.charges[m.who[row]]));
    return { answer: sum };
  }

  magnetic_moment(m) {
    // After 1 fs of fall from rest
    const { masses, charges, fall } = this.known, { forces } = this.energy(m), middle = [0, 0, 0], sum = [0, 0, 0];
    const total = masses.reduce((a, b) => a + b, 0);
    m.x.forEach((x, row) => add(middle, x, masses[m.who[row]] / total));
    m.x.forEach((x, row) => {
      const a = m.who[row], v = forces[row].map((f) => (fall * f) / masses[a]);
      add(sum, cross(minus(x, middle), v), charges[a] / 2);
    });
    return { answer: sum };
  }

  // --------------------------------------------------------------------------------------------- what is broken

  dense(m) {
    // Coordinates straight into a dense layer
    const { W_x } = this.known, { answer, slopes } = this.#layer(m.x.flat(), W_x);
    return { answer, forces: m.x.map((_, row) => [0, 1, 2].map((d) => -slopes[3 * row + d])) };
  }

  distance_list(m) {
    // All distances, in the order of rows, into a dense layer
    const pairs = m.x.flatMap((_, a) => m.x.slice(a + 1).map((_, b) => [a, a + 1 + b])), forces = zeros(m.x.length);
    const vectors = pairs.map(([a, b]) => minus(m.x[b], m.x[a])), lengths = vectors.map((r) => Math.hypot(...r));
    const { answer, slopes } = this.#layer(lengths, this.known.W_r);
    pairs.forEach(([a, b], p) => {
      add(forces[a], vectors[p], slopes[p] / lengths[p]), add(forces[b], vectors[p], -slopes[p] / lengths[p]);
    });
    return { answer, forces };
  }

  twisted(m) {
    // An energy with a triple product in it
    const { edges, twist } = this.known, { answer, forces } = this.energy(m);
    const row = edges.map((atom) => m.who.indexOf(atom));
    const [a, b, c] = row.slice(1).map((end) => minus(m.x[end], m.x[row[0]]));
    const sides = [cross(b, c), cross(c, a), cross(a, b)];
    sides.forEach((side, k) => (add(forces[row[k + 1]], side, -twist), add(forces[row[0]], side, twist)));
    return { answer: [answer[0] + twist * dot(a, sides[0])], forces };
  }

  #layer(inputs, W) {
    // tanh(inputs W) w, and its slopes by the inputs
    const { w } = this.known, y = w.map((_, k) => Math.tanh(dot(inputs, W.map((row) => row[k]))));
    const back = w.map((value, k) => value * (1 - y[k] ** 2));
    return { answer: [dot(y, w)], slopes: W.map((row) => dot(row, back)) };
  }
}

function byAtom({ who, x }) {
  const found = [];
  who.forEach((atom, row) => (found[atom] = x[row]));
  return found;
}

// ----------------------------------------------------------------------------------------------- moves

export const original = (x) => ({ who: x.map((_, row) => row), x });

export function moved(m, { R = null, shift = null, order = null }) {
  // x -> P x Rᵀ + 1 tᵀ
  const turned = m.x.map((row) => (R ? apply(R, row) : row));
  const x = turned.map((row) => (shift ? row.map((value, d) => value + shift[d]) : row));
  return order ? { who: order.map((row) => m.who[row]), x: order.map((row) => x[row]) } : { who: m.who, x };
}

export function follows(answer, { kind, perAtom }, { R = null, order = null }) {
  // D(g) of an answer
  if (kind === "scalar") return answer;
  let rows = answer.reduce((all, value, k) => (k % 3 ? all.at(-1).push(value) : all.push([value]), all), []);
  if (R) rows = rows.map((row) => apply(R, row));
  if (order && perAtom) rows = order.map((row) => rows[row]);
  return rows.flat();
}

const off = (a, b) => largest(a.map((value, k) => value - b[k]));
const short = (answer) =>
  answer.slice(0, 3).map((value) => value.toFixed(6).padStart(10)).join(" ") + (answer.length > 3 ? " ..." : "");
const power = (value) => value.toExponential(0).replace(/e([+-])(\d)$/, "e$10$2");

export function judge(ask, m, about, move) {
  // Both sides of the law -> {after, expected, difference, deviation, right}
  const before = ask(m), expected = follows(before, about, move), after = ask(moved(m, move));
  const difference = off(after, expected), deviation = difference / largest(before);
  return { before, after, expected, difference, deviation, right: deviation <= TOLERANCE };
}

const QUARTERS = [[[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 1]]];

function hint(ask, m, about, name, { after, expected, before }) {
  // What a deviation looks like
  if (name === "permuted") return "the output depends on the order in which the atoms are listed";
  if (name === "translated") return "the output depends on absolute positions: use differences of positions";
  const alike = (other) => off(after, other) <= TOLERANCE * largest(before), scalar = about.kind === "scalar";
  if (alike(expected.map((value) => -value)))
    return `the sign is wrong: when ${name}, it behaves as a pseudo${about.kind}, not as a ${about.kind}`;
  if (name === "mirrored" && QUARTERS.every((R) => judge(ask, m, about, { R }).right))
    return "it follows rotations, but not this mirror: is "
      + `${scalar ? "a triple product" : "a cross product or the like"} mixed in?`;
  if (scalar) return "the output depends on the orientation: use lengths and inner products";
  return "the components do not turn together: is each treated alone, or a constant added?";
}

export function report(ask, m, about, moves) {
  // Lines as `symmetry.report` prints them; of moves {permuted: {order}, …, mirrored: {R}}, null was not tried
  //   -> [{name, numbers, verdict, hint}]
  const lines = [{ name: "original", numbers: short(ask(m)) }];
  for (const [name, move] of Object.entries(moves)) {
    if (!move) {
      lines.push({ name, verdict: "not tried yet" });
      continue;
    }
    const found = judge(ask, m, about, move), stays = found.expected.every((value, k) => value === found.before[k]);
    const well = stays ? "unchanged, as it must be" : "changed as it must";
    lines.push({
      name, numbers: short(found.after), right: found.right,
      verdict: found.right ? well : `WRONG by ${power(found.deviation)}`,
      hint: found.right ? null : hint(ask, m, about, name, found),
    });
  }
  return lines;
}
