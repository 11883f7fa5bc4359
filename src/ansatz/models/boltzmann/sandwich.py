"""log Z between two estimates: annealed from independent units, and in reverse."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.ais import Estimate, ais, reverse_ais
from ansatz.models.boltzmann.diagnostics import Mixing
from ansatz.models.boltzmann.exact import enumerable, exact_samples
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.tempering import temper

CONVERGED = 1.01
"""The largest R-hat of chains that are believed."""


@dataclass(frozen=True, eq=False)
class Sandwich:
    """Two estimates of log Z that err to different sides."""

    low: Estimate
    high: Estimate
    mixing: Mixing | None
    """Of the chains that the reverse estimate starts from; None if it starts from exact
    samples."""
    widest: float
    """The gap that was asked for, in nats."""

    @property
    def exact(self) -> bool:
        """Whether the reverse estimate starts from exact samples, and so is a bound."""
        return self.mixing is None

    @property
    def gap(self) -> float:
        """High minus low, in nats."""
        return self.high.log_z - self.low.log_z

    @property
    def log_z(self) -> float:
        """The middle."""
        return (self.high.log_z + self.low.log_z) / 2

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the estimate should not be relied on; empty if nothing speaks against it."""
        found = []
        if abs(self.gap) > self.widest:
            found.append(f"the gap is {self.gap:.2f} nats, and {self.widest:g} was asked for")
        if self.mixing is not None and not self.mixing.r_hat <= CONVERGED:
            found.append(
                f"R-hat of the chains at the start of the reverse is {self.mixing.r_hat:.3f}"
            )
        return tuple(found)

    @property
    def reliable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts

    def __str__(self) -> str:
        below, above = (
            f"{each.log_z:.3f} ± {each.error:.3f} (effective samples "
            f"{each.effective_samples:.0f} of {len(each.log_weights)})"
            for each in (self.low, self.high)
        )
        if self.mixing is None:
            kind = "stochastic bounds, the upper one from exact samples"
        else:
            kind = (
                "estimates, the upper one from tempered chains of R-hat "
                f"{self.mixing.r_hat:.3f}, and so no bound"
            )
        doubts = f"; unreliable: {' and '.join(self.doubts)}" if self.doubts else ""
        return f"log Z from {below} to {above}: {kind}{doubts}"


def sandwich(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    *,
    bias: Float[Array, " node"] | None = None,
    chains: int = 512,
    steps: int = 1000,
    widest: float = 1.0,
    rungs: int = 10,
    burn: int = 1000,
    every: int = 50,
) -> Sandwich:
    """log Z by annealed importance sampling from both ends of the path.

    The reverse one starts from samples of the machine, never from data: exact ones where its
    states can be enumerated; else `chains` draws, `every` so many sweeps after `burn`, of
    families tempered over `rungs` inverse temperatures up to 1.
    """
    key_low, key_start, key_high = jax.random.split(key, 3)
    low = ais(key_low, machine, bias=bias, chains=chains, steps=steps)
    if enumerable(machine):
        samples, mixed = exact_samples(key_start, machine, chains), None
    else:
        samples, mixed = _tempered(key_start, machine, chains, rungs, burn, every)
    high = reverse_ais(key_high, machine, samples, bias=bias, steps=steps)
    return Sandwich(low, high, mixed, widest)


def _tempered(
    key: PRNGKeyArray, machine: AbstractMachine, chains: int, rungs: int, burn: int, every: int
) -> tuple[State, Mixing]:
    """Draws of a few families of tempered chains, and how well those have mixed."""
    draws = max(4, int(np.sqrt(chains)))
    families = -(-chains // draws)
    key_start, key = jax.random.split(key)
    bias = jnp.zeros(machine.nodes, machine.dtype)
    state = machine.start(key_start, rungs * families, bias)
    betas = np.linspace(0, 1, rungs + 1)[1:]
    found = temper(key, machine, state, betas, draws, burn=burn, every=every)
    columns: Float[Array, "node column"] = jnp.moveaxis(found.states, 0, 2).reshape(
        machine.nodes, -1
    )
    return columns[:, :chains], found.mixing
