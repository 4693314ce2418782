// The atomic cluster expansion as layers, next to `dmol_molnet/nn/ace.py`, each with its reverse pass.
//
// Every layer keeps what its reverse pass needs.  `call` takes features [A, rows, K] and gives new ones; `back` takes
// the derivatives of an energy by what `call` gave, and gives or adds up those by what it took.

import { dims, room, sum, weigh, weighBack } from "./parts.js";
import { Radial } from "./radial.js";
import { TensorSum } from "./tensor_sum.js";

export class AtomicBasis {
  // A_i,kl3m3 = sum_k' W_kk'x sum_l1m1,l2m2 C (1/n) sum_j R_k'x(r_ji) Y_l2m2(r_ji) h~_j,k'l1m1,      h~ = W h
  constructor(layer, arrays, K) {
    this.K = K;
    this.radial = new Radial(layer.radial, arrays);
    this.couplings = layer.couplings.map((one) => ({
      sum: new TensorSum(one, arrays, K), up: arrays[one.up], mix: arrays[one.mix], to: arrays[one.to], dim: one.dim,
    }));
    this.dim = sum(this.couplings.map((one) => one.dim));
  }

  call(graph, h, Y, harmonics, A, stride) {
    // h [A, rows of the senders, K] -> A [A, stride, K], of whose rows the first are the receivers'
    const { K, radial, dim } = this, F = radial.size;
    this.R = room(this, "R", graph.P * F), this.slopes = room(this, "slopes", graph.P * F);
    for (let p = 0; p < graph.P; p++) radial.at(graph.r[p], this.R, this.slopes, p * F);
    let row = 0;
    for (const one of this.couplings) {
      const rows = one.sum.rows;
      const up = room(one, "h", graph.A * one.dim * K); // h~ [A, m, K]
      for (let a = 0; a < graph.A; a++) weigh(up, a * one.dim * K, h, (a * dim + row) * K, one.up, one.dim, K, K);
      const T = room(one, "T", graph.P * rows * one.dim);
      one.sum.directions(graph, Y, harmonics, T);
      const v = room(one, "v", graph.A * rows * K);
      one.sum.receive(graph, T, this.R, F, up, v);
      for (let a = 0; a < graph.A; a++)
        for (let g = 0; g < rows; g++)
          weigh(A, (a * stride + one.to[g]) * K, v, (a * rows + g) * K, one.mix, 1, K, K, one.sum.path[g] * K * K);
      row += one.dim;
    }
  }

  back(graph, dA, stride, dY, harmonics, dr, dh) {
    // dA -> dY [P, harmonics], dr [P] and, unless it is null, dh [A, rows of the senders, K], all added to
    const { K, radial, dim } = this, F = radial.size, dR = room(this, "dR", graph.P * F);
    let row = 0;
    for (const one of this.couplings) {
      const rows = one.sum.rows, dv = room(one, "dv", graph.A * rows * K);
      for (let a = 0; a < graph.A; a++)
        for (let g = 0; g < rows; g++)
          weighBack(dv, (a * rows + g) * K, dA, (a * stride + one.to[g]) * K, one.mix, 1, K, K, one.sum.path[g] * K * K);
      const dT = room(one, "dT", graph.P * rows * one.dim), dUp = dh && room(one, "dh", graph.A * one.dim * K);
      one.sum.back(graph, one.T, this.R, F, one.h, dv, dT, dR, dUp);
      one.sum.directionsBack(graph, dY, harmonics, dT);
      if (dh)
        for (let a = 0; a < graph.A; a++)
          weighBack(dh, (a * dim + row) * K, dUp, a * one.dim * K, one.up, one.dim, K, K);
      row += one.dim;
    }
    for (let p = 0; p < graph.P; p++) {
      let slope = 0;
      for (let n = p * F; n < (p + 1) * F; n++) slope += dR[n] * this.slopes[n];
      dr[p] += slope;
    }
  }
}

export class ProductBasis {
  // B_i,ckLM = sum C prod_s A_i,k l_s m_s: level by level, B = S (A[P] * A[Q]); all levels of an atom side by side
  constructor(layer, arrays, K) {
    this.K = K;
    const start = [0, 0]; // of the rows of each level nu, and where the next begins
    start.push(sum(dims(layer.basis)));
    this.levels = layer.levels.map((level) => {
      const base = start.at(-1), P = arrays[level.P], Q = arrays[level.Q], columns = arrays[level.column];
      start.push(base + level.rows);
      return {
        S: arrays[level.S], row: arrays[level.row].map((row) => base + row),
        first: columns.map((c) => start[level.a] + P[c]), second: columns.map((c) => start[level.b] + Q[c]),
      };
    });
    this.start = start;
    this.rows = start.at(-1);
  }

  call(A, atoms) {
    // A [A, rows, K]: fills the rows of the levels above the first
    const { K, rows } = this;
    for (let a = 0; a < atoms; a++)
      for (const { S, row, first, second } of this.levels)
        for (let n = 0; n < S.length; n++) {
          const s = S[n], at = a * rows, to = (at + row[n]) * K, x = (at + first[n]) * K, y = (at + second[n]) * K;
          for (let k = 0; k < K; k++) A[to + k] += s * A[x + k] * A[y + k];
        }
  }

  back(A, dA, atoms) {
    // dA [A, rows, K]: those of the levels above the first go down to the first
    const { K, rows } = this;
    for (let a = 0; a < atoms; a++)
      for (let level = this.levels.length - 1; level >= 0; level--) {
        const { S, row, first, second } = this.levels[level];
        for (let n = 0; n < S.length; n++) {
          const s = S[n], at = a * rows, to = (at + row[n]) * K, x = (at + first[n]) * K, y = (at + second[n]) * K;
          for (let k = 0; k < K; k++) {
            const c = s * dA[to + k];
            dA[x + k] += c * A[y + k];
            dA[y + k] += c * A[x + k];
          }
        }
      }
  }
}

export class Message {
  // m_i,kLM = sum_c W_zi,ckL B_i,ckLM
  constructor(layer, arrays, K, start) {
    this.K = K;
    this.terms = []; // row of m, row of B, and which weights, for each component of each coupling
    this.kernels = layer.message.map((n) => arrays[n]);
    this.counts = layer.blocks.map((blocks) => sum(blocks.map((block) => block.count)));
    const receivers = dims(layer.receivers);
    let out = 0;
    layer.blocks.forEach((blocks, irrep) => {
      let coupling = 0;
      for (const { nu, start: from, count } of blocks)
        for (let c = 0; c < count; c++, coupling++)
          for (let m = 0; m < receivers[irrep]; m++)
            this.terms.push([out + m, start[nu] + from + c * receivers[irrep] + m, irrep, coupling]);
      out += receivers[irrep];
    });
    this.rows = out;
  }

  weights(z, irrep, coupling) {
    const kernel = this.kernels[irrep], size = this.counts[irrep] * this.K;
    return (kernel.length > size ? z * size : 0) + coupling * this.K; // one for each element, or shared
  }

  call(B, stride, z) {
    // B [A, stride, K], z [A] -> [A, rows, K]
    const { K, rows } = this, m = room(this, "m", z.length * rows * K);
    for (let a = 0; a < z.length; a++)
      for (const [out, from, irrep, coupling] of this.terms) {
        const W = this.kernels[irrep], w = this.weights(z[a], irrep, coupling);
        const to = (a * rows + out) * K, x = (a * stride + from) * K;
        for (let k = 0; k < K; k++) m[to + k] += W[w + k] * B[x + k];
      }
    return m;
  }

  back(dm, dB, stride, z) {
    const { K, rows } = this;
    for (let a = 0; a < z.length; a++)
      for (const [out, from, irrep, coupling] of this.terms) {
        const W = this.kernels[irrep], w = this.weights(z[a], irrep, coupling);
        const to = (a * rows + out) * K, x = (a * stride + from) * K;
        for (let k = 0; k < K; k++) dB[x + k] += W[w + k] * dm[to + k];
      }
  }
}

export class Update {
  // h'_i,kLM = sum_k' W_kk'L m_i,k'LM + sum_k' W_zi,kk'L h_i,k'LM; with gates, if the network has them
  constructor(layer, arrays, K, silu) {
    Object.assign(this, { K, silu, dims: dims(layer.receivers), before: dims(layer.senders) });
    this.rows = sum(this.dims), this.rowsBefore = sum(this.before);
    this.kernels = layer.kernels.map((n) => arrays[n]);
    this.old = layer.old.map((one) => one && {
      kernel: arrays[one.kernel], row: sum(this.before.slice(0, one.sender)),
      own: arrays[one.kernel].length > K * K, // each element its own
    });
    this.gates = layer.gates && layer.gates.map((n) => (n === null ? null : arrays[n]));
    this.scalar = sum(this.dims.slice(0, layer.receivers.indexOf("0e"))); // the row of 0e
  }

  parts(atoms, visit) {
    for (let a = 0; a < atoms; a++) {
      let row = 0;
      for (let n = 0; n < this.dims.length; n++) {
        visit(a, n, (a * this.rows + row) * this.K, this.dims[n]);
        row += this.dims[n];
      }
    }
  }

  call(m, h, z) {
    // m [A, rows, K], h [A, rows before, K], z [A] -> [A, rows, K]
    const { K } = this, atoms = z.length, y = room(this, "y", atoms * this.rows * K);
    this.parts(atoms, (a, n, at, dim) => {
      weigh(y, at, m, at, this.kernels[n], dim, K, K);
      const old = this.old[n];
      if (old) weigh(y, at, h, (a * this.rowsBefore + old.row) * K, old.kernel, dim, K, K, old.own ? z[a] * K * K : 0);
    });
    if (!this.gates) return y;
    const out = room(this, "out", y.length), sums = room(this, "sums", y.length);
    this.parts(atoms, (a, n, at, dim) => {
      const scalars = (a * this.rows + this.scalar) * K;
      if (!this.gates[n]) {
        for (let k = 0; k < dim * K; k++) out[at + k] = silu(y[at + k], this.silu);
        return;
      }
      weigh(sums, at, y, scalars, this.gates[n], 1, K, K); // in the first of the irrep's rows
      for (let k = 0; k < K; k++) {
        const gate = silu(sums[at + k], this.silu);
        for (let row = 0; row < dim; row++) out[at + row * K + k] = gate * y[at + row * K + k];
      }
    });
    return out;
  }

  back(c, z, dm, dh) {
    // c [A, rows, K] -> dm [A, rows, K] and, unless it is null, dh [A, rows before, K], both added to
    const { K, y, sums } = this, atoms = z.length;
    let dy = c;
    if (this.gates) {
      dy = room(this, "dy", atoms * this.rows * K);
      const gate = new Float64Array(K);
      this.parts(atoms, (a, n, at, dim) => {
        const scalars = (a * this.rows + this.scalar) * K;
        if (!this.gates[n]) {
          for (let k = 0; k < dim * K; k++) dy[at + k] += c[at + k] * siluSlope(y[at + k], this.silu);
          return;
        }
        for (let k = 0; k < K; k++) {
          const value = silu(sums[at + k], this.silu);
          let slope = 0;
          for (let row = 0; row < dim; row++) {
            slope += c[at + row * K + k] * y[at + row * K + k];
            dy[at + row * K + k] += value * c[at + row * K + k];
          }
          gate[k] = slope * siluSlope(sums[at + k], this.silu);
        }
        weighBack(dy, scalars, gate, 0, this.gates[n], 1, K, K);
      });
    }
    this.parts(atoms, (a, n, at, dim) => {
      weighBack(dm, at, dy, at, this.kernels[n], dim, K, K);
      const old = this.old[n];
      if (old && dh)
        weighBack(dh, (a * this.rowsBefore + old.row) * K, dy, at, old.kernel, dim, K, K, old.own ? z[a] * K * K : 0);
    });
  }
}

export class LayerNorm {
  // norm(h)_klm = g_kl h_klm / sqrt( mean_k'm' h_k'lm'^2 + eps ); 0e: less its mean over channels first
  constructor(layer, arrays, K) {
    Object.assign(this, { K, irreps: layer.senders, dims: dims(layer.senders), eps: layer.norm.eps });
    this.gain = layer.norm.gain.map((n) => arrays[n]);
    this.rows = sum(this.dims);
  }

  parts(atoms, visit) {
    for (let a = 0, at = 0; a < atoms; a++)
      for (let n = 0; n < this.dims.length; n++) {
        const size = this.dims[n] * this.K;
        visit(a * this.dims.length + n, n, at, size);
        at += size;
      }
  }

  call(h, atoms) {
    const { K } = this, y = room(this, "y", atoms * this.rows * K);
    this.x = room(this, "x", y.length), this.factor = room(this, "factor", atoms * this.dims.length);
    this.parts(atoms, (which, n, at, size) => {
      let mean = 0, square = 0;
      if (this.irreps[n] === "0e") for (let k = 0; k < size; k++) mean += h[at + k] / size;
      for (let k = 0; k < size; k++) {
        this.x[at + k] = h[at + k] - mean;
        square += this.x[at + k] ** 2 / size;
      }
      const factor = (this.factor[which] = 1 / Math.sqrt(square + this.eps));
      for (let k = 0; k < size; k++) y[at + k] = this.gain[n][k % K] * this.x[at + k] * factor;
    });
    return y;
  }

  back(c, dh, atoms) {
    const { K, x } = this;
    this.parts(atoms, (which, n, at, size) => {
      const factor = this.factor[which];
      let along = 0, mean = 0; // of the cotangent, along x; and of the result, over channels
      for (let k = 0; k < size; k++) along += (this.gain[n][k % K] * c[at + k] * x[at + k]) / size;
      const slope = (k) => factor * this.gain[n][k % K] * c[at + k] - factor ** 3 * along * x[at + k];
      if (this.irreps[n] === "0e") for (let k = 0; k < size; k++) mean += slope(k) / size;
      for (let k = 0; k < size; k++) dh[at + k] += slope(k) - mean;
    });
  }
}

export class Readout {
  // What an atom's scalars add to the energy: a sum over channels, or a small network
  constructor(kernels, arrays, K, silu) {
    Object.assign(this, { K, silu, kernels: kernels.map((n) => arrays[n]) });
    this.hidden = kernels.length > 1 ? this.kernels[1].length : 0;
  }

  call(h, at) {
    // of one atom: h[at …] [K] -> a number
    const { K, kernels, hidden } = this;
    const y = (this.y = new Float64Array(hidden || 1));
    weigh(y, 0, h, at, kernels[0], 1, K, hidden || 1);
    if (!hidden) return y[0];
    let energy = 0;
    for (let n = 0; n < hidden; n++) energy += silu(y[n], this.silu) * kernels[1][n];
    return energy;
  }

  back(h, at, c, dh) {
    // c times the slope of `call`, added to dh[at …]
    const { K, kernels, hidden } = this;
    if (!hidden) {
      for (let k = 0; k < K; k++) dh[at + k] += c * kernels[0][k];
      return;
    }
    this.call(h, at);
    for (let n = 0; n < hidden; n++) this.y[n] = c * kernels[1][n] * siluSlope(this.y[n], this.silu);
    weighBack(dh, at, this.y, 0, kernels[0], 1, K, hidden);
  }
}

export function silu(x, scale) {
  return (scale * x) / (1 + Math.exp(-x));
}

function siluSlope(x, scale) {
  const s = 1 / (1 + Math.exp(-x));
  return scale * s * (1 + x * (1 - s));
}
