// What is wider than the page: formulas shrink a little, and what is wider still scrolls sideways in a box of its own,
// which is marked for its shadow and its sign, and which the keyboard reaches. (MathJax does the latter for its formulas.)
(() => {
  const smallest = 0.72; // of the size of letters; below, a formula scrolls
  const names = {
    "article div.math mjx-container": null,
    "article span.math mjx-container": null,
    "article .cell_output .text_html": "Figure",
    "article .cell_output .text_html:has(table)": "Table",
    "article .pst-scrollable-table-container": "Table",
    "article pre": "Code",
  };

  const fit = () => {
    for (const box of document.querySelectorAll("article div.math mjx-container")) {
      box.dataset.size ??= box.style.fontSize; // MathJax's own, by which its letters are as large as the text's
      box.style.fontSize = box.dataset.size;
      const formula = box.querySelector("mjx-math");
      if (!formula || !box.clientWidth || box.scrollWidth <= box.clientWidth + 1) continue;
      const before = parseFloat(getComputedStyle(box).fontSize);
      box.style.fontSize = `${before * Math.max(smallest, 0.98 * box.clientWidth / box.scrollWidth)}px`;
    }
  };

  // A formula in the text is a box only where it is wider than its line: a box stands on its lower edge, off the line.
  const isWide = (box) => {
    if (!box.matches("span.math mjx-container")) return box.scrollWidth > box.clientWidth + 1;
    const line = box.closest("p, li, dd, dt, td, th, figcaption, summary, h1, h2, h3, h4, div");
    return Boolean(line?.clientWidth) && (box.querySelector("mjx-math")?.offsetWidth ?? 0) > line.clientWidth + 1;
  };

  const mark = () => {
    fit();
    for (const [selector, name] of Object.entries(names)) {
      for (const box of document.querySelectorAll(selector)) {
        const wide = isWide(box);
        if (wide !== box.hasAttribute("data-scrolls")) box.toggleAttribute("data-scrolls", wide);
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
    for (const box of document.querySelectorAll("article .pst-scrollable-table-container")) {
      const frame = document.createElement("div"); // its sign stands under what scrolls, not in it
      frame.className = "molnet-wide";
      box.replaceWith(frame);
      frame.append(box);
    }
    mark();
    new ResizeObserver(mark).observe(document.querySelector("article") ?? document.body);
  });
})();
