"""Annealed importance sampling of log Z (Neal, 2001; Salakhutdinov and Murray, 2008).

Between independent units, whose Z is known, and the machine lie the energies
E_t = (1 - t) E_0 + t E. A chain walks along them and gathers

    log w = sum_k [log f_(k+1)(s_k) - log f_k(s_k)],    f_t(a) = sum_b exp(-E_t(a, b))

with the first block b of independent units summed out. Forward, from t = 0, the mean of w is
Z / Z_0; in reverse, from samples of the machine itself, it is Z_0 / Z.
"""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.kernel import AbstractKernel, Laid, State, blend
from ansatz.protocol.errors import OptionError

Direction = Literal["forward", "reverse"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """log Z from the log-weights of many chains, put together once, at the end."""

    direction: Direction
    log_z0: float
    """Of the independent units where the path begins or ends."""
    log_weights: Float[np.ndarray, " chain"]

    @property
    def log_z(self) -> float:
        """log Z_0 ± log (sum of w / chains)."""
        mean = np.logaddexp.reduce(self.log_weights) - np.log(len(self.log_weights))
        return float(self.log_z0 + (mean if self.direction == "forward" else -mean))

    @property
    def error(self) -> float:
        """Its standard error: that of the mean of w over that mean."""
        return float(self._relative.std(ddof=1) / np.sqrt(len(self.log_weights)))

    @property
    def effective_samples(self) -> float:
        """(sum w)^2 / sum w^2: how many chains carry the estimate."""
        return float(len(self._relative) / (self._relative**2).mean())

    @property
    def _relative(self) -> Float[np.ndarray, " chain"]:
        weights = np.exp(self.log_weights - self.log_weights.max())
        return weights / weights.mean()


def ais(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    *,
    bias: Float[Array, " node"] | None = None,
    chains: int = 512,
    steps: int = 1000,
) -> Estimate:
    """Forward: log of it is below log Z on average, by about half the variance of log w.

    `bias` is that of the independent units to begin at; `machine.base_bias(events)` has the
    means of data.
    """
    _check(chains, steps)
    key_start, key = jax.random.split(key)
    begin = _bias(machine, bias)
    return _estimate(key, machine, begin, machine.start(key_start, chains, begin), steps, "forward")


def reverse_ais(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    samples: State,
    *,
    bias: Float[Array, " node"] | None = None,
    steps: int = 1000,
) -> Estimate:
    """In reverse, from samples of the machine: above log Z on average, if they are exact."""
    _check(samples.shape[1], steps)
    return _estimate(key, machine, _bias(machine, bias), samples, steps, "reverse")


def _estimate(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    bias: Float[Array, " node"],
    state: State,
    steps: int,
    direction: Direction,
) -> Estimate:
    log_z0 = float(machine.log_independent(bias, np.arange(machine.nodes)))
    path = jnp.linspace(0, 1, steps + 1, dtype=machine.dtype)
    base = machine.independent(bias).kernel()
    weights = _walk(
        key, base, machine.kernel(), state, path if direction == "forward" else path[::-1]
    )
    return Estimate(direction, log_z0, np.asarray(weights, np.float64))


@eqx.filter_jit
def _walk(
    key: PRNGKeyArray,
    base: AbstractKernel,
    target: AbstractKernel,
    state: State,
    path: Float[Array, " point"],
) -> Float[Array, " chain"]:
    """The log-weights of chains that begin at path[0] and end at path[-1]."""

    def step(
        carry: tuple[Laid, Float[Array, " chain"]],
        at: tuple[Int[Array, ""], Float[Array, ""], Float[Array, ""]],
    ) -> tuple[tuple[Laid, Float[Array, " chain"]], None]:
        laid, log_weight = carry
        i, here, there = at
        low, high = base.parts(laid), target.parts(laid)
        # Parts are linear in the parameters, and so blend as the energies do.
        log_weight += target.log_sum(blend(low, high, there), 1.0)
        log_weight -= target.log_sum(blend(low, high, here), 1.0)
        kernel = blend(base, target, there)
        return (kernel.sweep(laid, jax.random.fold_in(key, i), 1.0), log_weight), None

    laid = target.lay(state)
    start = (laid, jnp.zeros(state.shape[1], state.dtype))
    steps = (jnp.arange(len(path) - 1), path[:-1], path[1:])
    (_, log_weight), _ = jax.lax.scan(step, start, steps)
    return log_weight


def _bias(machine: AbstractMachine, bias: Float[Array, " node"] | None) -> Float[Array, " node"]:
    return jnp.zeros(machine.nodes, machine.dtype) if bias is None else bias


def _check(chains: int, steps: int) -> None:
    if chains < 2 or steps < 1:
        raise OptionError(
            f"Annealed importance sampling needs at least 2 chains and 1 step, not {chains} and "
            f"{steps}."
        )
