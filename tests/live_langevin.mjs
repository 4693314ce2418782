// Runs Langevin dynamics of harmonic oscillators: job on standard input, what was found on standard output.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { atoms, mass, k, step, friction, temperature, steps, skip, start = 0 } = JSON.parse(readFileSync(0, "utf8"));
const { Langevin } = await import(pathToFileURL(process.argv[2]));
let state = 1;
const random = () => { // a generator with a seed: xorshift
  state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
};
const forcesAt = async (x) => ({
  energy: x.reduce((sum, v) => sum + (k * v * v) / 2, 0), forces: Float64Array.from(x, (v) => -k * v),
});
const motion = new Langevin(Array(atoms).fill(mass), forcesAt, { step, friction, random });
const x = new Float64Array(3 * atoms).fill(start);
let now = await forcesAt(x), squares = 0, heat = 0, held = 0, farthest = 0;
const totals = [];
for (let n = 0; n < steps; n++) {
  const before = x.slice();
  now = await motion.advance(x, now, temperature);
  held += now.held;
  for (let a = 0; a < 3 * atoms; a += 3)
    farthest = Math.max(farthest, Math.hypot(x[a] - before[a], x[a + 1] - before[a + 1], x[a + 2] - before[a + 2]));
  if (n < skip) continue;
  squares += x.reduce((sum, v) => sum + v * v, 0) / x.length / (steps - skip);
  heat += motion.temperature() / (steps - skip);
  totals.push(now.energy + motion.temperature() * 1.5 * atoms * 8.617333262e-5);
}
console.log(JSON.stringify({ squares, heat, held, farthest, low: Math.min(...totals), high: Math.max(...totals) }));
