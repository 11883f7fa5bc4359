"""Which events are unlike those that a run has learnt."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.evaluate import alarm
from ansatz.evaluate.alarm import Rate, Threshold
from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.ranking import area_under_curve
from ansatz.protocol.capabilities import Bound, Codec, Density, Unnormalised
from ansatz.protocol.errors import AnsatzError, OptionError
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.run import Run

SHARE = 0.5
"""Of the normal events, to set thresholds by where the run kept none."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Events of one kind with their scores."""

    events: Dataset
    likelihood: np.ndarray
    typicality: np.ndarray
    p_value: np.ndarray
    """By the likelihood."""


@dataclass(frozen=True)
class Errors:
    """One score with one threshold, and how often it is wrong."""

    score: str
    threshold: Threshold
    false_alarms: Rate
    """Normal events called anomalous: the error of type I."""
    missed: Rate | None
    """Suspects called normal: the error of type II, if they are anomalous."""
    area: Estimate | None
    """P(a suspect scores lower than a normal event)."""


@dataclass(frozen=True, eq=False)
class Anomalies:
    """What a run says of normal events and of suspects."""

    run: Run
    score: str
    """What the score is, in words."""
    exact: bool
    """Whether it is a likelihood or a bound on one."""
    calibration: np.ndarray
    """Scores of the events that set the thresholds."""
    set_by: str
    """Which events these are."""
    normal: Scored
    suspect: Scored | None
    tests: tuple[Errors, ...]


def find_anomalies(
    run: Run,
    normal: Any,
    suspect: Any = None,
    *,
    rate: float = 0.01,
    samples: int = 100,
    seed: int = 0,
    watch: Watch = unseen,
) -> Anomalies:
    """Score normal events and suspects by the run, and call the least likely anomalous.

    Thresholds are set by the events that the run was validated on, or, where these are out of
    reach, by half of the normal ones, which are then not judged. Of the data that the run was
    fitted to only what was held out is judged.
    """
    known = run.read(normal)
    suspects = None if suspect is None else run.read(suspect)
    if run.learnt_from(known):
        known = run.held_out(normal)[1]
    calibration, known, set_by = _calibration(run, known, seed)

    def scores(events: Dataset, what: str) -> np.ndarray:
        batches = _batches(run, events, samples, seed)
        found = np.concatenate(list(watch(batches, len(events), f"Scoring {what} events")))
        return found.astype(np.float64)

    by = scores(calibration, "validation")

    def scored(events: Dataset, what: str) -> Scored:
        likelihood = scores(events, what)
        return Scored(
            events, likelihood, alarm.typicality(likelihood, by), alarm.p_values(likelihood, by)
        )

    one, other = scored(known, "normal"), None
    if suspects is not None:
        other = scored(suspects, "suspect")
    found = Anomalies(run, score_is(run, samples), _likely(run), by, set_by, one, other, ())
    return Anomalies(**{**vars(found), "tests": _tests(found, rate)})


def score_is(run: Run, samples: int) -> str:
    """What the score of an event is."""
    if _likely(run):
        return f"log p in nats, {run.log_likelihood_is(samples)}"
    return "minus the root mean square of the reconstruction error, for want of a density"


def _likely(run: Run) -> bool:
    return isinstance(run.model, Density | Bound | Unnormalised)


def _batches(run: Run, events: Dataset, samples: int, seed: int) -> Any:
    if _likely(run):
        return run.log_likelihood_batches(events, samples=samples, seed=seed)
    if not isinstance(run.model, Codec):
        raise OptionError(
            f"The recipe {run.record.recipe.name!r} has neither a density nor codes: it cannot "
            "tell what is unusual."
        )
    return _errors(run, events, seed)


def _errors(run: Run, events: Dataset, seed: int) -> Any:
    start = 0
    for again in run.reconstruct_batches(events, seed=seed):
        own = np.asarray(events.events[start : start + len(again)], np.float64)
        yield -np.sqrt(np.mean((own - again).reshape(len(again), -1) ** 2, axis=1))
        start += len(again)


def _calibration(run: Run, known: Dataset, seed: int) -> tuple[Dataset, Dataset, str]:
    """Events to set thresholds by, those to judge, and which the first are in words."""
    try:
        validation = run.validation()
    except AnsatzError:
        validation = None
    if validation is not None:
        return validation, known, f"the {len(validation):,} events the run was validated on"
    if len(known) < 4:
        raise OptionError(
            f"{known.name} has {len(known)} events to judge and to set a threshold by: give more."
        )
    shuffled = np.random.Generator(np.random.Philox(seed)).permutation(len(known))
    first, second = np.split(shuffled, [int(SHARE * len(known))])
    words = f"{len(first):,} of the normal events, which are not judged themselves"
    return known.take(np.sort(first)), known.take(np.sort(second)), words


def _tests(found: Anomalies, rate: float) -> tuple[Errors, ...]:
    """Both thresholds on the likelihood, and the guaranteed one on typicality."""
    by = found.calibration
    typical = alarm.typicality(by, by)
    name = "likelihood" if found.exact else "reconstruction"
    chosen = [
        (name, "likelihood", alarm.below_the_mean(by)),
        (name, "likelihood", alarm.quantile(by, rate)),
        ("typicality", "typicality", alarm.quantile(typical, rate)),
    ]
    tests = []
    for score, attribute, threshold in chosen:
        normal = getattr(found.normal, attribute)
        missed = area = None
        if found.suspect is not None:
            suspect = getattr(found.suspect, attribute)
            missed = Rate.counted(~threshold.alarms(suspect))
            area = area_under_curve(-normal, -suspect)
        tests.append(Errors(score, threshold, Rate.counted(threshold.alarms(normal)), missed, area))
    return tuple(tests)
