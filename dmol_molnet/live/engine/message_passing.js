// The simplest message passing, and how far it carries; the twin of Python's `nn/message_passing.py` with a sum.
//
//     m_ij = h_j W,   a_i = sum_j m_ij,   h'_i = tanh(h_i U + a_i + b)
//
// Shapes: A atoms, K features in, F features out.  Features are lists of rows.

const times = (row, matrix) => matrix[0].map((_, f) => row.reduce((sum, x, k) => sum + x * matrix[k][f], 0));
const plus = (a, b) => a.map((x, f) => x + b[f]);

export function oneHot(symbols, elements) {
  // [A, elements]: 1 where an atom is of that element.
  return symbols.map((symbol) => elements.map((element) => Number(symbol === element)));
}

export function layer(h, around, { U, W, b }) {
  // h [A, K]; around: the neighbours of every atom; U, W [K, F]; b [F] -> [A, F].
  const said = h.map((row) => times(row, W)); // [A, F]
  return h.map((row, i) => around[i].reduce((sum, j) => plus(sum, said[j]), plus(times(row, U), b)).map(Math.tanh));
}

export function slopes(dh, out, around, { U, W }) {
  // dh [A, K]: how h changes; out [A, F]: what the layer made of h -> [A, F]: how that changes, by the chain rule.
  const said = dh.map((row) => times(row, W));
  return dh.map((row, i) =>
    around[i].reduce((sum, j) => plus(sum, said[j]), times(row, U)).map((x, f) => x * (1 - out[i][f] ** 2)));
}

export function run(h, around, layers) {
  // -> the features before the first layer and after each.
  const found = [h];
  for (const each of layers) found.push(layer(found.at(-1), around, each));
  return found;
}

export function influence(features, around, layers, u) {
  // features: from `run` -> [layers + 1, A]: how strongly every atom's features depend on those with which atom u
  // began: the sum of the absolute values of all slopes.
  const K = features[0][0].length, total = features.map((h) => h.map(() => 0));
  for (let k = 0; k < K; k++) {
    let dh = features[0].map((row, v) => row.map((_, f) => Number(v === u && f === k)));
    features.forEach((h, t) => {
      if (t) dh = slopes(dh, h, around, layers[t - 1]);
      dh.forEach((row, v) => row.forEach((x) => (total[t][v] += Math.abs(x))));
    });
  }
  return total;
}
