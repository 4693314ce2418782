"""What the scripts of this folder share."""

import os
import platform
from pathlib import Path


def write(path: Path, text: str) -> None:
    """All or nothing."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def machine() -> str:
    """What it was measured on."""
    return f"{os.cpu_count()} cores ({platform.machine()})"
