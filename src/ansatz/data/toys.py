"""Toy distributions in the plane with exact densities, to try a method on and to test it with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ansatz.data.columns import choose
from ansatz.data.contents import Contents, held
from ansatz.data.dataset import Dataset
from ansatz.data.options import DEFAULT
from ansatz.protocol.errors import OptionError

NODES = 64
"""Gauss-Legendre nodes for an integrand that falls by e^40 at most over its interval."""


class AbstractToy(ABC):
    """A distribution of points (n, 2): each comes from one of several components."""

    @abstractmethod
    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """n points and the number of the component that each comes from."""

    @abstractmethod
    def log_prob(self, points: np.ndarray) -> np.ndarray:
        """The log-density at points (n, 2)."""

    @abstractmethod
    def away(self, points: np.ndarray) -> np.ndarray:
        """How far points lie from the core of each component, in noises: (n, components)."""


@dataclass(frozen=True)
class Moons(AbstractToy):
    """Two half circles of radius one that reach into each other, blurred.

    x = c + (cos t, ±sin t) + noise * e with t uniform in [0, pi] and e standard normal; the
    upper half circle has c = (0, 0), the lower one c = (1, 0.5).
    """

    noise: float = 0.1

    def __post_init__(self) -> None:
        _positive("noise", self.noise)

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = _generator(n, seed)
        component = generator.integers(0, 2, n)
        t = generator.uniform(0, np.pi, n)
        upper = np.stack([np.cos(t), np.sin(t)], axis=1)
        points = np.where(component[:, None] == 0, upper, [1, 0.5] - upper * [-1, 1])
        return points + self.noise * generator.standard_normal((n, 2)), component

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float64)
        # Mirrored, the lower half circle is an upper one.
        lower = (points - [1, 0.5]) * [1, -1]
        return np.logaddexp(self._upper(points), self._upper(lower)) - np.log(2)

    def away(self, points: np.ndarray) -> np.ndarray:
        upper = np.asarray(points, np.float64)
        return np.stack([_to_arc(upper), _to_arc((upper - [1, 0.5]) * [1, -1])], 1) / self.noise

    def _upper(self, points: np.ndarray) -> np.ndarray:
        """log of 1/pi int_0^pi N(x; (cos t, sin t), noise^2) dt, by Gauss-Legendre quadrature.

        In polar coordinates (r, phi) of x the integrand is proportional to
        exp(kappa cos(t - phi)) with kappa = r / noise^2. Only where it is within e^-40 of its
        largest value does it count: for |t - phi| < reach, modulo 2 pi.
        """
        r, phi = np.hypot(*points.T), np.arctan2(*points.T[::-1])
        kappa = np.maximum(r / self.noise**2, 1e-300)
        # The angle between x and the nearest point of the half circle.
        outside = np.where(phi < 0, np.minimum(-phi, np.pi + phi), 0.0)
        reach = np.arccos(np.maximum(np.cos(outside) - 40 / kappa, -1.0))
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        integral = np.zeros(len(points))
        for turn in (-2 * np.pi, 0, 2 * np.pi):
            low = np.clip(phi + turn - reach, 0, np.pi)
            half = (np.clip(phi + turn + reach, 0, np.pi) - low) / 2
            t = (low + half)[:, None] + half[:, None] * nodes - phi[:, None]
            # cos(t) - cos(outside) as a product, which does not cancel.
            fall = 2 * np.sin((t + outside[:, None]) / 2) * np.sin((t - outside[:, None]) / 2)
            integral += half * (np.exp(-kappa[:, None] * fall) @ weights)
        nearest = (r - 1) ** 2 + 4 * r * np.sin(outside / 2) ** 2
        variance = self.noise**2
        return np.log(integral) - nearest / (2 * variance) - np.log(2 * np.pi**2 * variance)


@dataclass(frozen=True)
class Rings(AbstractToy):
    """Concentric circles about the origin, equally likely, blurred.

    p(x) = mean over R of exp(-(r^2 + R^2) / 2 s^2) I_0(r R / s^2) / (2 pi s^2), with r = |x|
    and s the noise.
    """

    radii: tuple[float, ...] = (1.0, 2.0, 3.0)
    noise: float = 0.1

    def __post_init__(self) -> None:
        _positive("noise", self.noise)
        if not self.radii:
            raise OptionError("radii must name at least one circle.")
        for radius in self.radii:
            _positive("radii", radius)

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = _generator(n, seed)
        component = generator.integers(0, len(self.radii), n)
        t = generator.uniform(0, 2 * np.pi, n)
        circle = np.asarray(self.radii)[component, None] * np.stack([np.cos(t), np.sin(t)], axis=1)
        return circle + self.noise * generator.standard_normal((n, 2)), component

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        from scipy.special import i0e

        radii, variance = np.asarray(self.radii), self.noise**2
        r = np.hypot(*np.asarray(points, np.float64).T)[:, None]
        # i0e(z) = exp(-z) I_0(z), so the exponent is left with (r - R)^2 and nothing overflows.
        each = np.log(i0e(r * radii / variance)) - (r - radii) ** 2 / (2 * variance)
        normalisation = np.log(2 * np.pi * variance * len(radii))
        return np.logaddexp.reduce(each, axis=1) - normalisation

    def away(self, points: np.ndarray) -> np.ndarray:
        r = np.hypot(*np.asarray(points, np.float64).T)[:, None]
        return np.abs(r - np.asarray(self.radii)) / self.noise


@dataclass(frozen=True)
class Grid(AbstractToy):
    """side x side equally likely Gaussians on a square grid about the origin.

    p(x, y) = g(x) g(y) with g(u) = mean over the grid's lines a of N(u; a, noise^2).
    """

    side: int = 5
    spacing: float = 1.0
    noise: float = 0.1

    def __post_init__(self) -> None:
        _positive("noise", self.noise)
        _positive("spacing", self.spacing)
        if self.side < 1:
            raise OptionError(f"side must be at least 1; it is {self.side}.")

    def _lines(self) -> np.ndarray:
        return self.spacing * (np.arange(self.side) - (self.side - 1) / 2)

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = _generator(n, seed)
        component = generator.integers(0, self.side**2, n)
        centre = self._lines()[np.stack(np.divmod(component, self.side), axis=1)]
        return centre + self.noise * generator.standard_normal((n, 2)), component

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        u = np.asarray(points, np.float64)[..., None]
        each = -((u - self._lines()) ** 2) / (2 * self.noise**2)
        line = np.logaddexp.reduce(each, axis=-1) - np.log(self.side * self.noise)
        return line.sum(-1) - np.log(2 * np.pi)

    def away(self, points: np.ndarray) -> np.ndarray:
        u = np.asarray(points, np.float64)[..., None] - self._lines()
        across, along = u[:, 0, :, None], u[:, 1, None, :]
        return np.hypot(across, along).reshape(len(u), -1) / self.noise


def moons(n: int, seed: int = 0, noise: float = 0.1) -> Dataset:
    """n points of `Moons`."""
    return choose(open_toy("moons", Moons(noise), n, seed), DEFAULT)


def rings(
    n: int, seed: int = 0, radii: tuple[float, ...] = (1.0, 2.0, 3.0), noise: float = 0.1
) -> Dataset:
    """n points of `Rings`."""
    return choose(open_toy("rings", Rings(radii, noise), n, seed), DEFAULT)


def grid(n: int, seed: int = 0, side: int = 5, spacing: float = 1.0, noise: float = 0.1) -> Dataset:
    """n points of `Grid`."""
    return choose(open_toy("grid", Grid(side, spacing, noise), n, seed), DEFAULT)


def open_toy(name: str, toy: AbstractToy, n: int, seed: int) -> Contents:
    """The table x, y of n points in float32, with their component for those who ask."""
    points, component = toy.draw(n, seed)
    x, y = points.T.astype(np.float32)
    columns = (held("x", x), held("y", y), held("component", component))
    return Contents(name, columns, table=True, events=("x", "y"))


def _to_arc(points: np.ndarray) -> np.ndarray:
    """How far points lie from the upper half of the unit circle."""
    to_circle = np.abs(np.hypot(*points.T) - 1)
    to_end = np.hypot(np.abs(points[:, 0]) - 1, points[:, 1])
    return np.where(points[:, 1] >= 0, to_circle, to_end)


def _generator(n: int, seed: int) -> np.random.Generator:
    if n < 1:
        raise OptionError(f"n must be at least 1; it is {n}.")
    if seed < 0:
        raise OptionError(f"seed must be at least 0; it is {seed}.")
    return np.random.Generator(np.random.Philox(seed))


def _positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise OptionError(f"{name} must be positive and finite; it is {value:g}.")
