// Colour refinement (1-WL) of one graph, and of two together: the twin of Python's `dmol_molnet.wl`, colour for colour.
//
//     c_v  <-  (c_v, {{ c_u : u in N(v) }})        until no class splits any more
//
// A graph is {labels: [text, …], bonds: [[i, j, …], …]}; its nodes are numbered from 0.  A class that splits leaves its
// colour to its largest part.  The other parts get new ones, in an order that does not depend on that of the nodes: by
// a sum over what they see, as `wl.fast` takes it.

const MASK = (1n << 64n) - 1n;

function mix(x) {
  // A fixed scrambling of 64-bit integers.
  x = ((x + 1n) * 0x9E3779B97F4A7C15n) & MASK;
  x = ((x ^ (x >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94D049BB133111EBn) & MASK;
  return x ^ (x >> 31n);
}

const count = (colors) => {
  const counts = new Map();
  for (const c of colors) counts.set(c, (counts.get(c) ?? 0) + 1);
  return counts;
};

export function neighbors({ labels, bonds }) {
  // -> of every node, those that it is joined to.
  const around = labels.map(() => []);
  for (const [i, j] of bonds) around[i].push(j), around[j].push(i);
  return around;
}

export function refine(graph) {
  // -> {history: the colours of every node, by round; rounds: how many rounds split a class}.
  const around = neighbors(graph), palette = [...new Set(graph.labels)].sort();
  let colors = graph.labels.map((label) => palette.indexOf(label)), fresh = 0;
  const history = [colors];
  for (;;) {
    const next = split(colors, around, fresh);
    if (!next) return { history, rounds: history.length - 1 };
    fresh = Math.max(...colors) + 1; // only what is new can split others in the next round
    history.push((colors = next));
  }
}

function split(colors, around, fresh) {
  // The colours after one more round, or null if no class splits.
  const classes = new Map();
  colors.forEach((c, v) => {
    const seen = around[v].map((u) => colors[u]).filter((color) => color >= fresh).sort((a, b) => a - b);
    const parts = classes.get(c) ?? classes.set(c, new Map()).get(c), key = seen.join();
    const part = parts.get(key) ?? parts.set(key, { seen, nodes: [] }).get(key);
    part.nodes.push(v);
  });
  const next = [...colors];
  let unused = Math.max(-1, ...colors) + 1;
  for (const c of [...classes.keys()].sort((a, b) => a - b)) {
    if (classes.get(c).size === 1) continue;
    const parts = [...classes.get(c).values()].map((part) => ({ ...part, sum: sum(part.seen, c) })).sort(before);
    const largest = parts.reduce((best, part) => (part.nodes.length > best.nodes.length ? part : best));
    for (const part of parts)
      if (part !== largest) {
        for (const v of part.nodes) next[v] = unused;
        unused++;
      }
  }
  return unused > Math.max(-1, ...colors) + 1 ? next : null;
}

const sum = (seen, c) => seen.reduce((total, color) => (total + mix(BigInt(color))) & MASK, mix(~BigInt(c) & MASK));

function before(a, b) {
  // By the sum, then by what is seen, as Python orders tuples.
  if (a.sum !== b.sum) return a.sum < b.sum ? -1 : 1;
  const k = a.seen.findIndex((color, n) => color !== b.seen[n]);
  return k < 0 ? a.seen.length - b.seen.length : a.seen[k] - (b.seen[k] ?? -1);
}

export function compare(g, h) {
  // -> {distinguished, round: the first whose counts differ, or null; rounds; refinements: the histories of both, in
  // colours that they share}.
  const n = g.labels.length, shifted = h.bonds.map(([i, j]) => [i + n, j + n]);
  const { history, rounds } = refine({ labels: [...g.labels, ...h.labels], bonds: [...g.bonds, ...shifted] });
  const refinements = [history.map((c) => c.slice(0, n)), history.map((c) => c.slice(n))];
  const differs = (t) => differences(refinements[0][t], refinements[1][t]).length > 0;
  const round = history.findIndex((_, t) => differs(t));
  return { distinguished: round >= 0, round: round < 0 ? null : round, rounds, refinements };
}

export function histogram(colors, others = []) {
  // -> [[colour, how often in the first, how often in the second], …]
  const [one, two] = [count(colors), count(others)];
  const used = [...new Set([...one.keys(), ...two.keys()])].sort((a, b) => a - b);
  return used.map((c) => [c, one.get(c) ?? 0, two.get(c) ?? 0]);
}

export const differences = (colors, others) => histogram(colors, others).filter(([, one, two]) => one !== two);

export function isomorphic(g, h, patience = 20000) {
  // Whether nodes of one can be renamed to make the other, labels included; null if the search takes too long.
  const { distinguished, rounds, refinements: [one, two] } = compare(g, h);
  if (distinguished) return false;
  const [a, b] = [one[rounds], two[rounds]], [of, to] = [neighbors(g), neighbors(h)];
  const sizes = count(a), order = [], placed = new Set();
  const queue = () => {
    // Next to one that has its place, if there is any, and of the smallest class.
    const open = a.map((_, v) => v).filter((v) => !placed.has(v));
    const near = open.filter((v) => of[v].some((u) => placed.has(u)));
    return (near.length ? near : open).reduce((best, v) => (sizes.get(a[v]) < sizes.get(a[best]) ? v : best));
  };
  while (order.length < a.length) order.push(queue()), placed.add(order.at(-1));
  const image = new Array(a.length).fill(-1), taken = new Set();
  let steps = 0;
  const fits = (v, w) =>
    a[v] === b[w] && !taken.has(w) && of[v].every((u) => image[u] < 0 || to[w].includes(image[u]));
  const search = (k) => {
    if (k === order.length) return true;
    if (++steps > patience) return null;
    const v = order[k];
    for (let w = 0; w < b.length; w++) {
      if (!fits(v, w)) continue;
      image[v] = w, taken.add(w);
      const found = search(k + 1);
      if (found !== false) return found;
      image[v] = -1, taken.delete(w);
    }
    return false;
  };
  return search(0);
}
