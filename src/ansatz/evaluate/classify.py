"""How much of a label codes tell: classifiers of codes, judged on events they have not seen."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import weighted_mean
from ansatz.protocol.errors import DataError
from ansatz.protocol.figures import Labels
from ansatz.protocol.measure import Measure

FOLDS = 5
NEIGHBOURS = 5
MOST = 5000
"""Events whose codes are classified."""


def classify(codes: Float[np.ndarray, "events code"], labels: Labels, seed: int) -> list[Measure]:
    """The accuracy of a linear classifier and of the nearest neighbours, over folds.

    Codes are standardised. Every event is classified once, by what was learnt from the other
    folds; labels of fewer events than there are folds do not count.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    if not labels.categories:
        raise DataError(f"{labels.name} is a number and no category: no classifier can tell it.")
    values, counts = np.unique(labels.values, return_counts=True)
    common = np.isin(labels.values, values[counts >= FOLDS])
    codes, known = np.asarray(codes, np.float64)[common], labels.values[common]
    if len(np.unique(known)) < 2:
        raise DataError(
            f"A classifier needs two kinds of {labels.name} at least, of {FOLDS} events or more "
            "each."
        )
    most = np.max(np.unique(known, return_counts=True)[1]) / len(known)
    told = (
        f"of {labels.name} from codes, over {FOLDS} folds of {len(known):,} events; the most "
        f"frequent alone has {most:.3f}"
    )
    kinds = {
        "linear classifier": LogisticRegression(max_iter=1000),
        "nearest neighbours": KNeighborsClassifier(NEIGHBOURS),
    }
    found = []
    for name, classifier in kinds.items():
        mean, error = weighted_mean(_right(classifier, codes, known, seed))
        found.append(Measure(name, mean, error, "accuracy", told))
    return found


def _right(classifier: Any, codes: np.ndarray, known: np.ndarray, seed: int) -> np.ndarray:
    """Whether each event is classified rightly by what was learnt from others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Where codes part the labels completely the weights grow without end, and need not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = make_pipeline(StandardScaler(), classifier)
        guess = cross_val_predict(whole, codes, known, cv=folds)
    return (guess == known).astype(np.float64)
