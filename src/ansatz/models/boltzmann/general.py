"""The settings of a Boltzmann machine on any graph."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.chains import check_units
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.placement import Hide, place
from ansatz.models.boltzmann.recipe import MachineRecipe
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec


@dataclass(frozen=True, kw_only=True)
class BoltzmannRecipe(MachineRecipe):
    """A Boltzmann machine on any graph, with hidden units or without."""

    name: ClassVar[str] = "boltzmann"
    kind: ClassVar[str] = "the recipe 'boltzmann'"
    family: ClassVar[type[eqx.Module]] = BoltzmannMachine

    graph: str = ""
    """Who is coupled to whom: complete:N, bipartite:VxH, multipartite:AxBx..., chain:N,
    grid:LxL, king:LxL (the last three with :periodic if wished), pegasus:M or zephyr:M. Of a
    larger graph the part that is connected best is taken; without one all units are coupled."""
    edges: tuple[str, ...] = ()
    """Or the edges themselves, as 0-1 1-2."""
    hidden: int = 0
    """Units that events do not show."""
    hide: Hide = "auto"
    """Which nodes are hidden: the last ones, or spread over one colour so that none are joined.
    'auto' hides the last of complete and bipartite graphs, and spreads over others."""

    def __post_init__(self) -> None:
        MachineRecipe.__post_init__(self)
        if self.hidden < 0:
            raise OptionError(f"hidden must not be negative; it is {self.hidden}.")
        check_units("hidden", self.hidden)
        if self.graph and self.edges:
            raise OptionError("Give a graph or its edges, not both.")

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> BoltzmannMachine:
        count = spec.size + spec.condition
        graph, visible = place(self.graph, self.edges, count, self.hidden, self.hide)
        noise = jax.random.normal(key, (len(graph.edges),), self.dtype)
        return BoltzmannMachine(
            bias=jnp.zeros(graph.nodes, self.dtype),
            weight=self.spread * noise,
            terms=None,
            graph=graph,
            visible=visible,
            shape=spec.shape,
            units="spin" if self.units == "spin" else "binary",
            sweeps=self.sweeps,
        )

    def _begun(self, model: Any, bias: Float[Array, " visible"]) -> BoltzmannMachine:
        return replace(model, bias=model.bias.at[np.array(model.visible)].set(bias))
