"""The classifier two-sample test by cross-validation: every event is judged by a classifier that
has not seen it.
"""

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.ranking import area_under_curve

FOLDS = 5
ROUNDS = 100
"""Boosted trees."""
LEAVES, LEAF = 15, 20
LOOKED_AT = 64
"""Numbers of an event that a split chooses from; of more they are drawn at random."""

Rows = Float[np.ndarray, "_ numbers"]


def crossvalidated_area(reference: Rows, other: Rows, *, seed: int) -> Estimate:
    """The mean over folds of the area under the ROC curve of boosted trees between two kinds.

    ½ where the kinds are alike. Areas are within a fold, for classifiers of different folds have
    scores of their own; events of different folds are independent, so that the error of the mean
    is sqrt(sum of squared errors) / folds.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    rows = np.concatenate([reference, other]).astype(np.float32)
    kind = np.repeat([0, 1], [len(reference), len(other)])
    areas = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for learnt, judged in folds.split(rows, kind):
        trees = HistGradientBoostingClassifier(
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=LEAF,
            max_features=min(1.0, LOOKED_AT / rows.shape[1]),
            early_stopping=False,
            random_state=seed,
        )
        # So few events are done sooner by one thread than by several that wait for each other.
        with threadpool_limits(1, user_api="openmp"):
            trees.fit(rows[learnt], kind[learnt])
            scores = trees.decision_function(rows[judged])
        areas.append(area_under_curve(scores[kind[judged] == 0], scores[kind[judged] == 1]))
    values, errors = np.array(areas).T
    return Estimate(float(values.mean()), float(np.sqrt(np.sum(errors**2))) / FOLDS)
