// Elements of SVG, for figures that draw in the plane.

export function svg(tag, attributes = {}, words = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  if (words !== null) made.textContent = words;
  return set(made, attributes);
}

export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

export function text(words, attributes) {
  // Words about a point, in the page's ink (live.css)
  return svg("text", { "text-anchor": "middle", "dominant-baseline": "central", ...attributes }, words);
}
