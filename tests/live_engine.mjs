// node live_engine.mjs ENGINE < JOB: energies and forces of the engine, for tests that know what they should be.
//
// JOB is JSON, {"model": FILE, "cases": [{"numbers", "positions", "edges"?, "differences"?, "atom"?}, …]}; prints a
// list of {"energy", "forces", "features"?, "differences"?}, the last by differences of the engine's own energies, or
// {"error"}.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { Potential } = await import(pathToFileURL(`${process.argv[2]}/potential.js`));
const { model, cases } = JSON.parse(readFileSync(0));

function load() {
  const file = readFileSync(model);
  return new Potential(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
}

function answer(potential, { numbers, positions, edges = null, differences = false, atom = null }) {
  const x = Float64Array.from(positions.flat(), Number); // JSON knows no NaN: null stands for it
  x.forEach((value, n) => (x[n] = positions.flat()[n] === null ? NaN : value));
  const { energy, forces, features } = potential.energyAndForces(numbers, x, edges, atom);
  const moved = (n, step) => potential.energyAndForces(numbers, x.map((value, k) => value + step * (k === n)), edges).energy;
  const slope = (n, h) => (8 * (moved(n, h) - moved(n, -h)) - (moved(n, 2 * h) - moved(n, -2 * h))) / (12 * h);
  const plain = (layer) => Object.fromEntries(Object.entries(layer).map(([irrep, h]) => [irrep, Array.from(h)]));
  const found = { energy, forces: Array.from(forces), ...(features && { features: features.map(plain) }) };
  return differences ? { ...found, differences: Array.from(x, (_, n) => -slope(n, 1e-3)) } : found;
}

function told(f) {
  try {
    return f();
  } catch (error) {
    if (error.constructor.name !== "InputError") throw error;
    return { error: error.message };
  }
}

const potential = told(load);
console.log(JSON.stringify(potential.error ? cases.map(() => potential) : cases.map((one) => told(() => answer(potential, one)))));
