// Sums over neighbours of messages that are tensors, and their derivatives: the four faces of one multilinear form.
//
//     Phi(T, R, G, H) = sum_p sum_k sum_g sum_m  T_gmp R_xpk ( G_gik H_mjk  +  s_g G_gjk H_mik ),        x = path(g)
//
// `receive` is dPhi/dG; `back` takes a cotangent of it for G and gives dPhi/dH, dPhi/dR and dPhi/dT in one passage.
// Vectors, m = -1, 0, 1, are most of the work and have loops of their own, in which the sum over m is written out.

export class TensorSum {
  constructor({ rows, dim, path, sign, g, m, q, C, first }, arrays, K) {
    Object.assign(this, { rows, dim, first, K, path: arrays[path], sign: arrays[sign], C: arrays[C], q: arrays[q] });
    this.where = arrays[g].map((row, n) => row * dim + arrays[m][n]); // [nonzero C]
    this.used = new Uint8Array(rows * dim); // which entries of T are not zero for all directions
    for (const at of this.where) this.used[at] = 1;
  }

  directions(graph, Y, harmonics, T) {
    // T [P, g, m] = sum_q C_gmq Y_q
    const { where, q, C } = this, size = this.rows * this.dim;
    for (let p = 0; p < graph.P; p++)
      for (let n = 0; n < C.length; n++) T[p * size + where[n]] += C[n] * Y[p * harmonics + q[n]];
  }

  directionsBack(graph, dY, harmonics, dT) {
    const { where, q, C } = this, size = this.rows * this.dim;
    for (let p = 0; p < graph.P; p++)
      for (let n = 0; n < C.length; n++) dY[p * harmonics + q[n]] += C[n] * dT[p * size + where[n]];
  }

  receive(graph, T, R, F, h, v) {
    // T [P, g, m], R [P, F], h [A, m, K] -> v [A, g, K] += sum over the neighbours j of T R h_j
    const { rows, dim, path, sign, first, K, used } = this;
    for (let p = 0; p < graph.P; p++) {
      const i = graph.i[p], j = graph.j[p];
      for (let g = 0; g < rows; g++) {
        const x = p * F + (first + path[g]) * K, s = sign[g], vi = (i * rows + g) * K, vj = (j * rows + g) * K;
        if (dim === 3) {
          receiveVector(T, (p * rows + g) * 3, R, x, h, i * 3 * K, j * 3 * K, s, v, vi, vj, K);
          continue;
        }
        for (let m = 0; m < dim; m++) {
          if (!used[g * dim + m]) continue;
          const t = T[(p * rows + g) * dim + m], hi = (i * dim + m) * K, hj = (j * dim + m) * K;
          for (let k = 0; k < K; k++) {
            const c = t * R[x + k];
            v[vi + k] += c * h[hj + k];
            v[vj + k] += s * c * h[hi + k];
          }
        }
      }
    }
  }

  back(graph, T, R, F, h, c, dT, dR, dh) {
    // c [A, g, K] -> dT [P, g, m], dR [P, F] and, unless it is null, dh [A, m, K], all added to
    const { rows, dim, path, sign, first, K, used } = this;
    for (let p = 0; p < graph.P; p++) {
      const i = graph.i[p], j = graph.j[p];
      for (let g = 0; g < rows; g++) {
        const x = p * F + (first + path[g]) * K, s = sign[g], vi = (i * rows + g) * K, vj = (j * rows + g) * K;
        if (dim === 3 && dh) {
          backVector(T, (p * rows + g) * 3, R, x, h, i * 3 * K, j * 3 * K, s, c, vi, vj, K, dT, dR, dh);
          continue;
        }
        for (let m = 0; m < dim; m++) {
          if (!used[g * dim + m]) continue;
          const at = (p * rows + g) * dim + m, t = T[at], hi = (i * dim + m) * K, hj = (j * dim + m) * K;
          let sum = 0;
          if (dh)
            for (let k = 0; k < K; k++) {
              const r = R[x + k], ci = c[vi + k], cj = s * c[vj + k], both = ci * h[hj + k] + cj * h[hi + k];
              sum += r * both;
              dR[x + k] += t * both;
              dh[hj + k] += t * r * ci;
              dh[hi + k] += t * r * cj;
            }
          else
            for (let k = 0; k < K; k++) {
              const both = c[vi + k] * h[hj + k] + s * c[vj + k] * h[hi + k];
              sum += R[x + k] * both;
              dR[x + k] += t * both;
            }
          dT[at] += sum;
        }
      }
    }
  }
}

function receiveVector(T, tAt, R, x, h, hi, hj, s, v, vi, vj, K) {
  const t0 = T[tAt], t1 = T[tAt + 1], t2 = T[tAt + 2];
  for (let k = 0; k < K; k++) {
    const r = R[x + k];
    v[vi + k] += r * (t0 * h[hj + k] + t1 * h[hj + K + k] + t2 * h[hj + 2 * K + k]);
    v[vj + k] += s * r * (t0 * h[hi + k] + t1 * h[hi + K + k] + t2 * h[hi + 2 * K + k]);
  }
}

function backVector(T, tAt, R, x, h, hi, hj, s, c, vi, vj, K, dT, dR, dh) {
  const t0 = T[tAt], t1 = T[tAt + 1], t2 = T[tAt + 2];
  let sum0 = 0, sum1 = 0, sum2 = 0;
  for (let k = 0; k < K; k++) {
    const r = R[x + k], ci = c[vi + k], cj = s * c[vj + k], a = r * ci, b = r * cj;
    const both0 = ci * h[hj + k] + cj * h[hi + k];
    const both1 = ci * h[hj + K + k] + cj * h[hi + K + k];
    const both2 = ci * h[hj + 2 * K + k] + cj * h[hi + 2 * K + k];
    (sum0 += r * both0), (sum1 += r * both1), (sum2 += r * both2);
    dR[x + k] += t0 * both0 + t1 * both1 + t2 * both2;
    (dh[hj + k] += t0 * a), (dh[hj + K + k] += t1 * a), (dh[hj + 2 * K + k] += t2 * a);
    (dh[hi + k] += t0 * b), (dh[hi + K + k] += t1 * b), (dh[hi + 2 * K + k] += t2 * b);
  }
  (dT[tAt] += sum0), (dT[tAt + 1] += sum1), (dT[tAt + 2] += sum2);
}
