"""Text in lines that a terminal does not break."""

import shutil
import textwrap

WIDEST = 100


def columns() -> int:
    """How wide lines of prose may be."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def filled(text: str) -> str:
    """Paragraphs, each in lines of that width."""
    return "\n\n".join(textwrap.fill(block, columns()) for block in text.split("\n\n"))
