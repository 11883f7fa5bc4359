"""What the decoder says of an event, from words: one for all numbers, or one for each column."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from jax.typing import DTypeLike

from ansatz.distributions import (
    AbstractElementwiseHead,
    AbstractHead,
    BernoulliHead,
    CategoricalHead,
    ContinuousBernoulliHead,
    FixedNormalHead,
    FullNormalHead,
    HurdleHead,
    LaplaceHead,
    LogisticHead,
    MixtureHead,
    NormalHead,
    PoissonHead,
    ProductHead,
    SharedNormalHead,
)
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.recipe import Spec

LIKELIHOODS = (
    "bernoulli",
    "continuous-bernoulli",
    "categorical",
    "normal",
    "full-normal",
    "laplace",
    "logistic",
    "poisson",
    "hurdle",
)

AS_THEY_ARE = ("bernoulli", "continuous-bernoulli", "categorical", "poisson", "hurdle")
"""Likelihoods of numbers that mean something as they are, which no shift may move."""


@dataclass(frozen=True)
class Likelihood:
    """A likelihood by its name, or a mixture of several of its kind."""

    name: str
    components: int = 1

    @classmethod
    def of(cls, word: str) -> "Likelihood":
        """'laplace', or 'laplace:3' for a mixture of three."""
        name, _, number = word.partition(":")
        if name not in LIKELIHOODS:
            raise OptionError(f"There is no likelihood {name!r}. {nearest(name, LIKELIHOODS)}")
        if ":" not in word:
            return cls(name)
        if not re.fullmatch(r"[1-9]\d*", number):
            raise OptionError(f"{word!r} must end in a number of components, as in {name}:3.")
        if name == "full-normal":
            raise OptionError("A mixture is of likelihoods of single numbers, not of full-normal.")
        return cls(name, int(number))

    def refusal(self, what: str, levels: int, lowest: float, highest: float) -> str | None:
        """Why numbers with so many levels, between these ends, cannot have it, if so."""
        if self.name == "bernoulli" and not 0 < levels <= 2:
            return (
                f"A Bernoulli likelihood is of zeros and ones, and {what} hold other values: "
                "end --preprocess with 'binarise', or choose --likelihood normal."
            )
        if self.name in ("categorical", "poisson") and not levels:
            return (
                f"The likelihood {self.name!r} is of whole numbers from zero up, and {what} hold "
                "other values: choose --likelihood normal."
            )
        if self.name == "hurdle" and lowest < 0:
            return (
                f"A hurdle likelihood is of zeros and positive numbers, and {what} go down to "
                f"{lowest:.6g}: choose --likelihood normal."
            )
        if self.name == "continuous-bernoulli" and not 0 <= lowest <= highest <= 1:
            return (
                f"A continuous Bernoulli likelihood is of numbers within [0, 1], and {what} reach "
                f"from {lowest:.6g} to {highest:.6g}: --preprocess scale."
            )
        return None


@dataclass(frozen=True)
class Likelihoods:
    """The likelihood of all numbers, and those of single columns that have another."""

    default: Likelihood
    columns: dict[int, Likelihood]

    @classmethod
    def of(cls, words: tuple[str, ...], spec: Spec) -> "Likelihoods":
        """From words such as ('normal', 'hits=poisson')."""
        defaults = [word for word in words if "=" not in word]
        if len(defaults) > 1:
            raise OptionError(
                f"Two likelihoods for all numbers, {defaults[0]!r} and {defaults[1]!r}: give one, "
                "and others as COLUMN=LIKELIHOOD."
            )
        columns = {}
        for word in words:
            # A column's name may hold an equals sign itself, a likelihood never does.
            name, equals, likelihood = word.rpartition("=")
            if not equals:
                continue
            if name not in spec.columns:
                hint = nearest(name, spec.columns) if spec.columns else "They have no names."
                raise OptionError(f"There is no column {name!r} among the events. {hint}")
            place = spec.columns.index(name)
            if place in columns:
                raise OptionError(f"The column {name!r} has two likelihoods; give one.")
            columns[place] = Likelihood.of(likelihood)
        default = Likelihood.of(defaults[0]) if defaults else Likelihood("normal")
        if columns and default.name == "full-normal":
            raise OptionError("full-normal joins all columns: none of them can have another.")
        return cls(default, columns)

    def __getitem__(self, place: int) -> Likelihood:
        return self.columns.get(place, self.default)

    def check(self, spec: Spec, preprocess: tuple[str, ...]) -> None:
        """Refuse a likelihood that the numbers cannot have once they are preprocessed."""
        last = preprocess[-1] if preprocess else "none"
        two = last.partition("=")[0] in ("binarise", "threshold")
        for place in range(len(spec.levels)):
            levels, ends = spec.levels[place], (spec.lowest[place], spec.highest[place])
            what = f"the values of {spec.columns[place]!r}" if spec.columns else "the events"
            if place not in self.columns and last != "none":
                # Of what the steps make of the numbers only this much is sure.
                what = f"what --preprocess makes of {what}"
                levels = 2 if two else 0
                low = 0.0 if two or last == "scale" else -math.inf
                scaled = last.startswith("scale=") and len(preprocess) == 1
                high = 1.0 if two or last == "scale" else math.inf
                ends = (min(ends[0], 0.0) if scaled else low, high)
            refusal = self[place].refusal(what, levels, *ends)
            if refusal:
                raise OptionError(refusal)

    def untouched(self) -> tuple[int, ...]:
        """The columns that stay as they are while others are preprocessed."""
        return tuple(
            sorted(place for place, own in self.columns.items() if own.name in AS_THEY_ARE)
        )

    def head(self, spec: Spec, normal: "NormalScale") -> AbstractHead:
        """The head that makes a distribution of the decoder's numbers."""
        if not self.columns:
            return _head(self.default, spec.shape, max(spec.levels), normal)
        groups: dict[tuple[Likelihood, int], list[int]] = {}
        for place in range(len(spec.columns)):
            own = self[place]
            # Only categories differ from column to column by how many there are.
            levels = spec.levels[place] if own.name == "categorical" else 0
            groups.setdefault((own, levels), []).append(place)
        heads = [
            _head(own, (len(places),), levels, normal) for (own, levels), places in groups.items()
        ]
        return ProductHead(tuple(heads), tuple(map(tuple, groups.values())))


@dataclass(frozen=True)
class NormalScale:
    """Where the standard deviation of a normal likelihood comes from."""

    variance: str
    sigma: float
    dtype: DTypeLike


def _head(
    own: Likelihood, shape: tuple[int, ...], levels: int, normal: NormalScale
) -> AbstractHead:
    if own.name == "full-normal":
        return FullNormalHead(shape)
    if own.components > 1 and own.name == "normal":
        # One scale for all would leave the components nothing but their places.
        normal = replace(normal, variance="each")
    one = _elementwise(own, shape, levels, normal)
    return one if own.components == 1 else MixtureHead(one, own.components)


def _elementwise(
    own: Likelihood, shape: tuple[int, ...], levels: int, normal: NormalScale
) -> AbstractElementwiseHead:
    if own.name == "normal":
        if normal.variance == "fixed":
            return FixedNormalHead(shape, normal.sigma)
        if normal.variance == "each":
            return NormalHead(shape)
        return SharedNormalHead(shape, scale=normal.sigma, dtype=normal.dtype)
    if own.name == "categorical":
        return CategoricalHead(shape, levels)
    return _OF_A_SHAPE[own.name](shape)


_OF_A_SHAPE: dict[str, Callable[[tuple[int, ...]], AbstractElementwiseHead]] = {
    "bernoulli": BernoulliHead,
    "continuous-bernoulli": ContinuousBernoulliHead,
    "laplace": LaplaceHead,
    "logistic": LogisticHead,
    "poisson": PoissonHead,
    "hurdle": HurdleHead,
}
