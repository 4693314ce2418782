// Vectors [3] and rotations, lists of three rows.

export const ONE = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
export const dot = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0);
export const norm = (a) => Math.hypot(...a);
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const scaled = (a, s) => a.map((x) => s * x);
export const minus = (a, b) => a.map((x, k) => x - b[k]);
export const apply = (R, x) => R.map((row) => dot(row, x));

export const product = (A, B) => A.map((row) => ONE.map((_, k) => dot(row, B.map((it) => it[k])))); // of any matrices

export function times(A, B) {
  // A B of two rotations, whose rows are made perpendicular once more: thousands of small turns shall stay one.
  const columns = ONE.map((_, k) => B.map((row) => row[k])), [x, y] = A.map((row) => columns.map((it) => dot(row, it)));
  const first = scaled(x, 1 / norm(x)), rest = y.map((it, k) => it - dot(first, y) * first[k]);
  const second = scaled(rest, 1 / norm(rest));
  return [first, second, cross(first, second)];
}

export function about(axis, angle) {
  // The rotation about an axis [3] of any length by an angle in radians.
  const u = scaled(axis, 1 / norm(axis)), c = Math.cos(angle), s = Math.sin(angle);
  const K = [[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]];
  return ONE.map((row, i) => row.map((one, j) => c * one + s * K[i][j] + (1 - c) * u[i] * u[j]));
}

export function angleOf(R) {
  // By how much it turns, in degrees from 0 to 180.
  const [[, a, b], [c, , d], [e, f]] = R, trace = R[0][0] + R[1][1] + R[2][2];
  return (Math.atan2(Math.hypot(f - d, b - e, c - a), trace - 1) * 180) / Math.PI;
}
