"""What people compare, as a table: HTML in a page or a notebook, aligned text in a terminal.

Columns of numbers stand at the right, so that their digits are under each other; the first column names its rows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from dmol_molnet.molecules import InputError

_NUMBER = re.compile(r"[-−+]?(\d[\d,  ]*\.?\d*|\.\d+)([eE][-−+]?\d+)?( ?%)?")
_MINUS = re.compile(r"(?<![^\s(\[])-(?=\.?\d)|(?<=\d[eE])-(?=\d)")
# On a narrow page no line ends in "ν = 2", "6.2 / 24.5", "3.8 −2.9", "– –", "0.3 ↑", "15.9–18.2", "2-body", "meV/Å".
_BLANK = re.compile(r"(?<=\d) (?=[/−\d])|(?<=/) (?=\d)|(?<=[–×]) (?=[–×])| (?=[↑↓])|(?<=\w) (?== )|(?<= =) ")
_DASH = re.compile(r"(?<=\d)[–-](?=\w)|(?<=\w)/(?=\w)")


class Table:
    """A table as it stands in a page; `print` shows it as text.

    Attributes:
        header: one text a column.
        rows: the cells, as texts.
        caption: what the table says; empty for none.
    """

    def __init__(self, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], caption: str = ""):
        self.header, self.rows, self.caption = header, rows, caption

    @property
    def _right(self) -> list[bool]:
        """Whether a column holds numbers."""
        columns = list(zip(*self.rows, strict=True))
        return [any(c) and all(not x or _NUMBER.fullmatch(x) for x in c) for c in columns] or [False] * len(self.header)

    def _repr_html_(self) -> str:
        sides = ["right" if right else "left" for right in self._right]
        shown = [[html.escape(_whole(cell)) for cell in line] for line in (self.header, *self.rows)]
        head = "".join(
            # A corner without a name is no header: screen readers would announce an empty one.
            f'<th scope="col" class="{side}">{text}</th>' if text else "<td></td>"
            for text, side in zip(shown[0], sides, strict=True)
        )
        body = []
        for first, *rest in shown[1:]:
            cells = "".join(f'<td class="{side}">{x}</td>' for x, side in zip(rest, sides[1:], strict=True))
            body.append(f'<tr><th scope="row" class="{sides[0]}">{first}</th>{cells}</tr>')
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return (
            f'<table class="molnet-table">{caption}<thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
        )

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.header))]
        right = self._right
        text = [
            "  ".join(x.rjust(w) if r else x.ljust(w) for x, w, r in zip(line, widths, right, strict=True)).rstrip()
            for line in lines
        ]
        text.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(([self.caption, ""] if self.caption else []) + text)


def table(header: Sequence[object], rows: Sequence[Sequence[object]], caption: str = "") -> Table:
    """Rows under a header: let it be the last value of a cell.

    Args:
        header: one name a column, units in it.
        rows: as many cells each as the header; the first names its row.  Numbers are written as `str` writes them, but
            with a true minus: format them before, with the digits that make sense.  None is an empty cell, True and
            False are "yes" and "no".
        caption: one sentence: what the table says.

    Raises:
        InputError: no column, or a row of another length.
    """
    header = tuple(str(name) for name in header)
    if not header:
        raise InputError("a table needs a header: one name a column")
    texts = []
    for k, row in enumerate(rows):
        cells = tuple(_text(cell) for cell in row)
        if len(cells) != len(header):
            raise InputError(f"row {k + 1} of the table has {len(cells)} cells, its header {len(header)}")
        texts.append(cells)
    return Table(header, tuple(texts), " ".join(caption.split()))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return _MINUS.sub("−", str(cell))


def _whole(text: str) -> str:
    """The text with what belongs together held together: by no-break spaces, and word joiners after dashes."""
    return _DASH.sub("\\g<0>\u2060", _BLANK.sub("\u00a0", text))
