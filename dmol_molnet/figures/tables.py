"""Rows of numbers beside nodes: where each finds most room, and how its cells look.

A row touches its node where it can, and lies nearer to it than to any other.  Where circles, bonds and other rows leave
no room there, it stands farther off, and a thin line leads to it.  All lengths are in the units of the drawing: a bond
is about 1 long.
"""

from __future__ import annotations

import numpy as np

CELL = 0.62, 0.30
"""Width and height of the cell of one number."""

DIGITS = 0.185
"""The size of the letters in it."""

NEGATIVE, NEUTRAL, POSITIVE = (112, 172, 255), (243, 243, 243), (255, 150, 118)


def shade(value: float, scale: float) -> str:
    """The fill of a number's cell: from blue, at -scale, to orange, at scale; dark letters are legible on all."""
    share = min(abs(value) / scale, 1.0) if scale else 0.0
    end = POSITIVE if value > 0 else NEGATIVE
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(NEUTRAL, end, strict=True))


def number(value: float) -> str:
    """A number in at most six letters, with a true minus sign."""
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{digits}f}" if abs(value) < 9999.5 else f"{value:.0e}".replace("e+0", "e")
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def places(at: np.ndarray, radii: np.ndarray, bonds: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """The middles [N, 2] of the rows of N nodes.

    Each row tries 24 directions and 6 distances, and takes what covers least; then all try again, knowing the others.

    Args:
        at: float [N, 2], the nodes.
        radii: float [N], of their circles.
        bonds: float [S, 2, 2], the lines between them.
        width: of the rows; a number for all, or float [N].
    """
    n = len(at)
    halves = np.stack([np.broadcast_to(width, n), np.full(n, CELL[1])], axis=-1) / 2  # [N, 2]
    angles = np.arange(24) * np.pi / 12
    u = np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # [24, 2]
    gaps = np.array([0.07, 0.25, 0.5, 0.8, 1.2, 1.7])
    reach = u * gaps[:, None, None]  # [6, 24, 2]
    slant = np.tile(np.abs(u).min(-1), len(gaps))  # [C]
    points = (bonds[:, :1] + np.linspace(0, 1, 15)[:, None] * (bonds[:, 1:] - bonds[:, :1])).reshape(-1, 2)
    low, high = (at - radii[:, None]).min(0, initial=0), (at + radii[:, None]).max(0, initial=0)
    spot, candidates, fixed = np.full((n, 2), np.inf), [], []
    for v, half in enumerate(halves):
        edge = half * np.clip(1.5 * u, -1, 1)
        middles = (at[v] + radii[v] * u + edge + reach).reshape(-1, 2)  # [C, 2]
        candidates.append(middles)
        leaders = _leaders(at[v], radii[v], middles, half)  # [C, 8, 2]
        others = np.arange(n) != v
        to_circles = _outside(at, middles, half + 0.04) - radii  # [C, N]
        cost = 30 * np.maximum(-to_circles, 0).sum(1) + 4 * (to_circles < 0).sum(1)
        to_others = np.where(others, to_circles, np.inf).min(1, initial=np.inf)
        cost += 2 * (to_others < to_circles[:, v] + 0.1)  # it would be taken for the other's
        cost += 0.6 * (_outside(points, middles, half + 0.02) <= 0).sum(1)
        near = np.linalg.norm(leaders[:, :, None] - at[others], axis=-1) < radii[others] + 0.03
        cost += 3 * near.any(1).sum(1)
        cost += 1.5 * np.linalg.norm(leaders[:, -1] - leaders[:, 0], axis=-1)
        beyond = np.maximum(low - (middles - half), 0) + np.maximum(middles + half - high, 0)
        cost += 0.3 * beyond.sum(1) + 0.2 * slant
        fixed.append(cost)
    neighbors = np.linalg.norm(at[:, None] - at, axis=-1)
    order = np.argsort(-(neighbors < 1.7).sum(1), kind="stable")
    for _ in range(4):
        for v in order:
            rows, theirs = np.delete(spot, v, 0), np.delete(halves, v, 0)
            middles, half = candidates[v], halves[v]
            over = half + theirs + 0.06 - np.abs(middles[:, None] - rows)  # [C, N - 1, 2]
            cost = fixed[v] + np.where((over > 0).all(-1), 5 + 40 * over.prod(-1), 0).sum(1)
            leaders = _leaders(at[v], radii[v], middles, half)
            crossed = (
                (_outside(leaders.reshape(-1, 2), rows, theirs[:, None]) <= 0)
                .reshape(n - 1, *leaders.shape[:2])
                .any(-1)
            )
            spot[v] = middles[np.argmin(cost + 3 * crossed.sum(0))]
    return spot


def unclear(at: np.ndarray, radii: np.ndarray, middles: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """Whether each row [N] lies as near to the circle of another node as to its own, or almost."""
    n = len(at)
    halves = np.stack([np.broadcast_to(width, n), np.full(n, CELL[1])], axis=-1) / 2
    away = _outside(at, middles, halves[:, None]) - radii  # [N, N]
    return np.where(np.eye(n, dtype=bool), np.inf, away).min(1, initial=np.inf) < np.diag(away) + 0.25


def leader(at: np.ndarray, radius: float, middle: np.ndarray, width: float) -> np.ndarray | None:
    """The ends [2, 2] of the line from a node to its row; None where they touch."""
    line = _leaders(at, radius, middle[None], np.array([width, CELL[1]]) / 2)[0][[0, -1]]
    return line if np.linalg.norm(line[1] - line[0]) > 0.15 else None


def _outside(points: np.ndarray, middles: np.ndarray, half: np.ndarray) -> np.ndarray:
    """[C, P]: how far each point lies from each rectangle; 0 or less inside.  `half` is [2], or [C, 1, 2]."""
    away = np.abs(points - middles[:, None]) - half
    return np.where((away <= 0).all(-1), away.max(-1), np.linalg.norm(np.maximum(away, 0), axis=-1))


def _leaders(at: np.ndarray, radius: float, middles: np.ndarray, half: np.ndarray) -> np.ndarray:
    """[C, 8, 2]: points on the shortest line from the circle to each rectangle."""
    ends = np.clip(at, middles - half, middles + half)
    away = ends - at
    starts = at + radius * away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
    return starts[:, None] + np.linspace(0, 1, 8)[:, None] * (ends - starts)[:, None]
