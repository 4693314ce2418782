// node live_graphs.mjs NODE_MODULES ROOT < JOB: what the figures of graphs and of message passing compute, for tests
// that know what it should be.
//
// JOB is JSON, {"molecules": [{"smiles", "hydrogens", "with"?, "limit"?, "layers"?}, …]}; prints a list of what the
// molecule is and how its colours are refined, alone or with another one; or {"error"}.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, root] = process.argv.slice(2), folder = mkdtempSync(join(tmpdir(), "live-graphs-"));
const [shared, engine] = ["book/_live/shared", "dmol_molnet/live/engine"];
const all = [`${shared}/smiles.js`, `${shared}/layout.js`, `${engine}/wl.js`, `${engine}/message_passing.js`]
  .map((path) => `export * from ${JSON.stringify(resolve(root, path))};`).join("\n");
const built = await createRequire(join(modules, "here.js"))("esbuild").build({
  stdin: { contents: all, resolveDir: root }, bundle: true, write: false, format: "esm", nodePaths: [modules],
});
writeFileSync(join(folder, "all.mjs"), built.outputFiles[0].text);
const {
  InputError, compare, influence, isomorphic, layout, molecule, neighbors, oneHot, refine, run,
} = await import(pathToFileURL(join(folder, "all.mjs")));
rmSync(folder, { recursive: true });

const graph = ({ symbols, bonds }) => ({ labels: symbols, bonds });

function answer({ smiles, hydrogens, with: other, limit, layers, elements, places }) {
  const one = molecule(smiles, { hydrogens, limit }), found = { ...one, ...refine(graph(one)) };
  if (other !== undefined) {
    const two = molecule(other, { hydrogens });
    found.other = compare(graph(one), graph(two));
    found.isomorphic = isomorphic(graph(one), graph(two));
  }
  if (places) found.places = layout(one);
  if (layers) {
    const around = neighbors(graph(one));
    found.features = run(oneHot(one.symbols, elements), around, layers);
    found.influence = one.symbols.map((_, u) => influence(found.features, around, layers, u));
  }
  return found;
}

const answers = JSON.parse(readFileSync(0)).molecules.map((one) => {
  try {
    return answer(one);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { error: error.message };
  }
});
console.log(JSON.stringify(answers));
