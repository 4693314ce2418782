// A hydrogen is taken along a line through the cutoff of an oxygen: what the oxygen hears of it, their energy and the
// force, where filters end in one of three ways.

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { Pair } from "./shared/pair.js";
import { set, svg } from "../../dmol_molnet/live/stage/svg.js";
import { text } from "./shared/pen.js";

const { style } = molnetLive;
// As in the chapter
const LINES = { cosine: ["#5a9a3c", "none"], kink: ["#d9822b", "7 4"], jump: ["#2a7fb8", "1.5 4"] };
const WIDTH = 400, LEFT = 62, RIGHT = 390, FROM = -0.35, TO = 6; // px, and Å from edge to edge
const STRIP = 74, CHART = 104, GAP = 16, HEIGHT = STRIP + 3 * (CHART + GAP) + 34;
const ATOMS = 46, BALL = 0.55, FORCE = 9; // px from above, Å, Å an eV/Å
const PAUSE = 700; // ms between two acts
const PIECES = 160, INSIDE = 1e-9; // of a curve up to the cutoff; Å before it
const DOTTED = { stroke: style.gray, "stroke-width": 1.2, "stroke-dasharray": "2 3" };
const across = (r) => LEFT + ((r - FROM) / (TO - FROM)) * (RIGHT - LEFT);

molnetLive.figures.cutoff = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element), pair = new Pair(job.network), { cutoff } = job.network, [first, last] = job.range;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  Object.assign(picture.style, { maxWidth: "30rem", touchAction: "pan-y pinch-zoom", cursor: "ew-resize" });
  frame.stage.append(picture);
  let ending = "jump", r = job.begin, moved = -PAUSE, crossed = false; // when, and whether through the cutoff

  const charts = job.charts.map((one, k) => chart(picture, one, STRIP + k * (CHART + GAP), cutoff));
  const atoms = strip(picture, cutoff);
  const curves = Object.fromEntries(Object.keys(LINES).map((name) => [name, sampled(pair, name, job.range)]));
  legend(picture, charts[1]);

  const paint = () => {
    const now = pair.at(r, ending), [inside, outside] = [cutoff - INSIDE, cutoff].map((at) => pair.at(at, ending));
    const jumps = { energyJump: outside.energy - inside.energy, forceJump: outside.force - inside.force };
    charts[0].draw(curves[ending].filters.map((pieces) => ({ pieces, color: "currentColor", dash: "none" })));
    for (const [n, key] of [[1, "energy"], [2, "force"]])
      charts[n].draw(Object.entries(LINES).map(([name, [color, dash]]) => (
        { pieces: curves[name][key], color, dash, strong: name === ending })));
    charts[0].mark(r, now.filters), charts[1].mark(r, [now.energy]), charts[2].mark(r, [now.force]);
    charts[1].jump(inside.energy, outside.energy), charts[2].jump(inside.force, outside.force);
    atoms(r, now.force);
    frame.numbers({ ending, distance: r, ...now, filters: now.filters.map((w) => w.toFixed(6)).join(" "), ...jumps });
    frame.show({
      "energy": `${signed(now.energy, 3)} eV`, "force on H": `${signed(now.force, 3)} eV/Å`,
      "going out, the energy jumps by": `${signed(jumps.energyJump, 3)} eV`,
      "the force by": `${signed(jumps.forceJump, 3)} eV/Å`,
    });
    picture.setAttribute("aria-label", `O, and H at ${r.toFixed(2)} Å, ${r < cutoff ? "inside" : "beyond"} the cutoff; `
      + `filters, energy and force against their distance, with a mark at that of H. Filters end in a ${ending}.`);
    return { now, jumps };
  };

  const go = (to) => {
    const before = r < cutoff;
    r = Math.round(100 * Math.min(Math.max(to, first), last)) / 100;
    const { now, jumps } = paint(), inside = r < cutoff, at = performance.now();
    if (before !== inside) crossed = true;
    else if (at - moved > PAUSE) crossed = false; // another act
    moved = at;
    const where = `${r.toFixed(2)} Å, ${inside ? "inside" : "beyond"} the cutoff`;
    frame.tell(crossed
      ? `${where}. On the way ${inside ? "in" : "out"}, ${both(jumps, inside ? -1 : 1)}.`
      : `${where}: energy ${signed(now.energy, 3)} eV, force ${signed(now.force, 3)} eV/Å.`);
  };

  const slider = frame.slider({
    label: "distance", min: first, max: last, step: 0.01, value: r, show: (to) => `${to.toFixed(2)} Å`, act: go,
  });
  const choice = frame.choice({
    label: "filters end in a", options: { jump: "jump", kink: "kink", cosine: "cosine" }, value: ending,
    act: (name) => {
      ending = name;
      const { jumps } = paint();
      frame.tell(`With a ${name}, going out: ${both(jumps)}.`);
    },
  });
  frame.reset(() => {
    ending = "jump", r = job.begin;
    choice.set(ending), slider.set(r), paint();
  });
  frame.copy(() => python(job.sizes, ending, r), "Copy as Python");

  // A drag takes the hydrogen to where the hand is.
  let drag = null, down, sure;
  const pull = (event) => {
    const box = picture.getBoundingClientRect(), x = ((event.clientX - box.left) * WIDTH) / box.width;
    go(FROM + ((x - LEFT) / (RIGHT - LEFT)) * (TO - FROM)), slider.set(r);
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button || drag !== null) return;
    drag = event.pointerId, down = event;
    sure = event.pointerType !== "touch"; // a finger may mean to scroll
    picture.setPointerCapture(drag);
    if (sure) pull(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag) return;
    const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY].map(Math.abs);
    sure ||= dx > 8 && dx > dy;
    if (sure) pull(event);
  });
  const end = (event) => event.pointerId === drag && (drag = null);
  picture.addEventListener("pointerup", end);
  picture.addEventListener("pointercancel", end);

  paint();
  frame.ready();
};

const said = (what, jump, unit) => (
  Math.abs(jump) < 1e-6 ? `${what} does not jump` : `${what} jumps by ${signed(jump, 3)} ${unit}`);
const both = ({ energyJump, forceJump }, way = 1) => (
  `${said("the energy", way * energyJump, "eV")}, ${said("the force", way * forceJump, "eV/Å")}`);

function sampled(pair, ending, [first, last]) {
  // Curves of filters, energy and force, in two pieces, so that no line is drawn along a jump: [[[r, value], …], …]
  const { cutoff } = pair;
  const line = (from, to, n) => Array.from({ length: n + 1 }, (_, k) => from + ((to - from) * k) / n);
  const sides = [line(first, cutoff - INSIDE, PIECES), line(cutoff, last, 1)];
  const found = sides.map((all) => all.map((r) => [r, pair.at(r, ending)]));
  const of = (value) => found.map((all) => all.map(([r, it]) => [r, value(it)]));
  const filters = pair.features[0].y.map((_, k) => of((it) => it.filters[k]));
  return { filters, energy: of((it) => it.energy), force: of((it) => it.force) };
}

function chart(picture, { name, limits: [low, high], ticks }, top, cutoff) {
  // Axes, and what is drawn into them -> {draw(lines), jump(from, to), mark(r, values)}
  const up = (value) => top + CHART * (1 - (value - low) / (high - low)), bottom = top + CHART;
  const ink = { stroke: "currentColor" }, digits = String(ticks.at(-1)).split(".")[1]?.length ?? 0;
  picture.append(
    svg("path", { ...ink, fill: "none", d: `M${LEFT} ${top}V${bottom}H${RIGHT}` }),
    svg("path", { ...DOTTED, d: `M${across(cutoff)} ${top}V${bottom}` }),
    text(name, { x: 11, y: top + CHART / 2, "font-size": 12, transform: `rotate(-90 11 ${top + CHART / 2})` }));
  for (const tick of ticks)
    picture.append(svg("path", { ...ink, d: `M${LEFT} ${up(tick)}h-4` }),
      text(signed(tick, tick ? digits : 0), { x: LEFT - 8, y: up(tick), "text-anchor": "end", "font-size": 11.5 }));
  const last = top > STRIP + CHART + GAP + 1;
  for (const r of [0, 1, 2, 3, 4, 5, 6]) {
    picture.append(svg("path", { ...ink, d: `M${across(r)} ${bottom}v4` }));
    if (last) picture.append(text(String(r), { x: across(r), y: bottom + 13, "font-size": 11.5 }));
  }
  if (last) picture.append(text("distance (Å)", { x: (LEFT + RIGHT) / 2, y: bottom + 28, "font-size": 12 }));
  const lines = svg("g", { fill: "none", "stroke-linecap": "round" }), marks = svg("g");
  const now = svg("path", { stroke: style.gray }), step = svg("path", { stroke: style.highlight, "stroke-width": 2 });
  const size = text("", { x: across(cutoff) + 6, "text-anchor": "start", "font-size": 11.5 });
  picture.append(now, lines, step, size, marks);
  return {
    top,
    draw: (all) => {
      lines.replaceChildren();
      for (const { pieces, color, dash, strong = false } of all)
        for (const piece of pieces) {
          const points = piece.map(([r, value]) => `${across(r).toFixed(1)},${up(value).toFixed(1)}`).join(" ");
          const width = strong ? 3.2 : 1.3;
          lines.append(svg("polyline", { points, stroke: color, "stroke-dasharray": dash, "stroke-width": width }));
        }
    },
    jump: (from, to) => {
      // What the chosen line does at the cutoff
      const jumps = Math.abs(to - from) > (high - low) / 1000;
      set(step, { d: jumps ? `M${across(cutoff)} ${up(from)}V${up(to)}` : "" });
      set(size, { y: up(to) + (jumps ? (up(from) - up(to)) / 2 : -14) });
      size.textContent = jumps ? signed(to - from, 3) : "no jump";
    },
    mark: (r, values) => {
      set(now, { d: `M${across(r)} ${top}V${bottom}` });
      const size = values.length > 1 ? 3 : 5;
      const dot = (value) => svg("circle", { cx: across(r), cy: up(value), r: size, fill: style.highlight });
      marks.replaceChildren(...values.map(dot));
    },
  };
}

function legend(picture, { top }) {
  // The three lines by name, in a free corner of the energies
  const group = svg("g");
  Object.entries(LINES).forEach(([name, [stroke, dash]], k) => {
    const x = LEFT + 10 + 78 * k, y = top + CHART - 11;
    group.append(svg("path", { d: `M${x} ${y}h22`, stroke, "stroke-width": 2.2, "stroke-dasharray": dash }),
      text(name, { x: x + 27, y, "text-anchor": "start", "font-size": 11.5 }));
  });
  picture.append(group);
}

function strip(picture, cutoff) {
  // The two atoms above the charts, at the same distance -> draw(r, force)
  const scale = across(1) - across(0);
  const ball = (symbol) => {
    const group = svg("g"), radius = (style.radii[symbol] ?? BALL) * scale * 0.8;
    group.append(svg("circle", { cy: ATOMS, r: radius, fill: style.elements[symbol], stroke: style.onColor }),
      text(symbol, { y: ATOMS, "font-size": 13, style: `fill: ${style.onColor}` }));
    return group;
  };
  const line = svg("path", { stroke: style.gray, "stroke-width": 3, opacity: 0.5 });
  const arrow = svg("path", { stroke: "currentColor", "stroke-width": 2.4, fill: "none" });
  const O = ball("O"), H = ball("H");
  set(O, { transform: `translate(${across(0)} 0)` });
  picture.append(
    svg("path", { ...DOTTED, d: `M${across(cutoff)} 8V${STRIP}` }),
    text("cutoff", { x: across(cutoff) - 5, y: 12, "text-anchor": "end", "font-size": 12 }), line, O, H, arrow);
  return (r, force) => {
    const x = across(r), long = FORCE * force * scale, tip = 5 * Math.sign(long), start = x + Math.sign(long) * 20;
    set(line, { d: r < cutoff ? `M${across(0)} ${ATOMS}H${x}` : "" });
    set(H, { transform: `translate(${x} 0)` });
    set(arrow, { d: Math.abs(long) < 5 ? "" : `M${start} ${ATOMS}h${long}m${-tip} -5l${tip} 5l${-tip} 5` });
  };
}

function python({ channels, layers, radial, seed }, ending, r) {
  // Three lines that compute the same with TensorFlow
  const f = {
    cosine: "schnet.cosine_cutoff", kink: "lambda r, c: tf.nn.relu(1 - r / c)",
    jump: "lambda r, c: tf.cast(r < c, r.dtype)",
  };
  const constants = 'potential.Normalisation({"H": 0, "O": 0}, {"H": 1, "O": 1})';
  const molecule = `Molecule([8, 1], [[0, 0, 0], [${r}, 0, 0]])`;
  return [
    "import tensorflow as tf; from dmol_molnet import Molecule; from dmol_molnet.nn import potential, schnet",
    `schnet.cosine_cutoff, network = ${f[ending]}, schnet.SchNet(${channels}, ${layers}, ${radial}, seed=${seed})`,
    `print(potential.Potential(network, ${constants}).energy_and_forces([${molecule}]))`,
  ].join("\n");
}
