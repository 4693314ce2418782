// Which pairs a network tells apart, by its layers, its correlation and its degree: measured beforehand, in float64.

import { Frame } from "../../dmol_molnet/live/stage/frame.js";

const PAUSE = 400; // ms between two acts
const WORDS = { layers: "layers", correlation: "correlation ν", l_max: "degree l_max" };

molnetLive.figures.separation = (element) => {
  const job = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  const frame = new Frame(element), still = element.querySelector(".live-still .live-pairs");
  frame.stage.append(still.cloneNode(true));
  const cards = [...frame.stage.querySelectorAll(".live-pair")];
  const values = { ...job.first };
  let told = new Set();

  const paint = () => {
    const found = job.differences[Object.values(values).join("-")];
    told = new Set(job.pairs.filter((_, k) => found[k] > job.different));
    cards.forEach((card, k) => {
      card.dataset.told = told.has(job.pairs[k]) ? "yes" : "no";
      card.lastElementChild.textContent = job.verdicts[k][card.dataset.told];
    });
    const one = 1 / Math.min(...found.filter((d) => d > job.different));
    const place = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
    frame.numbers({ ...place, told: [...told].join("; ") });
    frame.show({
      "told apart": `${told.size} of ${job.pairs.length}`,
      "their smallest difference of energies": told.size ? `1 part in ${rounded(one)}` : "–",
      "taken as equal": `below 1 part in ${rounded(1 / job.different)}`,
    });
  };

  let asked = -PAUSE, before, shown; // when a slider last moved; what was told apart before that slide, and what is now
  const sliders = Object.entries(job.grid).map(([key, numbers]) => [key, frame.slider({
    label: WORDS[key], min: numbers[0], max: numbers.at(-1), step: 1, value: values[key],
    act: (value) => {
      values[key] = value;
      paint();
      if (performance.now() - asked > PAUSE) before = shown; // one slide is one act, however many steps it has
      asked = performance.now(), shown = told;
      const list = (names) => names.join("; "), all = `In all: ${told.size} of ${job.pairs.length}.`;
      const gone = [...before].filter((name) => !told.has(name)), come = [...told].filter((name) => !before.has(name));
      const news = [come.length && `New: ${list(come)}.`, gone.length && `No longer: ${list(gone)}.`];
      frame.tell(`${news.filter(Boolean).join(" ") || "Nothing changes."} ${all}`);
    },
  })]);
  frame.sliders.classList.add("live-brief"); // all three in a line
  frame.reset(() => {
    asked = -PAUSE;
    for (const [key, slider] of sliders) slider.set((values[key] = job.first[key]));
    paint();
    shown = told;
  });
  frame.copy(() => {
    const [layers, correlation, l_max] = Object.values(values);
    return job.python.join("\n").replace("SETTINGS", `layers=${layers}, correlation=${correlation}, l_max=${l_max}, `
      + `hidden_l_max=${Math.min(l_max, 1)}`);
  }, "Copy as Python");
  paint();
  shown = told;
  frame.ready();
};

function rounded(n) {
  // To two digits, in words where it is long
  if (n >= 1e6) return `${Number((n / 1e6).toPrecision(2))} million`;
  return Number(n.toPrecision(2)).toLocaleString("en").replace(",", "\u00a0");
}
