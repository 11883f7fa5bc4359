"""The settings of k-means."""

from dataclasses import dataclass, replace
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.mixture.figures import kmeans_figures
from ansatz.models.mixture.half_steps import flat
from ansatz.models.mixture.kmeans import KMeans, KMeansUpdate
from ansatz.models.mixture.recipe import check_countable
from ansatz.models.mixture.start import best, centres, filled, settled
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate


@dataclass(frozen=True, kw_only=True)
class KMeansRecipe(Recipe):
    """K-means: each event belongs to the nearest of K centres."""

    name: ClassVar[str] = "kmeans"
    kind: ClassVar[str] = "the recipe 'kmeans'"
    family: ClassVar[type[eqx.Module]] = KMeans
    takes_missing: ClassVar[bool] = True
    takes_negative: ClassVar[bool] = False

    clusters: int = 10
    """How many centres."""
    restarts: int = 10
    """How many starts are tried on the first events; the best goes on."""
    tolerance: float = 1e-3
    """By how much the mean squared distance of validation events must fall to count as better."""
    epochs: int = 100
    """How many times to go through the training events; each time the centres move once."""
    batch: int = 8192
    """Events that are looked at together; it changes the speed, not the result."""
    patience: int = 5
    """Stop after so many epochs without a better validation score; 0 never stops early."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        for label in ("clusters", "restarts"):
            if getattr(self, label) < 1:
                raise OptionError(f"{label} must be at least 1; it is {getattr(self, label)}.")
        if self.tolerance < 0:
            raise OptionError(f"tolerance must not be negative; it is {self.tolerance:g}.")

    def resolve(self, spec: Spec) -> "KMeansRecipe":
        check_countable("clusters", self.clusters, spec, self.kind)
        preprocess = self.preprocess
        if preprocess == ("auto",):
            image = len(spec.shape) > 1 and spec.kind != "real"
            preprocess = ("scale",) if image else ("standardise",)
        return replace(self, preprocess=preprocess)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> KMeans:
        """All centres at zero."""
        count = self.clusters
        centres = jnp.zeros((count, spec.size), self.dtype)
        return KMeans(centres, jnp.full(count, 1 / count, self.dtype), spec.shape)

    def initialise(self, model: KMeans, batch: Batch, key: PRNGKeyArray) -> KMeans:
        """The best of several starts: k-means++ and a few rounds."""
        x = filled(*flat(batch.event))

        def attempt(key: PRNGKeyArray) -> tuple[Float[Array, "K d"], Float[Array, ""]]:
            return settled(centres(key, x, batch.weight, self.clusters), x, batch.weight)

        return eqx.tree_at(lambda m: m.centres, model, best(attempt, key, self.restarts))

    def update(self, spec: Spec) -> AbstractUpdate:
        return KMeansUpdate(self.tolerance)

    def figures(self, model: KMeans, subject: Subject) -> tuple[Figure, ...]:
        return kmeans_figures(model, subject)
