"""The table of distributions that every test runs through, each beside what SciPy says of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from ansatz.distributions import (
    AbstractDistribution,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    ElementwiseMixture,
    FullNormal,
    Hurdle,
    Independent,
    Laplace,
    Logistic,
    LogNormal,
    Mixture,
    Normal,
    Poisson,
    Product,
)


@dataclass(frozen=True)
class Line:
    """One coordinate by SciPy: log p, its cumulative distribution, and what to sum over.

    p is a probability at the `atoms` and a density, smooth between the `breaks`, elsewhere.
    """

    log: Callable[[np.ndarray], np.ndarray]
    cdf: Callable[[np.ndarray], np.ndarray]
    atoms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    breaks: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Points and weights: Σ weight p f is E f, by Gauss-Legendre and over the atoms."""
        t, w = np.polynomial.legendre.leggauss(24)
        half = np.diff(self.breaks)[:, None] / 2
        points = (self.breaks[:-1, None] + half * (1 + t)).ravel()
        weights = (half * w).ravel()
        return (
            np.concatenate([self.atoms, points]),
            np.concatenate([np.ones(len(self.atoms)), weights]),
        )

    def mass(self, x: np.ndarray) -> np.ndarray:
        """The probability of x itself."""
        return np.where(np.isin(x, self.atoms), np.exp(self.log(x)), 0)


# Densities are below 1e-17 beyond 40 scales, and kinked, if anywhere, in the middle.
SPREAD = np.linspace(-40, 40, 81)


def smooth(frozen: Any, location: float, scale: float) -> Line:
    return Line(frozen.logpdf, frozen.cdf, breaks=location + scale * SPREAD)


def positive(frozen: Any, location: float, scale: float) -> Line:
    return Line(frozen.logpdf, frozen.cdf, breaks=np.exp(location + scale * SPREAD[30:-25]))


def counted(frozen: Any, end: int) -> Line:
    return Line(frozen.logpmf, frozen.cdf, atoms=np.arange(end, dtype=float))


def sloped(logit: float) -> Line:
    """An exponential distribution cut off at 1, and its mirror image for rising densities."""
    breaks = np.linspace(0, 1, 41)
    if logit == 0:
        return Line(scipy.stats.uniform.logpdf, scipy.stats.uniform.cdf, breaks=breaks)
    falling = scipy.stats.truncexpon(abs(logit), scale=1 / abs(logit))
    if logit < 0:
        return Line(falling.logpdf, falling.cdf, breaks=breaks)
    return Line(lambda x: falling.logpdf(1 - x), lambda x: falling.sf(1 - x), breaks=breaks)


def hurdle(logit: float, line: Line) -> Line:
    """Zero, or the positive number of another line."""
    hit = scipy.special.expit(logit)

    def log(x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.where(x == 0, np.log1p(-hit), np.log(hit) + line.log(x))

    def cdf(x: np.ndarray) -> np.ndarray:
        return np.where(x < 0, 0, 1 - hit + hit * line.cdf(x))

    return Line(log, cdf, np.zeros(1), line.breaks)


def mixed(weights: np.ndarray, lines: list[Line]) -> Line:
    def log(x: np.ndarray) -> np.ndarray:
        each = np.stack([line.log(x) for line in lines], -1)
        return scipy.special.logsumexp(each, -1, b=weights)

    return Line(
        log,
        lambda x: np.stack([line.cdf(x) for line in lines], -1) @ weights,
        np.unique(np.concatenate([line.atoms for line in lines])),
        np.unique(np.concatenate([line.breaks for line in lines])),
    )


@dataclass(frozen=True)
class Case:
    """A distribution, another of its type, and what SciPy says of the first.

    `joint` is log p of the coordinates chosen by a mask, for events taken apart row by row;
    without it they are independent. `closed`: whether KL(make‖other) has a closed form.
    """

    make: Callable[[], AbstractDistribution]
    other: Callable[[], AbstractDistribution]
    lines: tuple[Line, ...]
    joint: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    covariance: np.ndarray | None = None
    entropy: float | None = None
    point: np.ndarray | None = None
    closed: bool = True

    def log_prob(self, x: np.ndarray, observed: np.ndarray) -> np.ndarray:
        if self.joint is not None:
            return self.joint(x, observed)
        columns = [line.log(x[:, i]) for i, line in enumerate(self.lines) if observed[i]]
        return np.sum(columns, axis=0) if columns else np.zeros(len(x))

    def events(self, n: int, seed: int = 0) -> np.ndarray:
        """Points to compare log p at: quantiles of each coordinate, atoms among them."""
        rng = np.random.default_rng(seed)
        columns = []
        for line in self.lines:
            points, weights = line.nodes()
            kept = points[weights * np.exp(line.log(points)) > 1e-12]
            columns.append(rng.choice(kept, n))
        return np.stack(columns, 1)


def arrays(*numbers: Any) -> list[jax.Array]:
    return [jnp.asarray(np.asarray(n, float)) for n in numbers]


# A family of independent coordinates is its constructor and its parameters, twice.
LOCATION, SCALE = np.array([-1.5, 0.0, 0.3, 200.0]), np.array([0.5, 1.0, 3.0, 0.02])
LOCATION_2, SCALE_2 = np.array([-1.0, 0.0, 3.3, 200.02]), np.array([0.7, 2.0, 3.0, 0.03])
LOG_LOCATION, LOG_SCALE = np.array([-2.0, 0.0, 0.5, 3.0]), np.array([0.5, 1.0, 0.8, 0.02])
LOG_LOCATION_2, LOG_SCALE_2 = np.array([-2.5, 0.0, 0.9, 3.01]), np.array([0.6, 1.2, 0.8, 0.03])
LOGITS, LOGITS_2 = np.array([[-4.0, 0.0], [0.7, 2.5]]), np.array([[-3.0, 0.5], [0.7, -2.5]])
SLOPES = np.array([-30.0, -1e-3, 0.0, 0.9, 1.5, 25.0])
SLOPES_2 = np.array([-10.0, 1e-3, 2.0, 1.1, -1.0, 26.0])
RATES, RATES_2 = np.array([1e-3, 0.7, 9.0, 60.0]), np.array([2e-3, 0.5, 12.0, 55.0])
CLASSES = np.array([[0.0, 1.0, -2.0], [2.0, 0.5, -2.0], [-1.0, 0.0, 3.0], [0.3, -40.0, 1.0]])
CLASSES_2 = CLASSES[::-1] / 2
HITS, HITS_2 = np.array([-3.0, 0.0, 0.5, 4.0]), np.array([-2.0, 0.1, 0.5, 5.0])

MEAN = np.array([1.0, -2.0, 0.5])
FACTOR = np.array([[2.0, 0.0, 0.0], [-1.5, 0.3, 0.0], [0.4, -0.7, 1.1]])
MEAN_2 = np.array([0.5, -2.0, 0.6])
FACTOR_2 = np.array([[1.5, 0.0, 0.0], [-1.0, 0.4, 0.0], [0.0, 0.5, 1.4]])
COVARIANCE = FACTOR @ FACTOR.T

WEIGHTS = np.array([0.5, 0.2, 0.3])
CENTRES = np.array([[-2.0, 0.0], [1.0, 3.0], [1.5, -4.0]])
WIDTHS = np.array([[0.5, 1.0], [1.0, 0.3], [2.0, 1.0]])
OWN_WEIGHTS = np.array([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]])


def two_of(family: Any, *pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {
        "make": lambda: family(*arrays(*(first for first, _ in pairs))),
        "other": lambda: family(*arrays(*(second for _, second in pairs))),
    }


def full(x: np.ndarray, observed: np.ndarray) -> np.ndarray:
    if not observed.any():
        return np.zeros(len(x))
    covariance = COVARIANCE[np.ix_(observed, observed)]
    law = scipy.stats.multivariate_normal(MEAN[observed], covariance)
    return law.logpdf(x[:, observed]).reshape(len(x))


def mixture_of_normals(x: np.ndarray, observed: np.ndarray) -> np.ndarray:
    each = scipy.stats.norm.logpdf(x[:, None], CENTRES, WIDTHS)
    return scipy.special.logsumexp((each * observed).sum(-1), -1, b=WEIGHTS)


def mixture(swap: bool = False) -> Mixture:
    """Three components over events of two coordinates."""
    order = [2, 0, 1] if swap else [0, 1, 2]
    log_weights, centres, widths = arrays(np.log(WEIGHTS), CENTRES[order], WIDTHS[order])
    return Mixture(log_weights, Normal(centres, widths))


def mixtures(swap: bool = False) -> Independent:
    """For each of three coordinates a mixture of two hurdles."""
    weights = OWN_WEIGHTS[:, ::-1] if swap else OWN_WEIGHTS
    logits, hits, location, scale = arrays(
        np.log(weights), HITS[:2] * np.ones((3, 1)), LOG_LOCATION[1:3] + np.arange(3)[:, None] / 4,
        LOG_SCALE[1:3] * np.ones((3, 1)),
    )  # fmt: skip
    components = Hurdle(hits, LogNormal(location, scale))
    return Independent(jax.vmap(Mixture)(logits, components), (3,))


def elementwise_mixture(swap: bool = False) -> ElementwiseMixture:
    """The same, with the components along the first axis."""
    each = mixtures(swap).distribution
    logits, components = jax.tree.map(lambda a: a.T, (each.logits, each.components))
    return ElementwiseMixture(logits, components)


def product(swap: bool = False) -> Product:
    """Five coordinates: a normal pair, a triple of counts that are interleaved with it."""
    k = slice(None, None, -1) if swap else slice(None)
    location, scale, logits, rate = arrays(
        LOCATION[1:3][k], SCALE[1:3], CLASSES[:, :2][k], RATES[2:3]
    )
    parts = (Normal(location, scale), Categorical(logits), Poisson(rate))
    return Product(parts, ((3, 0), (1, 4), (2,)))


def categories(logits: np.ndarray) -> list[Line]:
    probabilities = scipy.special.softmax(logits, 0)
    codes = np.arange(len(logits))
    return [
        counted(scipy.stats.rv_discrete(values=(codes, column)), len(logits))
        for column in probabilities.T
    ]


NORMALS = [smooth(scipy.stats.norm(m, s), m, s) for m, s in zip(LOCATION, SCALE, strict=True)]
LOG_NORMALS = [
    positive(scipy.stats.lognorm(s, scale=np.exp(m)), m, s)
    for m, s in zip(LOG_LOCATION, LOG_SCALE, strict=True)
]
COUNTS = [counted(scipy.stats.poisson(rate), int(rate + 12 * rate**0.5 + 20)) for rate in RATES]
MIXED_HURDLES = [
    mixed(
        weights,
        [
            hurdle(a, positive(scipy.stats.lognorm(s, scale=np.exp(m)), m, s))
            for a, m, s in zip(HITS[:2], LOG_LOCATION[1:3] + i / 4, LOG_SCALE[1:3], strict=True)
        ],
    )
    for i, weights in enumerate(OWN_WEIGHTS)
]

CASES = {
    "normal": Case(
        **two_of(Normal, (LOCATION, LOCATION_2), (SCALE, SCALE_2)), lines=tuple(NORMALS)
    ),
    "logistic": Case(
        **two_of(Logistic, (LOCATION, LOCATION_2), (SCALE, SCALE_2)),
        lines=tuple(
            smooth(scipy.stats.logistic(m, s), m, s) for m, s in zip(LOCATION, SCALE, strict=True)
        ),
        closed=False,
    ),
    "laplace": Case(
        **two_of(Laplace, (LOCATION, LOCATION_2), (SCALE, SCALE_2)),
        lines=tuple(
            smooth(scipy.stats.laplace(m, s), m, s) for m, s in zip(LOCATION, SCALE, strict=True)
        ),
    ),
    "log-normal": Case(
        **two_of(LogNormal, (LOG_LOCATION, LOG_LOCATION_2), (LOG_SCALE, LOG_SCALE_2)),
        lines=tuple(LOG_NORMALS),
    ),
    "bernoulli": Case(
        **two_of(Bernoulli, (LOGITS, LOGITS_2)),
        lines=tuple(counted(scipy.stats.bernoulli(scipy.special.expit(a)), 2) for a in LOGITS.flat),
    ),
    "continuous bernoulli": Case(
        **two_of(ContinuousBernoulli, (SLOPES, SLOPES_2)),
        lines=tuple(sloped(slope) for slope in SLOPES),
    ),
    "poisson": Case(**two_of(Poisson, (RATES, RATES_2)), lines=tuple(COUNTS)),
    "categorical": Case(
        **two_of(Categorical, (CLASSES, CLASSES_2)),
        lines=tuple(categories(CLASSES)),
        point=CLASSES.argmax(0).astype(float),
    ),
    "hurdle": Case(
        make=lambda: Hurdle(*arrays(HITS), LogNormal(*arrays(LOG_LOCATION, LOG_SCALE))),
        other=lambda: Hurdle(*arrays(HITS_2), LogNormal(*arrays(LOG_LOCATION_2, LOG_SCALE_2))),
        lines=tuple(hurdle(a, line) for a, line in zip(HITS, LOG_NORMALS, strict=True)),
    ),
    "full normal": Case(
        **two_of(FullNormal, (MEAN[:, None], MEAN_2[:, None]), (FACTOR, FACTOR_2)),
        lines=tuple(
            smooth(scipy.stats.norm(m, s), m, s)
            for m, s in zip(MEAN, np.sqrt(np.diag(COVARIANCE)), strict=True)
        ),
        joint=full,
        covariance=COVARIANCE,
        entropy=scipy.stats.multivariate_normal(MEAN, COVARIANCE).entropy(),
    ),
    "mixture": Case(
        make=mixture,
        other=lambda: mixture(swap=True),
        lines=tuple(
            mixed(
                WEIGHTS, [smooth(scipy.stats.norm(m, s), m, s) for m, s in zip(*pair, strict=True)]
            )
            for pair in zip(CENTRES.T, WIDTHS.T, strict=True)
        ),
        joint=mixture_of_normals,
        covariance=np.diag(WEIGHTS @ WIDTHS**2) + np.cov(CENTRES.T, aweights=WEIGHTS, ddof=0),
        closed=False,
    ),
    "mixtures": Case(
        make=mixtures,
        other=lambda: mixtures(swap=True),
        lines=tuple(MIXED_HURDLES),
        closed=False,
    ),
    "elementwise mixture": Case(
        make=elementwise_mixture,
        other=lambda: elementwise_mixture(swap=True),
        lines=tuple(MIXED_HURDLES),
        closed=False,
    ),
    "product": Case(
        make=product,
        other=lambda: product(swap=True),
        lines=(
            NORMALS[2],
            categories(CLASSES)[0],
            COUNTS[2],
            NORMALS[1],
            categories(CLASSES)[1],
        ),
        point=np.array([LOCATION[2], 1.0, RATES[2], LOCATION[1], 0.0]),
    ),
}
