// Two chains of k atoms on a line with one more at each end, and what travels along them, as Python's `k_chains`, `gwl`
// and `igwl` have it.  In a plane, since the chains are flat.

import { minus } from "./vectors.js";

export function chains(k) {
  // -> two lists of places [x, y] Å; the ends lie on opposite sides of the line, and on the same side.
  const line = Array.from({ length: k }, (_, i) => [5 * i, 0]), last = [5 * (k - 1) + 3, 4];
  return [-4, 4].map((side) => [[-3, side], ...line, last]);
}

const plus = (a, b) => a.map((value, d) => value + b[d]);

function shape(vectors, words) {
  // A name of vectors in a row, each with a word, whatever the rotation or reflection, from whichever end one reads.
  const product = (a, b) => (a[0] * b[0] + a[1] * b[1]).toFixed(6).replace(/^-0.000000$/, "0.000000");
  const row = (i, order) => [words[i], ...order.map((j) => product(vectors[i], vectors[j]))];
  const read = (order) => JSON.stringify(order.map((i) => row(i, order)));
  const there = [...vectors.keys()], back = there.slice().reverse();
  return [read(there), read(back)].sort()[0];
}

export function walk(k, directions, rounds) {
  // -> for rounds 0, 1, …: {colors: of both chains [k + 2], count: of all colours, apart,
  //    heard: of each atom, whether of the [first, last]}.
  // directions: atoms pass on all they hold, with its vectors (GWL); else their colour alone (IGWL).
  const both = chains(k), n = k + 2;
  const neighbours = (i) => [i - 1, i + 1].filter((j) => j >= 0 && j < n);
  // What atom i holds: the atoms it has heard of, and the vector from each to it.
  let held = both.map((x) => x.map((_, i) => new Map([[i, [0, 0]]])));
  let colors = both.map((x) => x.map(() => 0)), apart = false;
  const found = [];
  for (let t = 0; t <= rounds; t++) {
    if (t) {
      const signs = both.map((x, side) => x.map((at, i) => {
        const from = neighbours(i);
        if (!directions)
          return colors[side][i] + shape(from.map((j) => minus(at, x[j])), from.map((j) => colors[side][j]));
        const now = new Map(held[side][i]);
        for (const j of from) for (const [far, r] of held[side][j]) now.set(far, plus(r, minus(at, x[j])));
        return now;
      }));
      const named = directions ? signs.map((some) => some.map((map) => {
        const row = [...map.keys()].sort((a, b) => a - b);
        return shape(row.map((j) => map.get(j)), row.map(() => "C"));
      })) : signs;
      const names = [...new Set(named.flat())];
      colors = named.map((some) => some.map((name) => names.indexOf(name)));
      // Of whom an atom has heard is the same, whether they come with directions or without.
      held = directions ? signs : held.map((some) => some.map((map, i) =>
        new Map([map, ...neighbours(i).map((j) => some[j])].flatMap((it) => [...it]))));
      apart ||= String(colors[0].slice().sort((a, b) => a - b)) !== String(colors[1].slice().sort((a, b) => a - b));
    }
    const heard = held[0].map((map) => [map.has(0), map.has(n - 1)]);
    found.push({ colors, count: new Set(colors.flat()).size, apart, heard });
  }
  return found;
}
