"""Gaussian mixtures learnt by scikit-learn, which this package depends on, from a given start."""

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

# Read when NumPy is loaded: it is to choose the best kernel that it has.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402


def learn(work: dict[str, Any], iterations: int) -> tuple[float, float]:
    """Seconds of a fit of so many iterations, and log p of the last."""
    count, d = work["components"], work["numbers"]
    events = np.load(work["data"]).astype(work["dtype"])
    mixture = GaussianMixture(
        count,
        reg_covar=0.0,
        tol=0.0,
        max_iter=iterations,
        init_params="random_from_data",
        weights_init=np.full(count, 1 / count, work["dtype"]),
        means_init=events[:count],
        precisions_init=np.tile(np.eye(d, dtype=work["dtype"]), (count, 1, 1)),
        random_state=0,
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        # So few iterations need not converge.
        warnings.simplefilter("ignore")
        mixture.fit(events)
    return time.perf_counter() - started, float(mixture.lower_bound_)


fits = []
for work in json.loads(sys.argv[1])["fits"]:
    # What comes before the second iteration and after the last is in both.
    few, _ = learn(work, 1)
    many, log_prob = learn(work, work["iterations"])
    fits.append({"seconds": (many - few) / (work["iterations"] - 1), "log_prob": log_prob})
print(json.dumps({"fits": fits, "versions": {"scikit-learn": version("scikit-learn")}}))
