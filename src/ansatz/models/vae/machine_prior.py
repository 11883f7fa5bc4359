"""A Boltzmann machine as the prior of codes."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann import BoltzmannMachine
from ansatz.models.boltzmann.elimination import narrow
from ansatz.models.boltzmann.exact import enumerable, log_z
from ansatz.models.boltzmann.relaxation import relaxed_energy
from ansatz.models.boltzmann.sandwich import sandwich
from ansatz.models.vae.prior import AbstractPrior
from ansatz.models.vae.shown import Shown
from ansatz.protocol.capabilities import Condition, Sampler, Scalar

CHAINS, RUNGS = 256, 20
"""Of annealing, and of tempering before it."""


class Known(eqx.Module):
    """What is known of log Z, under every row of a prior."""

    low: Float[Array, " row"]
    """Annealed from independent units; errs downwards."""
    high: Float[Array, " row"]
    """In reverse, from samples of the machine; errs upwards."""
    error: Float[Array, " row"]
    """The larger standard error of the two; zero if both are exact."""
    r_hat: Float[Array, " row"]
    """Of the chains that the reverse began from; zero where it did not need any."""

    @classmethod
    def exactly(cls, value: Float[Array, " row"]) -> "Known":
        nothing = jnp.zeros_like(value)
        return cls(value, value, nothing, nothing)

    @classmethod
    def nothing(cls, like: Float[Array, " row"]) -> "Known":
        """Of a machine that still learns; an error below zero says so."""
        zero = jnp.zeros_like(like)
        return cls(zero, zero, zero - 1, zero)

    @property
    def columns(self) -> tuple[Float[Array, " row"], ...]:
        return self.low, self.high, self.error, self.r_hat

    @property
    def upper(self) -> Float[Array, " row"]:
        """What a lower bound on log p(x) has to subtract: infinity where nothing is known."""
        return jnp.where(self.error < 0, jnp.inf, jnp.maximum(self.low, self.high))

    @property
    def gap(self) -> float:
        """The largest distance between both estimates, in nats."""
        return float(jnp.max(jnp.abs(self.high - self.low)))

    @property
    def caveat(self) -> str:
        """What has to be said beside a bound on log p(x)."""
        if jnp.any(self.error < 0):
            return "; log Z of the prior is not known before the fit is done"
        if not jnp.any(self.error):
            return "; log Z of the prior exact"
        if len(self.low) > 1:
            return "; the upper estimate of log Z of the prior, annealed"
        low, high = float(self.low[0]), float(self.high[0])
        return f"; log Z of the prior annealed, {low:.2f} to {high:.2f}, and the upper one taken"


class GivenMachine(eqx.Module):
    """p(z | c) = exp(-F(z, c)) / Z(c), the condition clamped if the machine shows it."""

    machine: BoltzmannMachine
    condition: Condition
    log_z: Scalar
    sampler: Sampler | None

    def sample(self, key: PRNGKeyArray) -> Float[Array, " code"]:
        """A code after the machine's sweeps; vmapped, each chain has its own clamp."""
        one = self.machine if self.sampler is None else self.sampler
        return one.sample(key, self.condition)

    def energy(self, code: Float[Array, " code"]) -> Scalar:
        """F(z, c), also of a relaxed code; only the code has a slope."""
        return relaxed_energy(self.machine, self.machine.joined(code, self.condition))

    def log_prob(self, code: Float[Array, " code"]) -> Scalar:
        return -self.energy(code) - self.log_z


class MachinePrior(AbstractPrior):
    """p(z) = exp(-F(z)) / Z over nodes of a graph, or p(z | c) with a condition clamped.

    F(z) = -log sum_h exp(-E(z, h)), which is the energy where there are no hidden units. The
    machine's parameters learn along a slope of their own, and no other reaches them. log Z is not
    known while they learn: it is found at the end, by `normalised`.
    """

    machine: BoltzmannMachine
    """Its nodes are those of a code in order, then those that show the condition, and then
    hidden ones, of one colour."""
    rows: Float[Array, "row unit"]
    """All that units can show which are clamped; one that is empty where there are none."""
    known: Known
    shown: Shown
    """How these show a condition."""
    sampler: Sampler | None = None
    """What draws codes in the place of the machine's own chains."""

    @classmethod
    def of(cls, machine: BoltzmannMachine, shown: Shown) -> "MachinePrior":
        """With log Z yet to be found, under all that units can show which are clamped."""
        table = jnp.asarray(shown.rows, machine.dtype)
        return cls(machine, table, Known.nothing(jnp.zeros(len(table), machine.dtype)), shown)

    def given(self, encoder: object, condition: Condition) -> GivenMachine:
        upper = self.known.upper
        if not self.machine.given:
            return GivenMachine(self.machine, None, upper[0], self.sampler)
        units = self.shown(condition)
        away = jnp.sum((self.rows - units[None]) ** 2, axis=1)
        log_z = upper[jnp.argmin(away)]
        return GivenMachine(self.machine, units, log_z, self.sampler)

    @property
    def typical(self) -> BoltzmannMachine:
        """The machine whose chains are watched: that under the middle of several conditions."""
        if not self.machine.given:
            return self.machine
        return self.machine.under(self.rows[len(self.rows) // 2])[0]

    def drawn_by(self, sampler: Sampler) -> "MachinePrior":
        """The same prior whose codes another sampler of the machine draws: a device's, say."""
        return replace(self, sampler=sampler)

    def with_log_z(self, value: Scalar) -> "MachinePrior":
        """With one log Z, whatever the condition."""
        known = Known.exactly(jnp.broadcast_to(value, self.known.low.shape))
        return replace(self, known=known)

    def normalised(self, key: PRNGKeyArray, steps: int) -> "MachinePrior":
        """With log Z summed exactly, or annealed from both sides in so many steps.

        Annealing starts from independent units with the means of the machine's own samples.
        """
        found = [
            self._log_z(jax.random.fold_in(key, place), row, steps)
            for place, row in enumerate(self.rows)
        ]
        columns = np.array(found).T
        return replace(self, known=Known(*(jnp.asarray(c, self.machine.dtype) for c in columns)))

    def _log_z(
        self, key: PRNGKeyArray, row: Float[Array, " condition"], steps: int
    ) -> tuple[float, float, float, float]:
        left, shift = self.machine, 0.0
        if self.machine.given:
            left, energy = self.machine.under(row)
            shift = float(energy)
        if enumerable(left) or narrow(left):
            value = float(log_z(left)) - shift
            return value, value, 0.0, 0.0
        key_samples, key = jax.random.split(key)
        samples = jax.vmap(left.sample)(jax.random.split(key_samples, CHAINS))
        bias = left.base_bias(samples)
        found = sandwich(
            key,
            left,
            bias=bias,
            chains=CHAINS,
            steps=steps,
            rungs=RUNGS,
            burn=left.sweeps,
            every=max(1, left.sweeps // 20),
        )
        error = max(found.low.error, found.high.error)
        r_hat = 0.0 if found.mixing is None else found.mixing.r_hat
        return found.low.log_z - shift, found.high.log_z - shift, error, r_hat
