// Steps through a story (story.py) that lies as JSON in each .molnet-stepper: draws its panels, and lets the reader go
// forward and back.  Without this script the still stands there.
(() => {
  "use strict";
  const INK = "currentColor";
  const DARK = "#14171a"; // letters on fills
  const QUIET = "#7d858e";
  const STRESS = "#c2185b";
  const LEGIBLE = 8; // px, the size of numbers

  const svg = (tag, attributes, parent, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };
  const html = (tag, attributes, parent, text) => {
    const node = Object.assign(document.createElement(tag), attributes);
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };

  // Letters of a height given in units of the drawing, in the middle of (x, y).  The data's y points up.
  const letters = (parent, x, y, text, size, fill, anchor = "middle") =>
    svg("text", { x, y: -y, dy: "0.36em", "font-size": size, fill, "text-anchor": anchor }, parent, text);
  const strokes = (parent, lines, stroke, width) => {
    for (const [a, b, c, d] of lines) {
      const ends = { x1: a, y1: -b, x2: c, y2: -d };
      svg("line", { ...ends, stroke, "stroke-width": width, "stroke-linecap": "round" }, parent);
    }
  };
  const circle = (parent, [x, y, r], text, size, fill) => {
    svg("circle", { cx: x, cy: -y, r, fill, stroke: DARK, "stroke-width": 0.015 }, parent);
    letters(parent, x, y, text, size, DARK);
  };
  const drawing = (box, parent, attributes) => {
    const [left, bottom, right, top] = box;
    return svg("svg", { viewBox: `${left} ${-top} ${right - left} ${top - bottom}`, ...attributes }, parent);
  };

  // A row of numbers: cells, a name to the left, a line above.
  const row = (story, parent, [x, y, , texts, fills, name, rule], left) => {
    const [width, height] = story.cell;
    texts.forEach((text, k) => {
      const at = { x: x + k * width, y: -y - height / 2, width, height };
      svg("rect", { ...at, fill: fills[k], stroke: QUIET, "stroke-width": 0.012 }, parent);
      letters(parent, x + (k + 0.5) * width, y, text, story.digits, DARK);
    });
    if (name) letters(parent, x - 0.1, y, name, 0.2, INK, "end");
    const above = y + height / 2 + 0.04;
    if (rule) strokes(parent, [[left, above, x + width * texts.length, above]], INK, 0.015);
  };

  const begin = (root) => {
    const story = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const last = story.steps.length - 1;
    // Names tell the pictures of a page apart, even if two tell the same.
    root.dataset.live = story.title;
    const twins = [...document.querySelectorAll(".molnet-stepper")].filter((it) => it.dataset.live === story.title);
    const name = twins.length > 1 ? `${story.title} (${twins.length})` : story.title;
    let now = 0;
    let timer = 0;

    // --- what stands there

    const live = html("div", { className: "molnet-live" });
    const counter = html("p", { className: "molnet-counter" }, live);
    const stage = html("div", { className: "molnet-stage" }, live);
    // All panels have one scale, and stand side by side only where their numbers are then legible.
    const extent = (low, high) => Math.max(...story.panels.map(({ box }) => box[high] - box[low]));
    const size = [extent(0, 2), extent(1, 3)];
    const fitted = ({ box }) => {
      const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      return [x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2];
    };
    const numbered = story.steps.some((step) => step.views.some((view) => Object.keys(view.rows).length));
    const basis = numbered ? (LEGIBLE / story.digits) * size[0] : 0;
    const panels = story.panels.map((panel) => {
      const frame = html("div", { className: "molnet-panel" }, stage);
      frame.style.flexBasis = `max(19rem, ${basis.toFixed()}px)`;
      const title = html("p", {}, frame);
      const picture = drawing(fitted(panel), frame, { role: "img" });
      const leaders = panel.leaders.map(([v, ...line]) => {
        const there = svg("g", {}, picture);
        strokes(there, [line], QUIET, 0.015);
        return [there, v];
      });
      strokes(picture, panel.lines, INK, 0.03);
      for (const [x, y, r, text, size, fill] of panel.nodes) circle(picture, [x, y, r], text, size, fill);
      return { panel, title, picture, leaders, changing: svg("g", {}, picture) };
    });
    const sums = html("div", { className: "molnet-ledger" }, stage);
    const heading = html("p", {}, sums);
    const [left, bottom, right, top] = story.ledger;
    // What the calculation shows is in the sentence too.
    const ledger = drawing(story.ledger, sums, { "aria-hidden": "true" });
    ledger.style.width = `${((right - left) * 3.25).toFixed(2)}rem`;
    const sentence = html("p", { className: "molnet-sentence" }, live);
    sentence.setAttribute("aria-live", "polite");
    const controls = html("div", { className: "molnet-controls" }, live);
    const button = (text, act) => {
      const it = html("button", { type: "button" }, controls, text);
      it.addEventListener("click", act);
      return it;
    };
    const first = button("First", () => go(0));
    const back = button("Back", () => go(now - 1));
    const play = button("Play", () => (timer ? pause() : start()));
    const forward = button("Forward", () => go(now + 1));
    const range = html("input", { type: "range", min: 0, max: last, step: 1, value: 0 }, controls);
    range.setAttribute("aria-label", `Step of: ${name}`);
    range.addEventListener("input", () => go(Number(range.value)));

    // --- one step

    const show = () => {
      const step = story.steps[now];
      panels.forEach(({ title, picture, leaders, changing, panel }, k) => {
        const view = step.views[k];
        title.textContent = view.title;
        picture.setAttribute("aria-label", `${name}: ${view.title}`);
        for (const [there, v] of leaders) there.style.display = v in view.rows ? "" : "none";
        changing.replaceChildren();
        for (const [v, [text, fill]] of Object.entries(view.faces)) {
          const node = panel.nodes[v];
          circle(changing, node, text, node[4], fill);
        }
        for (const key of Object.values(view.rows)) row(story, changing, story.rows[key], 0);
        for (const [, , corners] of view.arrows) {
          svg("polygon", { points: corners.map(([x, y]) => `${x},${-y}`).join(" "), fill: STRESS }, changing);
        }
        for (const v of view.focus) {
          const [x, y, r] = panel.nodes[v];
          const ring = { cx: x, cy: -y, r: r + 0.07, fill: "none", stroke: STRESS, "stroke-width": 0.05 };
          svg("circle", ring, changing);
        }
      });
      heading.textContent = step.heading || "\u00a0";
      ledger.replaceChildren();
      for (const key of step.ledger) row(story, ledger, story.rows[key], left);
      counter.textContent = step.counter;
      sentence.textContent = step.sentence;
      range.value = now;
      range.setAttribute("aria-valuetext", `${now + 1} of ${last + 1}: ${step.counter}`);
      // aria-disabled, not disabled: a button that has the focus must not lose it at the end.
      for (const it of [first, back]) it.setAttribute("aria-disabled", now === 0);
      forward.setAttribute("aria-disabled", now === last);
    };
    const turn = (to) => {
      const next = Math.min(Math.max(to, 0), last);
      if (next === now) return;
      now = next;
      show();
    };
    const go = (to) => {
      pause();
      turn(to);
    };

    // --- play

    const pause = () => {
      clearTimeout(timer);
      timer = 0;
      play.textContent = "Play";
      sentence.setAttribute("aria-live", "polite");
    };
    const wait = () => {
      // Long sentences take time to read.
      const { hold, sentence: text } = story.steps[now];
      const time = Math.min(Math.max(1500 * hold, 35 * text.length), 10000);
      timer = setTimeout(() => {
        turn(now + 1);
        if (now === last) pause();
        else wait();
      }, time);
    };
    const start = () => {
      if (now === last) turn(0);
      play.textContent = "Pause";
      sentence.setAttribute("aria-live", "off"); // or every step would interrupt the one before
      wait();
    };
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const obey = () => {
      if (still.matches) pause();
      play.hidden = still.matches;
    };
    still.addEventListener("change", obey);
    document.addEventListener("visibilitychange", () => document.hidden && pause());
    new IntersectionObserver((seen) => seen.at(-1).isIntersecting || (timer && pause())).observe(root);

    live.addEventListener("keydown", (event) => {
      // The range has its own keys.
      if (event.target === range || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      go(to);
    });

    // The tallest text decides the height, so that nothing below jumps.
    const reserve = (it, texts) => {
      const probe = html("p", { className: it.className }, live);
      probe.style.visibility = "hidden";
      const heights = texts.map((text) => {
        probe.textContent = text;
        return probe.offsetHeight;
      });
      probe.remove();
      it.style.minHeight = `${Math.max(...heights)}px`;
    };
    let width = 0;
    new ResizeObserver(() => {
      if (live.clientWidth === width) return;
      width = live.clientWidth;
      reserve(counter, story.steps.map((step) => step.counter));
      reserve(sentence, story.steps.map((step) => step.sentence));
    }).observe(live);

    root.querySelector(".molnet-still").hidden = true;
    root.append(live);
    obey();
    show();
  };

  for (const root of document.querySelectorAll(".molnet-stepper:not([data-live])")) {
    begin(root);
  }
})();
