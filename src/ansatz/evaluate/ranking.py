"""The area under the ROC curve."""

import numpy as np
from scipy.stats import rankdata

from ansatz.evaluate.estimate import Estimate


def area_under_curve(negative: np.ndarray, positive: np.ndarray) -> Estimate:
    """P(s < s') + P(s = s') / 2 for scores s of negative and s' of positive events.

    The error is that of DeLong and others (1988): of two means over events, of how many of the
    other kind each is ranked above.
    """
    n, m = len(negative), len(positive)
    ranks = rankdata(np.concatenate([negative, positive]))
    above = (ranks[n:] - rankdata(positive)) / n
    below = 1 - (ranks[:n] - rankdata(negative)) / m
    return Estimate(
        float(above.mean()), float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    )
