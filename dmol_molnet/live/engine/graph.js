// Atoms and their neighbours within a cutoff.
//
//     r_ji = x_i - x_j        from the sender j to the receiver i; each pair once, i < j

import { InputError } from "./file.js";

export const CLOSEST = 1e-3; // Å: two atoms closer than this lie on the same place

export function graph(x, cutoff, edges = null) {
  // x [A, 3] Å, edges: pairs [[i, j], …] in place of all within the cutoff -> {A, P, i, j [P], vectors [P, 3], r [P]}.
  const A = x.length / 3, i = [], j = [], vectors = [], r = [];
  const add = (a, b, always) => {
    const [dx, dy, dz] = [x[3 * a] - x[3 * b], x[3 * a + 1] - x[3 * b + 1], x[3 * a + 2] - x[3 * b + 2]];
    const distance = Math.sqrt(dx * dx + dy * dy + dz * dz);
    if (!Number.isFinite(distance)) throw new InputError(`atom ${a} or ${b} has no place: its coordinates are no numbers`);
    if (distance < CLOSEST) throw new InputError(`atoms ${a} and ${b} lie on the same place`);
    if (!always && distance >= cutoff) return;
    i.push(a), j.push(b), vectors.push(dx, dy, dz), r.push(distance);
  };
  if (edges) for (const [a, b] of edges) add(a, b, true);
  else for (let a = 0; a < A; a++) for (let b = a + 1; b < A; b++) add(a, b, false);
  return {
    A, P: r.length, i: Int32Array.from(i), j: Int32Array.from(j),
    vectors: Float64Array.from(vectors), r: Float64Array.from(r),
  };
}
