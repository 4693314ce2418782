// Word of the two ends walks along two chains.  Told apart are they by an atom that knows where both ends are.

import { Frame } from "../../dmol_molnet/live/stage/frame.js";
import { chains, walk } from "./shared/chains.js";
import { drawing, svg } from "../../dmol_molnet/live/stage/svg.js";
import { text } from "./shared/chart.js";

const WIDTH = 390, HIGH = 168, RADIUS = 11;

molnetLive.figures.walk = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element);
  const { highlight, onColor } = molnetLive.style;
  const box = drawing(frame.stage, { box: [0, 0, WIDTH, HIGH + 128], label: "" });
  const paper = "var(--pst-color-background, Canvas)";
  const clear = { stroke: paper, "stroke-width": 4, "paint-order": "stroke" }; // of what lies below
  const ink = { fill: "none", stroke: "currentColor", "stroke-width": 2 };

  const draw = (x, side, k, t, now, directions) => {
    // One chain: its atoms, what each has heard of, where word is on its way, and who stands out.
    const size = Math.min(11, (WIDTH - 60) / (5 * (k - 1) + 6)), middle = 2.5 * (k - 1), top = side * HIGH;
    const at = x.map(([along, up]) => [WIDTH / 2 + size * (along - middle), top + 92 - size * up]);
    const other = now.colors[1 - side], both = Math.floor((k + 1) / 2);
    box.append(text(side ? "ends on the same side" : "ends on opposite sides", 0, top + 14, { "font-weight": 700 }));
    if (directions && now.heard[both].every(Boolean))
      for (const end of [at[0], at.at(-1)])
        box.append(svg("path", { ...ink, d: `M${at[both]}L${end}`, stroke: highlight, "stroke-dasharray": "6 4" }));
    at.slice(1).forEach((here, i) => box.append(svg("path", { ...ink, d: `M${at[i]}L${here}` })));
    if (t > 0 && t <= k + 1)
      for (const [from, to] of [[t - 1, t], [k + 2 - t, k + 1 - t]])
        word(at[from], at[to], directions, 2 * t === k + 2);
    at.forEach(([h, v], i) => {
      const [first, last] = now.heard[i], stands = !other.includes(now.colors[side][i]);
      const mark = directions ? "" : "?", marks = (first ? `←${mark}` : "") + (last ? `→${mark}` : "");
      box.append(svg("circle", {
        cx: h, cy: v, r: RADIUS, fill: job.fill[["none", "one", "both"][first + last]],
        stroke: stands ? highlight : onColor, "stroke-width": stands ? 3.5 : 1,
      }));
      box.append(text(String(i), h, v + 4.5, { "text-anchor": "middle", style: `fill: ${onColor}` }));
      box.append(text(marks, h, v - 16, { "text-anchor": "middle", "font-size": 14, ...clear }));
      if (stands) box.append(text("≠", h, v + 27, { "text-anchor": "middle", "font-weight": 700, "font-size": 16 }));
    });
  };

  const tip = (full, transform) => svg("path", {
    d: "M8 0L-6 -7V7Z", transform, stroke: "currentColor", "stroke-width": 1.5,
    fill: full ? "currentColor" : paper,
  });
  const word = (from, to, full, meets) => {
    // A tip in the middle of an edge, or before it where two meet: filled if it carries a direction.
    const turned = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    const [x, y] = [0, 1].map((d) => (from[d] + to[d]) / 2);
    box.append(tip(full, `translate(${x} ${y}) rotate(${turned}) translate(${meets ? -8 : 0} 0)`));
  };

  // What the signs mean, each in a box of 24 units' height.
  const disc = (cx, fill, more = {}) => svg("circle", { cx, cy: 12, r: 8, fill, stroke: onColor, ...more });
  const sign = (words, x, more) => text(words, x, 17, { "text-anchor": "middle", "font-size": 16, ...more });
  const key = document.createElement("ul");
  key.className = "live-key";
  for (const [wide, words, ...signs] of [
    [42, "heard of the left end, of the right end (?: not where it lies)", sign("←", 10), sign("→", 32)],
    [60, "fill: heard of no end, of one, of both", ...Object.values(job.fill).map((fill, k) => disc(10 + 20 * k, fill))],
    [40, "word that comes in this round: with its direction, without",
      tip(true, "translate(10 12)"), tip(false, "translate(30 12)")],
    [40, "an atom knows where both ends lie (drawn for one)",
      svg("path", { ...ink, d: "M2 12H38", stroke: highlight, "stroke-dasharray": "6 4" })],
    [40, "a class that the other chain does not have",
      disc(10, job.fill.both, { stroke: highlight, "stroke-width": 3.5 }), sign("≠", 31, { "font-weight": 700 })],
  ]) {
    const row = document.createElement("li");
    row.append(svg("svg", { viewBox: `0 0 ${wide} 24`, "aria-hidden": "true" }, ...signs), words);
    key.append(row);
  }
  frame.sliders.classList.add("live-brief"); // all in a line
  frame.sliders.after(key);

  const paint = () => {
    const k = size.value, t = round.value, directions = passed.value === "directions";
    const rounds = walk(k, directions, k + 1), now = rounds[t], first = rounds.findIndex(({ apart }) => apart);
    box.replaceChildren();
    chains(k).forEach((x, side) => draw(x, side, k, t, now, directions));
    const both = [...now.heard.keys()].filter((i) => now.heard[i].every(Boolean));
    const some = `atoms ${both[0]} ${both.length > 2 ? "to" : "and"} ${both.at(-1)}`; // they stand in a row
    const heard = ["no atom", `atom ${both[0]}`][both.length] ?? some;
    const apart = now.apart ? `in round ${first}` : directions || t <= k ? "not yet" : "no, and never";
    frame.numbers({
      k: String(k), round: String(t), passed: passed.value, colors: String(now.count), apart: now.apart ? "yes" : "no",
      first: first < 0 ? "never" : String(first), both: both.join(" "),
    });
    frame.show({ "told apart": apart, "heard of both ends": heard, "classes told apart so far": String(now.count) });
    frame.said = `Round ${t}: ${heard} ${both.length > 1 ? "have" : "has"} heard of both ends; told apart: ${apart}.`;
    box.setAttribute("aria-label", `Two chains of ${k + 2} atoms. ${frame.said}`);
    next.setAttribute("aria-disabled", String(t > k));
  };
  const acted = () => (paint(), frame.tell(frame.said));

  const size = frame.slider({
    label: "atoms on the line, k", min: 2, max: 7, step: 1, value: job.k,
    act: () => (begin(), acted()),
  });
  const round = frame.slider({ label: "round", min: 0, max: job.k + 1, step: 1, value: 0, act: acted });
  const passed = frame.choice({
    label: "passed on:", value: "directions", act: acted,
    options: { directions: "directions (GWL)", numbers: "numbers (IGWL)" },
  });
  const begin = () => ((round.input.max = size.value + 1), round.set(0));
  const on = () => round.value <= size.value && (round.set(round.value + 1), acted());
  const next = frame.button("Next round", on, frame.sliders);
  frame.reset(() => {
    size.set(job.k), passed.set("directions");
    begin(), paint();
  });
  frame.copy(() => [
    "from dmol_molnet.counterexamples import k_chains; from dmol_molnet.geometric_wl import gwl, igwl",
    `p = k_chains(${size.value})`,
    `print(${passed.value === "directions" ? "gwl" : "igwl"}(p.a, p.b, p.edges).round)`,
  ].join("\n"), "Copy the test of these chains");
  paint();
  frame.ready();
};
