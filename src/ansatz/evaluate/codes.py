"""Whether a classifier tells codes of events from codes that the prior draws."""

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.evaluate.two_sample import SMALL, TwoSample, classifier_test
from ansatz.evaluate.watch import Watch, unseen
from ansatz.protocol.measure import Measure
from ansatz.runs.run import Run

MOST = 10_000
"""Events whose codes are drawn."""


def code_test(
    run: Run, dataset: Dataset, *, seed: int = 0, watch: Watch = unseen
) -> tuple[TwoSample, int]:
    """The test, and how many codes of either kind there were.

    Of a conditional model both kinds have the same conditions, which the classifier sees.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    chosen = generator.choice(len(dataset), min(MOST, len(dataset)), replace=False)
    dataset = dataset.take(chosen)
    kinds = list(run.codes_and_prior(dataset, seed=seed))
    if dataset.conditions is not None:
        kinds = [np.concatenate([codes, dataset.conditions], 1) for codes in kinds]
    found = classifier_test(
        kinds[0].astype(np.float32),
        kinds[1].astype(np.float32),
        seed=seed,
        watch=watch,
        **SMALL,
    )
    return found, len(chosen)


def code_measure(run: Run, dataset: Dataset, *, seed: int, watch: Watch = unseen) -> Measure:
    """The area under the ROC curve of the test, as a measure of the run."""
    found, number = code_test(run, dataset, seed=seed, watch=watch)
    return Measure(
        "two-sample test of codes",
        found.auc.value,
        found.auc.error,
        "AUC",
        f"of a classifier of codes of events against codes of the prior, {number:,} of either: "
        "0.5 where it cannot tell them apart, 1 where it always can",
    )
