"""What an exercise is, and how an answer is judged.

An answer is *not attempted*, it *raised*, it is *not understood*, because of how it is written, it is *wrong* for a
reason that has a name, or it is *right*.  A judge sees the answer and raises `Wrong`, or `NotUnderstood`, which says
nothing about the reader's thought; where the answer is a function of the reader's, the judge calls it through `ask`, so
that its errors are told with the reader's own line.  Lists of letters and of irreps are read by `letters` and `irreps`,
however they are written.
"""

from __future__ import annotations

import copy
import inspect
import linecache
import re
import sysconfig
import textwrap
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmol_molnet.exercises.plain import plain
from dmol_molnet.molecules import quoted

STATES = ("not attempted", "your code raised", "not understood", "wrong", "right")
NOT_ATTEMPTED, RAISED, NOT_UNDERSTOOD, WRONG, RIGHT = STATES

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Exercise:
    """One exercise; its texts are Markdown.

    Attributes:
        name: as in `check(name, answer)`.
        title, task: what is asked.
        starter: code to begin with; it leaves `answer`, or what the function `answer` returns, as `...`.
        hints: three: a nudge, the method, nearly the code.
        solution: code that defines a right `answer`.
        explanation: why it is right.
        insight: what a right answer earns.
        misconceptions: what each wrong answer that is recognised says about its reason, by name.
        judge: takes the answer; returns if it is right, raises `Wrong` if it is not.
    """

    name: str
    title: str
    task: str
    starter: str
    hints: tuple[str, str, str]
    solution: str
    explanation: str
    insight: str
    misconceptions: Mapping[str, str]
    judge: Callable[[object], None]

    def check(self, answer: object = ...) -> Result:
        """Judge an answer; one that is a `Raised` says that the reader's code did."""
        state, reason, misconception, example = RIGHT, self.insight, None, ""
        try:
            if isinstance(answer, Raised):
                raise answer
            if answer is None or _unfinished(answer):
                raise NotAttempted
            self.judge(answer)
        except NotAttempted:
            state, reason = NOT_ATTEMPTED, "put your answer where the starter has `...`."
        except Raised as raised:
            state, reason, example = RAISED, "", str(raised)
        except Wrong as wrong:
            state = NOT_UNDERSTOOD if isinstance(wrong, NotUnderstood) else WRONG
            misconception = wrong.name
            reason, example = self.misconceptions[wrong.name] if not wrong.because else "", wrong.because
            example = f"{example} {wrong.example}".strip()
        return Result(self.name, state, reason, misconception, example)


@dataclass(frozen=True)
class Question:
    """A question to be decided before reading on; its texts are Markdown.

    Attributes:
        name: as the page calls it.
        question: what is asked.
        answers: to choose from.
    """

    name: str
    question: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Answer:
    """One answer to a question.

    Attributes:
        text: what can be chosen.
        right: whether it is.
        because: what is said to those who choose it.
    """

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Result:
    """What a check found.  A terminal shows it in plain letters, a notebook as Markdown with its formulas.

    Attributes:
        exercise: its name.
        state: one of `STATES`.
        text: why, in words of the exercise, which are Markdown; for a right answer, one more insight.
        misconception: the name of a wrong answer's reason, if it is a known one.
        example: what is said of this answer alone, in which the reader's own values or code may stand.
    """

    exercise: str
    state: str
    text: str
    misconception: str | None = None
    example: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.state == RIGHT

    @property
    def reason(self) -> str:
        """All that is said: the words of the exercise, then the example."""
        return f"{self.text} {self.example}" if self.text and self.example else self.text or self.example

    @property
    def _head(self) -> str:
        return {WRONG: "Wrong, because ", RIGHT: "Right. "}.get(self.state, self.state.capitalize() + ": ")

    def __repr__(self) -> str:
        said = [part for part in (plain(self.text).strip(), self.example) if part]
        return wrapped(self._head + " ".join(said))

    def _repr_markdown_(self) -> str:
        if self.state == RAISED:
            return f"{self._head}\n\n```text\n{self.example}\n```"
        return self._head + " ".join(part for part in (self.text.strip(), _verbatim(self.example)) if part)


class Wrong(Exception):
    """An answer is wrong.

    Args:
        name: of the misconception, known to the exercise; or "type" or another word together with `because`.
        example: a sentence with the case where it shows.
        because: the reason, where the exercise does not hold it.
    """

    def __init__(self, name: str, example: str = "", because: str = ""):
        super().__init__(name)
        self.name, self.example, self.because = name, example, because


class NotUnderstood(Wrong):
    """An answer that is not of the asked form, so that nothing can be said of its content."""


class NotAttempted(Exception):
    """The reader's function is still the starter."""


class Raised(Exception):
    """The reader's code raised; the message names the error and the reader's own line."""


def ask(function: Callable, *arguments, none: bool = False) -> object:
    """The reader's function of copies of the arguments.

    Args:
        none: whether None is a value that it may return.

    Raises:
        NotAttempted: it returns `...`, or raises NotImplementedError.
        Raised: it raises.
        NotUnderstood: it is no function, or takes other arguments.
        Wrong: it returns nothing.
    """
    if not callable(function):
        raise mistyped("a function", function)
    _check_arguments(function, len(arguments))
    try:
        value = function(*copy.deepcopy(arguments))
    except NotImplementedError:
        raise NotAttempted from None
    except (Exception, SystemExit) as error:
        raise Raised(told(error)) from error
    if value is ...:
        raise NotAttempted
    if value is None and not none:
        raise Wrong("nothing returned", because="your function returns None: is a `return` missing?")
    return value


def _check_arguments(function: Callable, n: int) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some functions that are written in C do not tell
    try:
        signature.bind(*range(n))
    except TypeError:
        because = f"the starter's function takes {n} argument{'s' * (n > 1)}; yours takes `{signature}`."
        raise NotUnderstood("arguments", because=because) from None


def run(path: Path) -> object:
    """The `answer` that a file of the reader's defines, `...` if it defines none, or what it `Raised`."""
    names = {"__name__": "__main__", "__file__": str(path)}
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    except (Exception, SystemExit) as error:
        return Raised(told(error))
    return names.get("answer", ...)


def told(error: BaseException) -> str:
    """An error in one line, and the last line of the reader's own code that led to it."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, SyntaxError):
        return f"{text}\n    line {error.lineno}: {(error.text or '').strip()}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_readers(frame.filename)]
    if not own:
        return text
    line = own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0)
    return f"{text}\n    line {own[-1].lineno}: {line.strip()}"


def array(value: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The reader's value as floats of this shape.

    Raises:
        Wrong: it is not.
    """
    try:
        result = np.asarray(value, float)
    except (TypeError, ValueError):
        raise mistyped(f"{what}, an array {list(shape)}", value) from None
    if result.shape != shape:
        yours = f"has {list(result.shape)}" if result.ndim else "is a single number"
        because = f"{what} should have the shape {list(shape)}; yours {yours}."
        raise Wrong("shape", because=because)
    if not np.isfinite(result).all():
        raise Wrong("not finite", because=f"there is a nan or an infinity in {what}.")
    return result


def number(value: object, what: str) -> float:
    """The reader's value as one number, which may come as an array or tensor without axes.

    Raises:
        Wrong: it is not.
    """
    found = np.asarray(value)
    if found.ndim or found.dtype.kind not in "iuf":
        raise mistyped(what, value)
    return float(found)


def mistyped(wanted: str, value: object) -> NotUnderstood:
    """An answer of a wrong type."""
    yours = " ".join(quoted(value).split())  # arrays are written in several lines
    return NotUnderstood("type", because=f"the answer should be {wanted}; yours is {yours}.")


def letters(answer: object, known: str) -> set[str]:
    """The letters that an answer names, as capitals: "ABF", "a, b and f", ["A", "B, F"], {"A": True, "B": False}.

    Args:
        known: all letters that there are to choose from, as "ABCDEF".

    Raises:
        NotUnderstood: it is no text or collection of these letters; "none" is none of them, "all" is all.
    """
    wanted = f'letters from {known[0]} to {known[-1]}, for example `"{known[0]}, {known[1]}"`'
    if isinstance(answer, Mapping):
        marks = all(isinstance(chosen, bool | np.bool_) for chosen in answer.values())
        answer = [letter if marks else None for letter, chosen in answer.items() if chosen or not marks]
    found = set()
    for part in [answer] if isinstance(answer, str) else _items(answer):
        if not isinstance(part, str) or _A_RANGE.search(part):
            raise mistyped(wanted, answer)
        words = re.findall(r"\w+", part.upper())
        if words[:1] in (["ALL"], ["NONE"]) and words[1:] in ([], ["OF", "THEM"]):
            words = [known] if words[0] == "ALL" else []
        elif not words:
            raise mistyped(wanted, answer)
        for word in words:
            if set(word) <= set(known):
                found |= set(word)
            elif word not in ("AND", "PLUS", "ONLY"):
                raise mistyped(wanted, answer)
    return found


_A_RANGE = re.compile(r"\w[^\S\n]*[-\u2013\u2026][^\S\n]*\w|\.\.")
"""As "A-C" and "A, …, C": the two, or what lies between as well?"""


_MOST_IRREPS = 1000


def irreps(answer: object) -> list[str]:
    """The irreps that an answer names, one by one and in its order: "1x0e + 2x1o", "0e 1o 1o", ["0e", "1o", (1, -1)].

    Separators are spaces, commas, plus signs, "and" or nothing; a degree and a parity may also be two numbers, as in
    e3nn, and its objects or ours may stand for their texts.

    Returns:
        texts as "1o", each as often as it occurs.

    Raises:
        NotUnderstood: something in it is no irrep.
    """
    found = _irreps(answer)
    if found is None:
        raise mistyped('irreps, such as `"0e + 1o"` or `"2x1o"`: a degree, then e for even or o for odd', answer)
    return found


def _irreps(value: object) -> list[str] | None:
    """As `irreps`, but None where there is something else."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int):
        first, second = value
        if isinstance(second, int) and second in (1, -1) and 0 <= first < 100:  # degree and parity
            return [f"{first}{'e' if second > 0 else 'o'}"]
        inner = _irreps(second)  # a multiplicity and an irrep
        return None if inner is None or not 0 <= first * len(inner) <= _MOST_IRREPS else inner * first
    if type(value).__name__ in ("Irrep", "Irreps"):  # e3nn's, or ours
        value = str(value)
    if not isinstance(value, str):
        parts = [_irreps(item) if item is not None else None for item in _items(value)]
        return None if None in parts else [irrep for part in parts for irrep in part]
    text = unicodedata.normalize("NFKC", re.sub("[\u207a\u207b]", lambda m: "eo"[m[0] == "\u207b"], value)).lower()
    one = re.compile(
        r"(?:(\d{1,4})\s*[x\u00d7*\u00b7]\s*)?(\d{1,2})\s*([eo])(?![a-z])|(?:[\s,;+&|\u2295()\[\]{}]|\band\b)+"
    )
    found, place = [], 0
    while place < len(text):
        match = one.match(text, place)
        if match is None or match.end() == place:
            return None
        place = match.end()
        if match[2]:
            times = int(match[1] or 1)
            if len(found) + times > _MOST_IRREPS:
                return None
            found += [f"{int(match[2])}{match[3]}"] * times
    return found or None


def _items(value: object) -> list:
    """What a collection holds; `[None]`, which is no answer, if it is none or gives names to what it holds."""
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        return [None]
    try:
        return list(value)
    except TypeError:
        return [None]


def wrapped(text: str) -> str:
    """Paragraphs in lines of at most 84 letters; indented lines and the starts of list items keep their lines."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("    ") or not line.strip():
            lines.append(line.rstrip())
        elif lines and lines[-1] and not lines[-1].startswith("    ") and not line.startswith("- "):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return "\n".join(line if line.startswith("    ") else textwrap.fill(line, 84) for line in lines)


def _unfinished(answer: object) -> bool:
    """Whether an answer is `...`, or holds it where something was to be put in."""
    if isinstance(answer, Mapping):
        return any(map(_unfinished, answer.values()))
    return answer is ... or (isinstance(answer, list | tuple) and any(map(_unfinished, answer)))


def _verbatim(text: str) -> str:
    """Markdown that shows the text as it is, but for what stands between backticks already."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p[:1] == "`" and len(p) > 1 else re.sub(r"([\\*_$<>\[\]`|~])", r"\\\1", p) for p in parts)


_LIBRARIES = (_PACKAGE, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")))


def _is_readers(filename: str) -> bool:
    """Whether a frame's code is the reader's: no file of a library, and nothing that a library wrote while it ran."""
    if filename.startswith("<"):  # a cell or a prompt; networkx and others give such names to what they compile
        return filename.startswith(("<stdin>", "<string>", "<input>", "<ipython-input-", "<python-input-", "<console>"))
    path = Path(filename)
    return not (
        any(path.is_relative_to(place) for place in _LIBRARIES)
        or {"site-packages", "dist-packages"} & set(path.parts)
        or path.name.startswith("__autograph_generated_file")
    )
