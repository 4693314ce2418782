// Spherical harmonics and their slopes: the recurrences of `dmol_molnet.so3.harmonic_polynomials`.
//
//     Y_lm(r) = P_lm(z, r²) Re (x + iy)^m,   Y_l,-m(r) = P_lm(z, r²) Im (x + iy)^m,     m >= 0

export class Harmonics {
  constructor(lMax) {
    this.lMax = lMax;
    this.rows = (lMax + 1) ** 2;
    this.factors = []; // of each m: the first P_mm, and a, b of every l above it
    for (let m = 0; m <= lMax; m++) {
      let first = (m ? 2 : 1) * (2 * m + 1);
      for (let k = 1; k <= m; k++) first *= (2 * k - 1) / (2 * k); // comb(2m, m) / 4^m
      const steps = [];
      for (let l = m + 1; l <= lMax; l++) {
        const n = l * l - m * m;
        steps.push([Math.sqrt((4 * l * l - 1) / n), Math.sqrt(((2 * l + 1) * ((l - 1) ** 2 - m * m)) / ((2 * l - 3) * n))]);
      }
      this.factors.push([Math.sqrt(first), steps]);
    }
  }

  at(x, y, z, Y, at, slopes = null) {
    // Into Y[at …]: the harmonics of (x, y, z); into slopes[3 at …], [rows, 3]: their derivatives.
    const r2 = x * x + y * y + z * z;
    let re = 1, im = 0, reX = 0, imX = 0; // (x + iy)^m and its derivative by x; by y, it is i times that
    for (let m = 0; m <= this.lMax; m++) {
      const [first, steps] = this.factors[m];
      // P of two degrees, with their derivatives by z and by r².
      let p = first, pz = 0, pr = 0, q = 0, qz = 0, qr = 0;
      for (let l = m; l <= this.lMax; l++) {
        if (l > m) {
          const [a, b] = steps[l - m - 1];
          [p, pz, pr, q, qz, qr] = [
            a * z * p - b * r2 * q, a * (p + z * pz) - b * r2 * qz, a * z * pr - b * (q + r2 * qr), p, pz, pr,
          ];
        }
        const row = at + l * l + l;
        if (m) Y[row - m] = p * im;
        Y[row + m] = p * re;
        if (slopes) {
          const gx = 2 * x * pr, gy = 2 * y * pr, gz = pz + 2 * z * pr; // of P
          const plus = 3 * (row + m), minus = 3 * (row - m);
          slopes[plus] = gx * re + p * reX, slopes[plus + 1] = gy * re - p * imX, slopes[plus + 2] = gz * re;
          if (m)
            slopes[minus] = gx * im + p * imX, slopes[minus + 1] = gy * im + p * reX, slopes[minus + 2] = gz * im;
        }
      }
      [re, im, reX, imX] = [x * re - y * im, x * im + y * re, (m + 1) * re, (m + 1) * im];
    }
  }
}
