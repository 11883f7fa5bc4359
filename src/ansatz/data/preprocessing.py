"""The chain of steps between the data as they are and the events a model sees.

A step is a bijection, or draws at random and says so: `Dequantise` spreads whole numbers over
unit intervals, `Binarise` draws each pixel afresh; `Threshold` alone
forgets. The chain is fitted once on the training events, saved with the run, undone on the way
out, and its slopes enter every density.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.bijections import Affine, Chain, Log1p, Logit
from ansatz.data.statistics import Statistics, Survey, gather
from ansatz.data.steps import Binarise, Dequantise, Deterministic, Step, Threshold
from ansatz.protocol.errors import DataError, OptionError, nearest
from ansatz.protocol.source import Masked

ROUNDING = 5e-7
"""How far outside [0, 1] a number may lie after it was scaled; less than the margin of logit."""


class Preprocessing(eqx.Module):
    """Steps applied in turn to one event, each to every number by itself.

    The logarithm of the slope, log|dy/dx|, comes for each number: a density counts those of its
    own coordinates. Where numbers may be missing (NaN), `fill` stands in for them on the way
    through, and the result is `Masked`. No step touches the coordinates `untouched` of a vector.
    """

    steps: tuple[Step, ...]
    fill: Float[Array, "..."] | None = None
    untouched: tuple[int, ...] = eqx.field(static=True, default=())

    def forward(self, x: Array, key: PRNGKeyArray) -> tuple[Array | Masked, Float[Array, "..."]]:
        if self.fill is None:
            return self._through(x, key)
        observed = ~jnp.isnan(x)
        y, log_slope = self._through(jnp.where(observed, x, self.fill), key)
        zero = jnp.zeros((), x.dtype)
        return Masked(jnp.where(observed, y, zero), observed), jnp.where(observed, log_slope, zero)

    def inverse(self, y: Array | Masked) -> Array:
        """The raw event; what was not observed is NaN."""
        after = value = y.value if isinstance(y, Masked) else y
        for step in reversed(self.steps):
            value = step.inverse(value)
        value = self._restore(value, after)
        return jnp.where(y.observed, value, jnp.nan) if isinstance(y, Masked) else value

    def _through(self, x: Array, key: PRNGKeyArray) -> tuple[Array, Float[Array, "..."]]:
        before, total = x, jnp.zeros_like(x)
        drawing = [step for step in self.steps if isinstance(step, Dequantise | Binarise)]
        keys = iter([key] if len(drawing) < 2 else jax.random.split(key, len(drawing)))
        for step in self.steps:
            if isinstance(step, Deterministic):
                x, log_slope = step.forward(x)
                total += log_slope
            elif isinstance(step, Threshold):
                x = step.forward(x)
            else:
                x = step.forward(x, next(keys))
        return self._restore(x, before), self._restore(total, jnp.zeros_like(x))

    def _restore(self, after: Array, before: Array) -> Array:
        """What no step may touch as it was before."""
        if not self.untouched:
            return after
        places = np.array(self.untouched)
        return after.at[places].set(before[places])

    @property
    def binarises(self) -> bool:
        return any(isinstance(step, Binarise) for step in self.steps)

    @property
    def thresholds(self) -> bool:
        return any(isinstance(step, Threshold) for step in self.steps)

    @property
    def dequantises(self) -> bool:
        return any(isinstance(step, Dequantise) for step in self.steps)


def fit_preprocessing(
    words: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: str,
    events: Survey | None,
    *,
    missing: bool = False,
    untouched: tuple[int, ...] = (),
) -> Preprocessing:
    """The chain that `words` names, its constants taken from the training events.

    A step that needs statistics looks at what the steps before it make of the events. Without
    events the chain has the right structure and constants yet to be filled in.
    """
    zeros, ones = np.zeros(shape), np.ones(shape)
    nothing = Statistics(ones, zeros, ones, zeros, ones, ones.astype(bool))
    raw = nothing if events is None else events.statistics
    fill = jnp.asarray(raw.mean, dtype) if missing else None
    steps: tuple[Step, ...] = ()
    for word in () if words == ("none",) else words:
        name, _, value = word.partition("=")
        if name not in _STEPS:
            raise OptionError(f"There is no preprocessing step {name!r}. {nearest(name, _STEPS)}")
        try:
            number = float(value) if value else None
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise OptionError(f"The preprocessing step {word!r} takes a number after '='.")
        seen = _Seen(Preprocessing(steps, fill, untouched), raw, events, dtype)
        steps += (_STEPS[name](seen, number, jnp.dtype(dtype)),)
    return Preprocessing(steps, fill, untouched)


class _Seen:
    """The training events as the steps so far leave them."""

    def __init__(
        self, before: Preprocessing, raw: Statistics, events: Survey | None, dtype: str
    ) -> None:
        self.before, self.raw, self.events, self.dtype = before, raw, events, dtype

    def statistics(self) -> Statistics:
        if self.events is None or not self.before.steps:
            return self.raw
        drawn = self._after(self.before, self.events)
        if not self.before.dequantises:
            return drawn
        # Other draws will come closer to the ends of the unit intervals than these: the range
        # is that of the ends themselves, for every deterministic step is increasing.
        lowest, highest = (self._after(self._spread_by(u), self.events) for u in (0.0, 1.0))
        return replace(drawn, minimum=lowest.minimum, maximum=highest.maximum)

    def _after(self, chain: Preprocessing, events: Survey) -> Statistics:
        """The statistics of what `chain` makes of the events."""
        # Any fixed key will do: it only blurs the mean and variance of dequantised numbers.
        key = jax.random.key(0)
        return gather(
            np.asarray(_forward(chain, jnp.asarray(part, self.dtype), key), np.float64)
            for part in events.again()
        )

    def _spread_by(self, u: float) -> Preprocessing:
        """The steps so far with this number for every u that they draw."""
        shift = Deterministic(Affine(jnp.asarray(u, self.dtype), jnp.ones((), self.dtype)))
        return Preprocessing(
            tuple(shift if isinstance(s, Dequantise) else s for s in self.before.steps),
            self.before.fill,
            self.before.untouched,
        )

    def touched(self, values: np.ndarray) -> np.ndarray:
        """The values of the coordinates that the steps act on."""
        return np.delete(values.ravel(), self.before.untouched)

    def ends(self, found: Statistics) -> tuple[float, float]:
        """The least and the largest number that a step meets."""
        return self.touched(found.minimum).min(), self.touched(found.maximum).max()

    def within(self, low: float, high: float, step: str, needs: str) -> Statistics:
        """The statistics, if all values lie in [low, high]."""
        seen = self.statistics()
        least, largest = self.ends(seen)
        if least < low or largest > high:
            raise DataError(
                f"The preprocessing step {step!r} needs {needs}; it meets values from "
                f"{least:.6g} to {largest:.6g}. Put 'scale' before it, or leave it out."
            )
        return seen


@eqx.filter_jit
def _forward(chain: Preprocessing, events: Array, key: PRNGKeyArray) -> Array:
    """What the chain makes of the events; NaN stays NaN."""
    after = jax.vmap(chain.forward)(events, jax.random.split(key, len(events)))[0]
    return jnp.where(after.observed, after.value, jnp.nan) if isinstance(after, Masked) else after


def _scale(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    """x / value, or all coordinates alike onto [0, 1]."""
    if value is not None:
        if value <= 0:
            raise OptionError(f"scale={value:g} must be positive.")
        return Deterministic(Affine(jnp.zeros((), dtype), jnp.asarray(1 / value, dtype)))
    found = seen.statistics()
    # First the shift, from the range as the model's precision has it: then the lowest value is
    # zero to the bit, however far from zero the range lies.
    low, high = (float(np.asarray(end, dtype)) for end in seen.ends(found))
    width = high - low if high > low else 1.0
    shift = Affine(jnp.asarray(-low, dtype), jnp.ones((), dtype))
    return Deterministic(
        Chain((shift, Affine(jnp.zeros((), dtype), jnp.asarray(1 / width, dtype))))
    )


def _standardise(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    """(x - mean) / standard deviation in every coordinate; a constant one is only shifted."""
    _no_number("standardise", value)
    found = seen.statistics()
    # Rounding of the mean leaves a constant column a small deviation, not zero.
    constant = found.minimum == found.maximum
    deviation = np.where(constant, 1.0, np.sqrt(found.variance))
    return Deterministic(
        Affine(jnp.asarray(-found.mean / deviation, dtype), jnp.asarray(1 / deviation, dtype))
    )


def _logit(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    """logit(a + (1 - 2a) x) with a = 1e-6 unless given."""
    seen.within(-ROUNDING, 1 + ROUNDING, "logit", "values in [0, 1]")
    return Deterministic(Logit(1e-6 if value is None else value))


def _log1p(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    _no_number("log1p", value)
    seen.within(-1 + 1e-12, np.inf, "log1p", "values above -1")
    return Deterministic(Log1p())


def _dequantise(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    _no_number("dequantise", value)
    if not seen.touched(seen.statistics().whole).all():
        raise DataError(
            "The preprocessing step 'dequantise' needs whole numbers, and the events have "
            "others. Put it first, or leave it out."
        )
    return Dequantise()


def _binarise(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    _no_number("binarise", value)
    seen.within(-ROUNDING, 1 + ROUNDING, "binarise", "values in [0, 1]")
    return Binarise()


def _threshold(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    """Above 1/2 unless given."""
    return Threshold(jnp.asarray(0.5 if value is None else value, dtype))


def _spin(seen: _Seen, value: float | None, dtype: jnp.dtype) -> Step:
    """2x - 1, for zeros and ones alone."""
    _no_number("spin", value)
    found = seen.within(0.0, 1.0, "spin", "zeros and ones")
    if not seen.touched(found.whole).all():
        raise DataError(
            "The preprocessing step 'spin' needs zeros and ones, and the events have other values. "
            "Put 'binarise' or 'threshold' before it, or leave it out."
        )
    return Deterministic(Affine(jnp.asarray(-1, dtype), jnp.asarray(2, dtype)))


def _no_number(step: str, value: float | None) -> None:
    if value is not None:
        raise OptionError(f"The preprocessing step {step!r} takes no number.")


_STEPS: dict[str, Callable[[_Seen, float | None, jnp.dtype], Step]] = {
    "scale": _scale,
    "standardise": _standardise,
    "logit": _logit,
    "log1p": _log1p,
    "dequantise": _dequantise,
    "binarise": _binarise,
    "threshold": _threshold,
    "spin": _spin,
}
