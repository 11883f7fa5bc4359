"""How much an evaluation spends, and how far its figures are those that the field quotes."""

import time
from dataclasses import dataclass

import numpy as np

from ansatz.calo.geometry import Geometry
from ansatz.evaluate import frechet, kernel_distance, two_sample


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Events, batches and epochs; the defaults are reduced where the field's take hours."""

    name: str = "default"
    sample: int = 100_000
    """At most so many events of a file have their features kept."""
    least: int = frechet.LEAST
    most: int = frechet.MOST
    """The smallest and the largest batch of the Fréchet distance."""
    resamplings: int = frechet.RESAMPLINGS
    kernel: int = kernel_distance.SIZE
    """Events in a batch of the kernel distance."""
    classified: int = 20_000
    """Events of each kind for a classifier, to learn from and to test on; without any, none."""
    epochs: int = 10
    hidden: tuple[int, ...] = two_sample.HIDDEN
    neighbours: int = 10_000
    """Events of each kind for precision, recall, density and coverage; without any, none."""

    def operations(self, geometry: Geometry, events: int) -> float:
        """Floating-point operations of classifiers and neighbours, roughly, with their floors.

        A weight takes six for each event that is learnt from, those of the first layer four; a
        number of a pair of showers takes two.
        """
        learnt = two_sample.TRAIN * 2 * min(self.classified, events) * self.epochs
        rest = sum(a * b for a, b in zip(self.hidden, (*self.hidden[1:], 1), strict=True))
        inputs = geometry.voxels + 8 * len(geometry.ids)
        nets = learnt * (4 * inputs * self.hidden[0] + 2 * 6 * rest)
        pairs = 3 * min(self.neighbours, events) ** 2 * 2 * geometry.voxels
        return 2 * (nets + pairs)

    def hours(self, geometry: Geometry, events: int) -> float:
        """How long these take on this machine, as fast as it multiplies matrices now."""
        size = 2048
        matrix = np.ones((size, size), np.float32)
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            np.matmul(matrix, matrix)
            seconds.append(time.perf_counter() - started)
        return self.operations(geometry, events) / (2 * size**3 / min(seconds)) / 3600


DEFAULT = Effort()

QUICK = Effort(
    name="quick",
    sample=10_000,
    least=1_000,
    most=5_000,
    resamplings=4,
    kernel=2_000,
    classified=4_000,
    epochs=3,
    hidden=(256, 256, 256),
    neighbours=1_000,
)

FULL = Effort(name="full", classified=100_000, epochs=two_sample.EPOCHS, neighbours=100_000)
"""What the published figures were made with."""
