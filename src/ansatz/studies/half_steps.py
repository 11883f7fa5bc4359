"""Random problems for a mixture, and log p, the bound and their gap after every half-step."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ansatz.models.mixture import Mixture
from ansatz.models.mixture.bernoulli import Bernoullis
from ansatz.models.mixture.diagonal import DiagonalGaussians
from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.half_steps import expectation, maximisation
from ansatz.protocol.source import Masked

COMPONENTS, NUMBERS, EVENTS, ROUNDS = 3, 3, 40, 12
FLOOR = 1e-9
"""Of variances and probabilities: a flat prior, far below all of them here."""

Rows = Float[np.ndarray, "events numbers"]


@dataclass(frozen=True, eq=False)
class Problem:
    """Events of which numbers may be missing, and a mixture to begin with."""

    kind: str
    events: Rows
    observed: Bool[np.ndarray, "events numbers"]
    model: Mixture

    @classmethod
    def drawn(cls, kind: str, generator: np.random.Generator, *, missing: bool) -> "Problem":
        """Any problem: clusters that overlap, and parameters that know nothing of them."""
        shape = (COMPONENTS, NUMBERS)
        k = generator.integers(0, COMPONENTS, EVENTS)
        mixing = generator.standard_normal((COMPONENTS, NUMBERS, NUMBERS))
        events = np.einsum("nij,nj->ni", mixing[k], generator.standard_normal((EVENTS, NUMBERS)))
        events += 2 * generator.standard_normal(shape)[k]
        if kind == "bernoulli":
            events = (events > 0).astype(float)
        observed = np.ones(events.shape, bool)
        if missing:
            observed = generator.random(events.shape) > 0.3
            observed[np.arange(EVENTS), generator.integers(0, NUMBERS, EVENTS)] = True
        weights = jnp.asarray(generator.dirichlet(np.full(COMPONENTS, 3.0)))
        means = jnp.asarray(generator.standard_normal(shape))
        ones = jnp.ones(shape)
        components: Any
        if kind == "bernoulli":
            components = Bernoullis(jnp.asarray(generator.uniform(0.2, 0.8, shape)))
        elif kind in ("full", "tied"):
            shared = 1 if kind == "tied" else COMPONENTS
            axes = jnp.broadcast_to(jnp.eye(NUMBERS), (shared, NUMBERS, NUMBERS))
            components = FullGaussians(means, axes, ones[:shared])
        else:
            components = DiagonalGaussians(means, ones if kind == "diagonal" else ones[:, :1])
        return cls(kind, events, observed, Mixture(weights, components, (NUMBERS,)))


@eqx.filter_jit
def half_steps(model: Mixture, event: Any) -> Mixture:
    """The model after an expectation and a maximisation."""
    weight = jnp.ones(EVENTS, model.weights.dtype)
    moments, _ = expectation(jnp.log(model.weights), model.components, event, weight)
    weights, components = maximisation(model.components, moments, FLOOR)
    return Mixture(weights, components, model.shape)


class Exact:
    """A mixture's arrays in NumPy, and what it says of events one by one."""

    def __init__(self, model: Mixture) -> None:
        self.discrete = isinstance(model.components, Bernoullis)
        self.log_weights = np.log(np.asarray(model.weights))
        self.means = np.asarray(model.components.mean)
        self.covariances = np.asarray(model.components.covariance())

    def joint(self, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """log w_k p_k(x_o)."""
        return self.log_weights + [
            self._log_prob(x[seen], m[seen], c[np.ix_(seen, seen)])
            for m, c in zip(self.means, self.covariances, strict=True)
        ]

    def missing(self, k: int, x: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of p_k(x_m | x_o)."""
        m, c, gone = self.means[k], self.covariances[k], ~seen
        if self.discrete:
            return m[gone], c[np.ix_(gone, gone)]
        gain = c[np.ix_(gone, seen)] @ np.linalg.inv(c[np.ix_(seen, seen)])
        return m[gone] + gain @ (x - m)[seen], c[np.ix_(gone, gone)] - gain @ c[np.ix_(seen, gone)]

    def terms(self, q: "Exact", x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """log p(x_o), F(q, p) and KL(q || p(z, x_m | x_o)), where q is the posterior of another.

        Each is worked out by itself: F = E_q[log p(x, z)] + H(q), with the entropies of the
        component z and of what is missing, x_m.
        """
        joint, chance = self.joint(x, seen), q.joint(x, seen)
        log_p, chance = np.logaddexp.reduce(joint), chance - np.logaddexp.reduce(chance)
        bound = divergence = 0.0
        for k, log_q in enumerate(chance):
            mean, covariance = q.missing(k, x, seen)
            own_mean, own_covariance = self.missing(k, x, seen)
            whole, spread = x.copy(), np.zeros_like(self.covariances[k])
            whole[~seen] = mean
            spread[np.ix_(~seen, ~seen)] = covariance
            inside = self._log_prob(whole, self.means[k], self.covariances[k])
            if self.discrete:
                entropy = -self._log_prob(mean, mean, covariance)
                apart = -entropy - self._log_prob(mean, own_mean, own_covariance)
            else:
                inside -= np.trace(np.linalg.solve(self.covariances[k], spread)) / 2
                entropy = np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2
                apart = -entropy - self._log_prob(mean, own_mean, own_covariance)
                apart += np.trace(np.linalg.solve(own_covariance, covariance)) / 2
            share = np.exp(log_q)
            bound += share * (self.log_weights[k] + inside - log_q + entropy)
            divergence += share * (log_q - joint[k] + log_p + apart)
        return np.array([log_p, bound, divergence])

    def _log_prob(self, x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
        """log p of numbers; of bits, what is expected of it if x are probabilities."""
        if self.discrete:
            return float(np.sum(x * np.log(mean) + (1 - x) * np.log1p(-mean)))
        away = x - mean
        determinant = np.linalg.slogdet(2 * np.pi * covariance)[1]
        return -(away @ np.linalg.solve(covariance, away) + determinant) / 2


def course(problem: Problem) -> Float[np.ndarray, "halves 3"]:
    """log p, F and KL, in nats for each event, after every half-step from the first expectation.

    After a maximisation q is still the posterior of the model before.
    """
    event: Any = jnp.asarray(problem.events)
    if not problem.observed.all():
        known = np.where(problem.observed, problem.events, 0)
        event = Masked(jnp.asarray(known), jnp.asarray(problem.observed))

    def mean(p: Exact, q: Exact) -> np.ndarray:
        each = zip(problem.events, problem.observed, strict=True)
        return np.mean([p.terms(q, x, seen) for x, seen in each], 0)

    model, found = problem.model, []
    for _ in range(ROUNDS):
        new = half_steps(model, event)
        p, after = Exact(model), Exact(new)
        found += [mean(p, p), mean(after, p)]
        model = new
    return np.array(found)
