"""Every kind of figure: drawn without a warning, readable at any width, its numbers kept."""

import csv
import io
import itertools
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from kinds import FIGURES, said
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from ansatz.protocol.figures import Bars, Figure, ImageGrid, Table
from ansatz.report import draw
from ansatz.report.rendering import inline, numbers, render
from ansatz.report.style import COLOURS, NARROW, PAPER, WIDE, canvas, styled

EVERY = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)


@pytest.fixture(scope="module")
def rendered():
    """Renderings by the figure's name, each made once."""
    made = {}

    def get(figure):
        if figure.name not in made:
            made[figure.name] = render(figure)
        return made[figure.name]

    return get


class Names(HTMLParser):
    """Names that are given and names that are used."""

    def __init__(self, text):
        super().__init__()
        self.given, self.used, self.attributes = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            self.attributes.add((tag, name))
            if name == "id":
                self.given.append(value)
            if name == "href":
                self.used.append(value)


@EVERY
def test_a_figure_within_a_page_fetches_nothing_and_has_the_colours_of_the_page(figure, rendered):
    found = rendered(figure)
    for text in (found.wide, found.narrow):
        assert text.startswith("<svg")
        assert text.endswith("</svg>")
        assert not re.search(r"http|url\(|<style|@import|<script|xmlns", text)
        names = Names(text)
        assert len(set(names.given)) == len(names.given)
        for name in names.used:
            assert name.startswith("data:image/png;base64,") or name[1:] in names.given
        assert "currentColor" in text
        assert PAPER not in text
    both = Names(found.wide).given + Names(found.narrow).given
    assert len(set(both)) == len(both)


@EVERY
def test_a_figure_fits_the_width_it_is_for(figure, rendered):
    found = rendered(figure)
    for text, most in [(found.wide, WIDE), (found.narrow, NARROW)]:
        wide = float(re.search(r'viewBox="0 0 ([\d.]+)', text)[1])
        assert wide <= most + 0.5
        assert f"max-width:{wide:g}px" in text
    assert found.width == pytest.approx(float(re.search(r'viewBox="0 0 ([\d.]+)', found.wide)[1]))


@EVERY
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_text_covers_another_or_leaves_the_figure(figure, width, monkeypatch):
    boxes = {}
    original = Text.draw

    def noticed(text, renderer):
        # Names within a cloud have a ground of their own.
        if text.get_visible() and text.get_text().strip() and text.get_bbox_patch() is None:
            boxes[text] = text.get_window_extent(renderer).padded(-0.5)
        original(text, renderer)

    monkeypatch.setattr(Text, "draw", noticed)
    with styled():
        sheet = draw(figure, width)
        FigureCanvasAgg(sheet).draw()
    frame = sheet.bbox
    for text, box in boxes.items():
        inside = frame.x0 - 3 < box.x0 and box.x1 < frame.x1 + 3
        assert inside and frame.y0 - 3 < box.y0 and box.y1 < frame.y1 + 3, text  # noqa: PT018
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        assert not first.overlaps(second), f"{one.get_text()!r} and {other.get_text()!r}"


@EVERY
def test_files_are_what_their_names_say(figure, rendered):
    files = rendered(figure).files
    image = Image.open(io.BytesIO(files["png"]))
    image.verify()
    ratio = image.size[0] / rendered(figure).width
    assert ratio == pytest.approx(200 / 72, rel=0.01)
    assert files["svg"].startswith(b"<?xml")
    # A file of its own stands on white, whatever it is shown on.
    assert b'style="fill: #ffffff"' in files["svg"]
    assert b"currentColor" not in files["svg"]
    assert b"Date" not in files["svg"]


@EVERY
def test_csv_has_every_number_to_the_last_digit(figure):
    rows = list(csv.reader(io.StringIO(numbers(figure))))
    header, wanted = figure.table()
    assert tuple(rows[0]) == header
    wanted = list(wanted)
    assert len(rows) == len(wanted) + 1
    for row, cells in zip(rows[1:], wanted, strict=True):
        assert len(row) == len(header)
        again = [type(cell)(text) for text, cell in zip(row, cells, strict=True)]
        same = [
            one == other or (np.isnan(one) and np.isnan(other))
            for one, other in zip(again, cells, strict=True)
        ]
        assert all(same)


def read(name):
    """The cells of a figure's CSV, header first."""
    (figure,) = [figure for figure in FIGURES if figure.name == name]
    header, *rows = csv.reader(io.StringIO(numbers(figure)))
    return figure, header, rows


def column(rows, k):
    return np.array([float(row[k]) for row in rows])


def test_csv_of_images_has_a_line_for_each():
    figure, header, rows = read("grey")
    assert header[:3] == ["row", "column", "pixel 0"]
    assert rows[15 + 2][:2] == ["z1", f"{-3 + 2 * 6 / 14:.2g}"]
    pixels = np.array([row[2:] for row in rows], np.float32)
    np.testing.assert_array_equal(pixels.reshape(3, 15, 8, 8), figure.images)


def test_csv_of_curves_has_a_line_for_each_point():
    figure, header, rows = read("history")
    assert header == ["panel", "curve", "epoch", "y"]
    own = [row for row in rows if row[:2] == ["loss", "kind 1"]]
    np.testing.assert_array_equal(column(own, 2), np.arange(20))
    np.testing.assert_array_equal(column(own, 3), figure.panels[0].curves[1].y)


def test_csv_of_points_names_their_categories():
    figure, header, rows = read("particles")
    assert header == ["cloud", "principal axis 1", "principal axis 2", "particle"]
    labels = figure.clouds[1].labels
    own = rows[100:200]
    assert {row[0] for row in own} == {"cloud 1"}
    points = np.array([row[1:3] for row in own], np.float32)
    np.testing.assert_array_equal(points, figure.clouds[1].points)
    assert [row[3] for row in own] == [labels.categories[code] for code in labels.values]
    figure, header, rows = read("energy")
    assert header[3] == "energy [MeV]"
    np.testing.assert_array_equal(column(rows, 3), figure.clouds[0].labels.values)


def test_csv_of_bars_has_the_line_beside_them():
    figure, header, rows = read("scree")
    assert header == ["component", "fraction", "all so far"]
    assert rows[7][0] == "7"
    np.testing.assert_array_equal(column(rows, 1), figure.values)
    np.testing.assert_array_equal(column(rows, 2), figure.line)
    assert read("bars")[1] == ["latent", "nats"]


def test_csv_of_histograms_has_their_bins():
    figure, header, rows = read("marginals")
    assert header == ["axis", "from", "to", "data", "samples"]
    own = [row for row in rows if row[0] == "x"]
    panel = figure.panels[3]
    np.testing.assert_array_equal(column(own, 1), panel.edges[:-1])
    np.testing.assert_array_equal(column(own, 2), panel.edges[1:])
    np.testing.assert_array_equal(column(own, 4), panel.densities["samples"])


def test_csv_of_pairs_has_their_bins():
    figure, _, rows = read("pairs-3")
    own = [row for row in rows if (row[0], row[3]) == (figure.axes[1], figure.axes[2])]
    u, v = figure.edges[1], figure.edges[2]
    for row in own:
        a, b = np.flatnonzero(u == float(row[1]))[0], np.flatnonzero(v == float(row[4]))[0]
        assert (float(row[2]), float(row[5])) == (u[a + 1], v[b + 1])
        assert float(row[7]) == figure.densities["samples"][2, 1][b, a]
    assert len(own) == (len(u) - 1) * (len(v) - 1)


def test_csv_of_a_matrix_is_the_matrix():
    figure, header, rows = read("matrix")
    assert header == ["", *figure.column_labels]
    assert [row[0] for row in rows] == list(figure.row_labels)
    values = np.array([row[1:] for row in rows], float)
    np.testing.assert_array_equal(values, figure.values)


@dataclass(frozen=True, eq=False, kw_only=True)
class Disc(Figure):
    radius: float

    def table(self):
        return Table(("radius",), [(self.radius,)])


def test_another_kind_of_figure_needs_one_drawer():
    disc = Disc(**said("disc"), radius=2.0)
    with pytest.raises(ValueError, match="No drawer is registered for a Disc"):
        render(disc)

    @draw.register
    def draw_disc(figure: Disc, width: float) -> matplotlib.figure.Figure:
        sheet = canvas(100.0, 50.0)
        sheet.subplots().plot([0, figure.radius])
        return sheet

    found = render(disc)
    assert 'viewBox="0 0 100 50"' in found.wide
    assert found.files["csv"] == b"radius\n2.0\n"


@pytest.mark.parametrize("name", ["../evil", "Capital", "", "two words", "-", "a--b"])
def test_a_name_that_cannot_be_a_files_is_refused(name):
    with pytest.raises(ValueError, match="becomes the name of a file"):
        Bars(**said(name), labels=(), values=np.zeros(0), x_label="", y_label="")


def test_the_look_is_ours_whatever_the_user_has_set():
    figure = ImageGrid(**said("grid"), images=np.eye(4)[None, None])
    plain = render(figure)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 7}):
        assert render(figure) == plain


def test_what_a_page_makes_of_an_svg():
    svg = (
        '<?xml?><svg viewBox="0 0 30 20" xmlns="http://x"><style>*{}</style>'
        '<g id="patch_1"><path style="fill: #ffffff"/></g><g id="a"><path id="b"/></g>'
        '<clipPath id="c"><rect/></clipPath><use xlink:href="#b" clip-path="url(#c)"/>'
        "<text style=\"font-size: 9px; font-family: 'X', Arial; fill: #1f2328\">t</text>"
        '<path style="fill: #ffffff"/></svg>'
    )
    assert inline(svg, "p") == (
        '<svg viewBox="0 0 30 20" style="max-width:30px"><g><path id="p-b"/></g>'
        '<use href="#p-b"/><text style="font-size: 9px; fill: currentColor">t</text>'
        '<path style="fill: var(--paper)"/></svg>'
    )


def brightness(colour):
    """Relative luminance, as the web's guidelines have it."""
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("paper", [PAPER, "#15181d"])
def test_colours_are_seen_on_white_and_on_black(colour, paper):
    dark, bright = sorted([brightness(colour), brightness(paper)])
    assert (bright + 0.05) / (dark + 0.05) > 2
