"""The judges of the chapter *SchNet: an invariant potential*: named as their exercises; texts: schnet.toml."""

from __future__ import annotations

import numpy as np

from dmol_molnet.exercises.engine import Wrong, array, ask, mistyped, number

# ------------------------------------------------------------------------------------------------ a cutoff


def soft_landing(answer: object) -> None:
    """A function of r and the cutoff: 1 at 0, 0 from the cutoff on, falling, without step or kink."""
    for cutoff in (5.0, 3.0):
        r = np.concatenate([np.linspace(0, 2 * cutoff, 801), [cutoff - 1e-5, cutoff + 1e-5]])
        f = array(ask(answer, r, cutoff), r.shape, "the output")
        inside, end = r < cutoff, f[np.argmin(np.abs(r - (cutoff - 1e-5)))]
        if np.abs(f[~inside]).max() > 1e-6:
            raise Wrong("not zero beyond", f"At {1.5 * cutoff:g} Å, with a cutoff of {cutoff:g} Å, it is {f[600]:.3g}.")
        if abs(end) > 1e-2:
            raise Wrong("a step", f"Just below the cutoff of {cutoff:g} Å it is {end:.3g}.")
        if abs(f[0] - 1) > 1e-6:
            raise Wrong("not one at zero", f"At 0 Å it is {f[0]:.3g}.")
        if abs(end) > 1e-8 + 1e-3 * 1e-5 / cutoff:
            raise Wrong("a kink", f"Just below the cutoff of {cutoff:g} Å its slope is {-end / 1e-5:.3g} per Å.")
        if (np.diff(f[:801]) > 1e-9).any():
            raise Wrong("rises", f"With a cutoff of {cutoff:g} Å it rises somewhere.")
        if np.abs(np.diff(f[:401])).max() > 0.05:
            raise Wrong("a step inside", f"With a cutoff of {cutoff:g} Å it jumps somewhere below.")


# ------------------------------------------------------------------------------------------------ the filter


def _ssp(x):
    return np.logaddexp(x, 0) - np.log(2)


def _filter(g, f, W1, b1, W2, b2, act=_ssp):
    return f[:, None] * (act(g @ W1 + b1) @ W2 + b2)


_WRONG_FILTERS = {
    "cutoff inside": lambda g, f, W1, b1, W2, b2: _ssp(f[:, None] * g @ W1 + b1) @ W2 + b2,
    "no cutoff": lambda g, f, W1, b1, W2, b2: _ssp(g @ W1 + b1) @ W2 + b2,
    "cutoff on the hidden layer": lambda g, f, W1, b1, W2, b2: f[:, None] * _ssp(g @ W1 + b1) @ W2 + b2,
    "not shifted": lambda *given: _filter(*given, act=lambda x: np.logaddexp(x, 0)),
    "a relu": lambda *given: _filter(*given, act=lambda x: np.maximum(x, 0)),
    "twice": lambda g, f, W1, b1, W2, b2: f[:, None] * _ssp(_ssp(g @ W1 + b1) @ W2 + b2),
    "no activation": lambda *given: _filter(*given, act=lambda x: x),
    "no biases": lambda g, f, W1, b1, W2, b2: _filter(g, f, W1, 0 * b1, W2, 0 * b2),
}


def write_the_filter(answer: object) -> None:
    """The filter of six pairs, one of them at the cutoff; four bells, four features, then three."""
    rng = np.random.default_rng(3)
    f = np.array([1.0, 0.9, 0.5, 0.3, 0.1, 0.0])
    for k in (4, 3):
        g, W1, W2 = rng.random((6, 4)), rng.normal(size=(4, k)), rng.normal(size=(k, k))
        given = g, f, W1, rng.normal(size=k), W2, rng.normal(size=k)
        found = array(ask(answer, *given), (6, k), "the output")
        if np.allclose(found, _filter(*given), atol=1e-5):
            continue
        for name, wrong in _WRONG_FILTERS.items():
            if np.allclose(found, wrong(*given), atol=1e-5):
                raise Wrong(name)
        if k == 4 and np.allclose(found, _filter(g, f, W2, given[5], W1, given[3]), atol=1e-5):
            raise Wrong("layers exchanged")
        rows = np.flatnonzero(np.abs(found - _filter(*given)).max(axis=1) > 1e-5)
        raise Wrong("other numbers", f"Of six pairs, the rows {', '.join(map(str, rows))} are off.")


# ------------------------------------------------------------------------------------------------ the convolution


def _convolved(h, w, i, j, both=True, times=True):
    v = np.zeros_like(h)
    for p in range(len(i)):
        v[i[p]] += h[j[p]] * w[p] if times else h[j[p]] + w[p]
        if both:
            v[j[p]] += h[i[p]] * w[p] if times else h[i[p]] + w[p]
    return v


def _buffered(h, w, i, j):
    v = np.zeros_like(h)
    v[i] += h[j] * w  # numpy keeps only the last of several additions to one row
    v[j] += h[i] * w
    return v


def _own(h, w, i, j):
    v = np.zeros_like(h)
    for p in range(len(i)):
        v[i[p]] += h[i[p]] * w[p]
        v[j[p]] += h[j[p]] * w[p]
    return v


def _shares(h, w, i, j):
    count = np.bincount(np.concatenate([i, j]), minlength=len(h))[:, None]
    return _convolved(h, w, i, j) / np.maximum(count, 1)


_WRONG_CONVOLUTIONS = {
    "one direction": lambda h, w, i, j: _convolved(h, w, i, j, both=False),
    "the other direction": lambda h, w, i, j: _convolved(h, w, j, i, both=False),
    "last neighbour only": _buffered,
    "hears itself": _own,
    "a mean": _shares,
    "added": lambda h, w, i, j: _convolved(h, w, i, j, times=False),
    "keeps its own": lambda h, w, i, j: h + _convolved(h, w, i, j),
    "no filter": lambda h, w, i, j: _convolved(h, np.ones_like(w), i, j),
}


def convolve(answer: object) -> None:
    """The sum over neighbours, on five atoms with five pairs, one atom alone."""
    rng = np.random.default_rng(0)
    i, j = np.array([0, 0, 0, 1, 2]), np.array([1, 2, 3, 2, 3])
    h, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    found = array(ask(answer, h, w, i, j), (5, 3), "the output")
    if np.allclose(found, _convolved(h, w, i, j), atol=1e-5):
        return
    for name, wrong in _WRONG_CONVOLUTIONS.items():
        if np.allclose(found, wrong(h, w, i, j), atol=1e-5):
            raise Wrong(name)
    rows = np.flatnonzero(np.abs(found - _convolved(h, w, i, j)).max(axis=1) > 1e-5)
    raise Wrong("other numbers", f"On five atoms with five pairs, the rows {', '.join(map(str, rows))} are off.")


# ------------------------------------------------------------------------------------------------ differences


def _spring(x):
    """An energy whose third derivatives do not vanish, with a sum that is no average of its atoms."""
    d = np.linalg.norm(x[:, None] - x + np.eye(len(x))[..., None], axis=-1)[np.triu_indices(len(x), 1)]
    return float((np.exp(-d) * np.cos(d)).sum() + 0.1 * x[0, 2] ** 3)


def by_differences(answer: object) -> None:
    """Forces [A, 3] of an energy, to the second order of the step."""
    x, h = np.random.default_rng(1).normal(size=(4, 3)), 1e-3
    gradient = np.zeros_like(x)
    ahead = np.zeros_like(x)
    for a in range(4):
        for k in range(3):
            e = np.zeros_like(x)
            e[a, k] = h
            gradient[a, k] = (_spring(x + e) - _spring(x - e)) / (2 * h)
            ahead[a, k] = (_spring(x + e) - _spring(x)) / h
    behind = 2 * gradient - ahead
    found = array(ask(answer, _spring, x, h), x.shape, "the output")

    def close(value):
        return np.allclose(found, value, atol=1e-7)

    if close(-gradient):
        return
    for name, value in {
        "the gradient": gradient,
        "half": -gradient / 2,
        "twice": -2 * gradient,
        "not divided": -2 * h * gradient,
        "one side": -ahead,
        "transposed": -gradient.reshape(3, 4).T,
    }.items():
        if close(value):
            raise Wrong(name)
    if close(-behind) or close(ahead) or close(behind):
        raise Wrong("one side")
    if np.allclose(found, found[0]) or np.allclose(found, found[:, :1]):
        raise Wrong("all moved", "All atoms, or all components, get the same.")
    raise Wrong("other numbers", f"The force on atom 0 should be {np.round(-gradient[0], 5).tolist()}.")


# ------------------------------------------------------------------------------------------------ reach


def reach_of_a_force(answer: object) -> None:
    """2 · layers · cutoff."""
    cases = [(1, 5.0), (3, 5.0), (2, 4.0), (6, 3.5)]
    found = [number(ask(answer, layers, cutoff), "a length in Å") for layers, cutoff in cases]

    def agrees(rule):
        return np.allclose(found, [rule(*case) for case in cases])

    if agrees(lambda t, c: 2 * t * c):
        return
    for name, rule in {
        "one layer": lambda t, c: c,
        "the energy": lambda t, c: t * c,
        "one more": lambda t, c: (t + 1) * c,
        "one less": lambda t, c: (2 * t - 1) * c,
        "two cutoffs": lambda t, c: 2 * c,
        "power": lambda t, c: c**t,
        "hops": lambda t, c: 2 * t,
    }.items():
        if agrees(rule):
            raise Wrong(name)
    raise Wrong("another number", f"For {cases[1][0]} layers and {cases[1][1]:g} Å you say {found[1]:g} Å.")


# ------------------------------------------------------------------------------------------------ what is conserved


def which_conserve(answer: object) -> None:
    """B and E conserve, A, C, D and F do not."""
    try:
        letters = {str(letter).strip().upper() for letter in answer}
    except TypeError:
        raise mistyped("letters, such as 'ABC'", answer) from None
    letters -= {"", ","}
    if not letters <= set("ABCDEF"):
        raise mistyped("letters from A to F, such as 'ABC'", answer)
    for letter in "ACDF":
        if letter in letters:
            raise Wrong(letter)
    for letter in "BE":
        if letter not in letters:
            raise Wrong(f"not {letter}")


# ------------------------------------------------------------------------------------------------ the first rung


def beat_the_mean(answer: object) -> None:
    """The RMSE on test energies of always saying the mean of the training energies."""
    rng = np.random.default_rng(2)
    train, test = rng.normal(-622.7, 0.1, size=40), rng.normal(-622.2, 0.25, size=30)
    found = number(ask(answer, train, test), "an error in eV")
    off = test - train.mean()
    if np.isclose(found, np.sqrt((off**2).mean()), atol=1e-9):
        return
    for name, value in {
        "mean of the test": test.std(),
        "spread of the training": train.std(),
        "absolute": np.abs(off).mean(),
        "no root": (off**2).mean(),
        "signs cancel": off.mean(),
        "signs cancel, positive": abs(off.mean()),
        "on the training set": np.sqrt(((train - test.mean()) ** 2).mean()),
        "meV": 1000 * np.sqrt((off**2).mean()),
    }.items():
        if np.isclose(found, value, atol=1e-9):
            raise Wrong(name.removesuffix(", positive"))
    raise Wrong("another number")
