"""When a score is low enough to raise an alarm, and how often the alarm is wrong.

Scores are such that normal events have high ones. Everything is on plain arrays.
"""

import math
from dataclasses import dataclass

import numpy as np

from ansatz.protocol.errors import DataError, OptionError

CONFIDENCE = 0.95
SIGMAS = 3.0


@dataclass(frozen=True)
class Threshold:
    """Events with a score below `value` are called anomalous."""

    value: float
    rule: str

    def alarms(self, scores: np.ndarray) -> np.ndarray:
        """Which of the events are called anomalous."""
        return np.asarray(scores) < self.value


@dataclass(frozen=True)
class Rate:
    """k of n events, and between which rates chance allows that."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.count / self.of

    @classmethod
    def counted(cls, which: np.ndarray, confidence: float = CONFIDENCE) -> "Rate":
        """The exact interval of Clopper and Pearson (1934).

        Its ends are the rates at which as many events or more, and as many or fewer, have the
        probability (1 − confidence) / 2.
        """
        from scipy import stats

        k, n = int(np.sum(which)), len(which)
        tail = (1 - confidence) / 2
        low = stats.beta.ppf(tail, k, n - k + 1) if k > 0 else 0.0
        high = stats.beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
        return cls(k, n, float(low), float(high))


def below_the_mean(scores: np.ndarray, sigmas: float = SIGMAS) -> Threshold:
    """mean − 3σ of the scores of normal events, which promises nothing of the false alarms."""
    scores = _finite(scores)
    return Threshold(
        float(scores.mean() - sigmas * scores.std(ddof=1)), f"mean − {sigmas:g} standard deviations"
    )


def quantile(scores: np.ndarray, rate: float) -> Threshold:
    """The k-th smallest of n scores of normal events, k = ⌊rate (n + 1)⌋.

    Another normal event is as likely to take any of the n + 1 places among them, so that it is
    called anomalous with the probability k / (n + 1) at most, whatever the scores mean: the
    guarantee of conformal prediction (Vovk, Gammerman and Shafer, 2005). It is on average over
    the events by which the threshold is set.
    """
    if not 0 < rate < 1:
        raise OptionError(f"The rate of false alarms must lie between 0 and 1; it is {rate}.")
    scores = np.asarray(scores, np.float64)
    if np.isnan(scores).any():
        raise DataError("A score of the events that set the threshold is not a number.")
    k = math.floor(rate * (len(scores) + 1) * (1 + 1e-12))
    if k < 1:
        raise OptionError(
            f"A rate of false alarms of {rate:g} needs {math.ceil(1 / rate) - 1} events to set the "
            f"threshold by, and there are {len(scores)}: give a higher rate or more events."
        )
    return Threshold(float(np.sort(scores)[k - 1]), f"quantile: at most {rate:.3g} false alarms")


def p_values(scores: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """(1 + events of the calibration that score no more) / (n + 1), for each score.

    Of a normal event it is at most p with the probability p at most.
    """
    ordered = np.sort(np.asarray(calibration, np.float64))
    return (1 + np.searchsorted(ordered, scores, side="right")) / (len(ordered) + 1)


def typicality(scores: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """−|s − mean|: events may be too likely as well (Nalisnick and others, 2019).

    The mean is that of the calibration. In many dimensions normal events all have nearly the same
    log p, and simple ones lie above.
    """
    return -np.abs(np.asarray(scores, np.float64) - _finite(calibration).mean())


def receiver(normal: np.ndarray, suspect: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every threshold the rate of false alarms and that of true ones, both from 0 to 1."""
    edges = np.concatenate([[-np.inf], np.unique(np.concatenate([normal, suspect]))])
    rates = [
        np.searchsorted(np.sort(scores), edges, side="right") / len(scores)
        for scores in (normal, suspect)
    ]
    return rates[0], rates[1]


def _finite(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    wrong = int(np.sum(~np.isfinite(scores)))
    if wrong:
        raise DataError(
            f"{wrong} of the {len(scores)} events that set the threshold have no finite score: "
            "they lie where the model has no density."
        )
    if len(scores) < 2:
        raise DataError(f"A threshold is set by 2 events or more; there are {len(scores)}.")
    return scores
