"""The settings of a deep belief network."""

import itertools
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.models.boltzmann.chains import check_units
from ansatz.models.boltzmann.deep import DeepMachine
from ansatz.models.boltzmann.figures import memory, recorded, weight_figures
from ansatz.models.boltzmann.greedy import GreedyUpdate
from ansatz.models.boltzmann.objective import NegativeLogLikelihood, shown
from ansatz.models.boltzmann.recipe import MachineRecipe, first_bias
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import gradient
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject


@dataclass(frozen=True, kw_only=True)
class DeepRecipe(MachineRecipe):
    """A deep belief network: restricted machines that learn one after the other."""

    name: ClassVar[str] = "deep-rbm"
    kind: ClassVar[str] = "the recipe 'deep-rbm'"
    family: ClassVar[type[eqx.Module]] = DeepMachine

    layers: tuple[int, ...] = (128, 64)
    """Hidden units of each layer, from below. They share the epochs equally among them."""

    def __post_init__(self) -> None:
        MachineRecipe.__post_init__(self)
        if not self.layers or min(self.layers) < 1:
            raise OptionError(f"layers must be whole numbers from 1 on, not {self.layers}.")
        check_units("layers", max(self.layers))
        if self.epochs < len(self.layers):
            raise OptionError(
                f"{len(self.layers)} layers need as many epochs at least; there are {self.epochs}."
            )
        if self.method == "exact":
            raise OptionError("The layers of a deep machine learn by chains: --method cd or pcd.")

    def resolve(self, spec: Spec) -> "DeepRecipe":
        if spec.condition:
            raise OptionError(f"{self.kind} takes no conditions: leave them out.")
        units = self._units(spec)
        method = "pcd" if self.method == "auto" else self.method
        return replace(self, units=units, method=method, preprocess=self._steps(spec, units))

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> DeepMachine:
        sizes = (spec.size, *self.layers)
        found = []
        for place, (below, above) in enumerate(itertools.pairwise(sizes)):
            noise = jax.random.normal(jax.random.fold_in(key, place), (below, above), self.dtype)
            found.append(
                RestrictedMachine(
                    visible_bias=jnp.zeros(below, self.dtype),
                    hidden_bias=jnp.zeros(above, self.dtype),
                    weight=self.spread * noise,
                    log_scale=None,
                    visible=tuple(range(below)),
                    shape=spec.shape if place == 0 else (below,),
                    units="spin" if self.units == "spin" else "binary",
                    sweeps=self.sweeps,
                )
            )
        return DeepMachine(tuple(found))

    def initialise(self, model: Any, batch: Batch, key: PRNGKeyArray) -> DeepMachine:
        first = model.layers[0]
        begun = replace(first, visible_bias=first_bias(first, shown(first, batch), batch.weight))
        return DeepMachine((begun, *model.layers[1:]))

    def update(self, spec: Spec) -> GreedyUpdate:
        own = self.alone().with_settings({"l1": 0.0, "l2": 0.0})
        each = self.epochs * spec.steps_per_epoch // len(self.layers)
        objective = NegativeLogLikelihood(
            self.free_phase(self.clamped), self.slope == "centred", self.clamped, self.l1, self.l2
        )
        one = gradient(objective, own, steps=each, average=self.average)
        return GreedyUpdate((one,) * len(self.layers), each)

    def figures(self, model: Any, subject: Subject) -> tuple[Figure, ...]:
        """The weights of each layer, as far as events, and how fast chains of the top forget."""
        found: list[Figure] = []
        through = None
        for place, layer in enumerate(model.layers, 1):
            through = layer.weight if through is None else through @ layer.weight
            seen = RestrictedMachine.of(
                jnp.zeros(len(through)),
                layer.hidden_bias,
                through,
                shape=model.shape,
                units=layer.units,
                dtype=str(layer.dtype),
            )
            found += [
                replace(
                    figure,
                    name=f"layer-{place}",
                    title=f"Layer {place}",
                    caption=figure.caption
                    + (" They are products of the weights of all layers." if place > 1 else ""),
                )
                for figure in weight_figures(seen, subject)
            ]
        return (*found, memory(recorded(model.top, jax.random.key(0))))

    def _begun(self, model: Any, bias: Any) -> Any:
        raise AssertionError("A deep machine begins layer by layer.")
