"""Layer after layer: each learns the hidden units of the one below, which no longer changes."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.models.boltzmann.deep import DeepMachine, raised, tied
from ansatz.models.boltzmann.objective import shown
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.protocol.gradient import GradientState, GradientUpdate
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step


class GreedyUpdate(AbstractUpdate):
    """The first layer learns events for `steps` steps, then the second its hidden units, ...

    Hidden units are drawn afresh in every step. A layer with as many hidden units as the one
    below has visible ones begins as that one upside down, so that whatever it learns of the hidden
    units raises the bound.
    """

    layers: tuple[GradientUpdate, ...]
    steps: int = eqx.field(static=True)
    """Of each layer."""

    @property
    def score(self) -> Score | None:
        return None

    def initial(self, model: DeepMachine) -> tuple[GradientState, ...]:
        pairs = zip(self.layers, model.layers, strict=True)
        return tuple(update.initial(layer) for update, layer in pairs)

    def __call__(
        self, state: tuple[GradientState, ...], batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[tuple[GradientState, ...], Metrics]:
        key_raised, key = jax.random.split(key)
        machine = self.model(state)

        def learn(which: int) -> tuple[tuple[GradientState, ...], Metrics]:
            seen = shown(machine.layers[0], batch).T
            own = replace(batch, event=raised(key_raised, machine.layers[:which], seen))
            since = step - which * self.steps
            begun = state[which]
            if which and _ties(machine.layers[which - 1], begun.model):
                upside = tied(machine.layers[which - 1])
                model = jax.tree.map(
                    lambda old, new: jnp.where(since == 0, new, old), begun.model, upside
                )
                begun = replace(begun, model=model)
            after, metrics = self.layers[which](begun, own, since, key)
            return (*state[:which], after, *state[which + 1 :]), metrics

        branches = [lambda which=which: learn(which) for which in range(len(self.layers))]
        now = jnp.minimum(step // self.steps, len(self.layers) - 1)
        state, metrics = jax.lax.switch(now, branches)
        return state, metrics | {"layer": (now + 1).astype(machine.top.dtype)}

    def model(self, state: tuple[GradientState, ...]) -> DeepMachine:
        pairs = zip(self.layers, state, strict=True)
        return DeepMachine(tuple(update.model(own) for update, own in pairs))

    def evaluate(
        self, state: tuple[GradientState, ...], batch: Batch, step: Step, key: PRNGKeyArray
    ) -> Metrics:
        return {}


def _ties(below: RestrictedMachine, above: RestrictedMachine) -> bool:
    """Whether the layer above can begin as the one below upside down."""
    return len(above.hidden) == len(below.visible)
