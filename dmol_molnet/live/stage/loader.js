// Finds the figures of a page that compute, and loads what one needs when it comes near the view.
//
// A figure is an element of class live-figure; data-figure names its script, figure-NAME.js, which defines
// molnetLive.figures[NAME](element).  While that has not begun, or where it cannot, the still stands there.

import style from "./style.json";

const base = (document.currentScript?.src ?? "").replace(/[^/]*$/, "");
const had = new Set(), waiting = new Map();

const live = {
  style, // colours and sizes, as Python's figures have them
  figures: {}, // by name
  files: {}, // what scripts hold as text: the worker, and models in base64
  have: (name) => had.add(name),

  load(name) {
    // The script NAME.js, once.
    if (had.has(name)) return Promise.resolve();
    if (!waiting.has(name))
      waiting.set(name, new Promise((resolve, reject) => {
        const script = Object.assign(document.createElement("script"), { src: `${base}${name}.js` });
        script.onload = resolve;
        script.onerror = () => {
          waiting.delete(name), script.remove();
          reject(Object.assign(new Error(`${name}.js could not be loaded: see whether you are online`), { told: true }));
        };
        document.head.append(script);
      }));
    return waiting.get(name);
  },

  async bytes(name) {
    // The file that NAME.js holds, as a new ArrayBuffer.
    await live.load(name);
    return Uint8Array.from(atob(live.files[name]), (letter) => letter.charCodeAt(0)).buffer;
  },

  async begin(element) {
    const name = element.dataset.figure;
    element.dataset.state = "loading";
    try {
      await live.load(`figure-${name}`);
      await live.figures[name](element);
    } catch (error) {
      element.dataset.state = "failed";
      element.querySelector(".live-body")?.remove();
      element.querySelector(".live-still").hidden = false;
      const note = element.querySelector(".live-without");
      note.hidden = false;
      note.textContent = `The figure cannot move here (${error.message}); the picture says the same.`;
      if (!error.told) throw error; // a fault of ours: in the console, too
    }
  },
};
globalThis.molnetLive = live;

const find = () => {
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting) near.unobserve(target), live.begin(target);
  }, { rootMargin: "200px" });
  for (const element of document.querySelectorAll(".live-figure")) near.observe(element);
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", find);
else find();
