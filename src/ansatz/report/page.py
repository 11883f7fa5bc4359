"""The page: one HTML file that fetches nothing, for any width and for light and dark."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from ansatz.report.facts import Fact
from ansatz.report.rendering import FORMATS, Rendering
from ansatz.report.style import HALF, INK, PAPER

MANY = 8
"""Columns of a table, beyond which they stand closer."""

STYLE = f"""
:root {{ color-scheme: light dark; --paper: {PAPER}; --ink: {INK}; --soft: #5c636e;
  --line: #e3e6ea; --warn: #8a5a00; --warn-fill: #fff7e6; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #15181d; --ink: #e4e7eb;
  --soft: #9aa3af; --line: #2c323a; --warn: #f0c36d; --warn-fill: #2a2416; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui,
  -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }}
main {{ max-width: 956px; margin: 0 auto; padding: 40px 24px 64px; }}
h1 {{ font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -.01em; }}
h2 {{ font-size: 18px; margin: 0 0 4px; }}
p {{ margin: 0 0 12px; max-width: 46em; }}
#about, dt, .note {{ color: var(--soft); }}
.merits {{ display: flex; flex-wrap: wrap; gap: 1px;
  margin: 24px 0 40px; border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
  background: var(--line); }}
.merits div {{ background: var(--paper); padding: 12px 16px; flex: 1 1 140px; }}
.merits dt, .merits .note {{ font-size: 13px; }}
.merits dd {{ margin: 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }}
.merits .note {{ font-weight: 400; }}
.missing {{ background: var(--warn-fill); color: var(--warn); padding: 12px 16px;
  border-radius: 10px; margin: 24px 0; }}
.missing p {{ margin: 0; max-width: none; }}
.figures {{ display: grid; grid-template-columns: 1fr 1fr; gap: 48px 28px;
  grid-auto-flow: dense; }}
figure {{ margin: 0; grid-column: 1 / -1; grid-row: span 3; min-width: 0; display: grid;
  grid-template-rows: subgrid; row-gap: 0; align-items: start; }}
figure.half {{ grid-column: auto; }}
figcaption p {{ font-size: 14px; max-width: 62em; color: var(--soft); }}
figure svg {{ display: block; width: 100%; height: auto; overflow: visible;
  font-family: inherit; stroke-linejoin: round; stroke-linecap: butt; }}
figure svg.narrow {{ display: none; }}
figure .files {{ font-size: 12px; color: var(--soft); margin: 8px 0 0; }}
section {{ margin-top: 56px; }}
.facts {{ columns: 3 260px; column-gap: 40px; margin: 12px 0 0; }}
.facts div {{ display: flex; justify-content: space-between; gap: 16px; padding: 4px 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; font-size: 14px; }}
.facts dd {{ margin: 0; text-align: right; overflow-wrap: anywhere; }}
.facts .own dd {{ font-weight: 600; }}
.grid {{ margin: 0 0 48px; }}
.grid p {{ font-size: 14px; max-width: 62em; color: var(--soft); }}
.grid .wide {{ overflow-x: auto; }}
.grid table {{ border-collapse: collapse; font-size: 13px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }}
.grid th, .grid td {{ text-align: left; font-weight: 400; padding: 4px 14px 4px 0;
  border-bottom: 1px solid var(--line); }}
.grid .many {{ font-size: 12px; }}
.grid .many th, .grid .many td {{ padding-right: 9px; }}
.grid .words {{ white-space: normal; min-width: 18em; }}
.grid thead th {{ color: var(--soft); vertical-align: bottom; }}
.grid .own th, .grid .own td {{ font-weight: 600; }}
@media (max-width: 800px) {{ .figures {{ grid-template-columns: 1fr; }}
  figure.half {{ grid-column: 1 / -1; }} }}
@media (max-width: 640px) {{ main {{ padding: 24px 20px 48px; }} h1 {{ font-size: 24px; }}
  figure svg.wide {{ display: none; }} figure svg.narrow {{ display: block; }}
 }}
"""


@dataclass(frozen=True)
class Grid:
    """A table under a header, words in its first column."""

    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    own: int = 0
    """So many of the first rows are what the page is about."""


@dataclass(frozen=True)
class Page:
    """All that a report says and shows."""

    title: str
    about: str
    missing: tuple[str, ...]
    merits: list[Fact]
    figures: tuple[Rendering, ...]
    folder: str
    """Where the figures' files are; empty if there are none."""
    tables: dict[str, list[Fact]]
    grids: tuple[Grid, ...] = ()

    def html(self) -> str:
        """The whole file."""
        body = [f"<h1>{escape(self.title)}</h1>", f'<p id="about">{escape(self.about)}</p>']
        if self.missing:
            said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.missing)
            body.append(f'<div class="missing" role="note">{said}</div>')
        body.append(f'<dl class="merits">{"".join(map(_merit, self.merits))}</dl>')
        body += map(_grid, self.grids)
        if self.figures:
            shown = "\n".join(self._figure(rendering) for rendering in self.figures)
            body.append(f'<div class="figures">\n{shown}\n</div>')
        body += [
            f'<section><h2>{escape(name)}</h2><dl class="facts">{_facts(facts)}</dl></section>'
            for name, facts in self.tables.items()
        ]
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            "<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
        )

    def _figure(self, rendering: Rendering) -> str:
        figure = rendering.figure
        half = ' class="half"' if rendering.width <= HALF + 1 else ""
        files = ""
        if self.folder:
            forms = ", ".join(f".{form}" for form in FORMATS)
            files = f'<p class="files">{escape(self.folder)}/{figure.name}{forms}</p>'
        read = f'role="img" aria-label="{escape(figure.title)}"'
        wide = rendering.wide.replace("<svg", f'<svg class="wide" {read}', 1)
        narrow = rendering.narrow.replace("<svg", f'<svg class="narrow" {read}', 1)
        return (
            f'<figure id="{figure.name}"{half}><figcaption><h2>{escape(figure.title)}</h2>'
            f"<p>{escape(figure.caption)}</p></figcaption>{wide}{narrow}{files}</figure>"
        )


def _grid(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in grid.header)
    many = ' class="many"' if len(grid.header) > MANY else ""
    rows = []
    for k, (name, *cells) in enumerate(grid.rows):
        own = ' class="own"' if k < grid.own else ""
        shown = "".join(
            f'<td class="words">{escape(cell)}</td>'
            if len(cell) > 30
            else f"<td>{escape(cell)}</td>"
            for cell in cells
        )
        rows.append(f'<tr{own}><th scope="row">{escape(name)}</th>{shown}</tr>')
    return (
        f'<section class="grid"><h2>{escape(grid.title)}</h2><p>{escape(grid.caption)}</p>'
        f'<div class="wide"><table{many}><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _merit(fact: Fact) -> str:
    note = f'<span class="note">{escape(fact.note)}</span>' if fact.note else ""
    return f"<div><dt>{escape(fact.name)}</dt><dd>{escape(fact.value)}</dd>{note}</div>"


def _facts(facts: Iterable[Fact]) -> str:
    rows = []
    for fact in facts:
        own = ' class="own"' if fact.own else ""
        rows.append(f"<div{own}><dt>{escape(fact.name)}</dt><dd>{escape(fact.value)}</dd></div>")
    return "".join(rows)
