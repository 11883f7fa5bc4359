"""Budgets, what is held out, and verdicts, on made-up numbers."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from ansatz.data.dataset import Dataset
from ansatz.evaluate.comparison.budget import Budget, seconds_an_epoch
from ansatz.evaluate.comparison.enter import alike
from ansatz.evaluate.comparison.entrant import Cell, Entrant
from ansatz.evaluate.comparison.held import Judging, hold_out
from ansatz.evaluate.comparison.verdict import decide
from ansatz.models import recipe_class
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.recipe import Spec
from ansatz.runs.ready import Fit


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60.0), ("1.5min", 90.0), ("2h", 7200.0), (" 3 s ", 3.0)]
)
def test_a_budget_is_read(text, seconds):
    assert Budget.of(text).seconds == seconds


@pytest.mark.parametrize("text", ["60", "0s", "-3s", "fast", "3 days"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(OptionError, match="such as 60s"):
        Budget.of(text)


@dataclass
class Engine:
    """Steps of 10 ms, 0.7 s of compiling at the first and 0.5 s at the end of the first epoch."""

    source: SimpleNamespace
    chunk: int

    validation = SimpleNamespace(steps_per_epoch=3)

    def train(self, state):
        step = 0
        while True:
            left = self.source.steps_per_epoch - step % self.source.steps_per_epoch
            steps = min(1 if step == 0 else self.chunk, left)
            seconds = 0.01 * steps + (0.7 if step == 0 else 0.0)
            first = step < self.source.steps_per_epoch
            step += steps
            ended = step % self.source.steps_per_epoch == 0
            seconds += ended * (0.02 + 0.5 * first)
            yield SimpleNamespace(seconds=seconds, steps=steps, rows=({},) if ended else ())


def fit(steps, chunk=50):
    found = object.__new__(Fit)
    object.__setattr__(found, "engine", Engine(SimpleNamespace(steps_per_epoch=steps), chunk))
    object.__setattr__(found, "state", None)
    return found


def test_the_pace_leaves_compiling_out():
    # Ten steps of 10 ms, and 20 ms of judging.
    assert seconds_an_epoch(fit(10), 5.0) == pytest.approx(0.12)
    assert seconds_an_epoch(fit(1), 5.0) == pytest.approx(0.03)
    # An epoch of ten minutes is known from some of its steps.
    assert seconds_an_epoch(fit(60_000), 5.0) == pytest.approx(0.01 * (60_000 + 1))


def test_a_budget_buys_whole_epochs_and_says_when_it_buys_none():
    mixture, pca = recipe_class("mixture")(), recipe_class("pca")()
    assert Budget(seconds=6.05).spend(mixture, fit(10)).epochs == 50
    assert Budget(steps=45).spend(mixture, fit(10)).epochs == 4
    assert Budget(steps=45).spend(pca, fit(10)) == pca
    with pytest.raises(OptionError, match="5 s are too few for one epoch, which takes about 600 s"):
        Budget(seconds=5.0).spend(mixture, fit(60_000))
    with pytest.raises(OptionError, match="45 steps are less than one epoch, which has 60"):
        Budget(steps=45).spend(mixture, fit(60))


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        (Spec((8, 8), levels=(17,)), ("dequantise", "scale")),
        (Spec((3,), levels=(17,)), ("dequantise", "standardise")),
        (Spec((8, 8), levels=(2,)), ("auto",)),
        (Spec((8, 8), lowest=(0.0,), highest=(1.0,)), ("none",)),
        (Spec((3,), lowest=(-1.0,), highest=(5.0,)), ("standardise",)),
    ],
)
def test_the_preprocessing_of_all(spec, steps):
    assert alike(spec) == steps


def test_what_is_held_out_is_a_part_of_the_data_and_the_rest_is_known():
    events = np.random.default_rng(0).normal(size=(400, 3)) * [1, 10, 100]
    held = hold_out(Dataset(events), Judging(test=0.25, most=60))
    assert (len(held.events), len(held.learnt)) == (60, 260)
    rows = {row.tobytes() for row in events}
    judged, learnt = ({row.tobytes() for row in part.events} for part in (held.events, held.learnt))
    assert judged | learnt <= rows
    assert not judged & learnt
    seen = held.seen(held.learnt.events, None, 0)
    # Standardised by all that was learnt, of which these are nearly all.
    np.testing.assert_allclose(seen.std(0), 1, atol=0.1)
    # Every number keeps its values, and what binds them is gone.
    odd = held.odd.events
    np.testing.assert_array_equal(np.sort(odd, 0), np.sort(held.events.events, 0))
    assert not {row.tobytes() for row in odd} & judged
    with pytest.raises(DataError, match="give a larger --test"):
        hold_out(Dataset(events[:50]), Judging())


def test_weighted_events_are_thinned():
    events = np.arange(20_000.0)[:, None]
    weights = np.where(events[:, 0] < 10_000, 1.0, 3.0)
    held = hold_out(Dataset(events, weights=weights), Judging(test=0.5, most=10_000))
    heavy = (held.events.events[:, 0] >= 10_000).mean()
    # Three quarters of the weight; three standard deviations of a share.
    assert abs(heavy - 0.75) < 3 * (0.75 * 0.25 / len(held.events)) ** 0.5
    assert held.events.weights is None


def entrant(name, cells, arrays=None, can=()):
    full = {k: v if isinstance(v, Cell) else Cell(v, 0.01) for k, v in cells.items()}
    return Entrant(name, name, cells=full, arrays=arrays or {}, can=can)


def test_a_paired_difference_decides_where_errors_alone_would_not():
    noise = np.random.default_rng(0).normal(0, 5, 500)
    small = 0.1 + 0.01 * np.random.default_rng(1).normal(size=500)
    exact = {"gap": Cell(0.0)}
    log_p = Cell(float(noise.mean()), 0.2, "exact")
    one = entrant("one", {"log p": log_p, **exact}, {"log p": noise})
    less = noise - small
    log_p = Cell(float(less.mean()), 0.2, "exact")
    two = entrant("two", {"log p": log_p, **exact}, {"log p": less})
    found = decide("density", [two, one], conditional=False)
    assert found.best == ("one",)
    assert "two is 0.1 ± 0.0004 nats behind." in found.reasons
    # The same numbers of other events are a tie.
    loose = [replace(each, arrays={}) for each in (two, one)]
    found = decide("density", loose, conditional=False)
    assert found.best == ("one", "two")
    assert found.headline == "one, or as well two"
    assert any("not told apart" in reason for reason in found.reasons)


def test_log_z_between_two_estimates_counts_by_its_lower_end():
    sure = entrant("sure", {"log p": Cell(-1.0, 0.01, "exact"), "gap": Cell(0.0)})
    wide = entrant("wide", {"log p": Cell(-0.8, 0.01, "AIS"), "gap": Cell(0.5)})
    assert decide("density", [wide, sure], conditional=False).best == ("sure",)


def test_samples_are_judged_by_the_least_area_and_copies_are_out():
    cells = {"recall": 0.9, "coverage": 0.9, "p-value": 0.4, "sample": 1.0, "chance": 0.8}
    close = entrant("close", {"AUC": 0.52, "copied": 0.81, **cells})
    tied = entrant("tied", {"AUC": 0.53, "copied": 0.79, **cells, "sample": 0.1})
    far = entrant("far", {"AUC": 0.9, "copied": 0.8, **cells})
    parrot = entrant("parrot", {"AUC": 0.5, "copied": 0.99, **cells})
    blank = entrant("blank", {"AUC": Cell(None, what="it draws no samples")})
    refused = Entrant("refused", "refused", refusal="It cannot.")
    found = decide("sample", [far, parrot, tied, blank, close, refused], conditional=False)
    assert found.best == ("close", "tied")
    assert any(reason.startswith("parrot repeats") for reason in found.reasons)
    assert "tied draws fastest, 10 times as fast." in found.reasons
    nothing = decide("sample", [blank, refused], conditional=False)
    assert nothing.best == ()
    assert nothing.headline == "none"


def test_of_codes_that_keep_as_much_the_shortest_is_best():
    parts = np.random.default_rng(0).uniform(0.1, 0.3, 300)
    long, short = (
        entrant(name, {"explained": Cell(0.8, 0.01), "code": Cell(size, what="numbers")}, arrays)
        for name, size, arrays in (
            ("long", 9.0, {"unexplained": parts}),
            ("short", 2.0, {"unexplained": parts + np.random.default_rng(1).normal(0, 0.01, 300)}),
        )
    )
    assert decide("coordinates", [long, short], conditional=False).best == ("short", "long")


def test_without_conditions_only_what_can_be_conditioned_afterwards_counts():
    cells = {"log p": Cell(-1.0, 0.01, "exact")}
    able, unable = entrant("able", cells, can=("complete",)), entrant("unable", cells)
    assert decide("conditional", [able, unable], conditional=False).best == ("able",)
    assert decide("conditional", [unable], conditional=False).best == ()
    assert set(decide("conditional", [able, unable], conditional=True).best) == {"able", "unable"}


def test_an_entrant_is_written_and_read_again(tmp_path):
    one = entrant("one", {"AUC": Cell(None, what="none")}, {"log p": np.arange(3.0)}, ("sample",))
    one.save(tmp_path)
    again = Entrant.load(tmp_path, "one")
    assert again.to_dict() == one.to_dict()
    np.testing.assert_array_equal(again.arrays["log p"], np.arange(3.0))
    assert Entrant.load(tmp_path, "two") is None
