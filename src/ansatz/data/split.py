"""The split of a dataset into events to train, to validate and to test on."""

import numpy as np

from ansatz.data.dataset import PARTS, Dataset
from ansatz.protocol.errors import DataError, OptionError


def split(
    dataset: Dataset, validation: float, test: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the training, validation and test events, in random order.

    They depend on the number of events, the fractions and the seed alone. A part that the
    dataset declares is taken as it is, whatever its fraction; the others are fractions of the
    declared training events.
    """
    for name, fraction in [("validation", validation), ("test", test)]:
        if not 0 <= fraction < 1:
            raise OptionError(f"{name} must be a fraction from 0 up to 1; it is {fraction:g}.")
    if validation + test >= 1:
        raise OptionError(
            f"validation and test take {validation + test:g} of all events; "
            "less than 1 must be left to train on."
        )
    if seed < 0:
        raise OptionError(f"seed must be at least 0; it is {seed}.")
    parts = dataset.parts
    if parts is None:
        train, validating, testing = np.arange(len(dataset)), *np.empty((2, 0), np.int64)
    else:
        train, validating, testing = (np.flatnonzero(parts == part) for part in range(len(PARTS)))
    # In place, for there may be many.
    np.random.Generator(np.random.Philox(seed)).shuffle(train)
    n = len(train)
    # The test set is cut first, so that it stays the same when the validation fraction changes.
    if len(testing) == 0:
        testing, train = np.split(train, [round(test * n)])
    if len(validating) == 0:
        validating, train = np.split(train, [round(validation * n)])
    if len(train) == 0:
        raise DataError(
            f"{dataset.name}: no event is left to train on out of {len(dataset)}; give more, or "
            "make the validation and test fractions smaller."
        )
    return train, validating, testing
