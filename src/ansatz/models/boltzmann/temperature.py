"""The inverse temperature at which states of a machine were drawn, by two estimates of it."""

from dataclasses import replace
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import optimize, special

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.exact import enumerable, log_z_enumerated
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import draw, start
from ansatz.models.boltzmann.units import log_odds
from ansatz.protocol.capabilities import Scalar
from ansatz.protocol.errors import OptionError, SamplerError

HIGHEST = 1e4
"""Beyond this nothing can be told from the states of lowest energy."""
ROUNDINGS = 16
"""Of a sum, by which energies that are the same may differ."""
CHAINS, DRAWS, BURN, ROUNDS = 128, 200, 200, 4

COLD = (
    "The states are all of lowest energy, as far as can be told: they were drawn at no temperature "
    "above zero."
)


class Temperature(NamedTuple):
    """An inverse temperature, and its standard error if the states are independent."""

    beta: float
    error: float


def by_energy(key: PRNGKeyArray, machine: AbstractMachine, states: State) -> Temperature:
    """The beta whose mean energy <E>_beta is that of the states.

    As d<E>/dbeta = -Var(E), its error is that of the mean energy over the variance. <E>_beta is
    summed exactly where that can be done, else it is that of long chains of our own.
    """
    energies = np.asarray(machine.energies(states), np.float64)
    mean, error = float(energies.mean()), float(energies.std(ddof=1) / len(energies) ** 0.5)
    if enumerable(machine):
        beta, variance = _matched_exactly(machine, mean)
        return Temperature(beta, error / variance)
    return _matched_by_chains(key, machine, states, mean, error)


def by_pseudo_likelihood(machine: AbstractMachine, states: State) -> Temperature:
    """The beta that makes sum_i log p(s_i | all others), summed over the states, largest.

    With a = ±log odds of a unit, as it is up or down, this is the sum of -log(1 + exp(-beta a)),
    which is concave. No sum over states is needed. Its error is sqrt(sum of squared slopes of
    states) / curvature, as the units of a state are not independent (Besag, 1975).
    """
    whole = machine.general() if isinstance(machine, RestrictedMachine) else machine
    assert isinstance(whole, BoltzmannMachine)
    kernel = whole.kernel()
    odds = log_odds(kernel.pulls(kernel.lay(states)), whole.units)
    pull = np.asarray(jnp.where(states > 0, odds, -odds), np.float64)

    def slopes(beta: float) -> Float[np.ndarray, " state"]:
        return (pull * special.expit(-beta * pull)).sum(0)

    if slopes(0.0).sum() <= 0:
        raise SamplerError("The states are no likelier than at random: there is no temperature.")
    high = 1.0
    while slopes(high).sum() > 0:
        high *= 2
        if high > HIGHEST:
            raise SamplerError(COLD)
    beta = float(optimize.brentq(lambda b: slopes(b).sum(), 0.0, high, xtol=1e-10))
    up = special.expit(beta * pull)
    curvature = float((pull**2 * up * (1 - up)).sum())
    return Temperature(beta, float(np.sqrt((slopes(beta) ** 2).sum()) / curvature))


def calibrated(
    key: PRNGKeyArray,
    device: Device,
    machine: AbstractMachine,
    *,
    reads: int = 1000,
    sweeps: int = 1000,
    method: Literal["pseudo-likelihood", "energy"] = "pseudo-likelihood",
) -> tuple[Device, Temperature]:
    """The device with its own inverse temperature, estimated from reads of a machine.

    It is that near this machine: what a quantum annealer freezes at depends on what it is sent.
    """
    if reads < 2:
        raise OptionError(f"A temperature is estimated from 2 reads at least, not {reads}.")
    key_start, key_draw, key_match = jax.random.split(key, 3)
    asked = min(1.0, device.largest_beta(machine))
    state = start(key_start, machine, reads)
    states = device.draw(key_draw, machine, state, sweeps, beta=asked).states
    if method == "energy":
        found = by_energy(key_match, machine, states)
    else:
        found = by_pseudo_likelihood(machine, states)
    # The reads have `found.beta` where `asked` was asked for.
    own = Temperature(*(device.beta * value / asked for value in found))
    return replace(device, beta=own.beta), own


def _matched_exactly(machine: AbstractMachine, mean: float) -> tuple[float, float]:
    """The beta with this mean energy, and the variance of the energy there."""

    def at(beta: float) -> tuple[float, float]:
        energy, slope = _energy_and_slope(machine, jnp.asarray(beta, machine.dtype))
        return float(energy), float(slope)

    def off(beta: float) -> float:
        return at(beta)[0] - mean

    if off(0.0) <= 0:
        raise SamplerError(
            "The mean energy of the states is not below that at random: there is no temperature."
        )
    lowest = at(HIGHEST)[0]
    if mean - lowest <= ROUNDINGS * float(jnp.finfo(machine.dtype).eps) * abs(lowest):
        raise SamplerError(COLD)
    beta = float(optimize.brentq(off, 0.0, HIGHEST, xtol=1e-8))
    return beta, -at(beta)[1]


@eqx.filter_jit
def _energy_and_slope(machine: AbstractMachine, beta: Scalar) -> tuple[Scalar, Scalar]:
    """<E> = -d log Z / dbeta, and its slope."""
    return jax.value_and_grad(lambda b: -jax.grad(lambda c: log_z_enumerated(machine, c))(b))(beta)


def _matched_by_chains(
    key: PRNGKeyArray, machine: AbstractMachine, states: State, mean: float, error: float
) -> Temperature:
    """Chains at a first guess, and what they would weigh at others; then the same from there."""
    beta = by_pseudo_likelihood(machine, states).beta
    state = states[:, np.arange(CHAINS) % states.shape[1]]
    for round_ in range(ROUNDS):
        own = jax.random.fold_in(key, round_)
        found = draw(own, machine, state, DRAWS, burn=BURN, beta=beta)
        energies = np.asarray(found.energies, np.float64)
        state = found.last
        # Not farther than chains at this temperature know.
        reach = 1 / energies.std()

        def off(step: float, energies: np.ndarray = energies) -> float:
            return float((_tilted(energies, step) * energies).sum()) - mean

        low, high = off(-reach), off(reach)
        step = reach * np.sign(low) if low * high > 0 else optimize.brentq(off, -reach, reach)
        beta += float(step)
    weights = _tilted(energies, float(step))
    variance = float((weights * (energies - mean) ** 2).sum())
    own_error = (variance / found.mixing.effective_samples) ** 0.5
    return Temperature(beta, float(np.hypot(error, own_error)) / variance)


def _tilted(energies: np.ndarray, step: float) -> np.ndarray:
    """What draws at one inverse temperature weigh at another, `step` higher."""
    return special.softmax(-step * energies)
