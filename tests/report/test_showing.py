"""Ratios, discs and tables say what they are of."""

import numpy as np
import pytest
from kinds import said

from ansatz.protocol.figures import Counts, Disc, Discs, Ratios
from ansatz.report import discs, ratios
from ansatz.report.page import Grid, _grid
from ansatz.report.plane import decades, power_of_ten
from ansatz.report.ratios import Frame
from ansatz.report.rendering import _shortened, render


def test_a_ratio_of_one_is_in_the_middle_and_its_ends_are_at_a_half_off():
    frame = Frame(0, 100, 0, 80, 110)
    assert [ratios._ratio_at(value, frame) for value in (0.5, 1.0, 1.5)] == [110, 95, 80]


def test_bins_that_the_reference_lacks_have_no_ratio():
    known = np.array([True, True, False, False, True, False])
    assert ratios._runs(known) == [slice(0, 2), slice(4, 5)]
    assert ratios._runs(np.zeros(3, bool)) == []


def test_an_outline_is_as_high_as_its_share():
    frame = Frame(0, 100, 10, 110, 140)
    up = ratios._up(np.array([1.0, 0.5, 0.0]), 1.0, frame, log=False)
    np.testing.assert_allclose(up, [110, 15, 15, 62.5, 62.5, 110, 110, 110])
    up = ratios._up(np.array([1.0, 1e-2, 0.0]), 1.0, frame, log=True)
    np.testing.assert_allclose(up, [110, 15, 15, 62.5, 62.5, 110, 110, 110])


def test_the_csv_of_ratios_has_every_count():
    panels = tuple(
        Counts(f"layer {k}", np.array([1.0, 2, 4]), {"a": np.array([k, 2]), "b": np.array([3, 4])})
        for k in range(2)
    )
    text = render(Ratios(**said("ratios"), panels=panels)).files["csv"].decode()
    assert text.splitlines() == [
        "axis,from,to,a,b",
        "layer 0,1.0,2.0,0,3",
        "layer 0,2.0,4.0,2,4",
        "layer 1,1.0,2.0,1,3",
        "layer 1,2.0,4.0,2,4",
    ]


@pytest.mark.parametrize("angle", range(4))
def test_a_voxel_is_seen_where_it_is(angle):
    """Four angles from -pi on: lower left, lower right, upper right, upper left."""
    values = np.zeros((4, 2))
    values[angle, 1] = 5.0
    picture = discs.disc(Disc("0", np.array([0.0, 1, 2]), values), (1.0, 5.0), 40)
    coloured = (picture[..., :3] != picture[20, 20, :3]).any(-1) & (picture[..., 3] > 200)
    rows, columns = np.nonzero(coloured)
    right, upper = angle in (1, 2), angle in (2, 3)
    assert (columns >= 20).all() == right
    assert (rows < 20).all() == upper
    # The outer ring alone.
    assert np.hypot(rows - 19.5, columns - 19.5).min() >= 9.5


def test_the_scale_of_discs_leaves_out_what_is_not_positive():
    rows = ((Disc("0", np.array([0.0, 1, 2]), np.array([[0.0, 3.0], [1e-9, -2.0]])),),)
    assert Discs(**said("discs"), rows=rows, row_labels=("",)).limits == (3e-6, 3.0)
    table = list(Discs(**said("discs"), rows=rows, row_labels=("",)).table().rows)
    assert table[1] == ("", "0", -np.pi, 0.0, 1.0, 2.0, 3.0)


def test_a_path_is_shortened_and_goes_the_same_way():
    path = "M 1.00001 2.5 L 1.00001 7.123456 L 3.2 7.123456 L 4 8.999 z M 4 9 L 5 9"
    assert _shortened(path) == "M1 2.5V7.12H3.2L4 9zM4 9H5"
    # A curve, and a line after it that goes along neither axis.
    assert _shortened("M 0 0 Q 1 2 3.33333 4 L 4 5") == "M0 0Q1 2 3.33 4L4 5"


def test_powers_of_ten():
    assert [power_of_ten(k) for k in (-2, 0, 2, 4, 10)] == ["10⁻²", "1", "100", "10⁴", "10¹⁰"]
    assert decades(0.015, 2e5, 4) == [0, 2, 4]
    assert decades(0.5, 1.5, 4) == [0]
    assert decades(2.0, 8.0, 4) == []


def test_a_table_marks_its_own_rows_and_says_nothing_as_markup():
    grid = Grid("A & B", "<why>", ("", "x"), (("ours", "1"), ("theirs", "2 < 3")), own=1)
    html = _grid(grid)
    assert "A &amp; B" in html
    assert "&lt;why&gt;" in html
    assert '<tr class="own"><th scope="row">ours</th><td>1</td></tr>' in html
    assert '<tr><th scope="row">theirs</th><td>2 &lt; 3</td></tr>' in html
