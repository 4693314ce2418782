// A SchNet of one layer for two atoms at a distance r, next to `dmol_molnet/nn/schnet.py`; every number carries its
// slope by r along, so that forces come with energies.
//
//     w = f(r) [ssp(g(r) W1 + b1) W2 + b2],  v_i = (h_j W_in) ⊙ w,  h'_i = h_i + ssp(v_i W3 + b3) W4 + b4,
//     E = sum_i ssp(h'_i W5 + b5) W6
//
// A row is {y, s}: numbers and slopes, [K] each.

import { ssp } from "../../../dmol_molnet/live/engine/schnet.js";

export const ENDINGS = {
  // What a filter is multiplied by inside the cutoff c: f and its slope
  cosine: (r, c) => [(Math.cos((Math.PI * r) / c) + 1) / 2, (-Math.PI / c / 2) * Math.sin((Math.PI * r) / c)],
  kink: (r, c) => [1 - r / c, -1 / c],
  jump: () => [1, 0],
};

export function bells(r, n, c) {
  // Gaussians from 0 to the cutoff, as wide as they are spaced.
  const delta = c / (n - 1), x = Array.from({ length: n }, (_, k) => (r - k * delta) / delta);
  const y = x.map((t) => Math.exp((-t * t) / 2));
  return { y, s: x.map((t, k) => (-t / delta) * y[k]) };
}

function dense(x, { kernel, bias }) {
  // kernel [inputs, units], bias [units] or null
  const sum = (values, k) => values.reduce((total, value, n) => total + value * kernel[n][k], 0);
  return { y: kernel[0].map((_, k) => sum(x.y, k) + (bias?.[k] ?? 0)), s: kernel[0].map((_, k) => sum(x.s, k)) };
}

const softened = ({ y, s }) => ({ y: y.map(ssp), s: s.map((slope, k) => slope / (1 + Math.exp(-y[k]))) });
const plus = (a, b) => ({ y: a.y.map((x, k) => x + b.y[k]), s: a.s.map((x, k) => x + b.s[k]) });
const times = (a, b) => ({ y: a.y.map((x, k) => x * b.y[k]), s: a.y.map((x, k) => x * b.s[k] + a.s[k] * b.y[k]) });
const two = ([first, second], x) => dense(softened(dense(x, first)), second);

export class Pair {
  constructor({ cutoff, radial, features, filter, sender, update, readout }) {
    // features: of the two elements, [2, K]; the others are dense layers {kernel, bias}, two in filter, update, readout
    Object.assign(this, { cutoff, radial, filter, sender, update, readout });
    this.features = features.map((y) => ({ y, s: y.map(() => 0) }));
  }

  filters(r, ending) {
    // -> a row [K]
    const [f, slope] = r < this.cutoff ? ENDINGS[ending](r, this.cutoff) : [0, 0];
    const w = two(this.filter, bells(r, this.radial, this.cutoff));
    return times({ y: w.y.map(() => f), s: w.y.map(() => slope) }, w);
  }

  at(r, ending) {
    // r in Å -> {energy eV, force eV/Å, away from the other atom, filters [K]}
    const w = this.filters(r, ending);
    let energy = 0, slope = 0;
    for (const [i, j] of [[0, 1], [1, 0]]) {
      const v = times(dense(this.features[j], this.sender), w);
      const e = two(this.readout, plus(this.features[i], two(this.update, v)));
      energy += e.y[0], slope += e.s[0];
    }
    return { energy, force: -slope, filters: w.y };
  }
}
