// Boxes that are wider than the page scroll sideways: mark those that do, for their shadow, and let the keyboard
// reach them. (MathJax does the latter for its formulas.)
(() => {
  const names = {
    "article div.math mjx-container": null,
    "article .cell_output .text_html": "Figure",
    "article .pst-scrollable-table-container": "Table",
    "article pre": "Code",
  };
  const mark = () => {
    for (const [selector, name] of Object.entries(names)) {
      for (const box of document.querySelectorAll(selector)) {
        const wide = box.scrollWidth > box.clientWidth + 1;
        if (wide === box.hasAttribute("data-scrolls")) continue;
        box.toggleAttribute("data-scrolls", wide);
        if (!name) continue;
        const attributes = { tabindex: 0, role: "group", "aria-label": `${name}, scrolls sideways` };
        for (const [key, value] of Object.entries(attributes)) {
          if (wide) box.setAttribute(key, value);
          else box.removeAttribute(key);
        }
      }
    }
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    new ResizeObserver(mark).observe(document.querySelector("article") ?? document.body);
  });
})();
