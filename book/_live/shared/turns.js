// Rotations, and the matrices by which harmonics turn: the conventions of `dmol_molnet.so3`, in float64.
//
// The numbers of degree l are those of m = -l … l.

import { Harmonics } from "../../../dmol_molnet/live/engine/harmonics.js";
import { apply, dot, minus, norm, scaled } from "./vectors.js";

const L_MAX = 3, harmonics = new Harmonics(L_MAX);

export function degrees(x) {
  // A vector [3] -> its harmonics by degree, [[1], [3], [5], [7]].
  const Y = new Float64Array(harmonics.rows);
  harmonics.at(x[0], x[1], x[2], Y, 0);
  return Array.from({ length: L_MAX + 1 }, (_, l) => Array.from(Y.subarray(l * l, (l + 1) ** 2)));
}

// Directions and weights whose mean is that of all directions, for polynomials up to degree 7: Gauss's four heights z,
// and on each of them eight directions.  Products of two harmonics have degree 6 at most.
const SPHERE = [-1, 1].flatMap((up) =>
  [-1, 1].flatMap((sign) => {
    const z = up * Math.sqrt(3 / 7 + ((sign * 2) / 7) * Math.sqrt(6 / 5));
    const weight = (18 - sign * Math.sqrt(30)) / 72 / 8;
    return Array.from({ length: 8 }, (_, k) => {
      const phi = (k * Math.PI) / 4, r = Math.sqrt(1 - z * z), n = [r * Math.cos(phi), r * Math.sin(phi), z];
      return { n, weight, Y: degrees(n) };
    });
  }));

export function wigner(R) {
  // The matrices [[1 x 1], [3 x 3], [5 x 5], [7 x 7]] with Y(R n) = D Y(n): since the mean of Y Yᵀ is 1, D is that of
  // Y(R n) Y(n)ᵀ.
  const zeros = (n) => Array.from({ length: n }, () => Array(n).fill(0)), D = [];
  for (let l = 0; l <= L_MAX; l++) D.push(zeros(2 * l + 1));
  for (const { n, weight, Y } of SPHERE) {
    const turned = degrees(apply(R, n));
    for (const [l, block] of D.entries())
      block.forEach((row, i) => row.forEach((_, j) => (row[j] += weight * turned[l][i] * Y[l][j])));
  }
  return D;
}

export function lobesOf(l) {
  // (c, scale) -> the function of a direction, scale times the sum of c_m Y_lm, for a surface of the scene: it asks for
  // the same directions in the same order each time, so their harmonics are kept.
  const kept = [];
  return (c, scale = 1) => {
    let k = 0;
    return (...n) => scale * dot(c, (kept[k++] ??= degrees(n)[l]));
  };
}

export const yzx = ([x, y, z]) => [y, z, x];

export function byHand(frame, scenes, turn, label) {
  // The reader turns what is shown, not the view: drags in scenes, buttons and arrow keys call turn(axis [3], angle).
  // Drags turn about axes of the screen, buttons and keys about x and y as they are drawn.
  for (const scene of scenes) scene.turn = (axis, angle) => turn(scene.inRoot(...axis), angle);
  frame.turns({ turn });
  const group = frame.buttons.querySelector('[aria-label="Turn the view"]'), step = Math.PI / 36;
  group.setAttribute("aria-label", label);
  const keys = { ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0], ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0] };
  group.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    turn(keys[event.key], step);
  });
}

export function tilt(scene, [aside, down]) {
  // Seen a little from the right and from above, so that z is seen: degrees about y, then about the screen's x.
  scene.turn([0, 1, 0], (aside * Math.PI) / 180), scene.turn([1, 0, 0], (down * Math.PI) / 180);
}

export function axes(scene, reach, view) {
  // x, y and z in a tilted view, as thin lines with letters, dashed where negative; z, which is foreshortened, goes
  // farther, so that its letter stands on the paper.
  tilt(scene, view);
  for (const [letter, direction, far] of [["x", [1, 0, 0], 1], ["y", [0, 1, 0], 1], ["z", [0, 0, 1], 1.75]]) {
    const at = (share) => scaled(direction, share * far * reach);
    scene.line([at(0), at(1)]), scene.line(dashes(at(0), at(-0.9)), { dashed: true });
    scene.text(letter, at(1.11), { size: 0.23 * reach });
  }
}

export function drop(scene) {
  // Where a point is in depth: a dashed line down to the floor, the plane of x and z, and one from the origin to the
  // foot -> {set([x, y, z]), visible(yes)}
  const height = scene.line([], { dashed: true }), shadow = scene.line([]);
  return {
    set: ([x, y, z]) => (height.set(dashes([x, y, z], [x, 0, z])), shadow.set([[0, 0, 0], [x, 0, z]])),
    visible: (yes) => (height.visible(yes), shadow.visible(yes)),
  };
}

function dashes(from, to) {
  // Both ends of each piece, all of one length.
  const along = minus(to, from), n = Math.max(Math.round(norm(along) / 0.24), 1);
  return Array.from({ length: 2 * n }, (_, k) => from.map((x, d) => x + (along[d] * k) / (2 * n - 1)));
}
