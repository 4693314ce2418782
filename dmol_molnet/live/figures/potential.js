// A potential at work: a molecule moves under its forces, at a temperature that the reader slides; any atom can be pulled.

import { computer } from "../stage/computer.js";
import { Frame, signed } from "../stage/frame.js";
import { Langevin } from "../stage/langevin.js";
import { svg } from "../stage/svg.js";

const PULL = 4, STRONGEST = 6; // eV/Å² of the spring at the hand, and the most it pulls, eV/Å
const ARROW = 0.5, LONGEST = 1.5; // Å an eV/Å, and Å at most: a longer one would leave the picture
const TRACE = 240; // energies that the trace shows
const TORN = 2.5; // Å from all partners
const BUDGET = 12, MOST = 4; // ms of a frame for steps, and steps at most

molnetLive.figures.potential = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element), numbers = Int32Array.from(job.numbers);
  const x = Float64Array.from(job.positions), label = `${job.name}, its atoms to be pulled`;
  const scene = new Scene(frame.stage, { reach: job.reach, label });
  const molecule = scene.molecule(job.symbols, null, { letters: job.letters, radii: job.radii, grab: true });
  const arrows = scene.arrows(numbers.length);
  const engine = await computer(job.model);

  let held = null, at = null; // the atom in the hand, and where the hand is
  let now, zero, seen, owner, first, torn = false, shown = true, steps = 0; // whose a watched atom is, and was at first
  const trace = new Trace(frame.stage);

  const forcesAt = async (where) => {
    const found = await engine.energyAndForces(numbers, where);
    if (held !== null) {
      const away = [0, 1, 2].map((d) => at[d] - where[3 * held + d]), size = Math.hypot(...away) || 1;
      const pull = Math.min(PULL * size, STRONGEST) / size;
      found.pulled = found.forces.slice();
      for (let d = 0; d < 3; d++) found.pulled[3 * held + d] += pull * away[d];
    }
    return { ...found, own: found.forces, forces: found.pulled ?? found.forces };
  };
  const motion = new Langevin(job.masses, forcesAt);

  const paint = () => {
    const strongest = largest(now.own);
    molecule.place(x);
    for (let k = 0; k < numbers.length; k++) {
      const force = now.own.subarray(3 * k, 3 * k + 3), size = Math.hypot(...force) || 1, { radius } = molecule.atoms[k];
      const start = Array.from(force, (f, d) => x[3 * k + d] + (radius * f) / size); // on the atom's rim
      arrows.set(k, start, Array.from(force, (f) => shown && Math.min(ARROW, LONGEST / size) * f));
    }
    trace.add(now.energy - zero);
    frame.numbers({ energy: now.energy, maxForce: strongest, steps: String(steps) });
    frame.show({
      [`energy above the ${job.zero}`]: `${signed(now.energy - zero)} eV`, "largest force": `${signed(strongest)} eV/Å`,
      "time": `${signed(steps * motion.step, 0)} fs`, "temperature now": `${signed(motion.temperature(), 0)} K`,
    });
    if (job.watch) watched();
  };

  const watched = () => {
    // An atom between others: how far it is from each, and whose it is now
    const { atom, partners } = job.watch, name = (k) => job.labels[k];
    const away = partners.map((k) => Math.hypot(...[0, 1, 2].map((d) => x[3 * atom + d] - x[3 * k + d])));
    frame.show({ [`${name(atom)} to ${partners.map(name).join(" / ")}`]: `${away.map((r) => signed(r)).join(" / ")} Å` });
    const near = partners[away.indexOf(Math.min(...away))];
    first ??= near;
    torn = Math.min(...away) > TORN;
    if (torn && held !== atom) frame.tell(`${name(atom)} has been torn off; Reset brings it back.`);
    else if (owner !== undefined && near !== owner && held !== atom)
      frame.tell(`${name(atom)} ${near === first ? "is back at" : "has gone over to"} ${name(near)}.`);
    owner = near;
    frame.numbers({ owner: name(near) });
  };

  const measure = async () => {
    now = await forcesAt(x);
    paint();
  };

  const guarded = async (act) => {
    // What the engine refuses is said, and the last good state comes back.
    const kept = x.slice();
    try {
      await act();
      seen = kept;
    } catch (error) {
      if (!error.told) throw error;
      x.set(seen ?? job.positions), motion.v.fill(0);
      await measure();
      frame.tell(`Stopped: ${error.message}. The last place before it is back.`);
      run.pause();
    }
  };

  const step = () =>
    guarded(async () => {
      const until = performance.now() + BUDGET;
      let limited = false;
      for (let k = 0; k < MOST && (k === 0 || performance.now() < until); k++) {
        now = await motion.advance(x, now, heat.value);
        limited ||= now.held;
        steps++;
      }
      settle(x, motion.v, job.masses, held);
      paint();
      if (limited && !torn) frame.tell("An atom was about to fly: its step was limited.");
    });

  const nudge = (k, by) =>
    guarded(async () => {
      for (let d = 0; d < 3; d++) x[3 * k + d] += by[d];
      motion.v.fill(0, 3 * k, 3 * k + 3);
      await measure();
      frame.tell(`${job.labels[k]} moved: ${signed(now.energy - zero)} electronvolts above the ${job.zero}, largest force ${signed(largest(now.own))} eV/Å.`);
    });

  scene.ongrab = (_, k) => {
    held = k, at = Array.from(x.subarray(3 * k, 3 * k + 3));
    molecule.mark(k);
  };
  scene.onpull = (_, k, by) => {
    at = at.map((value, d) => value + by[d]);
    if (run.running) return;
    const move = at.map((value, d) => value - x[3 * k + d]);
    const size = Math.hypot(...move), most = 0.1; // Å at once, so that no atom jumps through another
    nudge(k, move.map((m) => m * Math.min(1, most / (size || 1))));
  };
  scene.onrelease = (_, k) => {
    held = null;
    molecule.mark(null);
    if (!run.running && now) measure();
    const where = owner === undefined || k !== job.watch.atom || torn ? "" : ` at ${job.labels[owner]}`;
    if (!torn) frame.tell(`${job.labels[k]} is let go${where}${run.running ? "" : "; Play lets it move"}.`);
  };

  const heat = frame.slider({
    label: "temperature", min: 0, max: 600, step: 10, value: job.temperature ?? 300, show: (T) => `${T} K`,
    act: (T) => frame.tell(`${T} kelvin.`),
  });
  frame.check({ label: "forces as arrows", value: true, act: (yes) => ((shown = yes), now && paint()) });
  const hand = frame.handles(job.labels, { chosen: (k) => molecule.mark(k), move: nudge, scene });
  const run = frame.motion(step);
  frame.turns(scene);
  frame.reset(() => {
    run.pause(), frame.state("ready");
    x.set(job.positions), motion.v.fill(0), (steps = 0), (owner = undefined), scene.face(), trace.clear();
    heat.set(job.temperature ?? 300), hand.choose(null);
    return measure().then(() => job.begin && !frame.calm.matches && run.play());
  });
  frame.copy(() => job.python.replace("POSITIONS", () => places(x)));

  now = await forcesAt(x);
  zero = now.energy;
  if (job.python_finds) check(frame, job.python_finds, now);
  paint();
  frame.ready();
  if (job.begin && !frame.calm.matches) run.play();
};

function check(frame, python, here) {
  // What is shown is what Python found when the page was written, within what float32 leaves.
  const energy = Math.abs(here.energy - python.energy) / python.forces.length;
  const force = Math.max(...python.forces.map((f, k) => Math.abs(f - here.own[k])));
  frame.numbers({ energyOff: energy, forceOff: force });
  const most = 1e-3 * Math.max(1, ...python.forces.map(Math.abs));
  if (energy > 1e-3 || !(force <= most))
    throw Object.assign(new Error(`it finds other forces than Python, by ${force.toExponential(1)} eV/Å`), { told: true });
  frame.show({ "off Python's forces by": `${force.toExponential(0)} eV/Å` });
}

const largest = (forces) => {
  let most = 0;
  for (let k = 0; k < forces.length; k += 3) most = Math.max(most, Math.hypot(forces[k], forces[k + 1], forces[k + 2]));
  return most;
};

const places = (x) => JSON.stringify(Array.from({ length: x.length / 3 }, (_, k) => Array.from(x.subarray(3 * k, 3 * k + 3), (v) => +v.toFixed(8))));

function settle(x, v, masses, held) {
  // Keep the middle of mass where it is, unless a hand pulls: the molecule shall not leave the picture.
  const total = masses.reduce((a, b) => a + b, 0), middle = [0, 0, 0];
  masses.forEach((m, k) => middle.forEach((_, d) => (middle[d] += (m * x[3 * k + d]) / total)));
  const share = held === null ? 1 : 0.05;
  for (let k = 0; k < x.length; k++) x[k] -= share * middle[k % 3];
}

class Trace {
  // The energy of the last steps as a line; decoration: the numbers say it too.
  constructor(parent) {
    this.line = svg("polyline");
    const box = { viewBox: `0 0 ${TRACE} 40`, preserveAspectRatio: "none", "aria-hidden": "true", class: "live-trace" };
    this.name = Object.assign(document.createElement("p"), { className: "live-caption" });
    parent.append(svg("svg", box, this.line), this.name);
    this.clear();
  }

  add(energy) {
    this.values.push(energy);
    if (this.values.length > TRACE) this.values.shift();
    const top = Math.max(1, ...this.values), low = Math.min(0, ...this.values);
    this.name.textContent = `the energy, step by step, from ${signed(low, 1)} to ${signed(top, 1)} eV`;
    const y = (e) => (38 - (36 * (e - low)) / (top - low)).toFixed(1);
    this.line.setAttribute("points", this.values.map((e, k) => `${k},${y(e)}`).join(" "));
  }

  clear() {
    this.values = [];
    this.line.setAttribute("points", "");
  }
}
