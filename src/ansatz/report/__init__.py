"""Draws what a run has to show: its figures, and one page of them all."""

# Each of these registers the drawer of its kind.
from ansatz.report import (  # noqa: F401
    bars,
    curves,
    ellipses,
    histograms,
    images,
    matrix,
    pairs,
    scatter,
)
from ansatz.report.draw import draw
from ansatz.report.write import Report, write_report

__all__ = ["Report", "draw", "write_report"]
