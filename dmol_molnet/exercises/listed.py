"""Letters and irreps, as readers write them: in a text with whatever between them, or as a collection."""

from __future__ import annotations

import re

from dmol_molnet.exercises.engine import mistyped
from dmol_molnet.molecules import InputError
from dmol_molnet.so3 import Irrep

_BETWEEN = r"(?:\band\b|[\s,;.:/+&|(){}\[\]'\"])+"


def letters(answer: object, known: str) -> set[str]:
    """The letters of an answer such as "ABC", "A, b and C" or ["A", "B", "C"], as capitals.

    Args:
        known: those that there are.

    Raises:
        Wrong: it is none, or has others.
    """
    found = {letter for word in _words(answer) for letter in word.upper()}
    if not _is_list(answer) or not found <= set(known):
        raise mistyped(f'letters from {known[0]} to {known[-1]}, such as `"{known[:3]}"`', answer)
    return found


def irreps(answer: object) -> list[str]:
    """The irreps of an answer such as "0e 1o", "0e + 1o", "0e, 2x1o" or ["0e", "1o"], in its order.

    Raises:
        Wrong: one of them is none.
    """
    what, found = 'irreps, such as `"0e 1o"`', []
    if not _is_list(answer):
        raise mistyped(what, answer)
    for word in _words(answer):
        times, _, irrep = word.lower().rpartition("x")
        try:
            found += [str(Irrep.of(irrep))] * int(times or 1)
        except (InputError, ValueError):
            raise mistyped(what, answer) from None
    return found


def _is_list(answer: object) -> bool:
    """Whether it is a text, or can be gone through and is no mapping."""
    return isinstance(answer, str) or (hasattr(answer, "__iter__") and not hasattr(answer, "keys"))


def _words(answer: object) -> list[str]:
    if not _is_list(answer):
        return []
    text = answer if isinstance(answer, str) else " ".join(str(one) for one in answer)
    return [word for word in re.split(_BETWEEN, text, flags=re.IGNORECASE) if word]
