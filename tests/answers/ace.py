"""Answers to the exercises of the chapter on the atomic cluster expansion."""

from itertools import permutations

import numpy as np
import tensorflow as tf

from dmol_molnet import so3

# ------------------------------------------------------------------------------------------------ A


def directions(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def harmonics(l_max, n):
    return so3.spherical_harmonics(l_max, n)


def one_by_one(x, w, l_max):
    A = np.zeros((l_max + 1) ** 2)
    for vector, weight in zip(x, w, strict=True):
        A += weight * harmonics(l_max, vector / np.sqrt(vector @ vector))
    return A


def divided_afterwards(x, w, l_max):
    """r^l Y of the vectors themselves, and then over r^l."""
    r = np.linalg.norm(x, axis=1)
    powers = np.concatenate([[l] * (2 * l + 1) for l in range(l_max + 1)])
    return w @ (harmonics(l_max, x) / r[:, None] ** powers)


# ------------------------------------------------------------------------------------------------ a hydrogen and others


def summed(g):
    """A function of coefficients, A of hydrogens and A of the others."""
    return lambda f, hydrogen, c: g(c, f[hydrogen].sum(axis=0), f[~hydrogen].sum(axis=0))


three = "uvw,u,v,w->"
at_once = summed(lambda c, H, A: np.einsum(three, c, H, A, A))


def with_weights(f, hydrogen, c):
    kinds = np.stack([hydrogen, ~hydrogen]).astype(float) @ f  # [2, V]
    return float(np.einsum(three, c, kinds[0], kinds[1], kinds[1]))


def in_a_loop(f, hydrogen, c):
    A = {True: np.zeros(len(c)), False: np.zeros(len(c))}
    for one, is_hydrogen in zip(f, hydrogen, strict=True):
        A[bool(is_hydrogen)] = A[bool(is_hydrogen)] + one
    return A[True] @ (c @ A[False] @ A[False])


def by_tensorflow(f, hydrogen, c):
    H = tf.reduce_sum(tf.boolean_mask(f, hydrogen), axis=0)
    A = tf.reduce_sum(f, axis=0) - H
    return tf.einsum(three, c, H, A, A)


def groups_of_three(f, hydrogen, c, which=lambda j, k: True):
    others = f[~hydrogen]
    return sum(
        c @ others[k] @ others[j] @ h
        for h in f[hydrogen]
        for j in range(len(others))
        for k in range(len(others))
        if which(j, k)
    )


def all_at_once(f, hydrogen, c):
    return np.einsum("uvw,iu,jv,kw->", c, f[hydrogen], f[~hydrogen], f[~hydrogen])


def by_pairs(f, hydrogen, c):
    """A sum for the hydrogens, and a table of pairs for the others."""
    others = f[~hydrogen]
    return (others @ np.einsum("uvw,u->vw", c, f[hydrogen].sum(axis=0)) @ others.T).sum()


# ------------------------------------------------------------------------------------------------ three different


def different(k=2):
    def f(a, b, c):
        A, B, C = a.sum(), b.sum(), c.sum()
        return A * B * C - (a @ b) * C - (a @ c) * B - (b @ c) * A + k * (a * b * c).sum()

    return f


def growing(a, b, c):
    """Neighbour by neighbour: sums of one, of two and of three factors of those before."""
    one, two, three = np.zeros(3), np.zeros(3), 0.0
    for x in np.stack([a, b, c], axis=1):
        three += two @ x  # two[k] lacks the factor k
        two += [one[1] * x[2] + one[2] * x[1], one[0] * x[2] + one[2] * x[0], one[0] * x[1] + one[1] * x[0]]
        one += x
    return three


def less_its_own(a, b, c):
    """For each j, the pairs of the others."""
    rest_b, rest_c = b.sum() - b, c.sum() - c
    return (a * (rest_b * rest_c - ((b * c).sum() - b * c))).sum()


def from_polynomials(a, b, c):
    """The coefficient of x y z in the product of 1 + a x + b y + c z, by logarithms of power sums."""
    names = {"a": a, "b": b, "c": c}
    p = {key: np.prod([names[x] for x in key], axis=0).sum() for key in ("a", "b", "c", "ab", "ac", "bc", "abc")}
    return (
        p["a"] * p["b"] * p["c"] - sum(p[x] * p[y] for x, y in (("ab", "c"), ("ac", "b"), ("bc", "a"))) + 2 * p["abc"]
    )


def in_tensorflow(a, b, c):
    total = tf.reduce_sum
    some = total(a * b) * total(c) + total(a * c) * total(b) + total(b * c) * total(a)
    return total(a) * total(b) * total(c) - some + 2 * total(a * b * c)


def triples(a, b, c):
    return sum(a[j] * b[k] * c[l] for j, k, l in permutations(range(len(a)), 3))


def table(a, b, c):
    pairs = np.outer(a, b)
    np.fill_diagonal(pairs, 0)
    return (pairs * (c.sum() - c[:, None] - c)).sum()


# ------------------------------------------------------------------------------------------------ the matrix


def smallest(correlation=3, l_max=4, readout="0o"):
    return {"correlation": correlation, "l_max": l_max, "readout": readout}


WRONG = {
    "write-a": [
        ("not directions", lambda x, w, l_max: w @ harmonics(l_max, x)),
        ("unweighted", lambda x, w, l_max: harmonics(l_max, directions(x)).sum(axis=0)),
        ("weights inside", lambda x, w, l_max: harmonics(l_max, directions(w[:, None] * x)).sum(axis=0)),
        ("length of all", lambda x, w, l_max: w @ harmonics(l_max, x / np.linalg.norm(x))),
        ("mean", lambda x, w, l_max: w @ harmonics(l_max, directions(x)) / len(w)),
        ("mean", lambda x, w, l_max: np.average(harmonics(l_max, directions(x)), axis=0, weights=w)),
        ("direction of the sum", lambda x, w, l_max: harmonics(l_max, directions((w @ x)[None]))[0]),
        ("inverse", lambda x, w, l_max: w @ harmonics(l_max, -directions(x))),
        ("another A", lambda x, w, l_max: np.ones((l_max + 1) ** 2)),
        ("another A", lambda x, w, l_max: w @ harmonics(l_max, directions(x)[:, [1, 2, 0]])),
        ("shape", lambda x, w, l_max: harmonics(l_max, directions(x))),
        ("shape", lambda x, w, l_max: w @ harmonics(3, directions(x))),
        ("shape", lambda x, w, l_max: (w @ harmonics(3, directions(x)))[: (l_max + 1) ** 2]),
        ("type", 2),
    ],
    "triples-at-once": [
        ("all kinds", lambda f, hydrogen, c: np.einsum(three, c, *[f.sum(axis=0)] * 3)),
        ("all kinds", lambda f, hydrogen, c: np.einsum(three, c, f[hydrogen].sum(axis=0), *[f.sum(axis=0)] * 2)),
        ("exchanged", summed(lambda c, H, A: np.einsum(three, c, A, A, H))),
        ("exchanged", summed(lambda c, H, A: np.einsum(three, c, A, H, H))),
        ("one other", lambda f, hydrogen, c: groups_of_three(f, hydrogen, c, lambda j, k: j == k)),
        ("different", lambda f, hydrogen, c: groups_of_three(f, hydrogen, c, lambda j, k: j != k)),
        (
            "mean",
            lambda f, hydrogen, c: np.einsum(three, c, f[hydrogen].mean(axis=0), *[f[~hydrogen].mean(axis=0)] * 2),
        ),
        ("two factors", summed(lambda c, H, A: np.einsum("uvw,u,v->", c, H, A))),
        ("groups", groups_of_three),
        ("groups", all_at_once),
        ("groups", by_pairs),
        ("another number", lambda f, hydrogen, c: 1.0),
        ("type", summed(lambda c, H, A: A @ c)),
    ],
    "different-neighbours": [
        ("itself", lambda a, b, c: a.sum() * b.sum() * c.sum()),
        ("all the same", lambda a, b, c: a.sum() * b.sum() * c.sum() - (a * b * c).sum()),
        ("one pair", lambda a, b, c: (a.sum() * b.sum() - a @ b) * c.sum()),
        ("one pair", lambda a, b, c: (a.sum() * b.sum() - a @ b) * c.sum() - b @ c * a.sum() + (a * b * c).sum()),
        ("taken off thrice", different(0)),
        ("put back once", different(1)),
        ("put back thrice", different(3)),
        ("unordered", lambda a, b, c: different()(a, b, c) / 6),
        ("unordered", lambda a, b, c: sum(a[j] * b[k] * c[l] for l in range(7) for k in range(l) for j in range(k))),
        ("groups", triples),
        ("groups", table),
        ("another number", lambda a, b, c: 0.5),
        ("type", lambda a, b, c: a),
    ],
    "how-many-couplings": [
        ("one vector", (2, 2, 3)),
        ("not mixed", (3, 3, 6)),
        ("triple product", (4, 5, 11)),
        ("vectors alone", (3, 0, 6)),
        ("squares", (4, 4, 9)),
        ("trees", [4, 4, 11]),
        ("up to", (6, 10, 20)),
        ("another count", (4, 4, 8)),
        ("another count", (5, 6, 7)),
        ("another count", (4, 7, 13)),
        ("type", (4, 4)),
        ("type", (4, 4, 9.5)),
        ("type", "many"),
    ],
    "smallest-ace": [
        ("energy", smallest(readout="0e")),
        ("correlation", smallest(correlation=2, l_max=6)),
        ("degrees", smallest(l_max=3)),
        ("larger", smallest(l_max=5)),
        ("four factors", smallest(correlation=4, l_max=3)),
        ("too low", smallest(correlation=4, l_max=2)),
        ("readout", smallest(readout="1o")),
        ("type", smallest(correlation=5)),
        ("type", smallest(correlation=2.5)),
        ("type", (3, 4)),
    ],
    "smooth-at-the-cutoff": [
        ("A", "ABCF"),
        ("D", "BCDF"),
        ("E", "BCEF"),
        ("not B", "CF"),
        ("not C", "BF"),
        ("not F", "BC"),
        ("type", 3),
        ("type", "BCX"),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "write-a": [
        one_by_one,
        divided_afterwards,
        lambda x, w, l_max: (w[:, None] * harmonics(l_max, directions(x))).sum(axis=0).tolist(),
        lambda x, w, l_max: np.einsum("j,jy->y", w, harmonics(l_max, directions(x))),
        lambda x, w, l_max: tf.linalg.matvec(harmonics(l_max, directions(x)), w, transpose_a=True),
        lambda x, w, l_max: np.concatenate(
            [w @ harmonics(l_max, directions(x))[:, l * l : (l + 1) ** 2] for l in range(l_max + 1)]
        ),
    ],
    "triples-at-once": [
        at_once,
        with_weights,
        in_a_loop,
        by_tensorflow,
        summed(lambda c, H, A: A @ (A @ (H @ c.transpose(1, 0, 2)).T)),
        summed(lambda c, H, A: (c * H[:, None, None] * A[:, None] * A).sum()),
    ],
    "different-neighbours": [different(), growing, less_its_own, from_polynomials, in_tensorflow],
    "how-many-couplings": [
        [4, 4, 10],
        np.array([4, 4, 10]),
        (4.0, 4.0, 10.0),
        (np.int64(4), 4, 10),
        tf.constant([4, 4, 10]),
    ],
    "smallest-ace": [
        dict(reversed(smallest().items())),
        smallest(correlation=np.int64(3)),
        smallest(l_max=4.0),
        smallest(readout=so3.Irrep.of("0o")),
        smallest(readout=" 0o"),
    ],
    "smooth-at-the-cutoff": [
        "FCB",
        ["B", "c", "f"],
        "B, C, F",
        ("C", "B", "F"),
        {"B", "C", "F"},
        np.array(["B", "C", "F"]),
    ],
}
"""Other right answers than the reference."""
