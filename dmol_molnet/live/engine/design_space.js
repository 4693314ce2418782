// A network of the design space, next to `dmol_molnet/nn/design_space.py`: the layers that the file lists, one by one.

import { AtomicBasis, LayerNorm, Message, ProductBasis, Readout, Update } from "./ace.js";
import { Harmonics } from "./harmonics.js";
import { dims, room, sum } from "./parts.js";

class Interaction {
  // One layer: A, its products, the message and the update
  constructor(layer, arrays, K, silu) {
    this.senders = layer.senders, this.receivers = layer.receivers;
    this.atomicBasis = new AtomicBasis(layer, arrays, K);
    this.productBasis = new ProductBasis(layer, arrays, K);
    this.message = new Message(layer, arrays, K, this.productBasis.start);
    this.update = new Update(layer, arrays, K, silu);
    this.norm = layer.norm && new LayerNorm(layer, arrays, K);
    this.K = K;
    this.rowsBefore = sum(dims(layer.senders)), this.rows = sum(dims(layer.receivers));
  }

  call(graph, h, Y, harmonics, z) {
    const { productBasis } = this;
    this.before = h;
    const heard = this.norm ? this.norm.call(h, graph.A) : h;
    const A = room(this, "A", graph.A * productBasis.rows * this.K);
    this.atomicBasis.call(graph, heard, Y, harmonics, A, productBasis.rows);
    productBasis.call(A, graph.A);
    this.m = this.message.call(A, productBasis.rows, z);
    return this.update.call(this.m, h, z);
  }

  back(graph, c, z, dY, harmonics, dr, first) {
    // c [A, rows, K] -> the same for what was before, or null in the first layer
    const { productBasis, K } = this, size = graph.A * this.rowsBefore * K;
    const dm = room(this, "dm", graph.A * this.rows * K), dh = first ? null : room(this, "dh", size);
    this.update.back(c, z, dm, dh);
    const dA = room(this, "dA", graph.A * productBasis.rows * K);
    this.message.back(dm, dA, productBasis.rows, z);
    productBasis.back(this.A, dA, graph.A);
    const dHeard = dh && this.norm ? room(this, "dHeard", size) : dh;
    this.atomicBasis.back(graph, dA, productBasis.rows, dY, harmonics, dr, dHeard);
    if (dh && this.norm) this.norm.back(dHeard, dh, graph.A);
    return dh;
  }
}

export class Network {
  constructor({ channels, l_max, silu, embedding, layers, readouts }, arrays) {
    this.K = channels;
    this.harmonics = new Harmonics(l_max);
    this.embedding = arrays[embedding];
    this.interactions = layers.map((layer) => new Interaction(layer, arrays, channels, silu));
    this.heads = readouts.map((kernels) => kernels && new Readout(kernels, arrays, channels, silu));
    this.scalars = layers.map((layer) => sum(dims(layer.receivers.slice(0, layer.receivers.indexOf("0e")))));
  }

  call(graph, z) {
    // z [A], which of the elements -> what each atom adds to the energy [A]
    const { K, harmonics } = this, n = harmonics.rows;
    const Y = room(this, "Y", graph.P * n);
    this.slopes = room(this, "slopes", 3 * graph.P * n);
    for (let p = 0; p < graph.P; p++) {
      const { r, vectors } = graph;
      harmonics.at(vectors[3 * p] / r[p], vectors[3 * p + 1] / r[p], vectors[3 * p + 2] / r[p], Y, p * n, this.slopes);
    }
    let h = room(this, "start", graph.A * K);
    for (let a = 0; a < graph.A; a++) h.set(this.embedding.subarray(z[a] * K, (z[a] + 1) * K), a * K);
    const energies = new Float64Array(graph.A);
    this.features = [h];
    this.interactions.forEach((interaction, t) => {
      h = interaction.call(graph, h, Y, n, z);
      this.features.push(h);
      const head = this.heads[t];
      if (head) for (let a = 0; a < graph.A; a++) energies[a] += head.call(h, (a * interaction.rows + this.scalars[t]) * K);
    });
    return energies;
  }

  carried(a) {
    // What atom a carried in the last call, at the start and after each layer: by irrep [K, 2l+1], as `trace` has it;
    // but of the last layer only what is read
    const { K } = this;
    return this.features.map((h, t) => {
      const irreps = t ? this.interactions[t - 1].receivers : ["0e"], sizes = dims(irreps), found = {};
      let row = a * sum(sizes);
      irreps.forEach((irrep, n) => {
        const values = (found[irrep] = new Float64Array(K * sizes[n]));
        for (let m = 0; m < sizes[n]; m++, row++) for (let k = 0; k < K; k++) values[k * sizes[n] + m] = h[row * K + k];
      });
      return found;
    });
  }

  back(graph, z, c) {
    // c [A], what the energy of each atom weighs -> d/d vectors [P, 3]
    const { K, harmonics } = this, n = harmonics.rows;
    const dY = room(this, "dY", graph.P * n), dr = room(this, "dr", graph.P);
    let dh = null;
    for (let t = this.interactions.length - 1; t >= 0; t--) {
      const interaction = this.interactions[t], head = this.heads[t], h = this.features[t + 1];
      const cotangent = dh || room(this, "cotangent", graph.A * interaction.rows * K);
      if (head)
        for (let a = 0; a < graph.A; a++) head.back(h, (a * interaction.rows + this.scalars[t]) * K, c[a], cotangent);
      dh = interaction.back(graph, cotangent, z, dY, n, dr, t === 0);
    }
    const out = new Float64Array(3 * graph.P);
    for (let p = 0; p < graph.P; p++) {
      const r = graph.r[p], at = 3 * p;
      for (let q = p * n; q < (p + 1) * n; q++) for (let d = 0; d < 3; d++) out[at + d] += dY[q] * this.slopes[3 * q + d];
      let along = 0; // a direction does not change along itself
      for (let d = 0; d < 3; d++) along += (out[at + d] * graph.vectors[at + d]) / r;
      for (let d = 0; d < 3; d++) out[at + d] = (out[at + d] + (dr[p] - along / r) * graph.vectors[at + d]) / r;
    }
    return out;
  }
}
