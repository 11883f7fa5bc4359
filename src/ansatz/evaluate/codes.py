"""Whether a classifier tells codes of events from codes that the prior draws."""

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.evaluate.told_apart import area, small_test, some
from ansatz.evaluate.two_sample import TwoSample
from ansatz.protocol.measure import Measure
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.run import Run


def code_test(run: Run, dataset: Dataset, *, seed: int = 0, watch: Watch = unseen) -> TwoSample:
    """The test.

    Of a conditional model both kinds have the same conditions, which the classifier sees.
    """
    dataset = some(dataset, seed)
    kinds = list(run.codes_and_prior(dataset, seed=seed))
    if dataset.conditions is not None:
        kinds = [np.concatenate([codes, dataset.conditions], 1) for codes in kinds]
    return small_test(kinds[0], kinds[1], seed=seed, watch=watch)


def code_measure(run: Run, dataset: Dataset, *, seed: int, watch: Watch = unseen) -> Measure:
    """The area under the ROC curve of the test, as a measure of the run."""
    found = code_test(run, dataset, seed=seed, watch=watch)
    return area("two-sample test of codes", "codes of events against codes of the prior", found)
