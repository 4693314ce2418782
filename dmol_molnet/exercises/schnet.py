"""The judges of the chapter *SchNet: an invariant potential*: named as their exercises; texts: schnet.toml."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmol_molnet.exercises.engine import Wrong, array, ask, letters, number

# ------------------------------------------------------------------------------------------------ a cutoff


def _breaks(f: Callable[[np.ndarray], np.ndarray], length: float, eps: float) -> tuple[float | None, float | None]:
    """Where f(r) has a step, and where a kink, on 0 < r < length; None where it has none.

    Under a strong magnifier a smooth function is straight: its changes from point to point are all alike, and so are
    the changes of its slope.  At a step one of the first stands out, at a kink one of the second.  So we cover the
    whole line with small windows, go in each to where the slope changes most, and look there again, closer.

    Args:
        eps: of the type of numbers that f computes with; rounding limits how closely we can look.
    """
    n = 1500 if eps < 1e-12 else 250
    centres, window = np.linspace(0, length, n + 1)[1:-1], 2 * length / n
    while True:
        left = np.maximum(centres - window / 2, 0)
        y = f((left[:, None] + np.linspace(0, window, 17)).ravel()).reshape(-1, 17)  # [windows, points]
        changes, bends = np.abs(np.diff(y)), np.abs(np.diff(y, 2)) / (window / 16)
        usual = np.quantile(changes, 0.8, axis=1), np.quantile(bends, 0.8, axis=1)
        steps = changes.max(axis=1) > 20 * usual[0] + max(1e-6, 1e4 * eps)
        kinks = bends.max(axis=1) > 20 * usual[1] + max(1e-3 / length, 1000 * eps / window)
        centres = left + (bends.argmax(axis=1) + 1) * window / 16
        if window < 1e-6 * length or 256 * eps / window > 0.005 / length:
            break
        odd = bends.max(axis=1) / (usual[1] + 100 * eps / window)
        centres = centres[np.argsort(odd)[-400:]] if window < 1e-3 * length / 4 else centres
        window /= 8  # two of its sixteenths: what we look for is at most one of them away
    step, kink = (float(centres[found].min()) if found.any() else None for found in (steps, kinks))
    return step, kink


def soft_landing(answer: object) -> None:
    """1 up to one distance, 0 from another on, never rising, without steps and kinks; wide and narrow."""
    for inner, cutoff in ((3.0, 5.0), (1.0, 6.0), (4.7, 5.0)):
        kinds, case = [], f"With inner = {inner:g} Å and cutoff = {cutoff:g} Å"

        def f(r: np.ndarray, inner: float = inner, cutoff: float = cutoff, kinds: list = kinds) -> np.ndarray:
            value = ask(answer, r, inner, cutoff)
            kinds.append(np.asarray(value).dtype)
            return array(value, r.shape, "the output")

        r = np.linspace(0, 2 * cutoff, 2001)
        y, end = f(r), f(np.array([cutoff * (1 - 1e-6)]))[0]
        if np.abs(y[r <= inner]).max() < 1e-6 and np.abs(y[r >= cutoff] - 1).max() < 1e-6:
            raise Wrong("upside down")
        if np.abs(y[r >= cutoff]).max() > 1e-6:
            raise Wrong("not zero beyond", f"{case}, it is {y[1500]:.3g} at {r[1500]:g} Å.")
        if (off := np.abs(y - 1) * (r <= inner)).max() > 1e-6:
            raise Wrong("not one inside", f"{case}, it is {y[np.argmax(off)]:.3g} at {r[np.argmax(off)]:.3g} Å.")
        if abs(end) > 1e-3:
            raise Wrong("a step", f"{case}, it is {end:.3g} just below the cutoff.")
        if (np.diff(y) > 1e-6).any():
            raise Wrong("rises", f"{case}, it rises just before {r[1:][np.diff(y) > 1e-6][0]:.2f} Å.")
        eps = np.finfo(kinds[0]).eps if kinds[0].kind == "f" else np.finfo(float).eps
        step, kink = _breaks(f, 1.2 * cutoff, eps)
        if step is not None:
            raise Wrong("a step" if abs(step - cutoff) < 1e-3 else "a step inside", f"{case}, look at {step:.3g} Å.")
        if kink is not None:
            at = {inner: "a kink at inner", cutoff: "a kink"}
            name = next((name for place, name in at.items() if abs(kink - place) < 1e-3 * cutoff), "a kink inside")
            raise Wrong(name, f"{case}, look at {kink:.3g} Å.")


# ------------------------------------------------------------------------------------------------ the filter


def _ssp(x):
    return np.logaddexp(x, 0) - np.log(2)


def _identity(x):
    return x


def _filter(g, f, W1, b1, W2, b2, act=_ssp, last=_identity):
    return f[:, None] * last(act(g @ W1 + b1) @ W2 + b2)


def _softplus(x):
    return np.logaddexp(x, 0)


def _relu(x):
    return np.maximum(x, 0)


def _inside(g, f, W1, b1, W2, b2):
    return _ssp(f[:, None] * g @ W1 + b1) @ W2 + b2


def _hidden(g, f, W1, b1, W2, b2):
    return f[:, None] * _ssp(g @ W1 + b1) @ W2 + b2


_WRONG_FILTERS = {
    "cutoff inside": [_inside, lambda *given: _ssp(_inside(*given))],
    "no cutoff": [
        lambda g, f, *weights: _filter(g, np.ones_like(f), *weights),
        lambda g, f, *weights: _filter(g, np.ones_like(f), *weights, last=_ssp),
    ],
    "cutoff on the hidden layer": [_hidden, lambda *given: _ssp(_hidden(*given))],
    "cutoff before ssp": [lambda *given: _ssp(_filter(*given))],
    "not shifted": [
        lambda *given: _filter(*given, act=_softplus),
        lambda *given: _filter(*given, act=_softplus, last=_softplus),
        lambda *given: _filter(*given, last=_softplus),
        lambda *given: _filter(*given, act=_softplus, last=_ssp),
    ],
    "a relu": [lambda *given: _filter(*given, act=_relu), lambda *given: _filter(*given, act=_relu, last=_relu)],
    "no activation": [
        lambda *given: _filter(*given, act=_identity),
        lambda *given: _filter(*given, act=_identity, last=_ssp),
    ],
    "no biases": [lambda g, f, W1, b1, W2, b2: _filter(g, f, W1, 0 * b1, W2, 0 * b2)],
    "one bias": [
        lambda g, f, W1, b1, W2, b2: _filter(g, f, W1, 0 * b1, W2, b2),
        lambda g, f, W1, b1, W2, b2: _filter(g, f, W1, b1, W2, 0 * b2),
    ],
}


def write_the_filter(answer: object) -> None:
    """The filter of six pairs, one of them at the cutoff; four bells, four features, then three."""
    rng = np.random.default_rng(3)
    f = np.array([1.0, 0.9, 0.5, 0.3, 0.1, 0.0])
    lasts = [_identity, _ssp]  # without and with the paper's second ssp; what the first answer leaves open
    for k in (4, 3):
        g, W1, W2 = rng.random((6, 4)), rng.normal(size=(4, k)), rng.normal(size=(k, k))
        given = g, f, W1, rng.normal(size=k), W2, rng.normal(size=k)
        found = array(ask(answer, *given), (6, k), "the output")
        lasts = [last for last in lasts if np.allclose(found, _filter(*given, last=last), rtol=1e-5, atol=1e-5)]
        if lasts:
            continue
        for name, wrongs in _WRONG_FILTERS.items():
            if any(np.allclose(found, wrong(*given), rtol=1e-5, atol=1e-5) for wrong in wrongs):
                raise Wrong(name)
        if k == 4 and np.allclose(found, _filter(g, f, W2, given[5], W1, given[3]), atol=1e-5):
            raise Wrong("layers exchanged")
        off = np.abs(found - _filter(*given)).max(axis=1) > 1e-5
        example = f"For the pair with f = {f[off][0]:g} it begins {found[off][0, 0]:.4f}"
        raise Wrong("other numbers", f"{example}, and should {_filter(*given)[off][0, 0]:.4f}.")


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


def _half_buffered(h, w, i, j):
    v = _convolved(h, w, i, j, both=False)
    v[j] += h[i] * w
    return v


def _other_half_buffered(h, w, i, j):
    v = _convolved(h, w, j, i, both=False)
    buffer = np.zeros_like(v)
    buffer[i] = h[j] * w
    return v + buffer


def _in_place(h, w, i, j):
    v = h.copy()
    for p in range(len(i)):
        v[i[p]] += v[j[p]] * w[p]
        v[j[p]] += v[i[p]] * w[p]
    return v


_WRONG_CONVOLUTIONS = {
    "one direction": lambda h, w, i, j: _convolved(h, w, i, j, both=False),
    "the other direction": lambda h, w, i, j: _convolved(h, w, j, i, both=False),
    "last neighbour only": _buffered,
    "hears itself": _own,
    "a mean": _shares,
    "counts twice": lambda h, w, i, j: 2 * _convolved(h, w, i, j),
    "while reading": _in_place,
    "half at once": _half_buffered,
    "half at once, the other": _other_half_buffered,
    "added": lambda h, w, i, j: _convolved(h, w, i, j, times=False),
    "keeps its own": lambda h, w, i, j: h + _convolved(h, w, i, j),
    "no filter": lambda h, w, i, j: _convolved(h, np.ones_like(w), i, j),
}


def convolve(answer: object) -> None:
    """The sum over neighbours, on five atoms with five pairs, one atom alone."""
    rng = np.random.default_rng(0)
    i, j = np.array([0, 2, 0, 1, 2]), np.array([1, 0, 3, 2, 3])
    h, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    found = array(ask(answer, h, w, i, j), (5, 3), "the output")
    if np.allclose(found, _convolved(h, w, i, j), atol=1e-5):
        return
    for name, wrong in _WRONG_CONVOLUTIONS.items():
        if np.allclose(found, wrong(h, w, i, j), atol=1e-5):
            raise Wrong(name.removesuffix(", the other"))
    rows = np.flatnonzero(np.abs(found - _convolved(h, w, i, j)).max(axis=1) > 1e-5)
    row, listed = rows[0], ", ".join(f"({a}, {b})" for a, b in zip(i, j, strict=True))
    begins = f"row {row} begins {found[row, 0]:.3f}, and should {_convolved(h, w, i, j)[row, 0]:.3f}"
    raise Wrong("other numbers", f"On five atoms with the pairs {listed}, {begins}.")


# ------------------------------------------------------------------------------------------------ differences


def _spring(x):
    """An energy whose third derivatives do not vanish, with a sum that is no average of its atoms."""
    d = np.linalg.norm(x[:, None] - x + np.eye(len(x))[..., None], axis=-1)[np.triu_indices(len(x), 1)]
    return float((np.exp(-d) * np.cos(d)).sum() + 0.1 * x[0, 2] ** 3)


def _never_put_back(x: np.ndarray, h: float) -> np.ndarray:
    """Forces if every coordinate stays where its second step has taken it."""
    out, at = np.zeros_like(x), x.copy()
    for place in np.ndindex(x.shape):
        at[place] += h
        ahead = _spring(at)
        at[place] -= 2 * h
        out[place] = (_spring(at) - ahead) / (2 * h)
    return out


def by_differences(answer: object) -> None:
    """Forces [A, 3] of an energy, to the second order of the step."""
    x, h = np.random.default_rng(1).normal(size=(4, 3)), 0.03  # so large that no other step gives the same

    def slopes(ahead, back):
        moves = np.eye(x.size).reshape(-1, *x.shape)
        found = [_spring(x + ahead * e) - _spring(x - back * e) for e in moves]
        return np.reshape(found, x.shape) / (ahead + back)

    gradient, ahead = slopes(h, h), slopes(h, 0)
    behind = 2 * gradient - ahead
    found = array(ask(answer, _spring, x, h), x.shape, "the output")

    def close(value):
        return np.allclose(found, value, rtol=0, atol=3e-6)

    if close(-gradient):
        return
    for name, values in {
        "nothing moved": [0 * x],
        "the gradient": [gradient],
        "half": [-gradient / 2, gradient / 2],
        "twice": [-2 * gradient, 2 * gradient],
        "not divided": [-2 * h * gradient, 2 * h * gradient],
        "one side": [-ahead, -behind, ahead, behind],
        "transposed": [-gradient.reshape(3, 4).T],
        "not put back": [_never_put_back(x, h), -_never_put_back(x, h), _never_put_back(x, -h)],
    }.items():
        if any(close(value) for value in values):
            raise Wrong(name)
    if any(np.allclose(found, -slopes(step, step), rtol=0, atol=1e-4) for step in (h / 2, 2 * h, 1e-5)):
        raise Wrong("another step")
    if np.allclose(found, found[0]) or np.allclose(found, found[:, :1]):
        raise Wrong("all moved", "All atoms, or all components, get the same.")
    said = f"yours is {np.round(found[0], 5).tolist()}"
    raise Wrong("other numbers", f"The force on atom 0 should be {np.round(-gradient[0], 5).tolist()}, and {said}.")


# ------------------------------------------------------------------------------------------------ reach


def reach_of_a_force(answer: object) -> None:
    """2 · layers · cutoff for each step."""
    cases = [(1, 5.0, 1), (3, 5.0, 1), (2, 4.0, 3), (6, 3.5, 2), (3, 5.0, 4)]
    found = [number(ask(answer, *case), "a length in Å") for case in cases]

    def agrees(rule):
        return np.allclose(found, [rule(*case) for case in cases])

    if agrees(lambda t, c, n: 2 * t * c * n):
        return
    for name, rules in {
        "one step": [lambda t, c, n: 2 * t * c],
        "a step less": [lambda t, c, n: 2 * t * c * (n - 1)],
        "a step more": [lambda t, c, n: 2 * t * c * (n + 1)],
        "one layer": [lambda t, c, n: c * n, lambda t, c, n: c],
        "the energy": [lambda t, c, n: t * c * n, lambda t, c, n: t * c],
        "one more": [lambda t, c, n: (t + 1) * c * n, lambda t, c, n: (t + 1) * c],
        "one less": [lambda t, c, n: (2 * t - 1) * c * n, lambda t, c, n: (2 * t - 1) * c],
        "two cutoffs": [lambda t, c, n: 2 * c * n, lambda t, c, n: 2 * c],
        "power": [lambda t, c, n: (t * c) ** n, lambda t, c, n: (2 * t * c) ** n, lambda t, c, n: c**t * n],
        "hops": [lambda t, c, n: 2 * t * n],
    }.items():
        if any(agrees(rule) for rule in rules):
            raise Wrong(name)
    (t, c, n), mine = next(z for z in zip(cases, found, strict=True) if not np.isclose(z[1], 2 * np.prod(z[0])))
    raise Wrong(
        "another number", f"For {t} layers, {c:g} Å and {n} steps it is {2 * t * c * n:g} Å, and yours {mine:g} Å."
    )


# ------------------------------------------------------------------------------------------------ what is conserved


def which_conserve(answer: object) -> None:
    """B and E conserve, A, C, D and F do not."""
    found = letters(answer, "ABCDEF")
    for letter in "ACDF":
        if letter in found:
            raise Wrong(letter)
    for letter in "BE":
        if letter not in found:
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
        "by one less": np.sqrt((off**2).sum() / (len(off) - 1)),
    }.items():
        if np.isclose(found, value, atol=1e-9):
            raise Wrong(name.removesuffix(", positive"))
    right = np.sqrt((off**2).mean())
    raise Wrong(
        "another number", f"For 40 energies to learn from and 30 to test on, yours is {found:.4g}, not {right:.4g}."
    )
