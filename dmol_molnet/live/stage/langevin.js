// Langevin dynamics, next to `dmol_molnet/dynamics.py`: m x'' = F - gamma m x' + noise, split as BAOAB.
//
// Source: Leimkuhler and Matthews (2013).  Units: Å, fs, u, eV.

export const KB = 8.617333262e-5; // eV/K
const ACCELERATION = 9.648533212e-3; // Å/fs² of 1 eV/Å on 1 u
export const FARTHEST = 0.1; // Å an atom may go in one step

export class Langevin {
  constructor(masses, forcesAt, { step = 0.5, friction = 0.01, random = Math.random } = {}) {
    // masses [A] u; forcesAt(x [3 A]) -> a promise of {energy, forces [3 A]}; step fs; friction 1/fs
    Object.assign(this, { masses, forcesAt, step, friction, random });
    this.v = new Float64Array(3 * masses.length); // Å/fs
  }

  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
  }

  kick(forces, time) {
    this.v.forEach((_, k) => (this.v[k] += (time * ACCELERATION * forces[k]) / this.masses[Math.floor(k / 3)]));
  }

  drift(x, time) {
    // -> whether an atom was held back
    let held = false;
    for (let k = 0; k < x.length; k += 3) {
      const size = time * Math.hypot(this.v[k], this.v[k + 1], this.v[k + 2]);
      if (size > FARTHEST / 2) {
        held = true;
        for (let d = 0; d < 3; d++) this.v[k + d] *= FARTHEST / 2 / size;
      }
      for (let d = 0; d < 3; d++) x[k + d] += time * this.v[k + d];
    }
    return held;
  }

  heat(temperature) {
    const kept = Math.exp(-this.friction * this.step);
    this.v.forEach((v, k) => {
      const spread = Math.sqrt((KB * temperature * ACCELERATION * (1 - kept * kept)) / this.masses[Math.floor(k / 3)]);
      this.v[k] = kept * v + spread * this.normal();
    });
  }

  async advance(x, last, temperature) {
    // One step of x, in place; last: forces at x -> {energy, forces, held} after it
    this.kick(last.forces, this.step / 2);
    let held = this.drift(x, this.step / 2);
    this.heat(temperature);
    held = this.drift(x, this.step / 2) || held;
    const next = await this.forcesAt(x);
    this.kick(next.forces, this.step / 2);
    return { ...next, held };
  }

  temperature() {
    // K, of the motion as it is
    let twice = 0;
    this.v.forEach((v, k) => (twice += (this.masses[Math.floor(k / 3)] * v * v) / ACCELERATION));
    return twice / (3 * this.masses.length * KB);
  }
}
