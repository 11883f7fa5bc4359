"""The settings of a mixture."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.mixture.bernoulli import Bernoullis
from ansatz.models.mixture.components import AbstractComponents
from ansatz.models.mixture.diagonal import DiagonalGaussians
from ansatz.models.mixture.figures import figures
from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.half_steps import flat
from ansatz.models.mixture.learning import AbstractLearning, MaximumLikelihood
from ansatz.models.mixture.model import Mixture
from ansatz.models.mixture.start import best, centres, filled, tried
from ansatz.models.mixture.update import MixtureUpdate
from ansatz.models.mixture.variational import Variational
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

LARGEST = 2**31
"""Bytes that all covariances may take."""
FLOORS = {"normal": 1e-6, "bernoulli": 1e-3}


@dataclass(frozen=True, kw_only=True)
class MixtureRecipe(Recipe):
    """A mixture of Gaussians or Bernoullis, by expectation maximisation: exact and explainable."""

    name: ClassVar[str] = "mixture"
    kind: ClassVar[str] = "the recipe 'mixture'"
    family: ClassVar[type[eqx.Module]] = Mixture
    takes_missing: ClassVar[bool] = True
    takes_negative: ClassVar[bool] = False

    components: int = 10
    """How many components."""
    likelihood: Literal["auto", "normal", "bernoulli"] = "auto"
    """What components are: Gaussians, or for zeros and ones products of Bernoullis."""
    covariance: Literal["full", "diagonal", "spherical", "tied"] = "full"
    """Of a Gaussian: full, diagonal, one variance for all its numbers (spherical), or full and the
    same for all components (tied)."""
    method: Literal["em", "variational"] = "em"
    """Expectation maximisation of the likelihood, or variational Bayes, which leaves without events
    the components that are not needed."""
    concentration: float = 0.001
    """Of the variational method's Dirichlet prior: the less, the fewer components it keeps."""
    floor: float | None = None
    """The least variance of a Gaussian in any direction, as preprocessed (1e-6 if not given), or
    the least probability of a zero and of a one (1e-3)."""
    restarts: int = 4
    """How many starts are tried on the first events; the best goes on."""
    tolerance: float = 1e-3
    """By how many nats for each event validation must get better to count as better."""
    epochs: int = 200
    """How many times to go through the training events; each time is one step of both kinds."""
    batch: int = 8192
    """Events that are looked at together; it changes the speed, not the result."""
    patience: int = 10
    """Stop after so many epochs without a better validation score; 0 never stops early."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        for label in ("components", "restarts"):
            if getattr(self, label) < 1:
                raise OptionError(f"{label} must be at least 1; it is {getattr(self, label)}.")
        if self.concentration <= 0:
            raise OptionError(f"concentration must be positive; it is {self.concentration:g}.")
        if self.tolerance < 0:
            raise OptionError(f"tolerance must not be negative; it is {self.tolerance:g}.")
        if self.floor is not None and not 0 < self.floor < 0.5:
            raise OptionError(f"floor must lie between 0 and 0.5; it is {self.floor:g}.")

    def resolve(self, spec: Spec) -> "MixtureRecipe":
        check_countable("components", self.components, spec, self.kind)
        likelihood, preprocess = self.likelihood, self.preprocess
        if likelihood == "auto":
            likelihood = "bernoulli" if spec.kind == "binary" else "normal"
        if preprocess == ("auto",):
            preprocess = _preprocess(likelihood, spec)
        drawn = "binarise" in preprocess
        if likelihood == "normal" and drawn:
            raise OptionError(
                "Binarised events need --likelihood bernoulli, not normal: leave 'binarise' out of "
                "--preprocess."
            )
        if likelihood == "bernoulli" and not drawn and spec.kind != "binary":
            raise OptionError(
                "A Bernoulli mixture learns zeros and ones, and the events have other numbers: "
                "give --likelihood normal, or bring them to [0, 1] and binarise them by "
                "--preprocess scale binarise."
            )
        if self.method == "variational" and (likelihood, self.covariance) != ("normal", "full"):
            raise OptionError(
                "The variational mixture has Gaussians with full covariances: give --likelihood "
                "normal and --covariance full, or --method em."
            )
        if likelihood == "normal" and self.covariance in ("full", "tied"):
            _check_room(self.components if self.covariance == "full" else 1, spec)
        return replace(
            self,
            likelihood=likelihood,
            preprocess=preprocess,
            floor=FLOORS[likelihood] if self.floor is None else self.floor,
        )

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> Mixture:
        """A mixture of nothing yet: equal components of mean zero and variance one."""
        count = self.components
        weights = jnp.full(count, 1 / count, self.dtype)
        return Mixture(weights, self._components(spec.size), spec.shape)

    def initialise(self, model: Mixture, batch: Batch, key: PRNGKeyArray) -> Mixture:
        """The best of several starts: k-means++, k-means, and a few steps of learning."""
        x = filled(*flat(batch.event))
        learning = self._learning(jnp.sum(batch.weight))

        def attempt(key: PRNGKeyArray) -> tuple[Mixture, Float[Array, ""]]:
            start = centres(key, x, batch.weight, self.components)
            return tried(learning, model, start, batch.event, x, batch.weight)

        return best(attempt, key, self.restarts)

    def update(self, spec: Spec) -> AbstractUpdate:
        events = float(spec.events)
        return MixtureUpdate(self._learning(events), events, self.tolerance)

    def remarks(self, model: Mixture, spec: Spec) -> tuple[str, ...]:
        if self.method == "variational":
            return ()
        singular = np.asarray(model.components.at_floor(self._floor) & (model.weights > 0))
        if not singular.any():
            return ()
        ends = zip(spec.columns, spec.lowest, spec.highest, strict=False)
        constant = [repr(name) for name, low, high in ends if low == high]
        if constant:
            why = f"{', '.join(constant)} never vary, so leave them out with --drop"
        else:
            why = "its events lie in a plane or are too few: try fewer --components, another"
            why += " --covariance, or a larger --floor"
        return (
            f"The covariance of {singular.sum()} of {len(singular)} components is singular and was "
            f"held at the floor, a variance of {self._floor:g} as preprocessed, which log p depends "
            f"on: {why}.",
        )

    def figures(self, model: Mixture, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    @property
    def _floor(self) -> float:
        return FLOORS["normal"] if self.floor is None else self.floor

    def _learning(self, events: float | Float[Array, ""]) -> AbstractLearning:
        if self.method == "variational":
            return Variational(self.concentration, events)
        return MaximumLikelihood(self._floor)

    def _components(self, size: int) -> AbstractComponents:
        count, dtype = self.components, self.dtype
        mean = jnp.zeros((count, size), dtype)
        if self.likelihood == "bernoulli":
            return Bernoullis(mean + 0.5)
        if self.covariance in ("diagonal", "spherical"):
            own = size if self.covariance == "diagonal" else 1
            return DiagonalGaussians(mean, jnp.ones((count, own), dtype))
        shared = 1 if self.covariance == "tied" else count
        axes = jnp.broadcast_to(jnp.eye(size, dtype=dtype), (shared, size, size))
        return FullGaussians(mean, axes, jnp.ones((shared, size), dtype))


def check_countable(label: str, count: int, spec: Spec, kind: str) -> None:
    """Refuse more components than events, and conditions, of which these families know nothing."""
    if count > spec.events:
        raise OptionError(
            f"{label} is {count}, and there are {spec.events} events to learn from: give at most "
            f"--{label} {spec.events}."
        )
    if spec.condition:
        raise OptionError(
            f"{kind} takes no conditions: learn them as numbers of the event, and fill in the "
            "others given them by `ansatz reconstruct --fill`."
        )


def _preprocess(likelihood: str, spec: Spec) -> tuple[str, ...]:
    image = len(spec.shape) > 1
    if likelihood == "bernoulli":
        return {"whole": ("scale", "binarise"), "unit": ("binarise",)}.get(spec.kind, ("none",))
    return ("scale",) if image and spec.kind != "real" else ("standardise",)


def _check_room(covariances: int, spec: Spec) -> None:
    needed = covariances * spec.size**2 * 8
    if needed > LARGEST:
        raise OptionError(
            f"{covariances} covariances of {spec.size} numbers need {needed / 1e9:.0f} GB: give "
            "--covariance diagonal, or fewer numbers, as the codes of a pca."
        )
