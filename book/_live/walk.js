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
  const box = drawing(frame.stage, { box: [0, 0, WIDTH, 2 * HIGH], label: "" });
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
      box.append(text(marks, h, v - 16, { "text-anchor": "middle", "font-size": 14 }));
      if (stands) box.append(text("≠", h, v + 27, { "text-anchor": "middle", "font-weight": 700, "font-size": 16 }));
    });
  };

  const word = (from, to, full, meets) => {
    // A tip in the middle of an edge, or before it where two meet: filled if it carries a direction.
    const turned = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    const [x, y] = [0, 1].map((d) => (from[d] + to[d]) / 2);
    const place = `translate(${x} ${y}) rotate(${turned}) translate(${meets ? -8 : 0} 0)`;
    box.append(svg("path", {
      d: "M8 0L-6 -7V7Z", transform: place, stroke: "currentColor", "stroke-width": 1.5,
      fill: full ? "currentColor" : "var(--pst-color-background, Canvas)",
    }));
  };

  const listed = (atoms) => (atoms.length > 1 ? `${atoms.slice(0, -1).join(", ")} and ` : "") + atoms.at(-1);

  const paint = () => {
    const k = size.value, t = round.value, directions = passed.value === "directions";
    const rounds = walk(k, directions, k + 1), now = rounds[t], first = rounds.findIndex(({ apart }) => apart);
    box.replaceChildren();
    chains(k).forEach((x, side) => draw(x, side, k, t, now, directions));
    const both = [...now.heard.keys()].filter((i) => now.heard[i].every(Boolean));
    const heard = both.length ? `${both.length > 1 ? "atoms" : "atom"} ${listed(both)}` : "no atom";
    const apart = now.apart ? `in round ${first}` : directions ? "not yet" : "no, and never";
    frame.numbers({
      k: String(k), round: String(t), passed: passed.value, colors: String(now.count), apart: now.apart ? "yes" : "no",
      first: first < 0 ? "never" : String(first), both: both.join(" "),
    });
    frame.show({ "told apart": apart, "heard of both ends": heard, "colours of both chains": String(now.count) });
    frame.said = `Round ${t}: ${heard} ${both.length > 1 ? "have" : "has"} heard of both ends; told apart: ${apart}.`;
    box.setAttribute("aria-label", `Two chains of ${k + 2} atoms. ${frame.said}`);
    next.setAttribute("aria-disabled", String(t > k));
  };
  const acted = () => (paint(), frame.tell(frame.said));

  const size = frame.slider({
    label: "atoms on the line, k", min: 2, max: 7, step: 1, value: job.k,
    act: (k) => ((round.input.max = k + 1), round.set(Math.min(round.value, k + 1)), acted()),
  });
  const round = frame.slider({ label: "round", min: 0, max: job.k + 1, step: 1, value: job.round, act: acted });
  const passed = frame.choice({
    label: "passed on:", value: "directions", act: acted,
    options: { directions: "directions (GWL)", numbers: "numbers (IGWL)" },
  });
  const next = frame.button("Next round", () => round.value <= size.value && (round.set(round.value + 1), acted()));
  frame.reset(() => {
    size.set(job.k), (round.input.max = job.k + 1), round.set(job.round), passed.set("directions");
    paint();
  });
  frame.copy(() => [
    "from dmol_molnet.counterexamples import k_chains; from dmol_molnet.geometric_wl import gwl, igwl",
    `p = k_chains(${size.value})`,
    `print(${passed.value === "directions" ? "gwl" : "igwl"}(p.a, p.b, p.edges).round)`,
  ].join("\n"), "Copy the test of these chains");
  paint();
  frame.ready();
};
