"""Features of one size, so that none decides a distance between events alone."""

import numpy as np


def scales(reference: np.ndarray) -> np.ndarray:
    """The largest absolute value of each feature (events, features); 1 where all are zero."""
    largest = np.maximum(reference.max(0), -reference.min(0))
    return np.where(largest > 0, largest, 1.0)
