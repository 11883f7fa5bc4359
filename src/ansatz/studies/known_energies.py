"""Two energies whose log Z is known: a double well, and charges in a trap."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import integrate
from scipy.special import gammaln

REACH = 3.0
"""Beyond it, x in the double well has no weight that counts."""
Numbers = Float[np.ndarray, "..."] | float


@dataclass(frozen=True)
class DoubleWell:
    """E(x, y) = h (x² − 1)² + s x + y² / 2: wells about x = ±1, the left one deeper for s > 0."""

    height: float = 6.0
    slope: float = 0.4

    def __call__(self, x: Float[Array, "2"]) -> Float[Array, ""]:
        return self.height * (x[0] ** 2 - 1) ** 2 + self.slope * x[0] + x[1] ** 2 / 2

    def along(self, x: Numbers) -> Numbers:
        """exp(−E) without what y adds."""
        return np.exp(-self.height * (x**2 - 1) ** 2 - self.slope * x)

    @property
    def log_z(self) -> float:
        """By quadrature along x; y adds √(2π)."""
        return float(np.log(self._between(-REACH, REACH)) + np.log(2 * np.pi) / 2)

    @property
    def right(self) -> float:
        """The weight of the well at x > 0."""
        return self._between(0.0, REACH) / self._between(-REACH, REACH)

    def draw(self, n: int, seed: int) -> Float[np.ndarray, "n 2"]:
        """Samples, x by inversion of its distribution on a fine grid."""
        generator = np.random.Generator(np.random.Philox(seed))
        line = np.linspace(-REACH, REACH, 60_001)
        below = integrate.cumulative_trapezoid(self.along(line), line, initial=0)
        x = np.interp(generator.random(n) * below[-1], below, line)
        return np.stack([x, generator.standard_normal(n)], 1)

    def _between(self, low: float, high: float) -> float:
        return float(integrate.quad(self.along, low, high, epsabs=1e-12)[0])


@dataclass(frozen=True)
class CoulombGas:
    """E(z) = Σ_i |z_i|² − Σ_(i<j) log |z_i − z_j|²: charges in the plane that repel, in a trap.

    At this strength they are the eigenvalues of random matrices with independent complex normal
    entries (Ginibre, 1965), so that Z = π^N Π_(k=1)^N k!, and samples of them are exact.
    """

    charges: int = 4

    def __call__(self, z: Float[Array, "charges 2"]) -> Float[Array, ""]:
        first, second = np.triu_indices(self.charges, 1)
        apart = jnp.sum((z[first] - z[second]) ** 2, axis=1)
        return jnp.sum(z**2) - jnp.sum(jnp.log(apart))

    @property
    def log_z(self) -> float:
        """N log π + Σ_k log k!."""
        counts = np.arange(1, self.charges + 1)
        return float(self.charges * np.log(np.pi) + gammaln(counts + 1).sum())

    def draw(self, n: int, seed: int) -> Float[np.ndarray, "n charges 2"]:
        """Eigenvalues, in an order drawn at random, for an algorithm finds them in its own."""
        generator = np.random.Generator(np.random.Philox(seed))
        parts = generator.standard_normal((2, n, self.charges, self.charges)) / np.sqrt(2)
        found = np.linalg.eigvals(parts[0] + 1j * parts[1])
        mixed = generator.permuted(found, axis=1)
        return np.stack([mixed.real, mixed.imag], -1)

    def density(self, r: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Of |z| of one charge: 2 r exp(−r²) Σ_(k<N) r^(2k) / k! / N."""
        powers = np.arange(self.charges)
        terms = r[:, None] ** (2 * powers) / np.exp(gammaln(powers + 1))
        return 2 * r * np.exp(-(r**2)) * terms.sum(1) / self.charges
