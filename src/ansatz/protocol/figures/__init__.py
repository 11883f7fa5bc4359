"""Figures as data: arrays and labels that a family returns and the report draws.

A figure knows what it is called, how to read it and its numbers; how it looks is the report's.
"""

from ansatz.protocol.figures.bars import Bars as Bars
from ansatz.protocol.figures.curves import Curve as Curve
from ansatz.protocol.figures.curves import Curves as Curves
from ansatz.protocol.figures.curves import Panel as Panel
from ansatz.protocol.figures.discs import Disc as Disc
from ansatz.protocol.figures.discs import Discs as Discs
from ansatz.protocol.figures.ellipses import Ellipses as Ellipses
from ansatz.protocol.figures.ellipses import Plane as Plane
from ansatz.protocol.figures.figure import Figure as Figure
from ansatz.protocol.figures.figure import Labels as Labels
from ansatz.protocol.figures.figure import Table as Table
from ansatz.protocol.figures.histograms import Histogram as Histogram
from ansatz.protocol.figures.histograms import Histograms as Histograms
from ansatz.protocol.figures.images import ImageGrid as ImageGrid
from ansatz.protocol.figures.images import as_images as as_images
from ansatz.protocol.figures.images import is_image as is_image
from ansatz.protocol.figures.matrix import Matrix as Matrix
from ansatz.protocol.figures.pairs import Pairs as Pairs
from ansatz.protocol.figures.ratios import Counts as Counts
from ansatz.protocol.figures.ratios import Ratios as Ratios
from ansatz.protocol.figures.scatter import Cloud as Cloud
from ansatz.protocol.figures.scatter import Scatter as Scatter
