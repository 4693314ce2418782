// How features turn: D^l(R) of a rotation, from spherical harmonics alone.

import { Harmonics } from "../../../dmol_molnet/live/engine/harmonics.js";

const G = (1 + Math.sqrt(5)) / 2;
// The corners of an icosahedron: the mean over them of a polynomial of degree 5 or less is that over the sphere.
const CORNERS = [-1, 1].flatMap((a) => [-G, G].flatMap((b) => [[0, a, b], [a, b, 0], [b, 0, a]]))
  .map((u) => u.map((x) => x / Math.hypot(1, G)));

function harmonics(l, [x, y, z]) {
  const Y = new Float64Array((l + 1) ** 2);
  new Harmonics(l).at(x, y, z, Y, 0);
  return Y.subarray(l * l);
}

export function wigner(l, R) {
  // D^l(R) [2l+1][2l+1] of R [3][3], for l up to 2: Y(R u) = D Y(u), and the mean of Y Yᵀ over the corners is 1
  const D = Array.from({ length: 2 * l + 1 }, () => new Float64Array(2 * l + 1));
  for (const u of CORNERS) {
    const before = harmonics(l, u), after = harmonics(l, times(R, u));
    D.forEach((row, m) => row.forEach((_, n) => (row[n] += (after[m] * before[n]) / CORNERS.length)));
  }
  return D;
}

export function times(R, u) {
  return R.map((row) => row.reduce((sum, value, d) => sum + value * u[d], 0));
}
