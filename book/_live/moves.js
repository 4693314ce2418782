// A molecule beside its moved copy, and one of the chapter's functions asked about both: does the answer follow?

import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { Asked, judge, largest, moved, original, report } from "./shared/asked.js";
import { about as rotation, apply, product, times } from "./shared/vectors.js";

const { style } = molnetLive;
const APART = 3.35, REACH = [6.75, 3.3]; // Å from the middle to each molecule, and to the edges
const LONGEST = 1.9, NUMBER = 0.32, SIZE = 0.65; // Å: arrows at most, from an atom to its row's number; balls are small
const STEP = Math.PI / 12, FRONT = 0.25; // radians a button; Å by which the narrow arrows lie before the broad ones
const NAMES = { permuted: "permuted", translated: "translated", mirrored: "mirrored" };
const CODE = { scalar: "", vector: ', "vector"' };

molnetLive.figures.moves = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  await molnetLive.load("stage");
  const { Scene } = molnetLive.stage, frame = new Frame(element), asked = new Asked(job.constants);
  const scene = new Scene(frame.stage, { reach: REACH, label: "A molecule and its moved copy" });
  const sides = [-APART, APART].map((middle, k) => side(scene, job, middle, k === 1));
  const captions = below(frame.stage), lines = written(frame), first = original(job.positions);
  const moves = { permuted: { order: job.order }, translated: { shift: job.shift }, mirrored: { R: job.mirror } };
  let name, R, made;

  const begin = () => {
    name = "forces", R = job.turn, made = { permuted: false, translated: false, mirrored: false };
  };
  const ask = (m) => asked[name](m).answer;

  const paint = () => {
    // Turn and mirror together are one matrix; the shift comes last, and rows may change.
    const matrix = made.mirrored ? product(R, job.mirror) : R;
    const about = { ...job.functions[name], perAtom: name === "forces" };
    const move = { R: matrix, shift: made.translated ? job.shift : null, order: made.permuted ? job.order : null };
    const copy = moved(first, move), found = judge(ask, first, about, move);
    const [here, there] = [first, copy].map((m) => arrowsOf(asked, name, m));
    const unit = LONGEST / (Math.max(...here.map((one) => Math.hypot(...one))) || 1);
    // Arrows of forces are given by row; that of a whole molecule starts at the atom in the middle.
    const expected = here.map((one) => apply(matrix, one));
    sides[0].place(first, here, unit), sides[1].place(copy, there, unit, expected);
    const values = [first, copy].map((m) => inWords(asked, name, m, about));
    captions(values);
    const tried = { permuted: made.permuted && moves.permuted, translated: made.translated && moves.translated,
      rotated: turned(R) && { R }, mirrored: made.mirrored && moves.mirrored };
    const more = CODE[about.kind] + (about.perAtom ? ", per_atom=True" : "");
    lines(`symmetry.report(${name}, molecule${more})`, report(ask, first, about, tried));
    const six = (list) => list.map((value) => value.toFixed(6)).join(" ");
    frame.numbers({
      function: name, before: six(found.before), after: six(found.after), expected: six(found.expected),
      difference: found.difference, law: found.right ? "holds" : "broken",
      matrix: matrix.flat().map((value) => value.toFixed(9)).join(" "),
      moved: Object.keys(made).filter((key) => made[key]).join(" "),
    });
    const rows = name === "forces" ? " (row 0)" : "";
    frame.list.replaceChildren();
    frame.show({
      [`copy${rows}`]: few(found.after), [`original, moved${rows}`]: few(found.expected),
      "the law": found.right ? "holds" : `broken by ${few([found.difference])} ${about.unit}`,
    });
    const verdict = found.right ? "the answer follows" : "the answer does not follow";
    scene.describe(`A molecule, ${values[0]}, and its copy, ${values[1]}: ${verdict}.`);
    return verdict;
  };

  const turn = (axis, angle) => {
    R = times(rotation(axis, angle), R);
    frame.tell(`Turned: ${paint()}.`);
  };

  scene.turn = turn; // a drag turns the copy, and not the view
  frame.choice({
    label: "ask for", value: "forces",
    options: Object.fromEntries(Object.entries(job.functions).map(([key, { words }]) => [key, words])),
    act: (key) => ((name = key), frame.tell(`Asked for the ${job.functions[key].words}: ${paint()}.`)),
  });
  const ticks = { mirrored: "mirror", translated: "translate", permuted: "permute the rows" };
  const checks = Object.entries(ticks).map(([key, label]) => {
    const act = (yes) => ((made[key] = yes), frame.tell(`${yes ? "Now" : "No longer"} ${NAMES[key]}: ${paint()}.`));
    return frame.check({ label, act });
  });
  frame.sliders.append(...frame.controls.querySelectorAll(".live-check")); // by the picture, which they change
  frame.turns(scene);
  const group = frame.buttons.querySelector(".live-turns");
  group.setAttribute("aria-label", "Turn the copy");
  for (const [sign, words, way] of [["\u21ba", "Turn against the clock", 1], ["\u21bb", "Turn with the clock", -1]])
    frame.button(sign, () => turn([0, 0, 1], way * STEP), group).setAttribute("aria-label", words);
  frame.reset(() => {
    begin();
    for (const one of checks) one.set(false);
    element.querySelector('input[value="forces"]').checked = true;
    paint();
  });

  const room = () => {
    // As much as the longest answers take, so that nothing jumps
    const parts = [frame.stage.lastElementChild, frame.list, frame.body.querySelector(".moves-report")];
    const kept = { name, made }, heights = parts.map(() => 0);
    for (const part of parts) Object.assign(part.style, { minHeight: "", alignContent: "start" });
    made = { permuted: true, translated: true, mirrored: true };
    for (name of Object.keys(job.functions)) {
      paint();
      parts.forEach((part, k) => (heights[k] = Math.max(heights[k], part.getBoundingClientRect().height)));
    }
    ({ name, made } = kept), paint();
    parts.forEach((part, k) => (part.style.minHeight = `${heights[k]}px`));
  };
  let width;
  const resized = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    room();
  });

  begin(), room();
  resized.observe(frame.body);
  frame.ready();
};

function arrowsOf(asked, name, m) {
  // By atom [A, 3]: forces, or of the whole molecule, at the atom in the middle
  const { answer, forces } = asked[name](m), found = m.who.map(() => [0, 0, 0]);
  if (name === "twisted") return found; // its arrows would hide what only its energy says
  m.who.forEach((atom, row) => (found[atom] = forces ? forces[row] : atom ? [0, 0, 0] : answer));
  return found;
}

function inWords(asked, name, m, { unit, kind }) {
  // What stands below a molecule
  const { answer, energy } = asked[name](m), words = unit.replaceAll(" ", "\u00a0");
  if (name === "forces") return `energy ${signed(energy, 3)} eV`;
  return kind === "scalar" ? `${signed(answer[0], 3)} ${words}` : `${few(answer)} ${words}`;
}

function few(answer) {
  // The first three numbers; small ones in ten-thousandths
  const small = largest(answer) < 0.01 && largest(answer) > 1e-9, one = answer.length === 1;
  const list = answer.slice(0, 3).map((value) => signed(small ? value * 1e4 : value, one && !small ? 3 : 2));
  if (answer.length > 3) list.push("…");
  return (one ? list[0] : `(${list.join(", ")})`) + (small ? "\u00a0·\u00a010⁻⁴" : "");
}

function side(scene, { symbols, bonds }, middle, copy) {
  // One of the two molecules, with its axes, arrows and the numbers of its rows -> {place(m, arrows, unit, expected)}
  const at = ([x, y, z]) => [x + middle, y, z], dots = Array.from({ length: 62 }, (_, k) => (k - 30.5) * 0.1);
  scene.line(dots.map((x) => at([x, 0, -4])), { dashed: true });
  scene.line(dots.map((y) => at([0, y, -4])), { dashed: true });
  const broad = copy ? scene.arrows(symbols.length, { color: style.identity[0], broad: true }) : null;
  const atoms = scene.molecule(symbols, bonds, { size: SIZE }), narrow = scene.arrows(symbols.length, { thin: true });
  const numbers = symbols.map((_, row) => scene.text(String(row), [0, 0, 0], { size: 0.52 }));
  return {
    place: (m, arrows, unit, expected = null) => {
      const places = [];
      m.who.forEach((atom, row) => (places[atom] = at(m.x[row])));
      atoms.place(places.flat());
      places.forEach((place, atom) => {
        narrow.set(atom, [place[0], place[1], place[2] + FRONT], bounded(arrows[atom], unit));
        broad?.set(atom, place, bounded(expected[atom], unit));
      });
      const radius = (atom) => SIZE * (style.radii[symbols[atom]] ?? style.otherRadius);
      m.who.forEach((atom, row) => numbers[row].at(free(places, atom, radius(atom))));
    },
  };
}

function bounded(vector, unit) {
  // Times the unit; no longer than what has room, since a broken model may answer anything
  const size = unit * Math.hypot(...vector);
  return vector.map((value) => unit * value * Math.min(1, 1.5 * LONGEST / (size || 1)));
}

function free(places, atom, radius) {
  // A place for a number beside an atom, as far from the others as can be
  const [x, y] = places[atom], away = radius + NUMBER;
  const points = Array.from({ length: 24 }, (_, k) => {
    const angle = Math.PI / 2 - (k * Math.PI) / 12;
    return [x + away * Math.cos(angle), y + away * Math.sin(angle)];
  });
  const others = places.filter((_, k) => k !== atom);
  const room = points.map(([a, b]) => Math.min(...others.map((p) => Math.hypot(a - p[0], b - p[1]))));
  return [...points[room.indexOf(Math.max(...room))], 4];
}

function below(stage) {
  // What each molecule answers, under it
  const row = document.createElement("div");
  Object.assign(row.style, {
    display: "grid", gridTemplateColumns: "1fr 1fr", flex: "0 0 100%", maxWidth: "38rem", textAlign: "center",
    fontSize: "0.92rem",
  });
  const cells = ["original", "copy"].map((name) => {
    const cell = document.createElement("div"), value = document.createElement("strong");
    value.style.display = "block";
    cell.append(name, value), row.append(cell);
    return value;
  });
  stage.append(row);
  return (values) => values.forEach((words, k) => (cells[k].textContent = words));
}

function written(frame) {
  // The report, in lines that break before the verdict where there is no room -> show(call, lines)
  const box = document.createElement("div"), words = document.createElement("div");
  box.className = "moves-report";
  Object.assign(box.style, { font: "min(0.8rem, 3.1vw)/1.5 monospace", margin: "0.6rem 0", overflowWrap: "anywhere" });
  frame.buttons.after(box);
  return (call, lines) => {
    words.textContent = call;
    box.replaceChildren(words, ...lines.flatMap(({ name, numbers = "", verdict, right, hint }) => {
      const line = document.createElement("div");
      Object.assign(line.style, { display: "flex", flexWrap: "wrap", whiteSpace: "pre" });
      const parts = [`${name.padEnd(11)} `, numbers, verdict ? `${numbers && "   "}${verdict}` : ""];
      line.append(...parts.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
      if (right === false) line.lastChild.style.fontWeight = "bold";
      if (!hint) return [line];
      const why = Object.assign(document.createElement("div"), { textContent: `  ${hint}` });
      why.style.whiteSpace = "pre-wrap";
      return [line, why];
    }));
  };
}

function turned(R) {
  return R.some((row, a) => row.some((value, b) => Math.abs(value - (a === b)) > 1e-9));
}
