// A molecule from the SMILES that a reader types; what Python's `Molecule.from_smiles` makes of it by RDKit.
//
// smiles-drawer parses; hydrogens, aromatic rings and valences are ours.  What cannot be read is refused in a sentence.

import SmilesDrawer from "smiles-drawer";
import elements from "./elements.json";

export class InputError extends Error {}

export function formula({ symbols, implicit }) {
  // In Hill's order, hydrogens that are not atoms included, with small digits: C₁₀H₁₈.
  const counts = new Map();
  const add = (symbol, n) => n && counts.set(symbol, (counts.get(symbol) ?? 0) + n);
  symbols.forEach((symbol, v) => (add(symbol, 1), add("H", implicit[v])));
  const first = counts.has("C") ? ["C", "H"] : [];
  const others = [...counts.keys()].filter((it) => !first.includes(it)).sort();
  const order = [...first.filter((it) => counts.has(it)), ...others];
  const small = (n) => (n > 1 ? String(n).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]) : "");
  return order.map((symbol) => symbol + small(counts.get(symbol))).join("");
}

export const distinct = (symbols) =>
  // The elements among them, by their numbers in the table.
  elements.symbols.filter((symbol) => symbols.includes(symbol));

const LONGEST = 400; // characters
const HALOGENS = ["Cl", "Br", "I"];
const refuse = (message) => {
  throw new InputError(message);
};

export function molecule(smiles, { hydrogens = true, limit = Infinity } = {}) {
  // -> {smiles, symbols [A], bonds [[i, j, order], …], implicit [A]: hydrogens that are not atoms of their own}.
  // Orders are 1 to 4, and 1.5 in an aromatic ring.  Throws InputError.
  const text = smiles.trim();
  check(text);
  const { atoms, bonds } = graph(parsed(text), text);
  charges(atoms, bonds);
  aromatic(atoms, bonds, text);
  const found = counted(atoms, bonds, hydrogens), n = found.symbols.length;
  if (n > limit) {
    const heavy = counted(atoms, bonds, false).symbols.length;
    const fewer = hydrogens && heavy <= limit;
    const instead = fewer ? `leave out the hydrogens, and ${heavy} are left` : "take a part of it";
    refuse(`${quoted(text)} has ${n} atoms, and up to ${limit} can be drawn legibly: ${instead}.`);
  }
  return { smiles: text, ...found };
}

const quoted = (text) => `“${text.length > 40 ? `${text.slice(0, 28)}…${text.slice(-10)}` : text}”`;

// ------------------------------------------------------------------------------------------------ what is written

// The parser says where it stopped only after a search whose time grows with the nesting, so the order of the signs is
// checked before.
const BRACKET = [
  /\[(?:[1-9]\d{0,2})?/, // isotope
  /(se|as|[bcnops*]|[A-Z][a-z]?)/, // element
  /(?:@(?:@|TH[12]|AL[12]|SP[1-3]|TB[1-9]\d?|OH[1-9]\d?)?)?/, // chirality
  /(?:H\d?)?(?:\+\+|--|[+-](?:[1-9]\d?)?)?(?::[1-9]\d*)?\]/, // hydrogens, charge, class
].map(({ source }) => source).join("");
const SIGNS = {
  atom: new RegExp(`^(?:Br?|Cl?|[NOPSFI]|[bcnops]|\\*|${BRACKET})`),
  bond: /^[-=#$:/\\]/,
  dot: /^\./,
  ring: /^(?:\d|%[1-9]\d)/,
  open: /^\(/,
  close: /^\)/,
};
const AFTER = {
  start: ["atom"],
  atom: ["atom", "bond", "dot", "ring", "open", "close", "end"],
  ring: ["atom", "bond", "dot", "ring", "open", "close", "end"],
  bond: ["atom", "ring"],
  "bond after a branch": ["atom"], // ring numbers stand before the branches of their atom
  dot: ["atom"],
  open: ["atom", "bond"],
  close: ["atom", "bond", "dot", "open", "close", "end"],
};

function check(text) {
  const wrong = (why) => refuse(`${quoted(text)} is not a SMILES: ${why}.`);
  if (!text) refuse("The SMILES is empty; water, for one, is “O”.");
  if (text.length > LONGEST) refuse(`A SMILES may have up to ${LONGEST} characters here; this one has ${text.length}.`);
  let before = "start", open = 0, at = 0;
  while (at < text.length) {
    const rest = text.slice(at), kind = Object.keys(SIGNS).find((name) => SIGNS[name].test(rest));
    const sign = kind ? rest.match(SIGNS[kind]) : [rest[0] === "[" ? rest.match(/^[^\]]*\]?/)[0] : rest[0]];
    const where = `“${sign[0]}”, character ${at + 1},`;
    if (!kind) wrong(`${where} means nothing in it`);
    if (sign[1] && !known(sign[1])) wrong(`${where} names no element`);
    if (sign[0] === "*" || sign[1] === "*") refuse(`“*” in ${quoted(text)} is a placeholder, not an element.`);
    if (!AFTER[before].includes(kind)) wrong(`${where} cannot stand there`);
    open += Number(kind === "open") - Number(kind === "close");
    if (open < 0) wrong(`${where} closes a branch that was not opened`);
    before = kind === "bond" && before === "close" ? "bond after a branch" : kind;
    at += sign[0].length;
  }
  if (!AFTER[before].includes("end")) wrong("it breaks off after its last character");
  if (open) wrong("a branch is opened by “(” and not closed");
}

function parsed(text) {
  try {
    return SmilesDrawer.Parser.parse(text);
  } catch {
    return refuse(`${quoted(text)} is not a SMILES that can be read here.`);
  }
}

const known = (symbol) => symbol === "*" || elements.symbols.indexOf(element(symbol)) > 0;
const element = (symbol) => symbol[0].toUpperCase() + symbol.slice(1);

function graph(tree, text) {
  // The parser's tree as atoms and bonds; both keep the order in which they are written.
  const atoms = [], bonds = [], rings = new Map(), orders = { "=": 2, "#": 3, $: 4, ":": 1.5 };
  const join = (i, j, sign) => {
    if (sign === ".") return;
    if (i === j || bonds.some(({ ends }) => ends.includes(i) && ends.includes(j)))
      refuse(`${quoted(text)} joins two atoms twice, or an atom with itself: check its ring numbers.`);
    bonds.push({ ends: [i, j], order: orders[sign] ?? 1 });
    if (sign === ":") atoms[i].aromatic = atoms[j].aromatic = true;
  };
  const visit = (node, from, sign) => {
    const written = node.atom.element ?? node.atom, v = atoms.length, bracket = Boolean(node.atom.element);
    const { hcount, charge, isotope } = bracket ? node.atom : {};
    const aromatic = written[0] === written[0].toLowerCase();
    atoms.push({ symbol: element(written), aromatic, bracket, hydrogens: hcount ?? 0, charge: charge ?? 0, isotope });
    if (from !== null) join(from, v, sign);
    for (const { id, bond } of node.ringbonds) {
      const other = rings.get(id);
      if (!other) rings.set(id, { v, bond });
      else {
        const signs = [other.bond, bond].map((it) => ("/\\".includes(it) ? "-" : it)).filter((it) => it !== "-");
        if (new Set(signs).size > 1) refuse(`${quoted(text)} closes ring ${id} by two kinds of bonds.`);
        join(other.v, v, signs[0] ?? "-");
        rings.delete(id);
      }
    }
    for (const branch of node.branches) visit(branch, v, branch.branchBond);
    if (node.hasNext) visit(node.next, v, node.bond);
  };
  visit(tree, null, null);
  for (const id of rings.keys()) refuse(`${quoted(text)} is not a SMILES: ring ${id} is opened and not closed.`);
  return { atoms, bonds };
}

// ------------------------------------------------------------------------------------------------ valences

const around = (bonds, v) =>
  bonds.filter(({ ends }) => ends.includes(v)).map((bond) => ({ bond, other: bond.ends.find((u) => u !== v) }));
const total = (bonds, v) => around(bonds, v).reduce((sum, { bond }) => sum + bond.order, 0);

function charges(atoms, bonds) {
  // Nitro groups and the like with five bonds at a nitrogen get their charges, as do oxygens on a halogen.
  const part = (v, other, bond, order) => {
    bond.order = order, atoms[v].charge += 1, atoms[other].charge -= 1;
  };
  atoms.forEach((atom, v) => {
    if (atom.charge) return;
    const near = around(bonds, v), ring = near.filter(({ other }) => atom.aromatic && atoms[other].aromatic);
    const half = ring.length === 2 && near.every(({ bond }) => bond.order !== 1.5); // two of 1.5 that are not marked
    const valence = total(bonds, v) + atom.hydrogens + Number(half);
    if (atom.symbol === "N" && valence === 5) {
      const end = (symbol, order) =>
        near.find(({ bond, other }) => atoms[other].symbol === symbol && !atoms[other].charge && bond.order === order);
      const oxygen = end("O", 2), nitrogen = end("N", 3);
      if (oxygen) part(v, oxygen.other, oxygen.bond, 1);
      else if (nitrogen) part(v, nitrogen.other, nitrogen.bond, 2);
    }
    if (HALOGENS.includes(atom.symbol) && valence > 1 && near.every(({ other }) => atoms[other].symbol === "O"))
      for (const { bond, other } of near) if (bond.order === 2) part(v, other, bond, 1);
  });
}

function valences({ symbol, charge }) {
  // The valences that an atom may have, as those of the element with as many electrons; null if any will do.
  const own = elements.valences[symbol];
  if (!own || own.includes(-1)) return null;
  const number = elements.symbols.indexOf(symbol), electrons = number - charge;
  if (symbol === "H" && charge === -1) return [2];
  // Phosphorus, sulfur and the elements below them may have more, also as anions.
  const below = [[16, "P", "S"], [34, "As", "Se"], [52, "Sb", "Te"]];
  if (below.some(([n, ...which]) => electrons > n && which.includes(symbol)))
    return own.map((valence) => valence + charge);
  const list = elements.valences[elements.symbols[electrons]] ?? [0];
  return list.filter((valence) => valence >= 0);
}

function aromatic(atoms, bonds, text) {
  // Aromatic rings get orders of 1.5, organic atoms their hydrogens, and every valence is checked.
  const reaches = (bond) => {
    const [from, to] = bond.ends, seen = new Set([from]);
    for (const v of seen) for (const it of around(bonds, v)) if (it.bond !== bond) seen.add(it.other);
    return seen.has(to);
  };
  const inRing = new Map(bonds.map((bond) => [bond, reaches(bond)]));
  const ring = bonds.filter((bond) => bond.order < 2 && inRing.get(bond) && bond.ends.every((v) => atoms[v].aromatic));
  for (const bond of bonds) if (bond.order === 1.5) bond.order = 1;
  atoms.forEach((atom, v) => {
    if (atom.aromatic && !around(bonds, v).some(({ bond }) => inRing.get(bond)))
      refuse(`${quoted(text)} writes an aromatic ${atom.symbol} (small letter) that is in no ring.`);
    if (atom.bracket) return;
    const sum = total(bonds, v), list = valences(atom);
    if (atom.aromatic) atom.hydrogens = atom.symbol === "C" ? Math.max(0, 3 - sum) : 0;
    else atom.hydrogens = Math.max(0, (list.find((valence) => valence >= sum) ?? sum) - sum);
  });
  // Where alternating double bonds can stand: each atom with a valence to spare takes one.
  const needs = new Set();
  atoms.forEach((atom, v) => {
    if (!atom.aromatic) return;
    const sum = total(bonds, v) + atom.hydrogens, valence = valences(atom)?.find((it) => it >= sum);
    if (valence > sum) needs.add(v);
  });
  const double = alternate(needs, ring);
  if (!double)
    refuse(
      `${quoted(text)} writes an aromatic ring (small letters) in which double bonds cannot alternate; ` +
      "the nitrogen of pyrrole, for one, is “[nH]”.");
  atoms.forEach((atom, v) => {
    const sum = total(bonds, v) + atom.hydrogens + Number(double.has(v)), list = valences(atom);
    if (list && sum > list.at(-1))
      refuse(
        `${quoted(text)} breaks the rules of valence: atom ${v}, ${atom.symbol}, has ${sum} bonds, ` +
        `and ${list.at(-1)} at most are possible.`);
  });
  for (const bond of ring) bond.order = 1.5;
}

function alternate(needs, ring) {
  // A partner for each of these atoms along bonds of aromatic rings -> Map, or null if there is none.
  const partners = new Map(), paired = new Map();
  for (const v of needs) partners.set(v, around(ring, v).map(({ other }) => other).filter((u) => needs.has(u)));
  let steps = 0;
  const search = () => {
    let best = null, options = null;
    for (const v of needs) {
      if (paired.has(v)) continue;
      const open = partners.get(v).filter((u) => !paired.has(u));
      if (!options || open.length < options.length) [best, options] = [v, open];
    }
    if (best === null) return true;
    if (++steps > 20000) return false;
    for (const u of options) {
      paired.set(best, u), paired.set(u, best);
      if (search()) return true;
      paired.delete(best), paired.delete(u);
    }
    return false;
  };
  return search() ? paired : null;
}

// ------------------------------------------------------------------------------------------------ hydrogens

function counted(atoms, bonds, hydrogens) {
  // With every hydrogen as an atom, after the others, or with none that another atom can hold.
  const lone = (v) => {
    // A hydrogen on one heavier atom; an isotope is an atom of its own if hydrogens are.
    const near = around(bonds, v), own = hydrogens && atoms[v].isotope;
    return atoms[v].symbol === "H" && near.length === 1 && atoms[near[0].other].symbol !== "H" && !own;
  };
  const gone = atoms.map((_, v) => lone(v)), kept = atoms.map((_, v) => v).filter((v) => !gone[v]);
  const number = new Map(kept.map((v, n) => [v, n]));
  const symbols = kept.map((v) => atoms[v].symbol);
  const held = kept.map((v) => atoms[v].hydrogens + around(bonds, v).filter(({ other }) => gone[other]).length);
  const left = bonds.filter(({ ends }) => ends.every((v) => !gone[v]));
  const joined = left.map(({ ends, order }) => [...ends.map((v) => number.get(v)), order]);
  if (!hydrogens) return { symbols, bonds: joined, implicit: held };
  held.forEach((n, v) => {
    for (let k = 0; k < n; k++) joined.push([v, symbols.push("H") - 1, 1]);
  });
  return { symbols, bonds: joined, implicit: symbols.map(() => 0) };
}
