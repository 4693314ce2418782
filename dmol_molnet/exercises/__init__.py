"""The book's questions and exercises: the same checks in a notebook, on the command line and in the tests.

    >>> from dmol_molnet import exercises
    >>> exercises.check("refine-by-hand", ...)
    Not attempted: put your answer where the starter has `...`.

All texts of a chapter stand in one file, `graphs.toml` for the chapter on graphs; its judges stand in `graphs.py`.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

from dmol_molnet.exercises.engine import (
    STATES,
    Answer,
    Exercise,
    Question,
    Result,
    run,
    wrapped,
)
from dmol_molnet.exercises.plain import plain
from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.nn import start_quietly

__all__ = [
    "CHAPTERS",
    "STATES",
    "Answer",
    "Exercise",
    "Question",
    "Result",
    "catalog",
    "check",
    "check_file",
    "get",
    "hint",
    "plain",
    "questions",
    "solution",
    "start_file",
]

CHAPTERS = {
    "symmetry": "The symmetry of a task",
    "graphs": "What graphs cannot tell apart",
    "message_passing": "Message passing",
    "coordinates": "Coordinates, and what distances miss",
    "schnet": "SchNet: an invariant potential",
    "directions": "Directions: spherical harmonics and couplings",
    "ace": "The atomic cluster expansion",
    "design_space": "One design space",
    "normalisation": "Normalisation",
}
"""The chapters that have exercises: the names of their pages, and their titles."""

_hinted = Counter()


def catalog(chapter: str | None = None) -> dict[str, Exercise]:
    """The exercises by name, in the order of the book.

    Args:
        chapter: one of `CHAPTERS`; None for all.

    Raises:
        InputError: there is no such chapter.
    """
    return {e.name: e for page in (CHAPTERS if chapter is None else [chapter]) for e in _exercises(page)}


def questions(chapter: str) -> dict[str, Question]:
    """The questions of a chapter that ask for a prediction, by name.

    Raises:
        InputError: there is no such chapter.
    """
    return {
        entry["name"]: Question(
            entry["name"], entry["question"], tuple(Answer(**answer) for answer in entry["answers"])
        )
        for entry in _texts(chapter)["questions"]
    }


def get(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        InputError: there is none.
    """
    known = catalog()
    if isinstance(name, str) and name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise InputError(f"no exercise is called {quoted(name)}; {meant}")


def check(name: str, answer: object = ...) -> Result:
    """Judge an answer: not attempted, raised, wrong with the reason, or right.

    Args:
        name: of the exercise.
        answer: what it asks for: a number, a collection, a function.

    Raises:
        InputError: there is no such exercise.
    """
    return get(name).check(answer)


def start_file(name: str, path: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write the task and the starter into a file; the path it was written to.

    Args:
        name: of the exercise.
        path: None makes `NAME.py` in the working folder.
        overwrite: whether a file that is there may go.

    Raises:
        InputError: there is no such exercise, or the file is there.
        OSError: the file cannot be written.
    """
    exercise = get(name)
    path = Path(f"{name}.py" if path is None else path)
    if path.exists() and not overwrite:
        raise InputError(f"{quoted(str(path))} is there already; start over with --force, or give another file")
    task = f"{plain(exercise.title)}\n\n{wrapped(plain(exercise.task))}\nThen: dmol-molnet exercises check {name}"
    text = f'r"""{task}\n"""\n\n{exercise.starter.strip()}\n'
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
    return path


def check_file(name: str, path: str | Path | None = None) -> Result:
    """Run the reader's file and judge the `answer` that it defines.

    Args:
        name: of the exercise.
        path: None looks for `NAME.py` in the working folder.

    Raises:
        InputError: there is no such exercise, or no such file.
    """
    exercise = get(name)
    path = Path(f"{name}.py" if path is None else path)
    if not path.is_file():
        raise InputError(f"there is no file {quoted(str(path))}; `dmol-molnet exercises start {name}` makes one")
    if re.search(r"\b(tensorflow|keras|dmol_molnet\.nn)\b", path.read_text(encoding="utf-8", errors="replace")):
        start_quietly()  # before the reader's code starts it, with its notes on the terminal
    return exercise.check(run(path))


def hint(name: str, step: int | None = None) -> str:
    """A hint: at the first call a nudge, at the next the method, then nearly the code.

    Args:
        name: of the exercise.
        step: 1, 2 or 3; None gives the next.

    Raises:
        InputError: there is no such exercise, or no such hint.
    """
    hints = get(name).hints
    if step is None:
        _hinted[name] = step = min(_hinted[name] + 1, len(hints))
    if step not in range(1, len(hints) + 1):
        raise InputError(f"there are hints 1 to {len(hints)}, and no hint {quoted(step)}")
    return _Shown(f"Hint {step} of {len(hints)}: {hints[step - 1].strip()}")


def solution(name: str) -> str:
    """A right answer, as code, and why it is right.

    Raises:
        InputError: there is no such exercise.
    """
    exercise = get(name)
    code = exercise.solution.strip()
    return _Shown(f"```python\n{code}\n```\n\n{exercise.explanation.strip()}", f"{code}\n\n", exercise.explanation)


class _Shown(str):
    """A text in plain letters, shown without quotes; a notebook shows the Markdown from which it was made.

    Args:
        markdown: for a notebook.
        before: what a terminal shows first, as it is.
        rest: and then, in plain letters; None for all of the Markdown.
    """

    def __new__(cls, markdown: str, before: str = "", rest: str | None = None) -> _Shown:
        text = super().__new__(cls, before + wrapped(plain(markdown if rest is None else rest)))
        text.markdown = markdown
        return text

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return self.markdown


@cache
def _texts(chapter: str) -> dict:
    if chapter not in CHAPTERS:
        raise InputError(f"no chapter with exercises is called {quoted(chapter)}; there are {', '.join(CHAPTERS)}")
    return tomllib.loads(resources.files(__name__).joinpath(f"{chapter}.toml").read_text(encoding="utf-8"))


@cache
def _exercises(chapter: str) -> tuple[Exercise, ...]:
    entries = _texts(chapter)["exercises"]
    return tuple(
        Exercise(**{**entry, "hints": tuple(entry["hints"])}, judge=_judge(chapter, entry["name"])) for entry in entries
    )


def _judge(chapter: str, name: str) -> Callable[[object], None]:
    """The judge of an exercise; its chapter's module is imported when it is first asked."""

    def judge(answer: object) -> None:
        if chapter in _BUILD_NETWORKS:
            start_quietly()
        getattr(importlib.import_module(f"{__name__}.{chapter}"), name.replace("-", "_"))(answer)

    return judge


_BUILD_NETWORKS = {"design_space"}
"""The chapters whose judges need TensorFlow, which takes seconds to start."""
