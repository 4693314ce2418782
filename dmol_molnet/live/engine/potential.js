// A potential, next to `dmol_molnet/nn/potential.py`: E = sum_i [ shift(z_i) + scale(z_i) e_i(x) ], F_i = - dE / dx_i.

import { Network } from "./design_space.js";
import { InputError, read } from "./file.js";
import { graph } from "./graph.js";
import { SchNet } from "./schnet.js";

const SYMBOLS =
  "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr".split(" ");

export class Potential {
  constructor(buffer) {
    // buffer: what the exporter wrote
    const { model, arrays, cutoff, numbers, shifts, scales } = read(buffer);
    Object.assign(this, { cutoff, numbers, shifts, scales });
    this.model = model.kind === "schnet" ? new SchNet(model, arrays) : new Network(model, arrays);
  }

  elements(numbers) {
    // numbers [A] -> which of the potential's elements each is
    return Int32Array.from(numbers, (number) => {
      const z = this.numbers.indexOf(number);
      if (z < 0) {
        const known = this.numbers.map((n) => SYMBOLS[n] ?? n).join(", ");
        throw new InputError(`this potential has not learned ${SYMBOLS[number] ?? number}; its elements are ${known}`);
      }
      return z;
    });
  }

  energyAndForces(numbers, x, edges = null, atom = null) {
    // numbers [A], x [A, 3] Å -> {energy eV, forces [A, 3] eV/Å, atomic [A] eV}; edges: pairs in place of the cutoff;
    // atom: adds features, what it carries at the start and after each layer: [{"0e": [K], "1o": [K, 3], …}, …]
    if (atom !== null && !(Number.isInteger(atom) && atom >= 0 && atom < numbers.length))
      throw new InputError(`there is no atom ${atom}: the ${numbers.length} atoms are counted from 0`);
    const z = this.elements(numbers), found = graph(x, this.cutoff, edges);
    const e = this.model.call(found, z), scale = Float64Array.from(z, (n) => this.scales[n]);
    const atomic = e.map((value, a) => this.shifts[z[a]] + scale[a] * value);
    const slopes = this.model.back(found, z, scale), forces = new Float64Array(x.length);
    for (let p = 0; p < found.P; p++)
      for (let d = 0; d < 3; d++) {
        forces[3 * found.i[p] + d] -= slopes[3 * p + d];
        forces[3 * found.j[p] + d] += slopes[3 * p + d];
      }
    const features = atom === null ? {} : { features: this.model.carried(atom) };
    return { energy: atomic.reduce((a, b) => a + b, 0), forces, atomic, ...features };
  }
}
