// A potential at work in a worker, so that the page stays smooth: one a page and model, whoever asks.

const { files, load, bytes } = globalThis.molnetLive;
const started = new Map();

export function computer(model) {
  // model: the script model-MODEL.js holds the file that the exporter wrote -> a promise of
  // {cutoff, numbers, energyAndForces(numbers, positions [3 A] Å, {edges, atom})}, whose promises hold {energy, forces,
  // atomic}.  edges: pairs [[i, j], …], each once, in place of all within the cutoff.  Of the atom, if one is named, they
  // hold its features, too: [{"0e": [K], "1o": [K, 3], …}, …], at the start and after each layer.
  if (!started.has(model)) {
    const begun = begin(model);
    begun.catch(() => started.delete(model));
    started.set(model, begun);
  }
  return started.get(model);
}

async function begin(model) {
  const [buffer] = await Promise.all([bytes(`model-${model}`), load("worker")]);
  const worker = new Worker(URL.createObjectURL(new Blob([files.worker], { type: "text/javascript" })));
  const waiting = new Map();
  let last = 0;
  const ask = (id, message, transfer = []) =>
    new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.postMessage(message, transfer);
    });
  worker.onmessage = ({ data: { id = 0, error, ready, ...answer } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(Object.assign(new Error(error), { told: true }));
    else resolve(ready ?? answer);
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message));
    waiting.clear();
  };
  const about = await ask(0, { model: buffer }, [buffer]);
  return {
    ...about,
    energyAndForces(numbers, positions, more = {}) {
      const id = ++last;
      return ask(id, { id, numbers: Array.from(numbers), positions: Array.from(positions), ...more });
    },
  };
}
