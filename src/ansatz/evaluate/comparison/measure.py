"""What is measured of a run: by the same measures, on the same events as of all others."""

import time
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.labels import axis
from ansatz.evaluate.comparison.enter import clock
from ansatz.evaluate.comparison.entrant import Cell
from ansatz.evaluate.comparison.held import Held
from ansatz.evaluate.copied import copied
from ansatz.evaluate.crossvalidated import crossvalidated_area
from ansatz.evaluate.discrepancy import discrepancy
from ansatz.evaluate.estimate import Estimate, weighted_mean
from ansatz.evaluate.neighbours import coverage_by_chance, neighbourhoods
from ansatz.evaluate.ranking import area_under_curve
from ansatz.evaluate.transport import along_columns, sliced
from ansatz.protocol.capabilities import Bound, Codec, Density, Likelihood, Sampler, Unnormalised
from ansatz.protocol.errors import AnsatzError
from ansatz.runs.run import Run

MOST_PAIRED = 1000
"""Events of either kind whose distances are all looked at, for the discrepancy."""
WARM, BATCH = 100, 1000
"""Events that are scored, and drawn, at once."""

Arrays = dict[str, np.ndarray]
Cells = dict[str, Cell]


def measure(run: Run, held: Held, space: str, samples: int, seed: int) -> tuple[Cells, Arrays]:
    """All cells of a run, and the numbers behind them."""
    cells: Cells = {}
    arrays: Arrays = {}
    _likelihood(run, held, space, samples, seed, cells, arrays)
    _drawn(run, held, seed, cells, arrays)
    _unusual(run, held, samples, seed, cells)
    _codes(run, held, seed, cells, arrays)
    leaves = jax.tree.leaves(eqx.filter(run.model, eqx.is_inexact_array))
    cells["parameters"] = Cell(float(sum(leaf.size for leaf in leaves)))
    seconds = clock(run)
    if seconds is not None:
        learning, whole = seconds
        cells["fit"] = Cell(learning, what=f"s of learning; {whole:.3g} s with compiling")
    return cells, arrays


def _likelihood(
    run: Run,
    held: Held,
    space: str,
    samples: int,
    seed: int,
    cells: Cells,
    arrays: Arrays,
) -> None:
    """log p of the events in the common space, what kind of number it is, and the time it took."""
    if not isinstance(run.model, Likelihood):
        cells["log p"] = Cell(None, what="it knows no likelihood")
        return
    if run.log_likelihood_of != space:
        of = run.log_likelihood_of
        cells["log p"] = Cell(None, what=f"it is of a {of}, and cannot be set against a {space}")
        return
    try:
        # Compiles, and finds log Z.
        run.log_likelihood(
            held.events.take(np.arange(min(WARM, len(held.events)))), samples=samples
        )
        started = time.perf_counter()
        values = run.log_likelihood(held.events, samples=samples, seed=seed).astype(float)
        taken = time.perf_counter() - started
    except AnsatzError as why:
        cells["log p"] = Cell(None, what=str(why))
        return
    lost = int(np.sum(~np.isfinite(values)))
    if lost:
        cells["log p"] = Cell(None, what=f"{lost} of {len(values)} events have no finite log p")
        return
    kind, half, doubt = _kind(run, held, samples, seed)
    mean, error = weighted_mean(values)
    cells["log p"] = Cell(mean, float(np.hypot(error, doubt)), kind)
    cells["gap"] = Cell(half, what="half the gap between both estimates of log Z")
    cells["score"] = Cell(1e3 * taken / len(values), what="s for 1,000 events")
    arrays["log p"] = values


def _kind(run: Run, held: Held, samples: int, seed: int) -> tuple[str, float | None, float]:
    """What a log-likelihood is, how far it may lie off to either side, and log Z's own error.

    Of a bound nothing says how far it may lie below.
    """
    caveat = run.record.recipe.caveat(run.model)
    if isinstance(run.model, Unnormalised):
        found = list(run.normalisers(held.events, seed=seed).values())
        widest = max(found, key=lambda each: abs(each.high - each.low))
        exact = all(each.error == 0 for each in found)
        half = abs(widest.high - widest.low) / 2
        return ("exact" if exact else "AIS, from both sides") + caveat, half, widest.error
    if isinstance(run.model, Density):
        if run.pipeline.preprocessing.dequantises:
            return f"bound, one dequantisation{caveat}", None, 0.0
        return f"exact{caveat}", 0.0, 0.0
    return f"bound, K = {samples}{caveat}", None, 0.0


def _drawn(run: Run, held: Held, seed: int, cells: Cells, arrays: Arrays) -> None:
    """Samples under the conditions of the events, set against these."""
    if not isinstance(run.model, Sampler):
        cells["AUC"] = Cell(None, what="it draws no samples")
        return
    rows = held.rows(run.record.condition_columns)
    n = len(held.events)
    # Compiles: batches are of so many.
    first = min(n, BATCH)
    run.sample(first, condition=None if rows is None else rows[:first], seed=seed)
    started = time.perf_counter()
    drawn = run.sample(n, condition=rows, seed=seed)
    taken = time.perf_counter() - started
    cells["sample"] = Cell(1e3 * taken / n, what="s for 1,000 samples")
    lost = int(np.sum(~np.isfinite(np.asarray(drawn, float)).reshape(n, -1).all(1)))
    if lost:
        cells["AUC"] = Cell(None, what=f"{lost} of {n} samples are not finite")
        return
    arrays["samples"] = drawn
    cells |= against(held, drawn, held.rows(held.events.condition_columns), seed)
    if held.learnt is not None:
        cells |= _copied(held, drawn, seed)


def against(held: Held, drawn: Any, given: np.ndarray | None, seed: int) -> Cells:
    """How far drawn events are from those held out, by every test there is."""
    rows = held.rows(held.events.condition_columns)
    events = held.seen(held.events.events, rows, seed)
    # Of another seed, so that no noise of the preprocessing is the same.
    others = held.seen(drawn, given, seed + 1)
    number = f"{len(events):,} events held out and as many samples"
    few = slice(min(MOST_PAIRED, len(events)))
    apart = discrepancy(events[few], others[few], seed=seed)
    near = neighbourhoods(events, others)
    each = along_columns(events, others)
    worst = int(np.argmax(each))
    chance = coverage_by_chance(len(events), len(others))
    found: dict[str, tuple[Estimate, str]] = {
        "AUC": (
            crossvalidated_area(events, others, seed=seed),
            f"of boosted trees between {number}, cross-validated; 0.5 is ideal",
        ),
        "sliced W1": (
            sliced(events, others, seed=seed),
            "as preprocessed, over directions at random",
        ),
        "precision": (near.precision, "samples among an event and its 5 nearest others"),
        "recall": (near.recall, "events among a sample and its 5 nearest others"),
        "coverage": (near.coverage, f"events with a sample near; {chance:.3f} is ideal"),
    }
    cells = {name: Cell(*value, what) for name, (value, what) in found.items()}
    cells["MMD²"] = Cell(
        apart.squared,
        apart.spread,
        "unbiased, of a Gaussian kernel; the error is that of no difference",
    )
    cells["p-value"] = Cell(
        apart.p_value, what=f"of MMD² by permutation, of {min(MOST_PAIRED, len(events)):,} each"
    )
    cells["W1"] = Cell(float(each.mean()), what="of a number of an event, as preprocessed; mean")
    cells["worst W1"] = Cell(float(each[worst]), what=f"at {_name(held, worst)}")
    return cells


def _name(held: Held, place: int) -> str:
    """What a number of an event is called."""
    columns = (*held.events.event_columns, *held.events.condition_columns)
    if held.events.event_columns and place < len(columns):
        return axis(columns[place])
    if place >= int(np.prod(held.events.shape)):
        return "a condition"
    return str(tuple(map(int, np.unravel_index(place, held.events.shape))))


def _copied(held: Held, drawn: Any, seed: int) -> Cells:
    """Of the events alone, for their conditions are given to the samples."""
    assert held.learnt is not None
    learnt, real, samples = (
        held.seen(events, None, seed + k)
        for k, events in enumerate((held.learnt.events, held.events.events, drawn))
    )
    found = copied(learnt, real, samples)
    what = f"samples nearest to an event learnt; by chance {found.chance:.3f}"
    return {"copied": Cell(*found.share, what), "chance": Cell(found.chance)}


def _unusual(run: Run, held: Held, samples: int, seed: int, cells: Cells) -> None:
    """How well the model's own score tells events from those that are none."""
    odd = held.odd
    try:
        if isinstance(run.model, Density | Bound | Unnormalised):
            normal, other = (
                run.log_likelihood(events, samples=samples, seed=seed)
                for events in (held.events, odd)
            )
            by = "log p"
        elif isinstance(run.model, Codec):
            normal, other = (-_errors(run, held, events, seed) for events in (held.events, odd))
            by = "the reconstruction error"
        else:
            cells["anomalies"] = Cell(None, what="it has neither a density nor codes")
            return
    except AnsatzError as error:
        cells["anomalies"] = Cell(None, what=str(error))
        return
    if np.isnan(normal).any() or np.isnan(other).any():
        cells["anomalies"] = Cell(None, what="some scores are not numbers")
        return
    area = area_under_curve(-normal.astype(float), -other.astype(float))
    cells["anomalies"] = Cell(
        *area, f"AUC of {by} between {held.odd_in_words} and events held out; 1 is ideal"
    )


def _codes(run: Run, held: Held, seed: int, cells: Cells, arrays: Arrays) -> None:
    """How much of the events their codes keep, and how many numbers that takes."""
    if not isinstance(run.model, Codec):
        cells["explained"] = Cell(None, what="it has no codes")
        return
    first = held.events.take(np.arange(min(WARM, len(held.events))))
    size = int(np.prod(run.encode(first).shape[1:]))
    own = _errors(run, held, held.events, seed) ** 2
    events = held.seen(held.events.events, None, seed)
    whole = np.mean((events - events.mean(0)) ** 2, 1)
    part = own / whole.mean()
    mean, error = weighted_mean(1 - part)
    what = "probabilities of classes" if run.model.of_classes else "numbers"
    cells["explained"] = Cell(mean, error, f"of the variance, by a code of {size} {what}")
    cells["code"] = Cell(float(size), what=what)
    arrays["unexplained"] = part


def _errors(run: Run, held: Held, events: Dataset, seed: int) -> np.ndarray:
    """The root mean square error of every reconstruction, as preprocessed."""
    again = run.reconstruct(events, seed=seed)
    # One seed, so that the noise of the preprocessing is the same for both.
    before, after = (held.seen(x, None, seed) for x in (events.events, again))
    return np.sqrt(np.mean((before - after) ** 2, 1))
