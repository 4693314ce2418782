// What figures share that ask for a SMILES.

import { InputError, molecule } from "./smiles.js";

export const listed = (words) =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

export function element(tag, className = "", parent = null) {
  const made = Object.assign(document.createElement(tag), { className });
  parent?.append(made);
  return made;
}

export function buttons(frame, examples, words, act) {
  // A button for every example; words(example): what stands on it.
  const group = element("div", "live-handles", frame.controls);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Examples");
  for (const example of examples) frame.button(words(example), () => act(example), group);
}

export function outdated(frame, shown) {
  // shown: names of what is drawn while the entries say another thing: it is dimmed, and told.  Null: as written.
  frame.body.classList.toggle("live-outdated", Boolean(shown));
  if (shown) frame.tell(`The picture still shows ${listed(shown)}.`);
}

export function read(entry, options) {
  // The molecule that an entry names, or null: what is wrong then stands below it.
  entry.wrong(null);
  try {
    return molecule(entry.value, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    entry.wrong(error.message);
    return null;
  }
}
