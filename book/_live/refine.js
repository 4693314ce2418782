// Colour refinement, round by round, of any molecule or any two: whether it tells them apart, and in which round.

import { compare, differences, histogram, isomorphic, refine } from "../../dmol_molnet/live/engine/wl.js";
import { Frame } from "../../dmol_molnet/live/stage/frame.js";
import { buttons, element as make, listed, outdated, read } from "./shared/entries.js";
import { Picture, svg } from "./shared/picture.js";
import { formula } from "./shared/smiles.js";

const fill = (c) => molnetLive.style.colors[c % molnetLive.style.colors.length];
const SHORT = 20; // signs of a name that has room in a line

const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

molnetLive.figures.refine = async (element) => {
  const { examples, limit } = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element), pictures = [new Picture(frame.stage), new Picture(frame.stage)];
  const bars = make("div", "live-bars", frame.stage), key = make("p");
  bars.setAttribute("role", "img");

  let molecules, names, found, same, t = 0;

  // ---------------------------------------------------------------------------------------------- what is found

  const colors = (round = t) => found.histories.map((history) => history[round]);

  const take = () => {
    // Reads both entries; what cannot be read is said below its entry, and the last molecules stay, dimmed.
    const [one, two] = entries, alone = !two.value.trim();
    if (alone) two.wrong(null);
    const both = (alone ? [one] : [one, two]).map((entry) => read(entry, { hydrogens: hydrogens.value, limit }));
    if (both.includes(null)) {
      const other = entries.some((entry, k) => entry.value.trim() !== (molecules[k]?.smiles ?? ""));
      outdated(frame, other ? names : null);
      return false;
    }
    outdated(frame, null);
    molecules = both;
    names = molecules.map(nameOf);
    const [g, h] = molecules.map(({ symbols, bonds }) => ({ labels: symbols, bonds }));
    if (h) {
      const { refinements, ...rest } = compare(g, h);
      found = { ...rest, histories: refinements };
      same = found.distinguished ? false : isomorphic(g, h);
    } else {
      const { history, rounds } = refine(g);
      found = { rounds, histories: [history] };
    }
    pictures[1].box.hidden = !h;
    const extents = molecules.map((it, k) => pictures[k].molecule(it));
    const largest = [0, 1].map((d) => Math.max(...extents.map((extent) => extent[d])));
    for (const k of molecules.keys()) pictures[k].fit(largest);
    range.input.max = found.rounds;
    go(0);
    return true;
  };

  const known = new Map(examples.flatMap((example) => example.smiles.map((smiles, k) => [smiles, example.names[k]])));
  const nameOf = ({ smiles }) => known.get(smiles) ?? smiles;

  const verdict = () => {
    const end = t === found.rounds, kinds = many(new Set(colors().flat()).size, "colour");
    if (molecules.length === 1) return end ? `stable, with ${kinds}` : "some colour still splits";
    if (found.distinguished && t >= found.round) return `told apart in round ${found.round}`;
    if (!end) return "not told apart so far";
    return `never told apart: ${
      same ? "labelled so, without orders of bonds, they are one and the same graph"
      : same === false ? "the graphs differ, and no round shows it" : "no further round splits a colour"}`;
  };

  const sentence = () => {
    const now = colors(), n = new Set(now.flat()).size;
    const there = `there ${n === 1 ? "is" : "are"} ${many(n, "colour")}`;
    let says = `Round 0: every atom has the colour of its element; ${there}.`;
    if (t) {
      const children = new Map(), before = colors(t - 1).flat();
      now.flat().forEach((c, v) => children.set(before[v], (children.get(before[v]) ?? new Set()).add(c)));
      const splits = [...children].filter(([, to]) => to.size > 1).sort(([a], [b]) => a - b);
      const words = splits.map(([c, to]) => `${c} splits into ${listed([...to].sort((a, b) => a - b))}`);
      const more = words.length > 4 ? ` and ${words.length - 4} more` : "";
      says = `Round ${t}: colour ${words.slice(0, 4).join("; ")}${more}. There are now ${n} colours.`;
    }
    if (molecules.length === 2) {
      const [differs] = differences(...now), when = t === found.round ? "for the first time" : "still";
      if (differs) {
        const [c, one, other] = differs;
        says += ` The counts differ ${when}: of colour ${c} the first has ${many(one, "atom")}, the second ${other}.`;
      } else says += " Both have every colour equally often.";
    }
    return t === found.rounds ? `${says} No further round splits a colour.` : says;
  };

  // ---------------------------------------------------------------------------------------------- what is shown

  const paint = () => {
    const now = colors(), words = verdict();
    molecules.forEach((it, k) => {
      const title = `${names[k]}, ${formula(it)}`, n = new Set(now[k]).size;
      pictures[k].title.textContent = title;
      const faces = now[k].map((c) => ({ text: String(c), fill: fill(c) }));
      pictures[k].paint(faces, `${title}: ${many(n, "colour")} after round ${t}`);
    });
    chart(now);
    range.set(t);
    for (const it of [first, back]) it.setAttribute("aria-disabled", String(t === 0));
    forward.setAttribute("aria-disabled", String(t === found.rounds));
    frame.show({ verdict: words });
    const two = molecules.length === 2, seen = two && found.distinguished && t >= found.round;
    frame.numbers({
      round: String(t), rounds: String(found.rounds),
      colors: now[0].join(" "), otherColors: two ? now[1].join(" ") : "",
      told: seen ? String(found.round) : two && t === found.rounds ? "never" : "", verdict: words,
      same: two && t === found.rounds && !found.distinguished ? String(same) : "",
    });
  };

  const chart = (now) => {
    // A bar for each molecule in each colour, plain and hatched, and below it how many atoms that are.
    const { onColor } = molnetLive.style, two = now.length === 2, counts = histogram(...now);
    const high = Math.max(...counts.map(([, a, b]) => Math.max(a, b)));
    const bar = (at, k, x, height, color) => {
      svg("rect", { x, y: 38 - height, width: 18, height, fill: color, stroke: "currentColor" }, at);
      for (let y = 42 - height; k && y < 38; y += 5)
        svg("line", { x1: x, x2: x + 18, y1: y, y2: Math.max(y - 4, 38 - height), stroke: onColor }, at);
    };
    key.replaceChildren("atoms of each colour", ...(two ? names : []).flatMap((name, k) => {
      const sample = svg("svg", { viewBox: "0 0 18 14", "aria-hidden": "true" });
      bar(svg("g", { transform: "translate(0 -24)" }, sample), k, 0, 14, fill(0));
      const span = make("span");
      span.append(sample, name.length > SHORT ? `${["1st", "2nd"][k]} SMILES` : name);
      return [k ? ", " : ": ", span];
    }));
    bars.replaceChildren(key);
    const middle = { "text-anchor": "middle", "font-size": 12 }, half = two ? 36 : 20;
    const place = () => svg("svg", { viewBox: `0 0 ${2 * half} 76`, "aria-hidden": "true" }, bars);
    for (const [c, one, other] of counts) {
      const at = place(), differs = two && one !== other, weight = { "font-weight": differs ? 700 : 400 };
      (two ? [one, other] : [one]).forEach((n, k) => {
        const x = two ? 18 + 36 * k : half;
        bar(at, k, x - 9, (36 * n) / high, fill(c));
        svg("text", { x, y: 51, ...middle, ...weight }, at, n);
      });
      svg("line", { x1: 4, x2: 2 * half - 4, y1: 38, y2: 38, stroke: "currentColor" }, at);
      if (two) svg("text", { x: 36, y: 51, ...middle, ...weight }, at, differs ? "≠" : "=");
      svg("circle", { cx: half, cy: 65, r: 9.5, fill: fill(c), stroke: onColor }, at);
      svg("text", { x: half, y: 65, dy: "0.36em", ...middle, style: `fill: ${onColor}` }, at, c);
    }
    // Room for the colours still to come, so that nothing below moves.
    const last = new Set(colors(found.rounds).flat()).size;
    for (let c = counts.length; c < last; c++) place();
    const words = counts.map(([c, one, other]) => `colour ${c}: ${two ? `${one} and ${other}` : one}`);
    bars.setAttribute("aria-label", `How many atoms have each colour. ${words.join("; ")}.`);
  };

  const go = (to) => {
    t = Math.min(Math.max(to, 0), found.rounds);
    paint();
  };
  const step = (to) => {
    const before = t;
    go(to);
    if (t !== before) frame.tell(sentence());
  };

  // ---------------------------------------------------------------------------------------------- controls

  const told = () => {
    const good = take();
    if (good) frame.tell(`${listed(names)}: ${sentence()}`);
    return good;
  };
  const entries = ["1st SMILES", "2nd SMILES"].map((label, k) =>
    frame.entry({ label, value: examples[0].smiles[k] ?? "", act: told, button: k ? "Show both" : "" }));
  const put = ({ smiles }) => entries.forEach((entry, k) => entry.set(smiles[k] ?? ""));
  buttons(frame, examples, (example) => listed(example.names), (example) => (put(example), told()));
  const hydrogens = frame.check({ label: "hydrogens as atoms", act: (yes) => told() || hydrogens.set(!yes) });
  const range = frame.slider({
    label: "round", min: 0, max: 1, step: 1, value: 0, show: (k) => `${k} of ${found?.rounds ?? 0}`, act: step,
  });
  const steps = make("div", "live-buttons", frame.sliders);
  const first = frame.button("First", () => step(0), steps), back = frame.button("Back", () => step(t - 1), steps);
  const forward = frame.button("Forward", () => step(t + 1), steps);
  frame.reset(() => {
    hydrogens.set(false), put(examples[0]);
    take();
  });
  frame.copy(() => {
    const written = molecules.map(({ smiles }) => JSON.stringify(smiles)), yes = hydrogens.value ? "True" : "False";
    return [
      "from dmol_molnet import Molecule, wl",
      `molecules = [Molecule.from_smiles(smiles, hydrogens=${yes}) for smiles in [${written.join(", ")}]]`,
      `print(wl.${molecules.length === 2 ? "compare" : "refine"}(*molecules))`,
    ].join("\n");
  }, "Copy this in Python");
  take();
  frame.ready();
};
