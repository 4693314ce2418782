"""Spherical harmonics, Wigner matrices, Clebsch-Gordan tensors and symmetric couplings, exact.  All conventions:

    1  axis     z is the polar axis; orders run m = -l … l, so that l = 1 is (y, z, x).
    2  scale    "component": the squares of one l add up to 2l + 1 on the unit sphere; Y_00 = 1.
    3  solid    harmonics are polynomials r^l Y_lm(r/|r|), smooth everywhere; unit vectors give Y_lm itself.
    4  sign     no Condon-Shortley sign: Y_11 = sqrt(3) x, not minus that.
    5  C        Frobenius norm 1.  For l1 <= l2 <= l3, the centre C[l1, l2, l3] is positive or, if that is 0, the first
                element in row-major order that is not.  Turning the index pairs round changes nothing, exchanging two
                of them gives the sign (-1)^(l1 + l2 + l3).  The coupled product is sqrt(2 l3 + 1) C.
    6  D        Y(R x) = D(R) Y(x): D acts on columns from the left, D(R1 R2) = D(R1) D(R2).
    7  e3nn     Y_e3nn(x, y, z) = Y(z, x, y), its polar axis is y; C has the same entries as in e3nn 0.4.4.
    8  SciPy    with y_m = sph_harm_y(l, m, polar, azimuth): Y_l0 = sqrt(4 pi) y_0, and for m > 0
                Y_lm = sqrt(8 pi) (-1)^m Re y_m,  Y_l,-m = sqrt(8 pi) (-1)^m Im y_m.

The harmonics, with r^2 = x^2 + y^2 + z^2:

    Y_lm = P_lm(z, r^2) Re (x + iy)^m,   Y_l,-m = P_lm(z, r^2) Im (x + iy)^m,                                   m >= 0,
    P_mm = sqrt( (2 - [m = 0]) (2m + 1)!! / (2m)!! ),
    P_lm = sqrt( (4l^2 - 1) / (l^2 - m^2) ) z P_l-1,m
           - sqrt( (2l + 1) ((l-1)^2 - m^2) / ((2l - 3) (l^2 - m^2)) ) r^2 P_l-2,m.

The symmetric products of nu copies of A = (A_00, A_1-1, A_10, …), coupled to an irrep L, each level from two below:

    B^nu_LM = sqrt(2L + 1) sum_m1,m2 C^{l1 l2 L}_m1,m2,M B^a_l1m1 B^b_l2m2,     a + b = nu,  B^1 = A.

Sources: Batatia et al. (2022), `batatia2022mace`, for symmetric products; Geiger and Smidt (2022), `geiger2022e3nn`,
for irreps in networks; C is computed by Racah's formula.

Shapes: vectors [..., 3] -> harmonics [..., (l_max+1)^2], degree l in the block [l^2, (l+1)^2); C [2l1+1, 2l2+1, 2l3+1];
D [2l+1, 2l+1]; A [(l_max+1)^2, ...], rows first.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from dmol_molnet.molecules import InputError, quoted


class Irrep(NamedTuple):
    """How 2l+1 numbers transform: rotations mix them by D of degree l, inversion multiplies them by the parity.

    Written "0e" (a scalar), "0o" (a pseudoscalar), "1o" (a vector), "1e" (a pseudovector), and so on: e is even.
    """

    l: int
    parity: int

    @classmethod
    def of(cls, value: str | Irrep) -> Irrep:
        """From its text, as "1o".

        Raises:
            InputError: the text is no irrep.
        """
        if isinstance(value, Irrep):
            return value
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,3}[eo]", value):
            raise InputError(f'an irrep is a degree and a parity, as "0e" or "1o", not {quoted(value)}')
        return cls(int(value[:-1]), 1 if value[-1] == "e" else -1)

    @property
    def dim(self) -> int:
        """How many numbers it transforms: 2l + 1."""
        return 2 * self.l + 1

    def __str__(self) -> str:
        return f"{self.l}{'e' if self.parity > 0 else 'o'}"


def irreps(value: str | Iterable[str | Irrep]) -> tuple[Irrep, ...]:
    """From a text such as "0e+1o", or from several irreps.

    Raises:
        InputError: one of them is none.
    """
    parts = value.split("+") if isinstance(value, str) else value
    return tuple(Irrep.of(part.strip() if isinstance(part, str) else part) for part in parts)


def couplings(a: Irrep, b: Irrep) -> list[Irrep]:
    """The irreps in the product of two: l from the difference of theirs to the sum, parities multiply."""
    return [Irrep(l, a.parity * b.parity) for l in range(abs(a.l - b.l), a.l + b.l + 1)]


def harmonic_irreps(l_max: int, parity: bool = True) -> tuple[Irrep, ...]:
    """The irreps of the harmonics: parity (-1)^l, the natural one; without `parity`, for SO(3), all are called even."""
    return tuple(Irrep(l, (-1) ** l if parity else 1) for l in range(_degree(l_max) + 1))


# ------------------------------------------------------------------------------------------------ harmonics


def spherical_harmonics(l_max: int, vectors: np.ndarray) -> np.ndarray:
    """[..., 3] -> float64 [..., (l_max+1)^2]: the real solid harmonics up to degree l_max.

    Raises:
        InputError: the last axis is not x, y, z; l_max is negative.
    """
    vectors = np.asarray(vectors, float)
    if vectors.ndim == 0 or vectors.shape[-1] != 3:
        raise InputError(f"vectors have x, y and z on their last axis, [..., 3], not {list(vectors.shape)}")
    return np.stack(harmonic_polynomials(l_max, *np.moveaxis(vectors, -1, 0)), -1)


def harmonic_polynomials(l_max: int, x, y, z) -> list:
    """The (l_max+1)^2 harmonics of x, y, z: of arrays, of tensors, of anything that can be added and multiplied."""
    Y, r2 = {}, x * x + y * y + z * z
    re, im = 1 + 0 * x, 0 * x  # (x + iy)^m
    for m in range(_degree(l_max) + 1):
        p, below = math.sqrt((2 if m else 1) * (2 * m + 1) * math.comb(2 * m, m) / 4**m), 0.0
        for l in range(m, l_max + 1):
            if l > m:
                a = math.sqrt((4 * l * l - 1) / (l * l - m * m))
                b = math.sqrt((2 * l + 1) * ((l - 1) ** 2 - m * m) / ((2 * l - 3) * (l * l - m * m)))
                p, below = a * z * p - b * r2 * below, p
            Y[l, -m], Y[l, m] = p * im, p * re  # m = 0: the latter stays
        re, im = x * re - y * im, x * im + y * re
    return [Y[l, m] for l in range(l_max + 1) for m in range(-l, l + 1)]


# ------------------------------------------------------------------------------------------------ couplings


@cache
def clebsch_gordan(l1: int, l2: int, l3: int) -> np.ndarray:
    """float64 [2l1+1, 2l2+1, 2l3+1], read-only: the tensor that no rotation changes, of Frobenius norm 1.

    Raises:
        InputError: the three do not couple: one is larger than the sum of the others, or they are no degrees.
    """
    degrees = [_degree(l) for l in (l1, l2, l3)]
    a, b, c = sorted(degrees)
    if c > a + b:
        raise InputError(f"degrees {l1}, {l2} and {l3} do not couple: l3 lies between |l1 - l2| and l1 + l2")
    if degrees != [a, b, c]:
        order = sorted(range(3), key=degrees.__getitem__)
        exchanged = order in ([0, 2, 1], [1, 0, 2], [2, 1, 0])
        C = clebsch_gordan(a, b, c).transpose(np.argsort(order)) * (-1) ** (exchanged * (a + b + c))
    else:
        w = _wigner_3j(a, b, c).astype(complex)
        for axis, l in enumerate(degrees):  # from complex harmonics to real ones
            w = np.moveaxis(np.tensordot(_complex_of_real(l), w, (0, axis)), 0, axis)
        C = w.real + w.imag  # for an odd sum of degrees it is imaginary: a phase is free, and the sign is set here
        C[abs(C) < 1e-13] = 0
        C *= np.sign(C[a, b, c] or C[C != 0][0])
    return _constant(C)


def wigner_d(irrep: int | str | Irrep, matrix: np.ndarray) -> np.ndarray:
    """float64 [2l+1, 2l+1]: how an irrep turns under a rotation or reflection R; for the harmonics, Y(R x) = D(R) Y(x).

    Args:
        irrep: as "1e"; or a degree, for the harmonics, whose parity is (-1)^l.
        matrix: [3, 3], orthogonal.

    Raises:
        InputError: the matrix is not orthogonal, or the irrep is none.
    """
    R = np.asarray(matrix, float)
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-6):
        raise InputError("a rotation or reflection is an orthogonal matrix [3, 3]")
    l, parity = Irrep.of(irrep) if isinstance(irrep, str | Irrep) else (_degree(irrep), (-1) ** irrep)
    vector = R[np.ix_([1, 2, 0], [1, 2, 0])]  # l = 1: y, z, x
    D = np.ones((1, 1))
    for k in range(1, l + 1):  # the product of a vector and degree k - 1 contains degree k
        C = clebsch_gordan(1, k - 1, k)
        D = (2 * k + 1) * np.einsum("ijk,ia,jb,abc->kc", C, vector, D, C, optimize=True)
    return D if parity == (-1) ** l or np.linalg.det(R) > 0 else -D


# ------------------------------------------------------------------------------------------------ symmetric products


def count_symmetric(l_max: int, nu: int, irrep: str | Irrep, parity: bool = True) -> int:
    """How often an irrep is among the products of nu copies of the harmonics up to l_max, in any order.

    Of N(m) products with orders that add up to m, N(L) - N(L + 1) are the top rows of an irrep L.

    Args:
        parity: whether harmonics of odd degree are odd; without, for SO(3), all are called even.
    """
    L, sign = Irrep.of(irrep)
    N = Counter({(0, 0, 1): 1})  # of n factors, total order m, parity p
    for one in harmonic_irreps(l_max, parity):
        for order in range(-one.l, one.l + 1):
            more = Counter()
            for (n, m, p), count in N.items():  # take this factor k times
                for k in range(nu - n + 1):
                    more[n + k, m + k * order, p * one.parity**k] += count
            N = more
    return N[nu, L, sign] - N[nu, L + 1, sign]


class Step(NamedTuple):
    """Level nu from two levels below: level[nu] = S @ (level[a][P] * level[b][Q]), with nu = a + b.

    Attributes:
        a: level of the first factors.
        P: int [products], their rows.
        b: level of the second factors.
        Q: int [products], their rows.
        S: float64 [rows, products].
    """

    a: int
    P: np.ndarray
    b: int
    Q: np.ndarray
    S: np.ndarray


@dataclass(frozen=True, eq=False)
class SymmetricProduct:
    """The independent couplings of up to `correlation` copies of A to some irreps, and the products they are made of.

    Each coupling is scaled to a mean square of 1 per component for A of independent standard normal numbers: what goes
    in with variance 1 comes out with about 1.

    Attributes:
        l_max: of A.
        correlation: the highest nu.
        outputs: irreps.
        parity: whether A's rows of odd degree are odd; without, for SO(3), all irreps are called even.
        steps: of nu = 2 … correlation.  Their rows are the outputs', then those that only later levels need.
        rows: for (nu, irrep), nu = 1 … correlation, the rows of level nu that are its couplings, [coupling, m].
    """

    l_max: int
    correlation: int
    outputs: tuple[Irrep, ...]
    parity: bool
    steps: tuple[Step, ...] = field(repr=False)
    rows: dict[tuple[int, Irrep], slice] = field(repr=False)

    def __call__(self, A: np.ndarray) -> dict[tuple[int, Irrep], np.ndarray]:
        """A [(l_max+1)^2, ...] -> for each (nu, irrep), B [couplings, 2L+1, ...].

        Raises:
            InputError: A has another number of rows.
        """
        level = {1: np.asarray(A, float)}
        if level[1].shape[:1] != ((n := (self.l_max + 1) ** 2),):
            raise InputError(f"A has {n} rows for l_max = {self.l_max}, [{n}, ...], not {list(level[1].shape)}")
        for nu, (a, P, b, Q, S) in enumerate(self.steps, 2):
            level[nu] = np.tensordot(S, level[a][P] * level[b][Q], 1)
        return {
            (nu, irrep): level[nu][rows].reshape((rows.stop - rows.start) // irrep.dim, irrep.dim, *level[1].shape[1:])
            for (nu, irrep), rows in self.rows.items()
        }

    def tensor(self, nu: int, irrep: str | Irrep) -> np.ndarray:
        """The same as one array U [2L+1, n, …, n, couplings], n = (l_max+1)^2, symmetric in its nu middle axes.

        B = sum_a1…anu U[:, a1, …, anu] A[a1] … A[anu].  It is large: for teaching, and for tests.

        Raises:
            InputError: the irrep is no output, or nu none of 1 … correlation.
        """
        irrep, n = Irrep.of(irrep), (self.l_max + 1) ** 2
        if (nu, irrep) not in self.rows:
            raise InputError(f"there is no product of {quoted(nu)} copies to {irrep} here; see `rows`")
        level = {1: [{(row,): 1.0} for row in range(n)]}
        for k, (a, P, b, Q, S) in enumerate(self.steps[: nu - 1], 2):
            level[k] = [
                _multiplied((row[c], level[a][P[c]], level[b][Q[c]]) for c in np.flatnonzero(row).tolist()) for row in S
            ]
        rows = level[nu][self.rows[nu, irrep]]
        U = np.zeros((len(rows), *[n] * nu))
        for row, polynomial in enumerate(rows):
            for monomial, coefficient in polynomial.items():
                places = set(permutations(monomial))
                for place in places:
                    U[row][place] = coefficient / len(places)
        return np.moveaxis(U.reshape(-1, irrep.dim, *U.shape[1:]), 0, -1)


@cache
def symmetric_product(
    l_max: int, correlation: int, outputs: str | tuple[str | Irrep, ...], parity: bool = True
) -> SymmetricProduct:
    """Choose independent couplings that need few products.

    Level by level, candidates couple a block of level a with one of level b.  The cheapest, which has few products, and
    few that are not made yet, is tried next, and kept if its polynomial in A is independent of those kept, until their
    number is `count_symmetric`.  Factors of natural parity and degree up to l_max come first, others only if those do
    not suffice, as for pseudoscalars.

    Args:
        l_max: of A.
        correlation: the highest nu.
        outputs: irreps, as "0e+1o".
        parity: whether A's rows of odd degree are odd; without, for SO(3), all irreps are called even.

    Raises:
        InputError: no correlation, or an output that is no irrep or stands twice.
    """
    outputs = irreps(outputs)
    if isinstance(correlation, bool) or not isinstance(correlation, int) or correlation < 1:
        raise InputError(f"the correlation counts the copies of A, 1 or more, and is not {quoted(correlation)}")
    if len(set(outputs)) < len(outputs):
        raise InputError(f"each output stands once, unlike in {'+'.join(map(str, outputs))}")
    levels = {1: _Level()}
    for irrep in harmonic_irreps(l_max, parity):
        levels[1].add(_Block(irrep, rows=[{} for _ in range(irrep.dim)], used=True))
    natural = [block.irrep for block in levels[1].blocks]
    for nu in range(2, correlation + 1):
        # Level nu is a factor of level 2 nu - 1 and of later ones, where every irrep may be of use.
        inner = product(range(nu * l_max + 1), (1, -1)) if 2 * nu - 1 <= correlation else ()
        wanted = dict.fromkeys([*outputs, *(Irrep(l, p) for l, p in inner)])
        wanted = {irrep: count_symmetric(l_max, nu, irrep, parity) for irrep in wanted}
        levels[nu] = _Level(levels[nu - nu // 2], levels[nu // 2])
        levels[nu].grow(wanted, outputs, natural)
    steps, rows = [], {}
    for nu, level in levels.items():
        at = level.arrange(outputs)
        rows |= {(nu, irrep): at[irrep] for irrep in outputs}
        if nu > 1:
            P, Q, S = level.arrays()
            steps.append(Step(nu - nu // 2, P, nu // 2, Q, S))
    return SymmetricProduct(l_max, correlation, outputs, parity, tuple(steps), rows)


# ------------------------------------------------------------------------------------------------ how they are chosen


@dataclass(eq=False)
class _Block:
    """2L+1 rows of a level: one irrep of A, or one coupling of `first`, of level a, with `second`, of level b.

    Attributes:
        rows: for each m, {(row of level a, row of level b): coefficient}.
        start: its first row in its level.
        used: whether it is an output, or a factor of what is used.
    """

    irrep: Irrep
    rows: list[dict[tuple[int, int], float]]
    first: _Block | None = None
    second: _Block | None = None
    start: int = -1
    used: bool = False

    @cached_property
    def products(self) -> frozenset[tuple[int, int]]:
        """All that its rows are sums of."""
        return frozenset().union(*self.rows)


class _Level:
    """All blocks of one nu, which products of rows of the two levels below they need, and in the end their order."""

    def __init__(self, a: _Level | None = None, b: _Level | None = None):
        self.a, self.b, self.blocks, self.made = a, b, [], set()
        self.polynomials = []  # of each row, {rows of A, sorted: coefficient}
        self.order = []  # the rows that are used, outputs first

    def add(self, block: _Block) -> None:
        block.start = len(self.polynomials)
        self.blocks.append(block)
        for m, row in enumerate(block.rows):
            self.polynomials.append(self.polynomial(row) if self.a else {(block.start + m,): 1.0})

    def polynomial(self, row: dict[tuple[int, int], float]) -> dict[tuple[int, ...], float]:
        return _multiplied((c, self.a.polynomials[p], self.b.polynomials[q]) for (p, q), c in row.items())

    def grow(self, wanted: dict[Irrep, int], outputs: tuple[Irrep, ...], natural: list[Irrep]) -> None:
        """Find so many independent couplings of each irrep; use those of the outputs at once."""
        found = {irrep: _Span() for irrep in wanted}

        def strange(irrep: Irrep) -> int:
            return 0 if irrep in natural else 1 if irrep.parity == (-1) ** irrep.l else 2

        for stage in range(3):
            candidates = [
                self.coupled(u, v, irrep)
                for u, v in product(self.a.blocks, self.b.blocks)
                if max(strange(u.irrep), strange(v.irrep)) == stage and (self.a is not self.b or u.start <= v.start)
                for irrep in couplings(u.irrep, v.irrep)
                if irrep in wanted and len(found[irrep]) < wanted[irrep]
            ]
            while candidates:
                block = candidates.pop(min(range(len(candidates)), key=lambda n: self.cost(candidates[n])))
                L, span = block.irrep.l, found[block.irrep]
                # One row is enough: if the rows m = 0 of couplings are independent, so are the couplings.
                if len(span) < wanted[block.irrep] and span.grows(middle := self.polynomial(block.rows[L])):
                    scale = 1 / math.sqrt(_mean_square(middle))
                    block.rows = [{key: scale * c for key, c in row.items()} for row in block.rows]
                    self.add(block)
                    if block.irrep in outputs:
                        self.use(block)
        for irrep, count in wanted.items():
            if len(found[irrep]) < count:
                raise RuntimeError(f"of {count} independent couplings to {irrep}, {len(found[irrep])} were found")

    def coupled(self, u: _Block, v: _Block, irrep: Irrep) -> _Block:
        C = math.sqrt(irrep.dim) * clebsch_gordan(u.irrep.l, v.irrep.l, irrep.l)
        rows = [Counter() for _ in range(irrep.dim)]
        for i, j, k in np.argwhere(C).tolist():
            p, q = u.start + i, v.start + j
            if self.a is self.b:
                p, q = sorted((p, q))  # of rows of one level, both orders are the same product
            rows[k][p, q] += float(C[i, j, k])
        return _Block(irrep, [{key: c for key, c in row.items() if abs(c) > 1e-12} for row in rows], u, v)

    def cost(self, block: _Block) -> int:
        """How many products it is made of, and how many of them, and of its factors', are still to be made."""
        if block.used:
            return 0
        new = len(block.products) + len(block.products - self.made)
        return new + self.a.cost(block.first) + self.b.cost(block.second)

    def use(self, block: _Block) -> None:
        if not block.used:
            block.used = True
            self.made |= block.products
            self.a.use(block.first)
            self.b.use(block.second)

    def arrange(self, outputs: tuple[Irrep, ...]) -> dict[Irrep, slice]:
        """Put the rows in their final order, and tell where the outputs stand."""
        blocks = [block for block in self.blocks if block.used]
        if self.a:  # A's own rows stay where they are
            blocks.sort(key=lambda block: outputs.index(block.irrep) if block.irrep in outputs else len(outputs))
        self.order = [block.start + m for block in blocks for m in range(block.irrep.dim)]
        of = [block.irrep for block in blocks for _ in range(block.irrep.dim)]
        first = {irrep: of.index(irrep) if irrep in of else 0 for irrep in outputs}
        return {irrep: slice(first[irrep], first[irrep] + of.count(irrep)) for irrep in outputs}

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """P, Q and S of the rows in their final order."""
        at_a, at_b = ({row: n for n, row in enumerate(level.order)} for level in (self.a, self.b))

        def place(p: int, q: int) -> tuple[int, int]:
            pq = at_a[p], at_b[q]
            return tuple(sorted(pq)) if self.a is self.b else pq

        products = sorted(place(p, q) for p, q in self.made)
        column = {pq: n for n, pq in enumerate(products)}
        rows = [row for block in self.blocks for row in block.rows]
        S = np.zeros((len(self.order), len(products)))
        for n, row in enumerate(self.order):
            for (p, q), c in rows[row].items():
                S[n, column[place(p, q)]] = c
        P, Q = np.array(products, int).reshape(-1, 2).T.copy()
        return _constant(P), _constant(Q), _constant(S)


class _Span:
    """Polynomials that are independent of each other."""

    def __init__(self):
        self.columns, self.basis = {}, []  # of monomials; orthonormal vectors, each as long as was needed

    def __len__(self) -> int:
        return len(self.basis)

    def grows(self, polynomial: dict[tuple[int, ...], float]) -> bool:
        """Add a polynomial, unless those before span it already."""
        if not polynomial:
            return False
        at = [self.columns.setdefault(monomial, len(self.columns)) for monomial in polynomial]
        v = np.zeros(len(self.columns))
        v[at] = list(polynomial.values())
        v /= np.linalg.norm(v)
        for _ in range(2):  # the second round removes what rounding left
            for u in self.basis:
                v[: len(u)] -= (u @ v[: len(u)]) * u
        if (size := np.linalg.norm(v)) < 1e-6:
            return False
        self.basis.append(v / size)
        return True


def _multiplied(terms) -> dict[tuple[int, ...], float]:
    """The sum of c f g over (c, f, g), polynomials as {variables, sorted: coefficient}."""
    total = Counter()
    for c, f, g in terms:
        for x, fx in f.items():
            for y, gy in g.items():
                total[tuple(sorted(x + y))] += c * fx * gy
    return {x: c for x, c in total.items() if abs(c) > 1e-12}


def _mean_square(polynomial: dict[tuple[int, ...], float]) -> float:
    """Of independent standard normal variables: the sum of a! c_a^2 over the monomials x^a of exp(Laplacian / 2) f.

    (The heat kernel turns f into the coefficients of Hermite polynomials that are orthogonal, with squares a!.)
    """
    heat, term, k = Counter(polynomial), polynomial, 0
    while term:
        k, before, term = k + 1, term, Counter()
        for x, c in before.items():
            for variable, n in Counter(x).items():
                if n > 1:
                    at = x.index(variable)
                    term[x[:at] + x[at + 2 :]] += c * n * (n - 1) / (2 * k)
        heat.update(term)
    return sum(c * c * math.prod(map(math.factorial, Counter(x).values())) for x, c in heat.items())


def _wigner_3j(l1: int, l2: int, l3: int) -> np.ndarray:
    """[2l1+1, 2l2+1, 2l3+1], of complex harmonics, up to a common sign: integers up to the last square root."""
    f = math.factorial
    w = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    triangle = Fraction(f(l1 + l2 - l3) * f(l1 - l2 + l3) * f(l2 + l3 - l1), f(l1 + l2 + l3 + 1))
    for m1, m2 in product(range(-l1, l1 + 1), range(-l2, l2 + 1)):
        m3 = -m1 - m2
        if abs(m3) > l3:
            continue
        total = Fraction(0)
        for t in range(max(0, l2 - l3 - m1, l1 - l3 + m2), min(l1 + l2 - l3, l1 - m1, l2 + m2) + 1):
            below = f(t) * f(l3 - l2 + t + m1) * f(l3 - l1 + t - m2) * f(l1 + l2 - l3 - t) * f(l1 - t - m1)
            total += Fraction((-1) ** t, below * f(l2 - t + m2))
        square = triangle * total**2
        for l, m in ((l1, m1), (l2, m2), (l3, m3)):
            square *= f(l + m) * f(l - m)
        w[l1 + m1, l2 + m2, l3 + m3] = (-1) ** m3 * (1 if total > 0 else -1) * math.sqrt(square)
    return w


def _complex_of_real(l: int) -> np.ndarray:
    """[2l+1, 2l+1]: complex harmonics, with the Condon-Shortley sign, of real ones: y_m = sum_m' Q_mm' Y_m'."""
    Q = np.zeros((2 * l + 1, 2 * l + 1), complex)
    Q[l, l] = 1
    for m in range(1, l + 1):
        Q[l - m, [l + m, l - m]] = np.array([1, -1j]) / math.sqrt(2)
        Q[l + m, [l + m, l - m]] = (-1) ** m * np.array([1, 1j]) / math.sqrt(2)
    return Q


def _degree(l: int) -> int:
    """l itself, if it is a degree."""
    if isinstance(l, bool) or not isinstance(l, int | np.integer) or l < 0:
        raise InputError(f"a degree is an integer, 0 or more, not {quoted(l)}")
    return int(l)


def _constant(array: np.ndarray) -> np.ndarray:
    """The array, which can no longer be written to: it is kept, and shared."""
    array.flags.writeable = False
    return array
