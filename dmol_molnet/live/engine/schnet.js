// SchNet, next to `dmol_molnet/nn/schnet.py`:
//
//     v_i = sum_j (h_j W_in) * w_ij / n,    h'_i = h_i + ssp(v_i W3 + b3) W4 + b4,    E = sum_i ssp(h_i W5 + b5) W6

import { room, weigh, weighBack } from "./parts.js";
import { Radial } from "./radial.js";

class Dense {
  constructor({ kernel, bias }, arrays, inputs) {
    this.kernel = arrays[kernel], this.bias = bias === null ? null : arrays[bias];
    this.inputs = inputs, this.units = this.kernel.length / inputs;
  }

  call(x, n) {
    const y = room(this, "y", n * this.units);
    if (this.bias) for (let row = 0; row < n; row++) y.set(this.bias, row * this.units);
    weigh(y, 0, x, 0, this.kernel, n, this.inputs, this.units);
    return y;
  }

  back(c, n, dx) {
    weighBack(dx, 0, c, 0, this.kernel, n, this.inputs, this.units);
  }
}

class Interaction {
  constructor({ radial, sender, update }, arrays, K) {
    this.K = K;
    this.radial = new Radial(radial, arrays);
    this.sender = new Dense(sender, arrays, K);
    this.update = update.map((layer) => new Dense(layer, arrays, K));
  }

  call(graph, h) {
    // h [A, K] -> [A, K]
    const { K } = this, w = room(this, "w", graph.P * K);
    this.slopes = room(this, "slopes", graph.P * K);
    for (let p = 0; p < graph.P; p++) this.radial.at(graph.r[p], w, this.slopes, p * K);
    const sent = this.sender.call(h, graph.A), v = room(this, "v", graph.A * K);
    for (let p = 0; p < graph.P; p++) {
      const i = graph.i[p] * K, j = graph.j[p] * K;
      for (let k = 0; k < K; k++) {
        const filter = w[p * K + k];
        v[i + k] += filter * sent[j + k];
        v[j + k] += filter * sent[i + k];
      }
    }
    const y = this.update[0].call(v, graph.A), s = room(this, "s", graph.A * K), out = room(this, "out", graph.A * K);
    for (let n = 0; n < graph.A * K; n++) s[n] = ssp(y[n]);
    const change = this.update[1].call(s, graph.A);
    for (let n = 0; n < graph.A * K; n++) out[n] = h[n] + change[n];
    return out;
  }

  back(graph, c, dr, first) {
    // c [A, K] becomes the derivatives by what was before; dr [P] is added to
    const { K } = this, { y } = this.update[0], sent = this.sender.y;
    const ds = room(this, "ds", graph.A * K), dv = room(this, "dv", graph.A * K), dSent = room(this, "dSent", graph.A * K);
    this.update[1].back(c, graph.A, ds);
    for (let n = 0; n < graph.A * K; n++) ds[n] *= sspSlope(y[n]);
    this.update[0].back(ds, graph.A, dv);
    for (let p = 0; p < graph.P; p++) {
      const i = graph.i[p] * K, j = graph.j[p] * K;
      let slope = 0;
      for (let k = 0; k < K; k++) {
        const filter = this.w[p * K + k];
        slope += this.slopes[p * K + k] * (dv[i + k] * sent[j + k] + dv[j + k] * sent[i + k]);
        dSent[j + k] += filter * dv[i + k];
        dSent[i + k] += filter * dv[j + k];
      }
      dr[p] += slope;
    }
    if (!first) this.sender.back(dSent, graph.A, c);
  }
}

export class SchNet {
  constructor({ channels, embedding, layers, readout }, arrays) {
    this.K = channels;
    this.embedding = arrays[embedding];
    this.interactions = layers.map((layer) => new Interaction(layer, arrays, channels));
    this.hidden = new Dense(readout[0], arrays, channels);
    this.last = arrays[readout[1].kernel];
  }

  call(graph, z) {
    // z [A], which of the elements -> what each atom adds to the energy [A]
    const { K } = this;
    let h = room(this, "start", graph.A * K);
    for (let a = 0; a < graph.A; a++) h.set(this.embedding.subarray(z[a] * K, (z[a] + 1) * K), a * K);
    this.features = [h];
    for (const interaction of this.interactions) this.features.push((h = interaction.call(graph, h)));
    const y = this.hidden.call(h, graph.A), units = this.last.length, energies = new Float64Array(graph.A);
    for (let a = 0; a < graph.A; a++)
      for (let n = 0; n < units; n++) energies[a] += ssp(y[a * units + n]) * this.last[n];
    return energies;
  }

  carried(a) {
    // What atom a carried in the last call, at the start and after each layer: [{"0e": [K]}, …]
    return this.features.map((h) => ({ "0e": h.slice(a * this.K, (a + 1) * this.K) }));
  }

  back(graph, z, c) {
    // c [A], what the energy of each atom weighs -> d/d vectors [P, 3]
    const { K } = this, { y } = this.hidden, units = this.last.length;
    const dy = room(this, "dy", graph.A * units), dh = room(this, "dh", graph.A * K), dr = room(this, "dr", graph.P);
    for (let a = 0; a < graph.A; a++)
      for (let n = 0; n < units; n++) dy[a * units + n] = c[a] * this.last[n] * sspSlope(y[a * units + n]);
    this.hidden.back(dy, graph.A, dh);
    for (let t = this.interactions.length - 1; t >= 0; t--) this.interactions[t].back(graph, dh, dr, t === 0);
    const out = new Float64Array(3 * graph.P);
    for (let p = 0; p < graph.P; p++)
      for (let d = 0; d < 3; d++) out[3 * p + d] = (dr[p] * graph.vectors[3 * p + d]) / graph.r[p];
    return out;
  }
}

export function ssp(x) {
  // ln(e^x / 2 + 1/2)
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - Math.LN2;
}

function sspSlope(x) {
  return 1 / (1 + Math.exp(-x));
}
