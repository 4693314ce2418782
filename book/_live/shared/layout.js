// Where the atoms of a molecule stand in a plane, bonds about 1 long, y up: smiles-drawer places the skeleton, and the
// hydrogens then fan out where their atom has most room, as in `figures/draw.py`.

import SmilesDrawer from "smiles-drawer";

const APART = 1.6; // between parts that no bond joins

export function layout({ symbols, bonds }) {
  // -> [[x, y], …], in the order of the atoms.
  const around = symbols.map(() => []);
  for (const [i, j, order] of bonds) around[i].push([j, order]), around[j].push([i, order]);
  const lone = (v) => symbols[v] === "H" && around[v].length === 1 && symbols[around[v][0][0]] !== "H";
  const skeletal = symbols.map((_, v) => !lone(v));
  const at = symbols.map(() => null), parts = [];
  symbols.forEach((_, v) => {
    if (!skeletal[v] || at[v]) return;
    const nodes = skeleton(symbols, around, skeletal, v);
    const placed = upright(drawn(nodes), nodes);
    nodes.forEach(({ v: atom }, k) => (at[atom] = placed[k]));
    const part = nodes.map((node) => node.v);
    for (const atom of [...part]) part.push(...fan(atom, around, at));
    parts.push(part);
  });
  return side(parts, at);
}

function skeleton(symbols, around, skeletal, start) {
  // The tree that smiles-drawer's parser would make, from one atom on; rings are closed by numbers.
  const nodes = [], of = new Map(), rings = [];
  const visit = (v, from) => {
    const tree = { atom: symbols[v] === "H" ? "C" : symbols[v], isBracket: false, ringbonds: [] }, node = { v, tree };
    of.set(v, node), nodes.push(node);
    const children = [];
    for (const [u, order] of around[v]) {
      if (!skeletal[u] || u === from) continue;
      if (of.has(u)) {
        if (nodes.indexOf(of.get(u)) < nodes.indexOf(node)) {
          const ring = { bond: "-", id: rings.push(0) };
          of.get(u).tree.ringbonds.push(ring), tree.ringbonds.push(ring);
        }
        continue;
      }
      const child = visit(u, v);
      child.branchBond = order === 2 ? "=" : order === 3 ? "#" : "-";
      children.push(child);
    }
    const next = children.pop();
    Object.assign(tree, { branches: children, branchCount: children.length });
    return Object.assign(tree, { next: next ?? null, hasNext: Boolean(next), bond: next?.branchBond ?? "-" });
  };
  const root = visit(start, null);
  for (const { tree } of nodes) tree.ringbondCount = tree.ringbonds.length;
  return Object.assign(nodes, { root });
}

function drawn(nodes) {
  // [[x, y], …] of the nodes, in their order.
  if (nodes.length === 1) return [[0, 0]];
  const options = { bondLength: 30, isomeric: false, compactDrawing: false, overlapResolutionIterations: 2 };
  const drawer = new SmilesDrawer.SvgDrawer(options).preprocessor;
  drawer.initDraw(nodes.root, "light", false, []);
  drawer.processGraph();
  return drawer.graph.vertices.map(({ position }) => [position.x / 30, -position.y / 30]);
}

function turned([x, y], angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [x * c - y * s, x * s + y * c];
}

function upright(points) {
  // Turned by a multiple of 30 degrees to where it is lowest.
  const extent = (k) => {
    const ys = points.map((point) => turned(point, (k * Math.PI) / 6)[1]);
    return Math.max(...ys) - Math.min(...ys);
  };
  const best = [0, 1, 2, 3, 4, 5].reduce((low, k) => (extent(k) < extent(low) - 1e-3 ? k : low), 0);
  return points.map((point) => turned(point, (best * Math.PI) / 6));
}

function fan(v, around, at) {
  // Gives the hydrogens of an atom their places; who they are.
  const missing = around[v].map(([u]) => u).filter((u) => !at[u]);
  if (!missing.length) return missing;
  const angles = around[v].filter(([u]) => at[u]).map(([u]) => Math.atan2(at[u][1] - at[v][1], at[u][0] - at[v][0]));
  const [middle, room] = free(angles);
  const step = Math.min(room / (missing.length + 1), angles.length ? 0.96 : 1.82); // 104 degrees for water
  const others = at.filter((place, u) => place && u !== v);
  let best = null;
  for (const turn of [0, 0.2, -0.2, 0.4, -0.4, 0.6, -0.6]) {
    // A little on, where others stand in the way.
    const ends = missing.map((_, k) => turned([0.85, 0], middle + turn + (k - (missing.length - 1) / 2) * step))
      .map(([x, y]) => [at[v][0] + x, at[v][1] + y]);
    const clear = Math.min(0.75, ...ends.flatMap(([x, y]) => others.map(([a, b]) => Math.hypot(x - a, y - b))));
    if (!best || clear > best.clear + 1e-6) best = { clear, ends };
  }
  missing.forEach((u, k) => (at[u] = best.ends[k]));
  return missing;
}

function free(angles) {
  // The middle of the widest gap between bonds, and its width; downwards where there are none.
  if (!angles.length) return [-Math.PI / 2, 2 * Math.PI];
  const sorted = [...angles].sort((a, b) => a - b);
  const gaps = sorted.map((angle, k) => (sorted[k + 1] ?? sorted[0] + 2 * Math.PI) - angle);
  const widest = gaps.reduce((best, gap, k) => (gap > gaps[best] + 1e-6 ? k : best), 0);
  return [sorted[widest] + gaps[widest] / 2, gaps[widest]];
}

function side(parts, at) {
  // One part beside the other, all on one height.
  let left = 0;
  for (const part of parts) {
    const [xs, ys] = [0, 1].map((d) => part.map((v) => at[v][d]));
    const shift = [left - Math.min(...xs), -(Math.min(...ys) + Math.max(...ys)) / 2];
    for (const v of part) at[v] = [at[v][0] + shift[0], at[v][1] + shift[1]];
    left += Math.max(...xs) - Math.min(...xs) + APART;
  }
  return at;
}
