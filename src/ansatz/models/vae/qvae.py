"""The settings of a variational autoencoder with bits for a code and a Boltzmann machine as prior.

Rolfe (2017); Khoshaman et al. (2018).
"""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from ansatz.distributions import BernoulliHead
from ansatz.models.vae.ends import decoding, encoding_net, view_of
from ansatz.models.vae.ends_recipe import EndsRecipe
from ansatz.models.vae.hierarchy import HierarchicalEncoder
from ansatz.models.vae.machine_recipe import MachinePriorRecipe
from ansatz.models.vae.view import View
from ansatz.nets import ConditionalNet
from ansatz.protocol.recipe import Spec


@dataclass(frozen=True, kw_only=True)
class QVAERecipe(MachinePriorRecipe, EndsRecipe):
    """A variational autoencoder of bits with a Boltzmann machine as prior, on any graph."""

    name: ClassVar[str] = "qvae"
    kind: ClassVar[str] = "the recipe 'qvae'"
    nets: ClassVar[tuple[str, ...]] = ("decoder",)

    def __post_init__(self) -> None:
        EndsRecipe.__post_init__(self)
        MachinePriorRecipe.__post_init__(self)

    def resolve(self, spec: Spec) -> "QVAERecipe":
        resolved = MachinePriorRecipe.resolve(EndsRecipe.resolve(self, spec), spec)
        assert isinstance(resolved, QVAERecipe)
        return resolved

    def view(self, spec: Spec) -> View:
        return view_of(self, spec)

    def encoder(
        self, spec: Spec, view: View, sizes: tuple[int, ...], key: PRNGKeyArray
    ) -> HierarchicalEncoder:
        levels, before = [], spec.condition
        for level, size in enumerate(sizes):
            head = BernoulliHead((size,))
            key_level = jax.random.fold_in(key, level)
            net = encoding_net(self, spec, view, head.size, before, key_level)
            levels.append(ConditionalNet(net, head))
            before += size
        return HierarchicalEncoder(tuple(levels), sizes)

    def decoder(self, spec: Spec, own: eqx.Module | None, key: PRNGKeyArray) -> ConditionalNet:
        return decoding(self, spec, own, key)
