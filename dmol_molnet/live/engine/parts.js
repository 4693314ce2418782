// The small loops that layers are made of.  Channels lie innermost.

export function weigh(y, yAt, x, xAt, W, n, K, L, wAt = 0) {
  // y [n, L] += x [n, K] W [K, L]; four k at a time, or what is loaded and stored costs more than what is computed
  const most = K - (K % 4);
  for (let row = 0; row < n; row++) {
    const to = yAt + row * L, from = xAt + row * K;
    for (let k = 0; k < most; k += 4) {
      const c0 = x[from + k], c1 = x[from + k + 1], c2 = x[from + k + 2], c3 = x[from + k + 3];
      const w0 = wAt + k * L, w1 = w0 + L, w2 = w1 + L, w3 = w2 + L;
      for (let l = 0; l < L; l++) y[to + l] += c0 * W[w0 + l] + c1 * W[w1 + l] + c2 * W[w2 + l] + c3 * W[w3 + l];
    }
    for (let k = most; k < K; k++) for (let l = 0; l < L; l++) y[to + l] += x[from + k] * W[wAt + k * L + l];
  }
}

export function weighBack(dx, xAt, dy, yAt, W, n, K, L, wAt = 0) {
  // dx [n, K] += dy [n, L] Wᵀ
  const most = K - (K % 4);
  for (let row = 0; row < n; row++) {
    const from = yAt + row * L, to = xAt + row * K;
    for (let k = 0; k < most; k += 4) {
      const w0 = wAt + k * L, w1 = w0 + L, w2 = w1 + L, w3 = w2 + L;
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (let l = 0; l < L; l++) {
        const c = dy[from + l];
        (s0 += c * W[w0 + l]), (s1 += c * W[w1 + l]), (s2 += c * W[w2 + l]), (s3 += c * W[w3 + l]);
      }
      (dx[to + k] += s0), (dx[to + k + 1] += s1), (dx[to + k + 2] += s2), (dx[to + k + 3] += s3);
    }
    for (let k = most; k < K; k++) {
      let sum = 0;
      for (let l = 0; l < L; l++) sum += dy[from + l] * W[wAt + k * L + l];
      dx[to + k] += sum;
    }
  }
}

export function room(owner, name, size) {
  // owner[name]: zeros, at least so many; kept from call to call.
  if (!owner[name] || owner[name].length < size) owner[name] = new Float64Array(size);
  else owner[name].fill(0);
  return owner[name];
}

export function dims(irreps) {
  // Rows of each of "0e", "1o", …
  return irreps.map((irrep) => 2 * parseInt(irrep) + 1);
}

export function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}
