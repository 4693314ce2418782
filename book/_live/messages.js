// Message passing on any molecule, layer by layer: every atom's features, and how far the start of one atom has come.

import { influence, oneHot, run } from "../../dmol_molnet/live/engine/message_passing.js";
import { neighbors } from "../../dmol_molnet/live/engine/wl.js";
import { Frame, signed } from "../../dmol_molnet/live/stage/frame.js";
import { buttons, element as make, listed, outdated, read } from "./shared/entries.js";
import { Picture } from "./shared/picture.js";
import { distinct, formula } from "./shared/smiles.js";

const BEGIN = 2; // layers

function small(value) {
  // A size that may be tiny: two digits, as a power of ten where it needs one.
  if (!value || value >= 0.01) return value ? value.toFixed(2) : "0";
  const [digits, power] = value.toExponential(0).split("e-");
  return `${digits} × 10⁻${power.replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit])}`;
}

molnetLive.figures.messages = async (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const { examples, first, others, shades, limit } = job;
  const frame = new Frame(element), picture = new Picture(frame.stage, (v) => choose(v));
  const heading = make("p", "live-about"), box = make("div", "live-rows"), table = make("table", "", box);
  const head = make("tr", "", make("thead", "", table)), list = make("tbody", "", table);
  box.tabIndex = 0; // it scrolls
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Features of all atoms");
  frame.spoken.after(heading, box); // the picture and the slider stay in sight

  let it, names, elements, features, reach, chosen = 0, t = BEGIN, rows = [];

  const shade = (value) => {
    const share = Math.min(Math.abs(value), 1), end = value > 0 ? shades.positive : shades.negative;
    return `rgb(${shades.neutral.map((a, d) => Math.round(a + share * (end[d] - a))).join()})`;
  };

  // ---------------------------------------------------------------------------------------------- what is computed

  const take = () => {
    // Reads the entry; what cannot be read is said below it, and the last molecule stays, dimmed.
    const found = read(entry, { hydrogens: hydrogens.value, limit });
    const kinds = found ? distinct(found.symbols) : [], most = first.length;
    if (kinds.length > most)
      entry.wrong(`It has ${kinds.length} different elements, and a row of features has room for up to ${most} here.`);
    if (!found || kinds.length > most) {
      outdated(frame, entry.value.trim() === it.smiles ? null : [nameOf(it)]);
      return false;
    }
    outdated(frame, null);
    [it, elements, chosen] = [found, kinds, 0];
    names = it.symbols.map((symbol, v) => symbol + v);
    const around = neighbors({ labels: it.symbols, bonds: it.bonds }), layers = [first[kinds.length - 1], ...others];
    features = run(oneHot(it.symbols, elements), around, layers);
    reach = it.symbols.map((_, u) => influence(features, around, layers, u));
    picture.fit(picture.molecule(it));
    build();
    paint();
    return true;
  };

  const build = () => {
    // A row for every atom; its name chooses it.
    rows = names.map((name, v) => {
      const row = make("tr"), title = make("th", "", row);
      title.scope = "row";
      return { row, button: frame.button(name, () => choose(v), title) };
    });
    list.replaceChildren(...rows.map(({ row }) => row));
    box.scrollTop = 0;
  };

  // ---------------------------------------------------------------------------------------------- what is shown

  const reached = () => names.map((_, v) => v).filter((v) => reach[chosen][t][v] > 0);

  const paint = () => {
    const know = reached(), fills = molnetLive.style;
    const label = `${nameOf(it)}, ${formula(it)}`;
    picture.title.textContent = label;
    picture.paint(names.map((text, v) => ({
      text, fill: fills.elements[it.symbols[v]] ?? fills.otherElement, ringed: v === chosen, faint: !know.includes(v),
    })), `${label}: after ${t} layers, ${know.length} of ${names.length} atoms know of ${names[chosen]}`);
    const one = names[chosen];
    const when = t ? `h after layer ${t}, of random weights` : "at the start";
    heading.textContent = `Features ${when}. Influence of ${one}: ` +
      `how strongly a row answers to the start of ${one}, Σ |∂h / ∂h(${one}, start)|; 0 is not at all.`;
    const columns = t ? features[t][0].map((_, f) => `h${"₁₂₃₄₅₆"[f]}`) : elements;
    head.replaceChildren(...["atom", ...columns, `influence of ${one}`].map((words) => {
      const cell = make("th");
      cell.scope = "col", cell.textContent = words;
      return cell;
    }));
    rows.forEach(({ row, button }, v) => {
      button.setAttribute("aria-pressed", String(v === chosen));
      const cells = features[t][v].map((value) => {
        const cell = make("td", "live-feature");
        cell.style.background = shade(value), cell.textContent = signed(value);
        return cell;
      });
      row.replaceChildren(button.parentNode, ...cells, make("td"));
      row.lastChild.textContent = small(reach[chosen][t][v]);
    });
    layers.set(t);
    frame.show({ "atoms that know of the chosen one": `${know.length} of ${names.length}` });
    frame.numbers({
      atom: String(chosen), layers: String(t), reached: know.join(" "), elements: elements.join(" "),
      row: features[t][chosen].map((x) => x.toFixed(6)).join(" "),
      influence: reach[chosen][t].map((x) => x.toPrecision(7)).join(" "),
    });
  };

  const nameOf = ({ smiles }) => examples.find((example) => example.smiles === smiles)?.name ?? smiles;
  const tell = () => {
    const know = reached().filter((v) => v !== chosen).map((v) => names[v]);
    const when = t ? `After ${t} ${t === 1 ? "layer" : "layers"}` : "At the start";
    const some = know.length > 6 ? `${know.length} other atoms` : listed(know);
    const rest = know.length < names.length - 1 ? "; the rest do not" : "";
    if (!know.length) frame.tell(`${when}, no other atom knows of ${names[chosen]}.`);
    else frame.tell(`${when}, ${some} ${know.length === 1 ? "knows" : "know"} of ${names[chosen]}${rest}.`);
  };
  const choose = (v) => {
    chosen = v;
    paint();
    tell();
  };

  // ---------------------------------------------------------------------------------------------- controls

  const layers = frame.slider({
    label: "layers", min: 0, max: others.length + 1, step: 1, value: BEGIN,
    act: (value) => ((t = value), paint(), tell()),
  });
  const told = () => {
    const good = take();
    if (good) tell();
    return good;
  };
  const entry = frame.entry({ label: "SMILES", value: examples[0].smiles, act: told });
  const put = (example) => (entry.set(example.smiles), hydrogens.set(example.hydrogens));
  buttons(frame, examples, ({ name }) => name, (example) => (put(example), told()));
  const hydrogens = frame.check({
    label: "hydrogens as atoms", value: examples[0].hydrogens, act: (yes) => told() || hydrogens.set(!yes),
  });
  frame.reset(() => {
    t = BEGIN, put(examples[0]);
    take();
  });
  frame.copy(() => {
    const made = `Molecule.from_smiles(${JSON.stringify(it.smiles)}, hydrogens=${hydrogens.value ? "True" : "False"})`;
    const begin = `molecule = ${made}; h = one_hot(molecule, elements=${JSON.stringify(elements)})`;
    const layer = `MessagePassing(${features[1][0].length})(h, *directed_edges(molecule))`;
    return [
      "import keras; from dmol_molnet import Molecule; from dmol_molnet.nn.message_passing import *",
      `keras.utils.set_random_seed(${job.seed}); ${begin}`,
      t ? `for _ in range(${t}): h = ${layer}; print(h)` : "print(h)",
    ].join("\n");
  }, "Copy this in Python");
  take();
  frame.ready();
};
