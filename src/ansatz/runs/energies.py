"""Flows that learn a known energy, and the weights that make up for what they miss."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.flow import Flow, FlowRecipe
from ansatz.models.flow.energy import ReverseKL
from ansatz.protocol.errors import OptionError
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Draws
from ansatz.training import Engine

Energy = Callable[[Array], Float[Array, ""]]

TRIED = 256
"""Samples of the first flow on which the energy must be finite."""
EPOCH = 100
"""Steps to a row of the history."""
AT_ONCE = 1000
"""Draws in memory together."""


@dataclass(frozen=True, eq=False)
class EnergyFit:
    """A flow that has learnt an energy."""

    model: Flow
    energy: Energy
    history: tuple[dict[str, Any], ...]
    """E_q[E(x) + log q(x)], at least −log Z, every so many steps."""

    def draw(self, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """n samples of the flow and their log-weights −E(x) − log q(x)."""
        key = stream(seed, Stream.USE)
        parts = []
        for start in range(0, n, AT_ONCE):
            keys = jax.random.split(jax.random.fold_in(key, start), AT_ONCE)
            parts.append([np.asarray(part) for part in _drawn(self.model, self.energy, keys)])
        x, log_weights = (np.concatenate(part)[:n] for part in zip(*parts, strict=True))
        return x, log_weights.astype(np.float64)

    def weigh(self, events: np.ndarray) -> np.ndarray:
        """The log-weights of samples that another method made, such as a long Markov chain."""
        dtype = jax.tree.leaves(eqx.filter(self.model, eqx.is_inexact_array))[0].dtype
        n = len(events)
        parts = []
        for start in range(0, n, AT_ONCE):
            # Always as many, so that the last need no compilation of their own.
            some = np.take(events, np.arange(start, start + AT_ONCE), 0, mode="clip")
            parts.append(_weighed(self.model, self.energy, jnp.asarray(some, dtype)))
        return np.concatenate(parts)[:n].astype(np.float64)


def fit_energy(
    energy: Energy, shape: tuple[int, ...], recipe: FlowRecipe | None = None, **settings: Any
) -> EnergyFit:
    """The last of `energy_fits`, which says what the settings are."""
    *_, last = energy_fits(energy, shape, recipe, **settings)
    return last


def energy_fits(
    energy: Energy,
    shape: tuple[int, ...],
    recipe: FlowRecipe | None = None,
    *,
    steps: int = 2000,
    draws: int = 256,
    hottest: float = 1.0,
    cooling: float = 0.5,
    path: bool = True,
    seed: int = 0,
) -> Iterator[EnergyFit]:
    """Fits of a flow to p(x) = exp(−E(x)) / Z by reverse KL, every hundred steps: to be watched, or
    left where the flow is good enough. E is a function of one event, in kT.

    Each of the `steps` takes so many `draws` from the flow. The temperature falls from `hottest`
    to 1 in the share `cooling` of the steps. The recipe says which flow and which optimiser; its
    settings for data mean nothing here.
    """
    for name, value in (("steps", steps), ("draws", draws)):
        if value < 1:
            raise OptionError(f"{name} must be at least 1; it is {value}.")
    if not hottest >= 1 or not 0 <= cooling <= 1:
        raise OptionError(
            f"hottest must be at least 1 and cooling between 0 and 1; they are {hottest} and "
            f"{cooling}."
        )
    spec = Spec(shape)
    chosen = (recipe or FlowRecipe()).with_settings({"preprocess": ("none",)}).resolve(spec)
    assert isinstance(chosen, FlowRecipe)
    model = eqx.filter_jit(chosen.build)(spec, stream(seed, Stream.PARAMETERS))
    _check_energy(model, energy, stream(seed, Stream.START))
    epochs = -(-steps // EPOCH)
    engine = Engine(
        update=chosen.learning(
            ReverseKL(energy, hottest, int(cooling * steps), path), epochs * EPOCH
        ),
        source=Draws(draws, EPOCH, chosen.dtype),
        validation=None,
        seed=seed,
        epochs=epochs,
        patience=0,
    )
    history: tuple[dict[str, Any], ...] = ()
    for chunk in engine.train(engine.initial(model)):
        rows = [row for row in chunk.rows if row is not None]
        if rows:
            history = (*history, *rows)
            yield EnergyFit(engine.result(chunk.state), energy, history)


def _check_energy(model: Flow, energy: Energy, key: PRNGKeyArray) -> None:
    """Refuse an energy that is no number, or infinite where the flow begins."""
    keys = jax.random.split(key, TRIED)
    x = eqx.filter_jit(lambda model, keys: jax.vmap(model.sample)(keys))(model, keys)
    values = np.asarray(jax.vmap(energy)(x))
    if values.shape != (TRIED,):
        raise OptionError(
            f"The energy of one event must be one number; it has shape {values.shape[1:]}."
        )
    wrong = int(np.sum(~np.isfinite(values)))
    if wrong:
        raise OptionError(
            f"The energy is not finite on {wrong} of {TRIED} samples of the base, where the flow "
            "begins: bound it there, or shift and scale its argument."
        )


@eqx.filter_jit
def _drawn(model: Flow, energy: Energy, keys: Array) -> tuple[Array, Array]:
    x, log_q = jax.vmap(model.sample_and_log_prob)(keys)
    return x, -jax.vmap(energy)(x) - log_q


@eqx.filter_jit
def _weighed(model: Flow, energy: Energy, events: Array) -> Array:
    return -jax.vmap(energy)(events) - jax.vmap(model.log_prob)(events)
