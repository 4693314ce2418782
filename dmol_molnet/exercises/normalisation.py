"""The judges of the chapter *Normalisation*: named as their exercises; texts: normalisation.toml."""

from __future__ import annotations

import numpy as np

from dmol_molnet.exercises.engine import Wrong, array, ask, letters, mistyped, number

# ------------------------------------------------------------------------------------------------ reference energies


def _fitted(counts, energies, mean=None):
    """The least-squares shifts nearest to the mean energy per atom, and that mean."""
    mean = energies.sum() / counts.sum() if mean is None else mean
    return mean + np.linalg.pinv(counts, rcond=1e-10) @ (energies - mean * counts.sum(axis=1)), mean


def reference_energies(answer: object) -> None:
    """Least squares where the compositions determine the shifts; where not, nearest to the mean energy per atom."""
    rng = np.random.default_rng(3)
    own = np.array([-14.0, -57.0, -110.0])  # eV
    several = np.array([[4, 1, 0], [6, 2, 0], [4, 1, 1], [2, 0, 1], [6, 2, 1], [4, 2, 0]], float)
    single = np.tile([8.0, 5.0, 2.0], (4, 1))
    two = np.array([[8, 5, 2], [8, 5, 2], [2, 0, 1]], float)
    for counts, where in (
        (several, "On six compositions of H, C and O"),
        (single, "On four frames of one molecule, C₅H₈O₂"),
        (two, "On two frames of C₅H₈O₂ and one of water"),
    ):
        energies = counts @ own + rng.normal(size=len(counts)) / 10
        found = array(ask(answer, counts, energies), (3,), "the shifts")
        right, mean = _fitted(counts, energies)
        if np.allclose(found, right, atol=1e-4):
            continue
        for name, wrong in {
            "the mean of all": np.full(3, energies.mean()),
            "the mean of each": np.full(3, mean),
            "each on its own": (energies @ counts) / (counts**2).sum(axis=0),
            "smallest": np.linalg.pinv(counts, rcond=1e-10) @ energies,
            "mean of ratios": _fitted(counts, energies, (energies / counts.sum(axis=1)).mean())[0],
            "only the change": right - mean,
        }.items():
            if np.allclose(found, wrong, atol=1e-4):
                raise Wrong("all or nothing" if name == "the mean of each" and counts is two else name)
        left = energies - counts @ found
        best = energies - counts @ right
        rms = [np.sqrt((x**2).mean()) for x in (left, best)]
        if np.isclose(rms[0], rms[1], atol=1e-4):
            raise Wrong("fits, but elsewhere", f"{where}, they should be {right.round(2).tolist()} eV.")
        raise Wrong("another fit", f"{where}, your shifts leave {rms[0]:.3f} eV (rms); {rms[1]:.3f} eV is possible.")


# ------------------------------------------------------------------------------------------------ left open

SETS = {
    "A": ["C5H8O2"] * 500,
    "B": ["C5H8O2", "H2O"],
    "C": ["CH4", "C2H6", "C3H8"],
    "D": ["C2H4", "C3H6", "C6H12"],
    "E": ["C2H6O", "C2H6O", "CH4O"],
}
"""The training sets of the exercise `left-open`."""


def left_open(answer: object) -> None:
    """The numbers of elements less the ranks of the compositions."""
    try:
        found = tuple(int(n) for n in answer)
        if len(found) != len(SETS) or any(n != m for n, m in zip(found, answer, strict=True)):
            raise ValueError
    except (TypeError, ValueError):
        raise mistyped("five whole numbers, for A to E", answer) from None
    right, ranks, counted, kinds = (2, 1, 0, 1, 1), (1, 2, 2, 1, 2), [], []
    for formulas in SETS.values():
        n_elements = len({letter for formula in formulas for letter in formula if letter.isalpha()})
        counted.append(max(n_elements - len(formulas), 0))
        kinds.append(max(n_elements - len(set(formulas)), 0))
    for name, wrong in {
        "ranks": ranks,
        "frames": tuple(counted),
        "multiples": tuple(kinds),
        "all open": (3, 3, 2, 2, 3),
        "none open": (0,) * 5,
    }.items():
        if found == wrong:
            raise Wrong(name)
    for letter, mine, open_ in zip(SETS, found, right, strict=True):
        if mine != open_:
            raise Wrong(f"set {letter}")


# ------------------------------------------------------------------------------------------------ units

HARTREE, BOHR = 27.211386245988, 0.529177210903  # eV, Å


def into_our_units(answer: object) -> None:
    """Energies in eV, forces in eV/Å: two factors and a sign."""
    rng = np.random.default_rng(5)
    energies, gradients = rng.normal(size=3) - 40, rng.normal(size=(3, 4, 3)) / 20
    value = ask(answer, energies, gradients)
    try:
        e, f = value
    except (TypeError, ValueError):
        raise mistyped("a function that returns two arrays, `(energies, forces)`", value) from None
    e, f = array(e, (3,), "the energies"), array(f, (3, 4, 3), "the forces")
    for name, factor in {"kcal/mol": 627.509474, "kJ/mol": 2625.49964, "energies left": 1.0}.items():
        if np.allclose(e, factor * energies, rtol=1e-4):
            raise Wrong(name)
    if not np.allclose(e, HARTREE * energies, rtol=1e-4):
        raise Wrong("energies", f"{energies[0]:.4f} hartree become {HARTREE * energies[0]:.3f} eV, not {e[0]:.3f}.")
    for name, factor in {
        "one factor": -HARTREE,
        "one factor and sign": HARTREE,
        "wrong way": -HARTREE * BOHR,
        "sign": HARTREE / BOHR,
        "forces left": -1.0,
    }.items():
        if np.allclose(f, factor * gradients, rtol=1e-4):
            raise Wrong(name)
    if not np.allclose(f, -HARTREE / BOHR * gradients, rtol=1e-4):
        example = f"A gradient of {gradients[0, 0, 0]:.4f} hartree/bohr becomes a force of {f[0, 0, 0]:.4f} with yours."
        raise Wrong("forces", example)


# ------------------------------------------------------------------------------------------------ which add up

ENERGIES = {
    "A": lambda e, s: (s + 2.0 * e).sum(),
    "B": lambda e, s: -600.0 + 90.0 * e.sum(),
    "C": lambda e, s: len(e) * (-40.0 + 2.0 * e.mean()),
    "D": lambda e, s: s.sum() + 2.0 * e.mean(),
    "E": lambda e, s: (s + abs(s) * e).sum(),
    "F": lambda e, s: s.sum() + 2.0 * e.sum() / np.sqrt(len(e)),
}
"""The six energies of the exercise `which-add-up`; e, s [A]: the network's atomic energies and the shifts."""


def which_add_up(answer: object) -> None:
    """The letters of those `ENERGIES` that give two distant molecules the sum of both, tried on random numbers."""
    found = letters(answer, "".join(ENERGIES))
    rng = np.random.default_rng(0)
    one, two = (rng.normal(size=(2, n)) for n in (4, 7))
    for letter, energy in ENERGIES.items():
        adds_up = np.isclose(energy(*np.concatenate([one, two], axis=1)), energy(*one) + energy(*two))
        if adds_up != (letter in found):
            raise Wrong(letter if letter in found else f"not {letter}")


# ------------------------------------------------------------------------------------------------ error an atom


def error_an_atom(answer: object) -> None:
    """The root mean square of each molecule's error over its number of atoms, in meV."""
    rng = np.random.default_rng(2)
    sizes = np.array([3, 15, 6, 28])
    true = -40.0 * sizes
    d = rng.normal(size=4) * 0.004 * sizes + 0.002 * sizes
    found = number(ask(answer, true + d, true, sizes), "a function that returns one number")
    right = 1000 * np.sqrt(((d / sizes) ** 2).mean())
    if np.isclose(found, right, rtol=1e-5):
        return
    for name, wrong in {
        "in eV": right / 1000,
        "of the molecule": 1000 * np.sqrt((d**2).mean()),
        "divided afterwards": 1000 * np.sqrt((d**2).mean()) / sizes.mean(),
        "pooled": 1000 * np.sqrt((d**2).sum()) / sizes.sum(),
        "root of the size": 1000 * np.sqrt((d**2 / sizes).mean()),
        "weighted": 1000 * np.sqrt(((d / sizes) ** 2 * sizes).sum() / sizes.sum()),
        "absolute": 1000 * np.abs(d / sizes).mean(),
        "signs": 1000 * (d / sizes).mean(),
        "unsquared": 1000 * np.sqrt(((d / sizes) ** 2).sum()),
        "standard deviation": 1000 * (d / sizes).std(),
    }.items():
        if np.isclose(found, wrong, rtol=1e-5) or np.isclose(found, wrong / 1000, rtol=1e-5):
            raise Wrong(name)
    raise Wrong("another number", f"For four molecules, yours gives {found:.4g}, and it is {right:.4g}.")


# ------------------------------------------------------------------------------------------------ the step of a mean


def step_of_a_mean(answer: object) -> None:
    """By how much a mean of messages jumps when one of zero joins: minus the mean over one more."""
    rng = np.random.default_rng(4)
    for n in (2, 1, 5):  # with one message, several mistakes are the same
        m = rng.normal(size=(n, 3)) + 1
        found, mean = array(ask(answer, m), (3,), "the step"), m.mean(axis=0)
        if np.allclose(found, -mean / (n + 1), atol=1e-6):
            continue
        for name, wrong in {
            "no step": 0 * mean,
            "where it leads": m.sum(axis=0) / (n + 1),
            "backwards": mean / (n + 1),
            "another n": -mean / n,
            "a sum": -m.sum(axis=0) / (n + 1),
            "share left": np.full_like(mean, n / (n + 1)),
        }.items():
            if np.allclose(found, wrong, atol=1e-6):
                raise Wrong(name)
        raise Wrong("another step", f"For {n} message{'s' * (n > 1)}, yours gives {found.round(3).tolist()}.")


# ------------------------------------------------------------------------------------------------ a norm for directions


def norm_of_directions(answer: object) -> None:
    """Vectors over the root of the mean square of their atom, over channels and components."""
    h = np.random.default_rng(5).normal(size=(4, 3, 3)) * np.array([0.1, 1.0, 5.0, 2.0])[:, None, None] + 0.3
    found = array(ask(answer, h), h.shape, "vectors for each atom")
    right = h / np.sqrt((h**2).mean(axis=(1, 2), keepdims=True))
    if np.allclose(found, right, rtol=1e-4):
        return
    centred = h - h.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(h, axis=2, keepdims=True)
    for name, wrong in {
        "components": h / np.sqrt((h**2).mean(axis=1, keepdims=True)),
        "centred": centred / np.sqrt((centred**2).mean(axis=(1, 2), keepdims=True)),
        "vectors": h / lengths,
        "all atoms": h / np.sqrt((h**2).mean()),
        "length": right / 3**0.5,
        "sum": h / np.sqrt((h**2).sum(axis=(1, 2), keepdims=True)),
        "channels": h / np.sqrt((h**2).mean(axis=(0, 2), keepdims=True)),
        "no root": h / (h**2).mean(axis=(1, 2), keepdims=True),
    }.items():
        if np.allclose(found, wrong, rtol=1e-4):
            raise Wrong(name)
    if np.allclose(found, 3**0.5 * h / lengths, rtol=1e-4):
        raise Wrong("vectors")
    if np.allclose(found, centred / h.std(axis=2, keepdims=True), rtol=1e-4):
        raise Wrong("centred")
    squares = (found**2).mean(axis=(1, 2)).round(3).tolist()
    raise Wrong("another norm", f"The mean squares of four atoms come out as {squares}.")


# ------------------------------------------------------------------------------------------------ float32


def gaps(answer: object) -> None:
    """The power of two up to which numbers of 32 bits are as close as is asked."""
    wanted = [1e-3, 1e-5, 0.125, 1.0, 0.04, 27.2, 3e-7]  # eV
    found = [number(ask(answer, gap), "a function that returns a number") for gap in wanted]

    def agrees(rule) -> bool:
        return np.allclose(found, [rule(gap) for gap in wanted], rtol=1e-6, atol=0)

    def power(more: int, rounded=np.floor):
        return lambda gap: 2.0 ** (rounded(np.log2(gap)) + more)

    if agrees(power(24)):
        return
    for name, rules in {
        "a share": [lambda gap: gap * 2.0**23, lambda gap: gap * 2.0**24],
        "rounded up": [power(24, np.ceil), power(24, np.round), power(23, np.round)],
        "one power less": [power(23), power(23, np.ceil), power(22)],
        "64 bits": [power(53), power(52), lambda gap: gap * 2.0**52, lambda gap: gap * 2.0**53],
        "16 bits": [power(11), power(10), lambda gap: gap * 2.0**10, lambda gap: gap * 2.0**11],
        "decimal": [lambda gap: 1e7 * gap, lambda gap: 1e6 * gap, lambda gap: 10.0 ** (np.floor(np.log10(gap)) + 7)],
        "in meV": [lambda gap: power(24)(gap / 1000), lambda gap: power(24)(1000 * gap)],
        "half": [lambda gap: power(24)(2 * gap), lambda gap: gap * 2.0**25],
        "one power more": [power(26), lambda gap: 2 * power(24, np.ceil)(gap)],
    }.items():
        if any(agrees(rule) for rule in rules):
            raise Wrong(name)
    if np.allclose(found, found[0]):
        raise Wrong("only at one")
    mine, gap = next((m, g) for m, g in zip(found, wanted, strict=True) if not np.isclose(m, power(24)(g), rtol=1e-6))
    raise Wrong(
        "another number", f"For gaps of {gap:g} eV, yours says {mine:.8g} eV, and it is {power(24)(gap):.8g} eV."
    )
