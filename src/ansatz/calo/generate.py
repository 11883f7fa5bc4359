"""Showers at given energies from a fitted generator, block by block, and how to go on with them."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.calo.decoded import decoded
from ansatz.calo.generator import ShowerRecipe
from ansatz.models.boltzmann import BoltzmannMachine
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.diagnostics import Mixing
from ansatz.models.boltzmann.sampling import draw, sample, start
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.keys import Stream, stream
from ansatz.runs.run import Run

TOGETHER = 1000
"""Showers of a block, one from each chain of the prior; of one that is all there is, fewer."""
BEYOND = 1.05
"""Times an energy as large as the largest, or as small, is not yet another regime."""
ANOTHER = 5
"""Autocorrelation times after which a chain has forgotten that it was of another energy."""
HEATED, RECORDED, WATCHED = 200, 400, 64
"""Sweeps before the chains are watched, sweeps watched, and how many chains are."""


@dataclass(frozen=True, eq=False)
class Chains:
    """Persistent chains of the prior's machine, and how far apart their states are independent."""

    machine: BoltzmannMachine
    states: Float[Array, "node chain"]
    mixing: Mixing
    device: Device | None = None

    @classmethod
    def heated(
        cls,
        key: PRNGKeyArray,
        machine: BoltzmannMachine,
        count: int,
        device: Device | None = None,
        shown: Float[Array, "unit chain"] | None = None,
    ) -> "Chains":
        """So many chains that have forgotten their start, as far as their energies can tell."""
        key_start, key_watched, key_rest = jax.random.split(key, 3)
        states = _showing(machine, start(key_start, machine, count), shown)
        held = machine.given
        # Under several conditions chains have several means: they are watched one by one.
        kinds = [None] if shown is None else list(np.unique(np.asarray(shown), axis=1).T)
        watched = []
        for place, kind in enumerate(kinds):
            key_some, key_draw = jax.random.split(jax.random.fold_in(key_watched, place))
            some = start(key_some, machine, WATCHED)
            if kind is not None:
                some = _showing(
                    machine, some, jnp.broadcast_to(kind[:, None], (len(kind), WATCHED))
                )
            record = draw(key_draw, machine, some, RECORDED, burn=HEATED, clamped=held)
            watched.append(record.mixing)
        slowest = max(watched, key=lambda mixing: mixing.autocorrelation_time)
        sweeps = max(HEATED, math.ceil(10 * slowest.autocorrelation_time))
        states = sample(key_rest, machine, states, sweeps, clamped=held)
        return cls(machine, states, slowest, device)

    @property
    def sweeps(self) -> int:
        """From one shower of a chain to the next; more where that is of another energy."""
        times = ANOTHER if self.machine.given else 1
        return max(1, math.ceil(times * self.mixing.autocorrelation_time))

    def then(self, key: PRNGKeyArray, shown: Float[Array, "unit chain"] | None = None) -> "Chains":
        """The chains, so many sweeps on, under what their clamped units show."""
        states = _showing(self.machine, self.states, shown)
        held = self.machine.given
        states = sample(key, self.machine, states, self.sweeps, clamped=held, device=self.device)
        return Chains(self.machine, states, self.mixing, self.device)

    @property
    def codes(self) -> Float[Array, "chain code"]:
        """What the visible units of every chain show, but for those that show an energy."""
        size = math.prod(self.machine.shape)
        return self.states[np.array(self.machine.visible[:size], int)].T


def _showing(
    machine: BoltzmannMachine, states: Array, shown: Float[Array, "unit chain"] | None
) -> Float[Array, "node chain"]:
    if shown is None:
        return states
    return states.at[np.array(machine.given, int)].set(shown.astype(states.dtype))


def check_generator(run: Run) -> None:
    """Refuse a run that generates no showers."""
    if not isinstance(run.record.recipe, ShowerRecipe):
        raise RunError(
            f"{run.path} is a fit of {run.record.recipe.name!r}, which generates no showers: name "
            "one that `ansatz calo fit` has made."
        )
    if not run.finished:
        raise RunError(f"The fit {run.path} is not finished: ansatz fit --resume {run.path}.")


def check_energies(run: Run, energies: Float[np.ndarray, " showers"]) -> None:
    """Warn of energies, MeV, well beyond those of the showers from which the run has learnt."""
    spec = run.record.spec
    (low,), (high,) = spec.condition_lowest, spec.condition_highest
    away = int(np.sum((energies < low / BEYOND) | (energies > high * BEYOND)))
    if away:
        warnings.warn(
            f"{away:,} of {len(energies):,} energies lie outside {low:,.0f} to {high:,.0f} MeV, "
            "those of the showers that the run has learnt from: what it makes there is a guess.",
            stacklevel=2,
        )


def generate(
    run: Run,
    energies: Float[np.ndarray, " showers"],
    *,
    seed: int = 0,
    device: Device | None = None,
    chains: Chains | None = None,
    first: int = 0,
) -> Iterator[tuple[Float[np.ndarray, "block voxels"], Chains | None]]:
    """Showers of these incident energies, MeV, and the chains as each block leaves them.

    To go on behind a block, give the `chains` that it left and the number of the next as `first`.
    """
    check_generator(run)
    prior, key = run.model.prior, stream(seed, Stream.USE)
    if isinstance(prior, MachinePrior):
        if chains is None:
            shown = _shown(prior, _given(run, _block(energies, 0)))
            key_chains, size = jax.random.fold_in(key, 0), _together(energies)
            chains = Chains.heated(key_chains, prior.machine, size, device, shown)
    elif device is not None:
        raise OptionError("The prior is of independent coins, which no device draws.")
    for block in range(first, -(-len(energies) // TOGETHER)):
        key_prior, key_codes, key_showers = jax.random.split(jax.random.fold_in(key, block + 1), 3)
        own = _block(energies, block)
        given = _given(run, own)
        if chains is None:
            keys = jax.random.split(key_codes, _together(energies))
            codes = _coins(prior.given(None, None), keys)
        else:
            chains = chains.then(key_prior, _shown(prior, given))
            codes = chains.codes
        most = jnp.asarray(own, given.dtype)
        showers = np.asarray(decoded(run.model, codes, given, most, key_showers))
        yield showers[: len(energies) - block * TOGETHER], chains


def _together(energies: np.ndarray) -> int:
    """Showers of each block."""
    return min(TOGETHER, len(energies))


def _block(energies: np.ndarray, block: int) -> np.ndarray:
    """Always a whole one, so that the last needs no compilation of its own."""
    own = energies[block * TOGETHER : (block + 1) * TOGETHER]
    return np.resize(own, _together(energies))


def _given(run: Run, energies: np.ndarray) -> Float[Array, "chain one"]:
    """The conditions of these energies, as the model takes them."""
    rows = jnp.asarray(energies[:, None], run.record.recipe.dtype)
    found = jax.vmap(run.pipeline.given)(rows)
    assert found is not None
    return found


def _shown(
    prior: MachinePrior, given: Float[Array, "chain one"]
) -> Float[Array, "unit chain"] | None:
    """What clamped units of the prior show under these conditions."""
    return jax.vmap(prior.shown, out_axes=1)(given) if prior.machine.given else None


@eqx.filter_jit
def _coins(prior: Any, keys: PRNGKeyArray) -> Float[Array, "block code"]:
    return jax.vmap(prior.sample)(keys)
