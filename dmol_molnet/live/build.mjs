// Builds the scripts of the figures that compute: node build.mjs NODE_MODULES OUT FOLDER_OF_FIGURES…
// What figures share lies in subfolders of theirs.
//
// Every script is a classic one, so that pages also work when they are opened from a folder:
//
//     live.js       the loader, the only one that a page asks for by itself
//     stage.js      drawing in space, with three.js
//     worker.js     the engine, as text from which a worker is made
//     figure-*.js   the figures, one each
//     licences.txt  of what others wrote and is bundled here

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [modules, out, ...folders] = process.argv.slice(2);
const { build } = createRequire(join(modules, "here.js"))("esbuild");
const here = dirname(fileURLToPath(import.meta.url));

const bundle = (entry, name, more = {}) =>
  build({
    ...entry, outfile: join(out, `${name}.js`), bundle: true, minify: true, format: "iife", target: "es2022",
    charset: "utf8", legalComments: "none", logLevel: "warning", nodePaths: [modules], metafile: true,
    footer: { js: `molnetLive.have(${JSON.stringify(name)});` }, ...more,
  });

const inputs = new Set();
const note = ({ metafile }) => Object.keys(metafile.inputs).forEach((path) => inputs.add(path));

const stage = join(here, "stage"), all = 'import * as stage from "./scene.js"; molnetLive.stage = stage;';
note(await bundle({ entryPoints: [join(stage, "loader.js")] }, "live"));
note(await bundle({ stdin: { contents: all, resolveDir: stage } }, "stage"));
const worker = await bundle({ entryPoints: [join(here, "engine", "worker.js")] }, "worker", { write: false, footer: {} });
note(worker);
writeFileSync(join(out, "worker.js"), `molnetLive.files.worker = ${JSON.stringify(worker.outputFiles[0].text)};\nmolnetLive.have("worker");\n`);
for (const folder of folders)
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".js")))
    note(await bundle({ entryPoints: [join(folder, file)] }, `figure-${basename(file, ".js")}`));

const packages = [...new Set([...inputs].map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean))];
const about = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
// What a package's own bundle holds is what it depends on.
const bundled = [...new Set(packages.flatMap((name) => [name, ...Object.keys(about(name).dependencies ?? {})]))];
const licences = bundled.sort().map((name) => {
  const folder = join(modules, name), { version } = about(name);
  const file = readdirSync(folder).find((it) => /^licen[cs]e/i.test(it));
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(out, "licences.txt"), licences.join(`\n${"-".repeat(80)}\n\n`));
