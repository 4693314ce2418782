// Six points of the design space at once: what an atom carries under each, by irrep, while its molecule is turned.

import { computer } from "../../dmol_molnet/live/stage/computer.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { svg } from "../../dmol_molnet/live/stage/svg.js";
import { wigner } from "./shared/turns.js";
import { angleOf, apply } from "./shared/vectors.js";

const POSITIVE = "#d9822b", NEGATIVE = "#2a7fb8";
const ROUNDING = 1e-9; // relative to the largest number of an irrep
const LEFT = { "0e": 88, "1o": 138, "2e": 204 }, ENERGY = 368; // px: columns begin, energies end
const ROW = 48, TOP = 38, BAR = 12, STEP = 16, HALF = 19;

molnetLive.figures.points = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element), numbers = Int32Array.from(job.numbers);
  const label = "Methanol, to be turned; the arrows below turn it, too";
  const scene = new Scene(frame.stage, { reach: job.reach, label });
  const molecule = scene.molecule(job.symbols, job.bonds, { letters: job.labels });
  molecule.place(job.positions);
  const engines = await Promise.all(job.points.map(({ model }) => computer(model)));
  const bars = new Bars(frame.stage, job);

  const turned = (R) => {
    const x = new Float64Array(job.positions.length);
    for (let k = 0; k < x.length; k += 3) x.set(apply(R, job.positions.slice(k, k + 3)), k);
    return x;
  };
  const carried = async (x) => {
    // Of each point, the energy in eV and the atom's features after the layer that is shown
    const found = await Promise.all(engines.map((engine) => engine.energyAndForces(numbers, x, { atom })));
    return found.map(({ energy, features }, k) => ({ energy, features: features[job.points[k].layer] }));
  };

  let atom = job.atom, before, now, R;
  const irreps = Object.keys(job.shown);

  const measure = async () => {
    // The newest turn; what has been asked for meanwhile is measured once more
    R = scene.rotation();
    const there = R, which = atom, found = await carried(turned(R));
    if (which !== atom) return;
    now = found;
    const all = wigner(there), D = Object.fromEntries(irreps.map((irrep) => [irrep, all[parseInt(irrep)]]));
    const moved = Object.fromEntries(irreps.map((irrep) => [irrep, 0]));
    let off = 0, energyMoved = 0;
    now.forEach(({ energy, features }, k) => {
      energyMoved = Math.max(energyMoved, Math.abs(energy - before[k].energy));
      for (const [irrep, h] of Object.entries(features)) {
        if (!D[irrep]) continue;
        const old = before[k].features[irrep], n = D[irrep].length, size = Math.max(...old.map(Math.abs)) || 1;
        for (let c = 0; c < h.length; c += n) {
          const expected = apply(D[irrep], old.subarray(c, c + n));
          for (let m = 0; m < n; m++) {
            moved[irrep] = Math.max(moved[irrep], Math.abs(h[c + m] - old[c + m]) / size);
            off = Math.max(off, Math.abs(h[c + m] - expected[m]) / size);
          }
        }
      }
    });
    const angle = angleOf(there);
    bars.show(before, now);
    const energies = Object.fromEntries(job.points.map(({ name }, k) => [`energy${capital(name)}`, now[k].energy]));
    const named = Object.fromEntries(irreps.map((irrep) => [`moved${irrep}`, moved[irrep]]));
    frame.numbers({ ...energies, ...named, angle, energyMoved, off: off.toExponential(1), atom: job.labels[which] });
    const [scalars, ...directions] = irreps;
    frame.show({
      "turned by": `${signed(angle, 0)}°`, "energies changed by": `${signed(energyMoved, 3)} eV`,
      [scalars]: moved[scalars] < ROUNDING ? "as before" : "not as before",
      [directions.join(" and ")]: off < ROUNDING ? "turned: D times what they were" : "not D times what they were",
    });
  };

  let waiting = null, again = false;
  const later = () => {
    // One measurement at a time, and a last one where the hand stopped
    again = true;
    waiting ??= (async () => {
      while (again) {
        again = false;
        await measure();
      }
      waiting = null;
    })();
    return waiting;
  };

  const choose = async (k) => {
    atom = k;
    molecule.mark(k);
    before = await carried(Float64Array.from(job.positions));
    await later();
  };
  const begin = () => {
    scene.face();
    for (const [about, angle] of job.turns) scene.turn(about, angle);
  };

  begin();
  await choose(atom);
  scene.onturn = () => {
    later();
    const back = Math.round(angleOf(scene.rotation())) === 0;
    frame.tell(back ? "As before the turn." : "0e stands still, and so do all six energies; 1o and 2e turn.");
  };
  const atoms = frame.choice({
    label: "atom", options: Object.fromEntries(job.labels.map((label) => [label, label])), value: job.labels[atom],
    act: async (label) => {
      await choose(job.labels.indexOf(label));
      frame.tell(`The bars are now those of ${label}.`);
    },
  });
  frame.turns(scene);
  frame.button("Turn back", () => scene.face());
  frame.reset(() => {
    begin();
    atoms.set(job.labels[job.atom]);
    return choose(job.atom);
  });
  frame.copy(() => job.python.join("\n").replace("POSITIONS", JSON.stringify(places(turned(scene.rotation())))));
  Object.defineProperty(element, "features", { get: () => now.map(({ features }) => features), configurable: true });
  Object.defineProperty(element, "rotation", { get: () => R, configurable: true }); // both for tests and scripts
  frame.ready();
};

const capital = (name) => name[0].toUpperCase() + name.slice(1);

function places(x) {
  const of = (k) => Array.from(x.subarray(3 * k, 3 * k + 3), (value) => +value.toFixed(8));
  return Array.from({ length: x.length / 3 }, (_, k) => of(k));
}

class Bars {
  // A row for each point, a group of bars for each irrep: outlined before the turn, filled after it.
  constructor(parent, { points, shown }) {
    this.points = points, this.shown = shown;
    const high = TOP + points.length * ROW;
    this.box = draw(parent, "svg", { viewBox: `0 0 370 ${high}`, role: "img", class: "live-bars" });
    this.word("before: outlined; now: filled", ENERGY, 12, { "text-anchor": "end", "font-size": 12, opacity: 0.8 });
    for (const irrep of Object.keys(shown)) this.word(irrep, LEFT[irrep], 32, { "font-size": 13, "font-weight": 700 });
    this.word("energy (eV)", ENERGY, 32, { "text-anchor": "end" });
    this.rows = points.map(({ name, layer, layers }, k) => {
      const y = TOP + (k + 0.5) * ROW, groups = {};
      this.word(name, 0, y - 1, { "font-size": 14 });
      this.word(`layer ${layer} of ${layers}`, 0, y + 14, { opacity: 0.8 });
      for (const [irrep, channels] of Object.entries(shown)) {
        const n = channels * (2 * parseInt(irrep) + 1), x = LEFT[irrep];
        const none = this.word("none", x, y + 4, { opacity: 0.8 });
        const { gray } = molnetLive.style;
        const line = draw(this.box, "line", { x1: x - 3, x2: x + n * STEP, y1: y, y2: y, stroke: gray });
        const bars = Array.from({ length: n }, (_, b) => {
          const place = { x: x + b * STEP, width: BAR };
          const ink = { fill: "none", stroke: "currentColor", "stroke-width": 1 };
          return { fill: draw(this.box, "rect", place), rim: draw(this.box, "rect", { ...place, ...ink }) };
        });
        groups[irrep] = { none, line, bars, y };
      }
      return { groups, energy: this.word("", ENERGY, y + 4, { "font-size": 13, "text-anchor": "end" }) };
    });
  }

  word(text, x, y, more) {
    const made = draw(this.box, "text", { x, y, "font-size": 12, fill: "currentColor", ...more });
    made.textContent = text;
    return made;
  }

  show(before, now) {
    this.rows.forEach(({ groups, energy }, k) => {
      energy.textContent = signed(now[k].energy, 3);
      for (const [irrep, channels] of Object.entries(this.shown)) {
        const { none, line, bars, y } = groups[irrep], old = before[k].features[irrep], has = Boolean(old);
        none.style.display = has ? "none" : "", line.style.display = has ? "" : "none";
        if (!has) continue;
        const n = 2 * parseInt(irrep) + 1, size = largest(old, channels, n);
        bars.forEach(({ fill, rim }, b) => {
          stand(rim, y, (HALF * old[b]) / size);
          stand(fill, y, (HALF * now[k].features[irrep][b]) / size);
        });
      }
    });
    const names = (irrep) => this.points.filter((_, k) => now[k].features[irrep]).map(({ name }) => name).join(", ");
    const has = Object.keys(this.shown).map((irrep) => `${irrep}: ${names(irrep)}`).join("; ");
    const label = `Features by irrep as bars, before the turn and now. ${has}. The numbers below say how they changed.`;
    this.box.setAttribute("aria-label", label);
  }
}

function largest(h, channels, n) {
  // The longest vector of the channels that have bars: no turn makes a bar longer
  let most = 0;
  for (let c = 0; c < channels; c++) most = Math.max(most, Math.hypot(...h.subarray(c * n, (c + 1) * n)));
  return most || 1;
}

function stand(bar, y, height) {
  bar.setAttribute("y", y - Math.max(height, 0));
  bar.setAttribute("height", Math.abs(height));
  if (bar.getAttribute("fill") !== "none") bar.setAttribute("fill", height < 0 ? NEGATIVE : POSITIVE);
}

function draw(parent, tag, properties) {
  const made = svg(tag, properties);
  parent.append(made);
  return made;
}
