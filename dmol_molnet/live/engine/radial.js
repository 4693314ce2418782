// Radial functions R_f(r) = sum_b y_b(r) M_bf, as quintic splines: value, slope and curvature at knots.
//
// The exporter made splines of the few y; here they are multiplied out, once, to those of all R.  Beyond the last knot,
// the cutoff, no pair is listed.

import { weigh } from "./parts.js";

const WEIGHTS = new Float64Array(12);

function hermite(t, h) {
  // What value, slope and curvature at both knots weigh; and in the slope of the spline.
  for (let side = 0; side < 2; side++) {
    const sign = side ? -1 : 1, u = side ? 1 - t : t, w = 6 * side;
    const u2 = u * u, u3 = u2 * u, v = 1 - u;
    WEIGHTS[w] = 1 - u3 * (10 - 15 * u + 6 * u2);
    WEIGHTS[w + 1] = sign * h * (u - u3 * (6 - 8 * u + 3 * u2));
    WEIGHTS[w + 2] = (h * h * u2 * v * v * v) / 2;
    WEIGHTS[w + 3] = (-sign * 30 * u2 * v * v) / h;
    WEIGHTS[w + 4] = 1 - u2 * (18 - 32 * u + 15 * u2);
    WEIGHTS[w + 5] = (sign * h * u * v * v * (2 - 5 * u)) / 2;
  }
}

export class Radial {
  constructor({ knots, value, slopes, matrix }, arrays) {
    this.knots = arrays[knots];
    const M = arrays[matrix], N = this.knots.length, B = arrays[value].length / N;
    this.size = M.length / B; // F
    this.table = new Float64Array(3 * N * this.size); // [N, 3, F]
    for (let n = 0; n < N; n++) {
      weigh(this.table, 3 * n * this.size, arrays[value], n * B, M, 1, B, this.size);
      weigh(this.table, (3 * n + 1) * this.size, arrays[slopes], 2 * n * B, M, 2, B, this.size);
    }
  }

  at(r, R, slopes, at) {
    // R[at …] and slopes[at …], [F] each, at the distance r in Å.
    const { knots, table, size } = this;
    let low = 0, high = knots.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (knots[middle] <= r) low = middle;
      else high = middle;
    }
    const h = knots[low + 1] - knots[low];
    hermite((r - knots[low]) / h, h);
    const [v0, s0, c0, dv0, ds0, dc0, v1, s1, c1, dv1, ds1, dc1] = WEIGHTS;
    const a = low * 3 * size, b = a + size, c = b + size, d = c + size, e = d + size, g = e + size;
    for (let f = 0; f < size; f++) {
      const A = table[a + f], B = table[b + f], C = table[c + f], D = table[d + f], E = table[e + f], G = table[g + f];
      R[at + f] = v0 * A + s0 * B + c0 * C + v1 * D + s1 * E + c1 * G;
      slopes[at + f] = dv0 * A + ds0 * B + dc0 * C + dv1 * D + ds1 * E + dc1 * G;
    }
  }
}
