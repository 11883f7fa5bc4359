"""A deep belief network: restricted machines on top of each other."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.models.boltzmann.batched import one_chain
from ansatz.models.boltzmann.exact import log_z_enumerated
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.units import log_odds, log_states, valued
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    Condition,
    Evidence,
    Measure,
    Sampler,
)
from ansatz.protocol.errors import DataError, OptionError

MOST = 16
"""Units of the top machine that are enumerated whenever a bound is asked for."""


class DeepMachine(Sampler, Bound, Codec):
    """p(v, h_1, ..., h_L) = p_1(v | h_1) p_2(h_1 | h_2) ... p_L(h_(L-1), h_L).

    The top layer is a restricted machine; of each machine below only the conditional of its
    visible units given its hidden ones is kept (Hinton, Osindero and Teh, 2006). With
    q(h | v) = p_1(h_1 | v) p_2(h_2 | h_1) ... and K draws from it

        log p(v) >= E log (1/K) sum_k p(v, h_k) / q(h_k | v),

    and for one draw of a machine of two layers this is log p_1(v) + E_q [log p_2(h) - log p_1(h)]:
    the second layer raises it if it is a better model of the first one's hidden units than that
    is itself.
    """

    layers: tuple[RestrictedMachine, ...]
    """The one that shows events first."""

    @classmethod
    def of(cls, layers: Sequence[RestrictedMachine]) -> "DeepMachine":
        """These machines, each of which has learnt the hidden units of the one below."""
        if not layers:
            raise OptionError("A deep machine has one layer at least.")
        for below, above in itertools.pairwise(layers):
            if len(below.hidden) != len(above.visible) or above.gaussian:
                raise DataError(
                    f"A layer of {len(below.hidden)} hidden units is followed by one that shows "
                    f"{len(above.visible)}{' real numbers' * above.gaussian}: it must show them."
                )
        if layers[0].gaussian or len({layer.units for layer in layers}) > 1:
            raise DataError("The units of a deep machine have two values, the same in all layers.")
        if any(layer.given for layer in layers):
            raise DataError("The layers of a deep machine show no condition.")
        return cls(tuple(layers))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an event."""
        return self.layers[0].shape

    @property
    def top(self) -> RestrictedMachine:
        """The machine that has a distribution of its own."""
        return self.layers[-1]

    @property
    def measure(self) -> Measure:
        return "probability"

    def continuous(self, event: Float[Array, "..."]) -> Bool[Array, "..."]:
        return jnp.zeros(self.shape, bool)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, "..."]:
        """One event: chains of the top machine, and down from there."""
        return one_chain(self, key, condition)[:, 0].reshape(self.shape)

    def chains(
        self, key: PRNGKeyArray, count: int, given: Float[Array, "condition chain"] | None
    ) -> State:
        """The visible units of so many events."""
        key, key_top = jax.random.split(key)
        top = self.top
        state = top.chains(key_top, count, None)[: len(top.visible)]
        for place, layer in reversed(list(enumerate(self.layers[:-1]))):
            pull = layer.visible_bias[:, None] + layer.weight @ state
            state = _drawn(jax.random.fold_in(key, place), pull, layer)
        return state

    def encode(
        self, event: Float[Array, "..."], condition: Condition = None
    ) -> Float[Array, " hidden"]:
        """The means of the top layer's units, those of layers between put in for their states."""
        code = event.ravel()
        for layer in self.layers:
            code = layer.encode(code)
        return code

    def decode(
        self, code: Float[Array, " hidden"], condition: Condition = None
    ) -> Float[Array, "..."]:
        """The way back, by means of means."""
        for layer in reversed(self.layers):
            code = layer.decode(code).ravel()
        return code.reshape(self.shape)

    def evidence(
        self,
        event: Float[Array, "..."],
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        samples: int,
    ) -> Evidence:
        """The bound of so many draws; log Z of the top machine is summed."""
        count = self.top.exact_kernel().enumerated
        if count > MOST:
            raise OptionError(
                f"log Z of a top layer with {count} units on its smaller side is not summed for "
                f"every event, {MOST} are the most: `bounded` estimates it from both sides."
            )
        weights = self.log_weights(event, key=key, samples=samples) - log_z_enumerated(self.top)
        whole = jax.nn.logsumexp(weights)
        bound = whole - math.log(samples)
        effective = jnp.exp(2 * whole - jax.nn.logsumexp(2 * weights))
        if samples == 1:
            return Evidence(bound, bound, effective)
        # A jackknife that leaves out one draw after the other, written so that nothing large
        # cancels: K L - (K - 1) mean_k L_(-k), with the share r_k of each weight.
        share = jnp.exp(weights - whole)
        less = jnp.mean(jnp.log1p(-share)) - math.log1p(-1 / samples)
        corrected = bound - (samples - 1) * less
        return Evidence(bound, jnp.where(jnp.isfinite(corrected), corrected, bound), effective)

    def log_weights(
        self, event: Float[Array, "..."], *, key: PRNGKeyArray, samples: int
    ) -> Float[Array, " draw"]:
        """log p(v, h_k) - log q(h_k | v) + log Z of draws h_k of the layers below the top."""
        state = jnp.broadcast_to(event.reshape(-1, 1), (event.size, samples))
        total = jnp.zeros(samples, self.top.dtype)
        for place, layer in enumerate(self.layers[:-1]):
            up = layer.hidden_bias[:, None] + layer.weight.T @ state
            above = _drawn(jax.random.fold_in(key, place), up, layer)
            down = layer.visible_bias[:, None] + layer.weight @ above
            total += _log_p(state, down, layer) - _log_p(above, up, layer)
            state = above
        return total - jax.vmap(self.top.free_energy, 1)(state)

    def lower(self, count: int) -> "DeepMachine":
        """The machine of the first so many layers."""
        return DeepMachine.of(self.layers[:count])


def raised(
    key: PRNGKeyArray, layers: Sequence[RestrictedMachine], events: Float[Array, "event visible"]
) -> Float[Array, "event hidden"]:
    """Draws of the hidden units of the last of these layers under events: what the next learns."""
    state = events.T
    for place, layer in enumerate(layers):
        pull = layer.hidden_bias[:, None] + layer.weight.T @ state
        state = _drawn(jax.random.fold_in(key, place), pull, layer)
    return state.T


def tied(below: RestrictedMachine) -> RestrictedMachine:
    """The layer above that says of hidden units exactly what the layer below says.

    Its hidden units are the visible ones of the layer below. With it the bound of one draw is
    log p of the layer below, whatever is drawn on average.
    """
    count = len(below.hidden)
    return replace(
        below,
        visible_bias=below.hidden_bias,
        hidden_bias=below.visible_bias,
        weight=below.weight.T,
        visible=tuple(range(count)),
        shape=(count,),
    )


def _drawn(key: PRNGKeyArray, pull: Float[Array, "unit chain"], layer: RestrictedMachine) -> State:
    """Independent units under a pull."""
    up = jax.random.uniform(key, pull.shape, pull.dtype) < jax.nn.sigmoid(
        log_odds(pull, layer.units)
    )
    return valued(up, layer.units, layer.dtype)


def _log_p(
    state: Float[Array, "unit chain"], pull: Float[Array, "unit chain"], layer: RestrictedMachine
) -> Float[Array, " chain"]:
    """log p of independent units under a pull."""
    return jnp.sum(state * pull - log_states(pull, layer.units), axis=0)
