"""The toys' densities against integrals done another way, and their samples against both."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from ansatz.data.toys import Grid, Moons, Rings, grid, moons, rings
from ansatz.protocol.errors import OptionError

TOYS = {
    "moons": Moons(),
    "broad moons": Moons(noise=0.6),
    "rings": Rings(),
    "one broad ring": Rings((0.7,), 0.5),
    "grid": Grid(),
    "even grid": Grid(side=2, spacing=0.5, noise=0.3),
}


@pytest.mark.parametrize("name", TOYS)
def test_normalised(name):
    # The trapezoid rule converges faster than any power for a smooth density that vanishes at
    # the edge: with a step of half the noise the error is below 1e-15.
    toy = TOYS[name]
    step = toy.noise / 2
    axis = np.arange(-3 - 8 * toy.noise, 3.5 + 8 * toy.noise, step)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert np.exp(toy.log_prob(points)).sum() * step**2 == pytest.approx(1, abs=1e-12)


def along(curve, noise):
    """log of the mean over t in [0, 1] of N(x; curve(t), noise^2), by adaptive quadrature."""

    def log_density(x, breaks):
        def exponent(t):
            return -((x - curve(t).T) ** 2).sum(-1) / (2 * noise**2)

        highest = exponent(np.linspace(0, 1, 20_001)).max()
        value, _ = scipy.integrate.quad(
            lambda t: np.exp(exponent(t) - highest), 0, 1, points=breaks, limit=500, epsrel=1e-12
        )
        return np.log(value) + highest - np.log(2 * np.pi * noise**2)

    return log_density


POINTS = np.array(
    [
        [0, 0],
        [0.1, 0.9],
        [1, 0.5],
        [1, 0],
        [-1, -0.3],
        [2, 0.6],
        [0, -0.9],
        [0.5, 0.25],
        [1.7, -0.2],
    ]
)
FAR = np.array([[5, 5], [0, -4], [-3, -0.01]])


@pytest.mark.parametrize("noise", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("x", np.concatenate([POINTS, FAR]))
def test_moons(x, noise):
    upper = along(lambda t: np.array([np.cos(np.pi * t), np.sin(np.pi * t)]), noise)
    lower = along(lambda t: np.array([1 - np.cos(np.pi * t), 0.5 - np.sin(np.pi * t)]), noise)
    # Where the quadrature must look: each integrand peaks inside the arc or at one of its ends.
    peaks = [
        [0.001, np.clip(np.arctan2(y, x) / np.pi, 0.001, 0.999), 0.999]
        for x, y in (x, [1, 0.5] - x)
    ]
    expected = np.logaddexp(upper(x, peaks[0]), lower(x, peaks[1])) - np.log(2)
    assert Moons(noise).log_prob(x[None])[0] == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_moons_survive_tiny_noise():
    """On the middle of an arc, far from its ends, the density is that of a straight line."""
    noise = 1e-6
    density = np.exp(Moons(noise).log_prob(np.array([[0, 1.0], [1, -0.5]])))
    assert density == pytest.approx(0.5 / np.pi / np.sqrt(2 * np.pi) / noise, rel=1e-8)


@pytest.mark.parametrize("noise", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("x", np.concatenate([POINTS, FAR]))
def test_rings(x, noise):
    radii = (0.5, 2.0)
    each = []
    for radius in radii:
        angle = np.arctan2(x[1], x[0])
        # Turned so that the integrand's peak lies in the middle.
        ring = along(
            lambda t, r=radius, a=angle: (
                r * np.array([np.cos(a + 2 * np.pi * (t - 0.5)), np.sin(a + 2 * np.pi * (t - 0.5))])
            ),
            noise,
        )
        each.append(ring(x, [0.5]))
    expected = np.logaddexp(*each) - np.log(2)
    assert Rings(radii, noise).log_prob(x[None])[0] == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_grid(side):
    toy = Grid(side, spacing=0.7, noise=0.2)
    lines = 0.7 * (np.arange(side) - (side - 1) / 2)
    each = [
        scipy.stats.multivariate_normal([a, b], 0.04).logpdf(POINTS) for a in lines for b in lines
    ]
    expected = scipy.special.logsumexp(each, axis=0) - 2 * np.log(side)
    assert toy.log_prob(POINTS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", TOYS)
def test_samples_follow_the_density(name):
    """The mean of f over n draws is within 5 standard errors of its integral (p = 6e-7)."""
    toy = TOYS[name]
    n = 10_000
    points, component = toy.draw(n, seed=3)
    assert points.shape == (n, 2)
    step = toy.noise / 2
    axis = np.arange(-3 - 8 * toy.noise, 3.5 + 8 * toy.noise, step)
    cells = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(toy.log_prob(cells)) * step**2
    # Smooth functions that see place, direction and width.
    for f in (
        lambda x: np.cos(3 * x[:, 0]),
        lambda x: np.sin(2 * x[:, 1] + x[:, 0]),
        lambda x: np.exp(toy.log_prob(x)),
        lambda x: np.hypot(*x.T) ** 2,
    ):
        values = f(points)
        expected = density @ f(cells)
        assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(n)
    # Components are equally likely: each count is binomial.
    counts = np.bincount(component)
    k = len(counts)
    assert np.abs(counts - n / k).max() <= 5 * np.sqrt(n * (1 / k) * (1 - 1 / k))


def test_datasets():
    for make, toy in [(moons, Moons()), (rings, Rings()), (grid, Grid())]:
        dataset = make(100, seed=4)
        assert dataset.events.dtype == np.float32
        assert np.array_equal(dataset.events, toy.draw(100, 4)[0].astype(np.float32))
        assert [column.name for column in dataset.event_columns] == ["x", "y"]
        assert not np.array_equal(dataset.events, make(100, seed=5).events)
    assert np.ptp(moons(1000, noise=1e-3).events, axis=0) == pytest.approx([3, 1.5], abs=0.02)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: moons(0), "n must be at least 1; it is 0"),
        (lambda: moons(5, seed=-1), "seed must be at least 0"),
        (lambda: moons(5, noise=0.0), "noise must be positive"),
        (lambda: rings(5, noise=-1.0), "noise must be positive"),
        (lambda: rings(5, radii=()), "at least one circle"),
        (lambda: rings(5, radii=(1.0, 0.0)), "radii must be positive"),
        (lambda: grid(5, side=0), "side must be at least 1"),
        (lambda: grid(5, spacing=float("nan")), "spacing must be positive"),
    ],
)
def test_arguments(make, said):
    with pytest.raises(OptionError, match=said):
        make()
