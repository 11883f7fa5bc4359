"""A figure as files and as a piece of a page."""

import csv
import io
import re
from dataclasses import dataclass

from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import Figure
from ansatz.report.draw import draw
from ansatz.report.style import FONT, INK, NARROW, PAPER, WIDE, styled

FORMATS = ("svg", "png", "csv")
PNG_DPI = 200
RASTER_DPI = 160
"""Of clouds of points within an SVG."""
NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Rendering:
    """A drawing in all the forms in which it is kept."""

    figure: Figure
    files: dict[str, bytes]
    """The content of a file of each format."""
    wide: str
    """SVG within HTML: ink and paper are the page's, and it fetches nothing."""
    narrow: str
    """The same for a phone."""
    width: float
    """Of the wide one, in pixels."""


def render(figure: Figure) -> Rendering:
    """Draw a figure for a desk and for a phone, and write down its numbers."""
    with styled():
        canvas = draw(figure, WIDE)
        width = float(canvas.get_size_inches()[0] * canvas.dpi)
        png = io.BytesIO()
        canvas.savefig(png, format="png", dpi=PNG_DPI)
        svg = _svg(canvas)
        narrow = _svg(draw(figure, NARROW)) if width > NARROW else svg
    return Rendering(
        figure=figure,
        files={
            "svg": svg.encode(),
            "png": png.getvalue(),
            "csv": numbers(figure).encode(),
        },
        wide=inline(svg, f"{figure.name}-wide"),
        narrow=inline(narrow, f"{figure.name}-narrow"),
        width=width,
    )


def numbers(figure: Figure) -> str:
    """The figure's numbers as CSV, with all their digits."""
    text = io.StringIO()
    table = figure.table()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    # str of a NumPy number has as many digits as tell it from its neighbours.
    writer.writerows([str(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def inline(svg: str, prefix: str) -> str:
    """An SVG file as a part of an HTML page.

    Names begin with the prefix, since they must be unique in a page; clipping is left out, for
    nothing is drawn beyond its axes.
    """
    svg = svg[svg.index("<svg") :]
    opening, rest = svg.split(">", 1)
    box = re.search(r'viewBox="([^"]*)"', opening)
    assert box is not None
    wide = box[1].split()[2]
    rest = re.sub(r"<style.*?</style>", "", rest, flags=re.S)
    rest = re.sub(r"<clipPath.*?</clipPath>", "", rest, flags=re.S)
    rest = re.sub(r' clip-path="[^"]*"', "", rest)
    rest = re.sub(r'<g id="patch_1">.*?</g>', "", rest, count=1, flags=re.S)
    used = set(re.findall(r'xlink:href="#([^"]*)"', rest))
    rest = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", rest
    )
    rest = rest.replace('xlink:href="#', f'href="#{prefix}-').replace("xlink:href", "href")
    rest = re.sub(r' transform="rotate\(-?0 [^"]*"', "", rest)
    rest = re.sub(r" *font-family: [^;]*;", "", rest)
    rest = rest.replace(INK, "currentColor").replace(PAPER, "var(--paper)")
    # Paths to a hundredth of a pixel: the rest would be most of a page's bytes.
    rest = re.sub(r'(?<= d=")[^"]*', lambda m: _shortened(m[0]), rest)
    rest = re.sub(r">\s+<", "><", rest)
    rest = re.sub(r"(?<=[\d.])\s*\n(?=[LMCQz])", "", rest)
    return f'<svg viewBox="{box[1]}" style="max-width:{wide}px">{rest.strip()}'


def _shortened(path: str) -> str:
    """The path with every number to a hundredth, and straight steps along one axis as such."""
    steps = re.findall(r"([A-Za-z])([^A-Za-z]*)", path)
    words: list[str] = []
    at: tuple[str, ...] = ("", "")
    for letter, rest in steps:
        numbers = [f"{float(word):.2f}".rstrip("0").rstrip(".") for word in rest.split()]
        if letter == "L" and at[1] == numbers[1]:
            words.append(f"H{numbers[0]}")
        elif letter == "L" and at[0] == numbers[0]:
            words.append(f"V{numbers[1]}")
        else:
            words.append(letter + " ".join(numbers))
        at = tuple(numbers[-2:]) if numbers else ("", "")
    return "".join(words)


def _svg(canvas: Canvas) -> str:
    text = io.StringIO()
    canvas.savefig(text, format="svg", dpi=RASTER_DPI, metadata=NOTHING)
    return text.getvalue().replace(f"'{FONT}'", f"'{FONT}', Arial, sans-serif")
