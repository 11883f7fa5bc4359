"""Whether a classifier tells what a model draws from what it was to be like, a few numbers each."""

from typing import Any

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.evaluate.two_sample import TwoSample, classifier_test
from ansatz.protocol.measure import Measure
from ansatz.protocol.watch import Watch

MOST = 10_000
"""Events that are compared with as many draws."""
SMALL: dict[str, Any] = {"hidden": (256, 256), "epochs": 30, "batch": 200, "rate": 1e-3}
"""A classifier that does for so many."""


def some(dataset: Dataset, seed: int) -> Dataset:
    """As many events as are compared, chosen at random."""
    generator = np.random.Generator(np.random.Philox(seed))
    return dataset.take(generator.choice(len(dataset), min(MOST, len(dataset)), replace=False))


def small_test(first: np.ndarray, second: np.ndarray, *, seed: int, watch: Watch) -> TwoSample:
    """The classifier test of rows of numbers."""
    kinds = first.astype(np.float32), second.astype(np.float32)
    return classifier_test(*kinds, seed=seed, watch=watch, **SMALL)


def area(name: str, kinds: str, found: TwoSample) -> Measure:
    """The area under the ROC curve of a test, as a measure of a run."""
    number = found.train + found.validation + found.test
    return Measure(
        name,
        found.auc.value,
        found.auc.error,
        "AUC",
        f"of a classifier of {kinds}, {number:,} of either: 0.5 where it cannot tell them apart, 1 "
        "where it always can",
    )
