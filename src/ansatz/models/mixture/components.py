"""The components of a mixture: K distributions of one family, and what learning asks of them."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

Vector = Float[Array, " d"]


class Moments(eqx.Module):
    """What a maximisation needs of events x_n with responsibilities r_nk.

    All about the components' means m_k, so that no sum is of large numbers that cancel. What the
    shape of `second` is, the family decides.
    """

    count: Float[Array, " K"]
    """N_k = sum_n r_nk."""
    first: Float[Array, "K d"]
    """sum_n r_nk (x_n - m_k)."""
    second: Float[Array, "K ..."]
    """sum_n r_nk (x_n - m_k)(x_n - m_k)^T, or its diagonal."""

    def shift(self) -> Float[Array, "K d"]:
        """The mean of x - m_k; zero for a component that has no events."""
        return self.first / jnp.where(self.count > 0, self.count, 1)[:, None]

    def spread(self) -> Float[Array, "K ..."]:
        """The mean of (x - m_k)(x - m_k)^T, or its diagonal."""
        count = jnp.where(self.count > 0, self.count, 1)
        return self.second / count.reshape(-1, *(1,) * (self.second.ndim - 1))


class Completed(NamedTuple):
    """One event as every component sees it, what is missing of it integrated out."""

    log_prob: Float[Array, " K"]
    """log p_k(x_o) of what was observed."""
    offset: Float[Array, "K d"]
    """E_k[x | x_o] - m_k."""
    scatter: Float[Array, "K ..."]
    """Cov_k[x | x_o], of the shape of second moments."""


class AbstractComponents(eqx.Module):
    """p_1(x), ..., p_K(x) on vectors x of d numbers."""

    mean: eqx.AbstractVar[Float[Array, "K d"]]
    """m_k = E_k[x]."""

    @abstractmethod
    def log_prob(self, x: Vector) -> Float[Array, " K"]:
        """log p_k(x) for every k."""

    @abstractmethod
    def completed(self, x: Vector, observed: Bool[Array, " d"]) -> Completed:
        """The distribution of an event given what was observed of it."""

    @abstractmethod
    def moments(self, x: Float[Array, "n d"], responsibility: Float[Array, "n K"]) -> Moments:
        """The moments of whole events."""

    @abstractmethod
    def completed_moments(
        self, completed: Completed, responsibility: Float[Array, "n K"]
    ) -> Moments:
        """The moments expected of events that miss numbers, each of them completed."""

    @abstractmethod
    def most_likely(self, moments: Moments, floor: float) -> "AbstractComponents":
        """argmax of sum_nk r_nk E[log p_k(x_n)], no narrower anywhere than the floor.

        The floor is a prior that is flat where variances (probabilities) are at least that
        large and zero elsewhere: the argmax is constrained to where it is flat.
        """

    @abstractmethod
    def expected_log_prob(self, moments: Moments, about: Float[Array, "K d"]) -> Float[Array, ""]:
        """sum_nk r_nk E[log p_k(x_n)] from moments about other means."""

    @abstractmethod
    def at_floor(self, floor: float) -> Bool[Array, " K"]:
        """Which components would be narrower without the floor."""

    @abstractmethod
    def draw(self, key: PRNGKeyArray, k: Int[Array, ""]) -> Vector:
        """x ~ p_k."""

    @abstractmethod
    def draw_given(
        self, key: PRNGKeyArray, k: Int[Array, ""], x: Vector, observed: Bool[Array, " d"]
    ) -> Vector:
        """x ~ p_k(x | x_o)."""

    @abstractmethod
    def given(self, x: Vector, places: tuple[int, ...]) -> "AbstractComponents":
        """p_k of the numbers at all other places, given those at `places`."""

    @abstractmethod
    def marginal(self, places: tuple[int, ...]) -> "AbstractComponents":
        """p_k of the numbers at `places` alone."""

    @abstractmethod
    def covariance(self) -> Float[Array, "K d d"]:
        """Cov_k[x]."""

    @property
    @abstractmethod
    def freedom(self) -> int:
        """How many numbers may be chosen freely."""


def others(size: int, places: tuple[int, ...]) -> tuple[int, ...]:
    """All places below `size` but these, in order."""
    return tuple(j for j in range(size) if j not in places)
