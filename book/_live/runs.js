// Trainings that were run and kept, with one choice changed: errors on test frames, and which promises are kept.

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { drawing, svg } from "../../dmol_molnet/live/stage/svg.js";
import { text } from "./shared/chart.js";

const [BLUE, ORANGE] = ["#2a7fb8", "#d9822b"];
const WIDTH = 390, LEFT = 12, RIGHT = 66, LEGEND = 50, HIGH = 384; // px; the strips share what is high

const finite = (values) => values.filter((value) => value !== null);
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const shown = (value, unit) => `${value >= 0.05 ? signed(value, value < 1000 ? 1 : 0) : "below 0.05"} ${unit}`;

export function against(mine, theirs) {
  // The chapter's rule: clearly larger or smaller only if all seeds are; runs without a number are larger than any.
  mine = finite(mine), theirs = finite(theirs);
  if (!mine.length || Math.min(...mine) > Math.max(...theirs)) return "larger";
  return Math.max(...mine) < Math.min(...theirs) ? "smaller" : "alike";
}

molnetLive.figures.runs = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element);
  const box = drawing(frame.stage, { box: [0, 0, WIDTH, LEGEND + HIGH], label: "" });
  frame.list.style.flexDirection = "column"; // a line each, whatever it says
  let now, said;

  const kept = (strip, name) => {
    // Whether a promise holds in all runs that have a number.
    const other = strip.like && job.experiments[now.experiment][strip.like].values[name];
    const off = (value, k) => Math.abs(value - (other ? other[k] : 0));
    return strip.values[name].every((value, k) => value === null || off(value, k) < job.kept);
  };

  const paint = (name) => {
    const group = (now = job.groups.find(({ options }) => name in options));
    const strips = Object.entries(job.experiments[group.experiment]), verdicts = {};
    box.replaceChildren();
    box.append(mark(BLUE, LEFT, 11, true), text(`${group.name}: ${group.beside} (unchanged)`, LEFT + 14, 15.5));
    box.append(mark(ORANGE, LEFT, 33, false), text(`${group.name}: ${group.options[name]}`, LEFT + 14, 37.5));
    strips.forEach(([key, strip], n) => {
      if (strip.promise) verdicts[key] = kept(strip, name) ? "kept" : "broken";
      else verdicts[key] = against(strip.values[name], strip.values[group.base]);
      draw(strip, LEGEND + (n * HIGH) / strips.length, group.base, name, verdicts[key]);
    });
    const values = (key) => job.experiments[group.experiment][key].values[name];
    const lost = values("energy_rmse").filter((value) => value === null);
    const gone = `${lost.length} of ${values("energy_rmse").length} trainings diverged`;
    const off = strips.filter(([key]) => verdicts[key] === "broken").map(([, strip]) => strip.promise).join(", ");
    const all = strips.map(([, strip]) => strip.promise).filter(Boolean).join(", ");
    const promise = lost.length ? "nothing to be told" : off ? "broken" : "kept";
    const [energy, force] = ["energy_rmse", "force_rmse"].map((key) => (lost.length ? "" : mean(finite(values(key)))));
    frame.numbers({
      choice: name, base: group.base, experiment: group.experiment, energyError: energy, forceError: force,
      energies: verdicts.energy_rmse, forces: verdicts.force_rmse, promise, diverged: String(lost.length),
    });
    frame.show({
      "energies off by, on average": lost.length ? gone : `${shown(energy, "meV")}, ${verdicts.energy_rmse}`,
      "forces off by": lost.length ? "no number" : `${shown(force, "meV/Å")}, ${verdicts.force_rmse}`,
      "promises": promise === "broken" ? `broken: ${off}` : promise === "kept" ? `kept: ${all}` : promise,
    });
    const each = (strip) => finite(strip.values[name]).map((value) => shown(value, strip.unit)).join(", ");
    const told = strips.map(([, strip]) => `${strip.words} ${each(strip) || "no number"}`).join("; ");
    box.setAttribute("aria-label", `Beside ${group.beside}: ${group.name}, ${group.options[name]}. ${told}`);
    said = lost.length ? `${gone}.` : `Errors of energies ${verdicts.energy_rmse}, of forces ${verdicts.force_rmse}; `
      + (off ? `the promise of ${off} is broken.` : "no promise is broken.");
  };

  const draw = (strip, top, base, name, verdict) => {
    // One quantity: an axis in powers of ten, and a mark for each run, those without the change above.
    // A zero stands where the axis begins.
    const share = (value) => (Math.log10(value) - strip.from) / (strip.to - strip.from);
    const x = (value) => LEFT + (value === 0 ? 0 : share(value) * (WIDTH - LEFT - RIGHT));
    const bottom = top + 72, ink = { fill: "none", stroke: "currentColor" };
    box.append(text(`${strip.words} (${strip.unit})`, 0, top + 14, { "font-size": 12.5 }));
    box.append(svg("path", { ...ink, d: `M${LEFT} ${bottom}H${WIDTH - RIGHT}` }));
    for (const [value, words] of strip.ticks) {
      box.append(svg("path", { ...ink, d: `M${x(value)} ${bottom}v5` }));
      box.append(text(words, x(value), bottom + 20, { "text-anchor": "middle" }));
    }
    if (Object.values(strip.values).some((values) => values.includes(0))) {
      box.append(svg("path", { ...ink, d: `M${LEFT} ${bottom}v6` }));
      box.append(text("0", LEFT, bottom + 20, { "text-anchor": "middle" }));
    }
    if (strip.promise && !strip.like && Math.log10(job.kept) > strip.from && Math.log10(job.kept) < strip.to) {
      const limit = x(job.kept), dotted = { stroke: "currentColor", "stroke-dasharray": "2 3" };
      box.append(svg("path", { ...dotted, d: `M${limit} ${top + 22}V${bottom}` }));
      const words = { "text-anchor": "end", "font-size": 11 };
      box.append(text(`kept below ${job.kept} ${strip.unit}`, limit - 4, top + 49, words));
    }
    for (const [which, y, color] of [[base, top + 34, BLUE], [name, top + 56, ORANGE]]) {
      const lost = strip.values[which].filter((value) => value === null).length;
      const line = { d: `M${LEFT} ${y}H${WIDTH - RIGHT}`, stroke: molnetLive.style.gray, "stroke-width": 0.6 };
      const note = `${lost} of ${strip.values[which].length} diverged: no number`;
      box.append(lost ? text(note, LEFT + 8, y + 4.5, { "font-weight": 700 }) : svg("path", line));
      for (const value of finite(strip.values[which]))
        box.append(mark(color, x(value), y, which === base, { "data-run": which, "data-value": value }));
    }
    if (finite(strip.values[name]).length)
      box.append(text(verdict, WIDTH - RIGHT + 8, top + 60.5, { "font-weight": 700 }));
  };

  const listed = job.groups.flatMap(({ name, options }) => (
    Object.entries(options).map(([key, words]) => [key, `${name}: ${words}`])));
  const which = frame.choice({
    label: "changed", options: Object.fromEntries(listed), value: job.first,
    act: (name) => (paint(name), frame.tell(said)),
  });
  frame.reset(() => (which.set(job.first), paint(job.first)));
  frame.copy(() => [
    "from dmol_molnet import datasets",
    `found = datasets.experiment("${now.experiment}")["choices"]["${element.dataset.choice}"]`,
    'print(found["value"], *found["runs"], sep="\\n")',
  ].join("\n"), "Copy how to read these runs");
  paint(job.first);
  frame.ready();
};

function mark(color, x, y, round, more = {}) {
  // A run: without the change round, with it square
  const style = { fill: "none", stroke: color, "stroke-width": 2.2, ...more };
  return round ? svg("circle", { ...style, cx: x, cy: y, r: 5.5 })
    : svg("rect", { ...style, x: x - 5, y: y - 5, width: 10, height: 10 });
}
