"""Draws a matrix of numbers."""

import numpy as np
from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import Matrix
from ansatz.report.draw import draw
from ansatz.report.style import LETTER, SMALL, canvas, number, two_sided

LARGEST, ROW = 60.0, 24.0


@draw.register
def draw_matrix(figure: Matrix, width: float) -> Canvas:
    """A colour for each sign, the stronger the larger; the number itself where there is room."""
    rows, columns = figure.values.shape
    left = LETTER * max(map(len, figure.row_labels)) + 10
    cell = min((width - left - 8) / columns, LARGEST)
    longest = LETTER * max(map(len, figure.column_labels))
    flat = longest + 4 <= cell
    top = 22.0 if flat else longest + 12
    sheet = canvas(left + cell * columns + 8, top + ROW * rows + 8)
    ax = sheet.subplots()
    end = float(np.max(np.abs(figure.values), initial=0.0))
    ax.imshow(two_sided(figure.values, end), aspect="auto", interpolation="none")
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(length=0)
    ax.xaxis.tick_top()
    ax.set_xticks(range(columns), figure.column_labels, rotation=0 if flat else 90)
    ax.set_yticks(range(rows), figure.row_labels)
    if cell >= 34:
        for i in range(rows):
            for j in range(columns):
                text = number(round(float(figure.values[i, j]), 2) + 0.0)
                ax.text(j, i, text, ha="center", va="center", size=SMALL - 0.5)
    return sheet
