// The engine on a thread of its own: the page goes on while it computes.
//
// Messages in: {model: ArrayBuffer}, then {id, numbers, positions, edges?, atom?}; out: {ready: {cutoff, numbers}}, then
// {id, energy, forces, atomic}, with the features of the atom if one is named; or, for bad input, {id, error: one
// sentence}.

import { InputError } from "./file.js";
import { Potential } from "./potential.js";

let potential = null;

onmessage = ({ data: { model, id, numbers, positions, edges = null, atom = null } }) => {
  try {
    if (model) {
      potential = new Potential(model);
      postMessage({ ready: { cutoff: potential.cutoff, numbers: potential.numbers } });
    } else postMessage({ id, ...potential.energyAndForces(numbers, positions, edges, atom) });
  } catch (error) {
    if (!(error instanceof InputError)) throw error; // a fault of ours: the page's own handler shows it
    postMessage({ id, error: error.message });
  }
};
