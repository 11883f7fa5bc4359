"""The verdict on a claim, at its edges and in repetition."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from ansatz.studies.claim import Claim, Measured, Verdict

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED


def claim(measured, *, expected=0.0, tolerance=1.0, side="equal"):
    return Claim(
        name="number",
        sentence="The number is what it should be.",
        expected=expected,
        source="a formula",
        measured=measured,
        tolerance=tolerance,
        why="so much does not matter",
        unit="nats",
        side=side,
    )


@pytest.mark.parametrize(
    ("value", "error", "tolerance", "verdict"),
    [
        # Without an error the tolerance alone decides, its end included.
        (2.0, 0.0, 0.0, HOLDS),
        (3.0, 0.0, 1.0, HOLDS),
        (1.0, 0.0, 1.0, HOLDS),
        (3.0 + 2**-20, 0.0, 1.0, FAILS),
        (1.0 - 2**-20, 0.0, 1.0, FAILS),
        # All numbers are sums of powers of two, so that the edges are met exactly: an error of
        # 1/4 known for sure reaches 3/4.
        (2.25, 0.25, 1.0, HOLDS),
        (1.75, 0.25, 1.0, HOLDS),
        (2.25 + 2**-20, 0.25, 1.0, UNDECIDED),
        (1.75 - 2**-20, 0.25, 1.0, UNDECIDED),
        (3.0, 0.25, 1.0, UNDECIDED),
        (3.75, 0.25, 1.0, UNDECIDED),
        (0.25, 0.25, 1.0, UNDECIDED),
        (3.75 + 2**-20, 0.25, 1.0, FAILS),
        (0.25 - 2**-20, 0.25, 1.0, FAILS),
        # Right on what is expected, and yet the error is too large to tell.
        (2.0, 0.5, 1.0, UNDECIDED),
        (2.0, math.inf, 1.0, UNDECIDED),
        (1e9, math.inf, 1.0, UNDECIDED),
        # Nothing was measured.
        (math.nan, 0.0, 1.0, FAILS),
        (math.nan, math.nan, 1.0, FAILS),
        (math.inf, math.inf, 1.0, FAILS),
    ],
)
def test_the_verdict_at_its_edges(monkeypatch, value, error, tolerance, verdict):
    if 0 < error < math.inf:
        # Student's quantile is a rounding error away from the three it should be.
        assert Measured(value, error).reach == pytest.approx(3 * error, rel=1e-12)
        monkeypatch.setattr(Measured, "reach", 3 * error)
    assert claim(Measured(value, error), expected=2.0, tolerance=tolerance).verdict == verdict


@pytest.mark.parametrize(
    ("side", "value", "error", "verdict"),
    [
        # Expected 2 with a tolerance of 1: three errors of 1/4 reach about 0.75.
        ("at least", 1e6, 0.25, HOLDS),
        ("at least", 1.8, 0.25, HOLDS),
        ("at least", 1.5, 0.25, UNDECIDED),
        ("at least", 0.2, 0.25, FAILS),
        ("at least", -1e6, 0.25, FAILS),
        ("at most", -1e6, 0.25, HOLDS),
        ("at most", 2.2, 0.25, HOLDS),
        ("at most", 2.5, 0.25, UNDECIDED),
        ("at most", 3.8, 0.25, FAILS),
        ("at least", math.inf, math.inf, FAILS),
        ("at most", math.nan, 0.0, FAILS),
    ],
)
def test_on_one_side_a_number_may_lie_as_far_as_it_likes(side, value, error, verdict):
    made = claim(Measured(value, error), expected=2.0, side=side)
    assert made.verdict == verdict
    assert made.wanted == {"at least": "≥ 2.00", "at most": "≤ 2.00"}[side]
    assert made.to_dict()["side"] == side


def test_a_larger_error_never_turns_a_failure_into_a_pass():
    order = []
    for distance in (0.5, 2.0):
        verdicts = [claim(Measured(distance, e)).verdict for e in (0.01, 0.1, 1.0, 10.0, 1e9)]
        changes = [v for v, before in zip(verdicts, [None, *verdicts], strict=False) if v != before]
        order.append(changes)
    assert order == [[HOLDS, UNDECIDED], [FAILS, UNDECIDED]]


@pytest.mark.parametrize("n", [2, 3, 8, 1000])
def test_the_mean_of_repetitions_has_students_interval(n):
    values = np.random.default_rng(n).normal(3, 2, n)
    measured = Measured.over(values)
    # SciPy's interval of the probability that a normal number is within three deviations.
    low, high = stats.t.interval(
        2 * stats.norm.cdf(3) - 1, n - 1, loc=values.mean(), scale=stats.sem(values)
    )
    np.testing.assert_allclose(measured.value, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(measured.error, stats.sem(values), rtol=1e-12)
    np.testing.assert_allclose(measured.value - measured.reach, low, rtol=1e-9)
    np.testing.assert_allclose(measured.value + measured.reach, high, rtol=1e-9)


def test_one_repetition_decides_nothing():
    assert Measured.over([0.0]).reach == math.inf
    assert claim(Measured.over([0.0])).verdict == UNDECIDED
    assert claim(Measured.over([0.0, 0.0])).verdict == HOLDS


@pytest.mark.parametrize("repetitions", [2, 4, 16])
@pytest.mark.parametrize(
    ("offset", "wrong", "most"), [(1.0 + 1e-9, HOLDS, 1), (1.0 - 1e-9, FAILS, 1), (0.0, FAILS, 2)]
)
def test_verdicts_are_wrong_as_rarely_as_they_say(repetitions, offset, wrong, most):
    """At the edge of the tolerance, on either side, and for a tolerance of zero."""
    trials = 4000
    draws = np.random.default_rng(repetitions).normal(offset, 0.1, (trials, repetitions))
    tolerance = 1.0 if offset else 0.0
    verdicts = [claim(Measured.over(row), tolerance=tolerance).verdict for row in draws]
    # The count is binomial, of a probability of 1/740 at most, or twice that where both sides
    # count; it exceeds this quantile, about 20 of 4000, once in 10^5. Were three errors the reach
    # of four repetitions too, some 29 in a thousand would be wrong.
    rate = most * stats.norm.sf(3)
    assert verdicts.count(wrong) <= stats.binom.isf(1e-5, trials, rate)


def test_a_claim_needs_numbers_that_can_decide():
    with pytest.raises(ValueError, match="expected must be finite"):
        claim(Measured(0.0), expected=math.nan)
    for tolerance in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="tolerance must be finite and not negative"):
            claim(Measured(0.0), tolerance=tolerance)
    for error in (-1.0, math.nan):
        with pytest.raises(ValueError, match="error must not be negative"):
            claim(Measured(0.0, error))


@pytest.mark.parametrize(
    ("tolerance", "value", "text"),
    [
        (0.005, -33.3926545, "-33.39265"),
        (0.0099, 1.0, "1.00000"),
        (0.01, 1.0, "1.0000"),
        (1.6, 0.12345, "0.12"),
        (30.0, 12345.678, "12345.7"),
        (1e6, 12345.678, "12346"),
        (0.005, -1e-9, "0.00000"),
        (0.0, 64.0, "64"),
    ],
)
def test_a_number_shows_a_hundredth_of_its_tolerance(tolerance, value, text):
    written = claim(Measured(0.0), tolerance=tolerance).write(value)
    assert written == text
    if tolerance:
        assert abs(float(written) - value) <= max(tolerance / 100, 0.5)


def test_numbers_near_zero_are_written_in_powers_of_ten():
    tiny = claim(Measured(-2.345e-13), tolerance=1e-9)
    assert tiny.write(tiny.tolerance) == "1e-09"
    # What is known exactly has no error to be told.
    assert tiny.result == "-2.3e-13"
    assert claim(Measured(3e-13, 2e-14), tolerance=1e-9).result == "3e-13 ± 2e-14"
    assert claim(Measured(5.0), tolerance=0.5).result == "5.000"


def test_an_error_says_how_many_digits_are_known_where_no_tolerance_does():
    assert claim(Measured(-0.0464819, 0.0021), tolerance=0.0).result == "-0.0465 ± 0.002"
    assert claim(Measured(8.85945, 0.13), tolerance=0.0).result == "8.86 ± 0.1"
    assert claim(Measured(0.235878), tolerance=0.0).result == "0.235878"


def test_a_claim_as_plain_values():
    plain = claim(Measured(0.5, 0.125, 7)).to_dict()
    reach = 0.125 * stats.t.ppf(stats.norm.cdf(3), 7)
    assert plain.pop("reach") == pytest.approx(reach)
    assert json.loads(json.dumps(plain, allow_nan=False)) == {
        "name": "number",
        "sentence": "The number is what it should be.",
        "expected": 0.0,
        "source": "a formula",
        "measured": 0.5,
        "error": 0.125,
        "degrees_of_freedom": 7,
        "tolerance": 1.0,
        "why": "so much does not matter",
        "unit": "nats",
        "side": "equal",
        "verdict": "undecided",
    }
    broken = claim(Measured(math.nan, math.inf)).to_dict()
    assert broken["measured"] is broken["error"] is broken["degrees_of_freedom"] is None
    json.dumps(broken, allow_nan=False)
