"""What the scripts of this folder share."""

import os
import platform
from pathlib import Path

import numpy as np


def write(path: Path, text: str) -> None:
    """All or nothing."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def machine() -> str:
    """What it was measured on."""
    return f"{os.cpu_count()} cores ({platform.machine()})"


def rounded(value: float, digits: int = 6) -> float:
    """As many digits as the table needs."""
    return float(f"{value:.{digits}g}")


def spread(values: list[float]) -> str:
    """The mean and the range, in as many digits as make sense."""
    digits = 0 if np.mean(values) >= 100 else 1
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
