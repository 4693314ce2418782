"""Markdown with formulas, as plain text for a terminal: `$\\sqrt{2 l_3 + 1}\\, C$` becomes `√(2 l₃ + 1) C`.

Formulas are the small part of LaTeX that the exercises use; `COMMANDS` lists what is known.  Code between backticks
stays.
"""

from __future__ import annotations

import re
import unicodedata

_NAMES = {
    name: name for name in ("cos", "sin", "tan", "tanh", "exp", "ln", "log", "det", "min", "max", "arccos", "dim")
}


def _pairs(text: str) -> dict[str, str]:
    """From a text of names, each followed by its sign."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_BINARY = _pairs(
    "times × cdot · to → mapsto ↦ ne ≠ neq ≠ ge ≥ geq ≥ le ≤ leq ≤ approx ≈ equiv ≡ sim ∼ propto ∝ ll ≪ gg ≫ pm ± "
    "in ∈ subset ⊂ cup ∪ cap ∩ otimes ⊗ oplus ⊕ odot ⊙"
)

_SIGNS = _pairs(
    "sum ∑ prod ∏ int ∫ partial ∂ nabla ∇ top ᵀ infty ∞ dots … ldots … cdots … prime ′ circ ° dagger † ell ℓ "
    "lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lvert | rvert | lVert ‖ rVert ‖ langle ⟨ rangle ⟩ { { } } | ‖ % % _ _ # # & &"
)
_SIGNS |= dict.fromkeys(["quad", "qquad", ",", ";", ":", " "], " ")
_SIGNS |= dict.fromkeys(["!", "left", "right", "bigl", "bigr", "Bigl", "Bigr", "big", "displaystyle", "limits"], "")

_LETTERS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_GREEK = {"varphi": "φ", "varepsilon": "ε", "vartheta": "ϑ"}
for _name in _LETTERS.split():
    _GREEK[_name] = unicodedata.lookup(f"GREEK SMALL LETTER {_name.replace('lambda', 'lamda').upper()}")
    _GREEK[_name.capitalize()] = _GREEK[_name].upper()

_FONTS = ("mathbf", "mathrm", "mathsf", "mathit", "mathcal", "boldsymbol", "operatorname", "text", "textbf", "mathbb")

_ACCENTS = {
    "hat": "\N{COMBINING CIRCUMFLEX ACCENT}",
    "bar": "\N{COMBINING MACRON}",
    "tilde": "\N{COMBINING TILDE}",
    "vec": "\N{COMBINING RIGHT ARROW ABOVE}",
}

COMMANDS = {*_NAMES, *_BINARY, *_SIGNS, *_GREEK, *_FONTS, *_ACCENTS, "sqrt", "frac", "tfrac", "dfrac"}
"""The commands that are known; any other one loses its backslash, and that is all."""

_CLOSING = (r"\rfloor", r"\rceil", r"\rvert", r"\rVert", r"\rangle")

_SUPERSCRIPTS = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_MARKED = re.compile(r"(`+).*?\1|\$\$(.+?)\$\$|\$(.+?)\$|\*\*(.+?)\*\*", flags=re.DOTALL)


def plain(markdown: str) -> str:
    """The text with its formulas in plain letters, and bold words as others.  Nothing else changes."""
    return _MARKED.sub(lambda m: m[0] if m[1] else m[4] or _formula(m[2] or m[3]), markdown)


def _formula(latex: str) -> str:
    tokens = re.findall(r"\\[a-zA-Z]+|\\.|\s+|.", latex, flags=re.DOTALL)
    text = _sequence(tokens[::-1])
    return re.sub(r"\s+", " ", text).strip()


def _sequence(tokens: list[str]) -> str:
    """What stands up to the closing brace or the end, from a stack of tokens."""
    out = ""
    while tokens:
        token = tokens.pop()
        if token == "}":
            break
        if token in ("^", "_"):
            inner = _argument(tokens)
            out = out.rstrip() + (_above(inner) if token == "^" else _below(inner))
        elif token[0] == "\\" and token[1:] in _BINARY:
            _skip(tokens)
            out += f" {_BINARY[token[1:]]} "
        elif token[0] == "\\" and token[1:] in _NAMES:
            _skip(tokens)
            before = " " if out and (out[-1].isalnum() or out[-1] in ")]") else ""
            after = " " if tokens and (tokens[-1].isalnum() or tokens[-1][0] == "\\") else ""
            out += before + token[1:] + after
        else:
            out = (out.rstrip() if token in _CLOSING else out) + _one(token, tokens)
    return out


def _one(token: str, tokens: list[str]) -> str:
    """One token, with the arguments that it takes."""
    if token == "{":
        return _sequence(tokens)
    if token == "'":
        return "′"
    if token[0] != "\\":
        return token
    name = token[1:]
    if name in _FONTS:
        return _argument(tokens)
    if name in _ACCENTS:
        inner = _argument(tokens)
        return inner[:1] + _ACCENTS[name] + inner[1:]
    if name == "sqrt":
        return f"√{_grouped(_argument(tokens))}"
    if name in ("frac", "tfrac", "dfrac"):
        above, below = _grouped(_argument(tokens)), _grouped(_argument(tokens))
        return "½" if (above, below) == ("1", "2") else f"{above}/{below}"
    if name.isalpha():
        _skip(tokens)
    return {**_SIGNS, **_GREEK, **_BINARY, **_NAMES}.get(name, name)


def _skip(tokens: list[str]) -> None:
    """Spaces after a command only end its name, unless a sign comes that has spaces on both sides."""
    while tokens and tokens[-1].isspace() and not (len(tokens) > 1 and tokens[-2] in "=+-<>"):
        tokens.pop()


def _argument(tokens: list[str]) -> str:
    """The next token with its arguments, or the next group, without its braces."""
    _skip(tokens)
    return _one(tokens.pop(), tokens).strip() if tokens else ""


def _grouped(text: str) -> str:
    """In brackets, unless it is one number or one name."""
    return text if re.fullmatch(r"\w+[\u0300-\u036f\u2080-\u2089]*|√\w+", text) else f"({text})"


def _above(text: str) -> str:
    if text in ("ᵀ", "T", "′", "°", "†"):
        return "ᵀ" if text == "T" else text
    shown = text.translate(_SUPERSCRIPTS)
    return shown if not re.search("[^⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]", shown) else f"^{_grouped(text)}"


def _below(text: str) -> str:
    if text.isdigit():
        return text.translate(_SUBSCRIPTS)
    return f"_{text}" if re.fullmatch(r"[\w,′]+", text) else f"_({text})"
