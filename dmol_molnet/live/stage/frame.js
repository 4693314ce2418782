// What stands around every figure that computes: its controls, its numbers, its list of atoms, and what it tells.
//
//     <div class="live-figure" data-figure="bending">      data-state, and numbers as data-…, for tests and scripts
//       <p class="live-question"> <p class="live-task">
//       <div class="live-still">                           drawn by Python; stands here until the figure runs, and on paper
//       <div class="live-body">                            made here: stage, sliders, numbers, sentence, controls, buttons
//       <p class="live-without">
//
// All controls are the browser's own, so that they work by key, by touch and with a screen reader.

const QUIET = 1500; // ms between two sentences of the live region
const FEW = 8; // options, or handles, that stand side by side; more become a menu, or are folded away

const node = (tag, properties = {}, ...children) => {
  const { data = {}, aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) made.setAttribute(key === "role" ? key : `aria-${key}`, value);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
};

export function signed(value, digits = 2) {
  // With a true minus; never −0.
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) ? `\u2212${text}` : text;
}

export class Frame {
  constructor(element) {
    this.element = element;
    this.id = element.id; // every figure's script has a copy of this file: a count would begin anew in each
    this.stage = node("div", { className: "live-stage" });
    this.sliders = node("div", { className: "live-sliders" }); // right under the picture; on a phone always in sight with it
    this.controls = node("div", { className: "live-controls" });
    this.made = 0; // sliders, choices, entries
    this.list = node("dl", { className: "live-numbers" });
    this.buttons = node("div", { className: "live-buttons" });
    this.sentence = node("p", { className: "live-sentence", aria: { hidden: "true" } }); // read from the one below
    this.spoken = node("p", { className: "live-spoken", aria: { live: "polite" } });
    this.body = node("div", { className: "live-body" },
      this.stage, this.sliders, this.list, this.sentence, this.spoken, this.controls, this.buttons);
    element.querySelector(".live-still").after(this.body);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.inView = true;
    new IntersectionObserver(([entry]) => ((this.inView = entry.isIntersecting), this.wake?.())).observe(this.body);
    document.addEventListener("visibilitychange", () => this.wake?.());
  }

  ready(state = "ready") {
    // Everything is there: take the still's place.
    this.element.querySelector(".live-still").hidden = true;
    this.element.classList.add("live-runs");
    this.state(state);
  }

  state(name) {
    this.element.dataset.state = name;
  }

  numbers(values) {
    // {energy: eV, maxForce: eV/Å, …} -> data-energy, data-max-force, …: six digits after the point; text as it is.
    for (const [key, value] of Object.entries(values))
      this.element.dataset[key] = typeof value === "number" ? value.toFixed(6) : value;
  }

  show(entries) {
    // {"energy": "−1.23 eV", …}: the numbers that a reader sees.
    for (const [name, text] of Object.entries(entries)) {
      const key = `${this.id}-${name}`;
      let cell = this.list.querySelector(`[data-name="${CSS.escape(name)}"]`);
      if (!cell) {
        cell = node("dd", { data: { name } });
        this.list.append(node("div", {}, node("dt", { textContent: name }), cell));
      }
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  tell(sentence) {
    // What a reader's act has changed: at once for the eye; for the ear not more often than QUIET, and the last one wins.
    this.sentence.textContent = sentence;
    if (this.telling) return;
    const say = () => {
      this.telling = null;
      this.spoken.textContent = this.sentence.textContent;
    };
    const wait = (this.told ?? -QUIET) + QUIET - performance.now();
    this.told = performance.now() + Math.max(wait, 0);
    this.telling = setTimeout(say, Math.max(wait, 0));
  }

  // ---------------------------------------------------------------------------------------------- controls

  slider({ label, min, max, step, value, show = String, act }) {
    // -> {value, set(value)}; act(value) on every change by the reader; show(value) is what stands beside it.
    const id = `${this.id}-${this.made++}`;
    const input = node("input", { type: "range", id, min, max, step });
    const output = node("output", { htmlFor: id });
    const paint = () => {
      output.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.value = value;
    paint();
    input.addEventListener("input", () => (paint(), act(Number(input.value))));
    this.sliders.append(node("div", { className: "live-slider" }, node("label", { htmlFor: id, textContent: label }), input, output));
    return { input, get value() { return Number(input.value); }, set: (to) => ((input.value = to), paint()) };
  }

  choice({ label, options, value, act }) {
    // One of a few: options {value: words} -> {value, set(value)}.  Of many it is a menu.
    const name = `${this.id}-${this.made++}`;
    if (Object.keys(options).length > FEW) return this.menu(name, label, options, value, act);
    const box = node("fieldset", { className: "live-choice" }, node("legend", { textContent: label }));
    const inputs = Object.entries(options).map(([key, words]) => {
      const input = node("input", { type: "radio", name, value: key, checked: key === value });
      input.addEventListener("change", () => act(key));
      box.append(node("label", {}, input, ` ${words}`));
      return input;
    });
    this.controls.append(box);
    return {
      get value() { return inputs.find((it) => it.checked).value; },
      set: (key) => inputs.forEach((it) => (it.checked = it.value === key)),
    };
  }

  menu(id, label, options, value, act) {
    const made = node("select", { id }, ...Object.entries(options).map(([key, it]) => new Option(it, key)));
    made.value = value;
    made.addEventListener("change", () => act(made.value));
    const words = node("label", { htmlFor: id, textContent: label });
    this.sliders.append(node("div", { className: "live-menu" }, words, made));
    return { get value() { return made.value; }, set: (key) => (made.value = key) };
  }

  check({ label, value = false, act }) {
    // Yes or no -> {value, set(yes)}.
    const input = node("input", { type: "checkbox", checked: value });
    input.addEventListener("change", () => act(input.checked));
    this.controls.append(node("label", { className: "live-check" }, input, ` ${label}`));
    return { input, get value() { return input.checked; }, set: (yes) => (input.checked = yes) };
  }

  entry({ label, value, act, button = "Show" }) {
    // A line of text that the reader writes, and a button that takes it ("": Enter alone)
    // -> {value, set(text), wrong(sentence or null)}.
    const id = `${this.id}-${this.made++}`, error = node("p", { className: "live-error", id: `${id}-error` });
    const input = node("input", { type: "text", id, value, autocomplete: "off", spellcheck: false });
    input.setAttribute("aria-describedby", error.id);
    const form = node("form", { className: "live-entry" },
      node("label", { htmlFor: id, textContent: label }), input,
      ...(button ? [node("button", { type: "submit", textContent: button })] : []), error);
    form.addEventListener("submit", (event) => (event.preventDefault(), act(input.value)));
    this.controls.append(form);
    return {
      get value() { return input.value; },
      set: (text) => (input.value = text),
      wrong: (sentence) => {
        input.setAttribute("aria-invalid", String(Boolean(sentence)));
        error.textContent = sentence ?? "";
      },
    };
  }

  button(words, act, parent = this.buttons) {
    const made = node("button", { type: "button", textContent: words });
    made.addEventListener("click", act);
    parent.append(made);
    return made;
  }

  turns(scene) {
    // Buttons that turn a scene, for those who do not drag.
    const group = node("div", { className: "live-turns", aria: { role: "group", label: "Turn the view" } });
    const step = Math.PI / 12;
    for (const [sign, words, about, angle] of [
      ["\u2190", "Turn left", [0, 1, 0], -step], ["\u2192", "Turn right", [0, 1, 0], step],
      ["\u2191", "Turn up", [1, 0, 0], -step], ["\u2193", "Turn down", [1, 0, 0], step],
    ])
      this.button(sign, () => scene.turn(about, angle), group).setAttribute("aria-label", words);
    group.prepend(node("span", { textContent: "turn ", aria: { hidden: "true" } }));
    (this.folded ?? this.buttons).append(group);
  }

  handles(names, { chosen, move, scene, step = 0.05, label = "Atoms", noun = "atom" }) {
    // A list of atoms to choose by Tab and Enter and to move by arrow keys (in the plane of the screen; Page up and down: to
    // the reader and away), and four buttons that do the same -> {choose(k)}.  Many are folded away, with the buttons that
    // turn the view, if those are made later.
    // chosen(k): one is chosen;  move(k, [dx, dy, dz]): Å, in the scene's axes.
    const box = node("div", { className: "live-handles", aria: { role: "group", label: `${label}: choose one, then move it by the arrow keys` } });
    let now = null;
    const pull = (x, y, z) => {
      if (now === null) this.tell(`Choose ${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun} first: ${names.slice(0, 2).join(", ")} …`);
      else move(now, scene ? scene.inRoot(x, y, z) : [x, y, z]);
    };
    const keys = {
      ArrowLeft: [-step, 0, 0], ArrowRight: [step, 0, 0], ArrowUp: [0, step, 0], ArrowDown: [0, -step, 0],
      PageUp: [0, 0, step], PageDown: [0, 0, -step],
    };
    const choose = (k) => {
      now = k;
      buttons.forEach((it, n) => it.setAttribute("aria-pressed", String(n === k)));
      for (const it of arrows) it.setAttribute("aria-disabled", String(k === null));
      chosen(k);
    };
    const buttons = names.map((name, k) => {
      const it = this.button(name, () => choose(now === k ? null : k), box);
      it.setAttribute("aria-pressed", "false");
      it.addEventListener("keydown", (event) => {
        if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        if (now !== k) choose(k);
        pull(...keys[event.key]);
      });
      return it;
    });
    const pad = node("div", { className: "live-turns", aria: { role: "group", label: `Move the chosen ${noun}` } });
    const arrows = [["\u2190", "left", "ArrowLeft"], ["\u2192", "right", "ArrowRight"], ["\u2191", "up", "ArrowUp"], ["\u2193", "down", "ArrowDown"]].map(
      ([sign, words, key]) => {
        const it = this.button(sign, () => pull(...keys[key]), pad);
        it.setAttribute("aria-label", `Move ${words}`);
        it.setAttribute("aria-disabled", "true");
        return it;
      });
    pad.prepend(node("span", { textContent: "move ", aria: { hidden: "true" } }));
    if (names.length > FEW) {
      this.folded = node("div", { className: "live-buttons" }, box, pad);
      const words = node("summary", { textContent: `${label} and keys` });
      this.buttons.after(node("details", { className: "live-fold" }, words, this.folded));
    } else {
      this.controls.append(box);
      this.buttons.append(pad);
    }
    return { choose };
  }

  reset(act) {
    return this.button("Reset", () => (act(), this.tell("As at the beginning.")));
  }

  copy(lines, words = "Copy these coordinates") {
    // lines(): the Python that reproduces what is shown.  Where the clipboard is closed, the lines stand there to be taken.
    const box = node("textarea", { className: "live-copied", readOnly: true, rows: 3, hidden: true });
    box.setAttribute("aria-label", "Python that reproduces what is shown");
    this.body.append(box);
    const it = this.button(words, async () => {
      box.value = lines();
      try {
        await navigator.clipboard.writeText(box.value);
        this.tell("Three lines of Python are in the clipboard.");
      } catch {
        box.hidden = false;
        box.focus(), box.select();
        this.tell("Three lines of Python stand below, to be copied.");
      }
    });
    it.dataset.copies = "";
    Object.defineProperty(this.element, "python", { get: lines, configurable: true }); // for tests and scripts
    return it;
  }

  // ---------------------------------------------------------------------------------------------- time

  motion(step) {
    // A figure that runs by itself: step() a frame, may be asynchronous.  It stops out of sight and in a background tab;
    // for readers who ask for no motion it stands, and goes on by the step button.  -> {play(), pause(), running}
    const both = node("div", { className: "live-play" }), press = () => (it.running ? it.pause() : it.play());
    const play = this.button("Play", press, both);
    this.button("Step", async () => (it.pause(), await step(), this.state("paused")), both);
    this.sliders.prepend(both);
    let busy = false;
    const loop = async () => {
      if (busy) return;
      busy = true;
      try {
        while (it.running && this.inView && !document.hidden) {
          await step();
          await new Promise((go) => (requestAnimationFrame(go), setTimeout(go, 500))); // where frames stall, go on
        }
      } finally {
        busy = false;
      }
      if (it.running) this.state("out of sight");
    };
    const it = {
      running: false,
      play: () => {
        it.running = true, play.textContent = "Pause";
        this.state("running"), loop();
      },
      pause: () => {
        it.running = false, play.textContent = "Play";
        this.state("paused");
      },
    };
    this.wake = () => it.running && this.inView && !document.hidden && (this.state("running"), loop());
    return it;
  }
}
