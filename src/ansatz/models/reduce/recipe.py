"""The settings of a principal component analysis."""

from dataclasses import dataclass, replace
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ansatz.models.reduce.figures import figures
from ansatz.models.reduce.pca import PCA, PCAUpdate
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

LARGEST = 12_000
FAR_WIDER = 100
"""Times a column is wider than most, after which hardly another one matters."""


@dataclass(frozen=True, kw_only=True)
class PCARecipe(Recipe):
    """Principal component analysis: the best linear code, exactly and in one pass."""

    name: ClassVar[str] = "pca"
    kind: ClassVar[str] = "the recipe 'pca'"
    family: ClassVar[type[eqx.Module]] = PCA
    one_pass: ClassVar[bool] = True

    latent: int = 16
    """Numbers in a code: how many components to keep."""
    epochs: int = 1
    """Passes over the events; one is exact."""

    def resolve(self, spec: Spec) -> "PCARecipe":
        latent = self.latent
        if latent == type(self).latent:
            # The default is nobody's choice: of few numbers it is all of them.
            latent = min(latent, spec.size)
        if not 1 <= latent <= spec.size:
            raise OptionError(
                f"latent is {latent}; events of {spec.size} numbers have from 1 to "
                f"{spec.size} principal components."
            )
        if spec.size > LARGEST:
            raise OptionError(
                f"Exact PCA of events of {spec.size} numbers needs a covariance of "
                f"{spec.size**2 * 8 / 1e9:.0f} GB; it takes events of up to {LARGEST} numbers."
            )
        if "binarise" in self.preprocess:
            raise OptionError("'pca' is Gaussian: leave 'binarise' out of --preprocess.")
        preprocess = ("none",) if self.preprocess == ("auto",) else self.preprocess
        return replace(self, latent=latent, preprocess=preprocess)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> PCA:
        """A PCA of nothing yet: the first axes, unit variance."""
        return PCA(
            mean=jnp.zeros(spec.size, self.dtype),
            components=jnp.eye(self.latent, spec.size, dtype=self.dtype),
            variances=jnp.ones(self.latent, self.dtype),
            noise=jnp.ones((), self.dtype),
            total=jnp.asarray(spec.size, self.dtype),
            shape=spec.shape,
        )

    def initialise(self, model: PCA, batch: Batch, key: PRNGKeyArray) -> PCA:
        return eqx.tree_at(lambda m: m.mean, model, batch.event.mean(0).ravel())

    def update(self, spec: Spec) -> AbstractUpdate:
        return PCAUpdate()

    def remarks(self, model: PCA, spec: Spec) -> tuple[str, ...]:
        reach = np.subtract(spec.highest, spec.lowest)
        told = len(spec.columns) == len(reach) and np.isfinite(reach).all() and reach.any()
        if self.preprocess != ("none",) or not told:
            return ()
        widest = int(np.argmax(reach))
        times = reach[widest] / np.median(reach[reach > 0])
        if times < FAR_WIDER:
            return ()
        return (
            f"{spec.columns[widest]!r} reaches {times:.2g} times as far as half of the columns, "
            "and components follow what varies most: give columns of different units --preprocess "
            "standardise.",
        )

    def figures(self, model: PCA, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)
