// Elements of SVG, for figures that draw in the plane.

export function set(node, attributes) {
  // -> the node
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  // children: elements or words
  const made = set(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
  made.append(...children);
  return made;
}

export function drawing(parent, { box, label, style = "" }) {
  // An SVG in an element; box: x, y, width and height in its own units; label: the text alternative.
  const made = svg("svg", { viewBox: box.join(" "), role: "img", "aria-label": label, style });
  parent.append(made);
  return made;
}
