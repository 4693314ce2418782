// What test_site.py asks of a page from within: one expression that yields {measure, pictures, overflow}.
(() => {
  const attribute = (element, name) => element.getAttribute(name) ?? "";
  const named = (element) =>
    attribute(element, "aria-labelledby").split(/\s+/).filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent ?? `(no #${id})`).join(" ") ||
    attribute(element, "aria-label") ||
    attribute(element, "alt") ||
    (element.querySelector(":scope > title, :scope > figcaption")?.textContent ?? "");

  // Contrast as WCAG reckons it, of the ink that a drawing takes from the page against the page's paper.
  const luminance = (css) => {
    const [r, g, b] = css.match(/[\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => {
    const css = getComputedStyle(element).backgroundColor;
    return /, 0\)|transparent/.test(css) && element.parentElement ? paper(element.parentElement) : css;
  };
  const contrast = (element, sheet) => {
    const [low, high] = [luminance(getComputedStyle(element).color), luminance(sheet)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const article = document.querySelector("article") ?? document.querySelector("main");
  const all = (selector) => [...article.querySelectorAll(selector)];

  // Icons of the theme, formulas and copy buttons are no pictures; nor is yet what stands hidden beside its still.  Of
  // some, a phone shows the chosen one.
  const pictures = () => {
    const sheet = paper(article), none = "[aria-hidden=true], [hidden], button, summary, mjx-container, " +
      "[data-state=loading] .live-body" + (innerWidth <= 576 ? ", .live-one > :not(.live-chosen)" : "");
    return all("figure, img, svg, video, canvas").filter((element) => !element.closest(none)).map((element) => {
      const { width, height } = element.getBoundingClientRect();
      return {
        tag: element.tagName.toLowerCase(),
        name: named(element).trim(),
        size: Math.min(width, height),
        shown: element.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
        contrast: contrast(element, sheet),
        onPaper: paper(element) === sheet,
      };
    });
  };

  const measure = async () => {
    // Folded code and solutions are judged too.
    document.querySelectorAll("article details").forEach((details) => (details.open = true));
    document.querySelectorAll("article .toggle-button[aria-expanded=false]").forEach((button) => button.click());
    await Promise.all(document.getAnimations().map((animation) => animation.finished));

    const clips = (element) =>
      /hidden|clip/.test(getComputedStyle(element).overflowX) &&
      element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1;
    const permalink = (element) => [
      element.textContent.trim().slice(0, 40),
      element.querySelector("a.headerlink")?.getAttribute("href"),
    ];
    return {
      pictures: pictures(),
      formulas: all(".math").map((element) => element.querySelectorAll("mjx-container").length),
      formulaErrors: all("mjx-merror, [data-mjx-error]").map((element) => element.textContent),
      headings: [...document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")].map((heading) => +heading.tagName[1]),
      h1: document.querySelectorAll("h1").length,
      lang: document.documentElement.lang,
      ids: [...document.querySelectorAll("[id]")].map((element) => element.id),
      clipped: all(":not(mjx-container *, svg *)").filter(clips)
        .map((element) => element.outerHTML.slice(0, 120)),
      permalinks: all("section > :is(h1, h2, h3, h4), .eqno, figcaption").map(permalink),
      bytes: performance.getEntries().reduce((sum, entry) => sum + (entry.transferSize ?? 0), 0),
    };
  };

  // What sticks out of a page that is too wide, except for what lies in a box that scrolls by itself.
  const overflow = () => {
    const free = (box) => !box || (getComputedStyle(box).overflowX === "visible" && free(box.parentElement));
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    const culprits = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > innerWidth && element.checkVisibility() && free(element.parentElement));
    return [`${document.documentElement.scrollWidth} px`, ...culprits.map((element) => element.outerHTML.slice(0, 120))];
  };

  return { measure, pictures, overflow };
})()
