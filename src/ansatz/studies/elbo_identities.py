"""What lies between a bound and log p, where the posterior is known."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae import VAE, VAERecipe
from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.protocol.recipe import Spec
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.linear_gaussian import Events, LinearGaussian, with_linear
from ansatz.studies.study import Context, Findings, Study

EVENTS, NUMBERS, LATENT = 20, 3, 2
LOADINGS = np.array([[1.0, 0.4], [0.2, 1.1], [0.5, -0.2]])
MEAN = np.array([0.3, -0.2, 0.1])
SCALE = 0.8
SHIFT = 0.4
"""How far the encoder's mean is off, in standard deviations of its guess."""
DRAWS = 2 ** np.arange(9)
LARGE, SEVERAL = 64, 8
BLOCKS = 16

Bounds = Float[np.ndarray, "block draws"]


@dataclass(frozen=True)
class Gap:
    """An exact posterior N(m, S) beside a guess q = N(m', D), for one event.

    The weight of a draw is w = p(z | x) / q(z), relative to p(x), with mean one.
    """

    mean: Float[np.ndarray, " latent"]
    precision: Float[np.ndarray, "latent latent"]
    guess: Float[np.ndarray, " latent"]
    guess_precision: Float[np.ndarray, "latent latent"]

    def log_moment(self, a: int) -> float:
        """log E_q[w^a] = log integral p^a q^(1 - a), a Gaussian integral."""
        b = 1 - a
        both = a * self.precision + b * self.guess_precision
        if np.linalg.eigvalsh(both)[0] <= 0:
            raise ValueError(f"Weights of this guess have no moment of order {a}.")
        pull = a * self.precision @ self.mean + b * self.guess_precision @ self.guess
        square = a * self.mean @ self.precision @ self.mean
        square += b * self.guess @ self.guess_precision @ self.guess
        logs = [np.linalg.slogdet(m)[1] for m in (self.precision, self.guess_precision, both)]
        turned = pull @ np.linalg.solve(both, pull)
        return float((a * logs[0] + b * logs[1] - logs[2] + turned - square) / 2)

    @property
    def divergence(self) -> float:
        """KL(q || p)."""
        ratio = np.linalg.solve(self.guess_precision, self.precision)
        off = self.guess - self.mean
        trace, log_det = np.trace(ratio), np.linalg.slogdet(ratio)[1]
        return float((trace - len(off) - log_det + off @ self.precision @ off) / 2)

    @property
    def second(self) -> float:
        """E (w - 1)^2, the chi-squared divergence of p from q."""
        return float(np.exp(self.log_moment(2))) - 1

    @property
    def third(self) -> float:
        """E (w - 1)^3."""
        return float(np.exp(self.log_moment(3))) - 3 * self.second - 1


class ElboIdentitiesStudy(Study):
    """The evidence lower bound misses log p(x) by exactly KL(q(z | x) ‖ p(z | x)). The
    importance-weighted bound of K draws rises with K and tends to log p(x); what it misses is not
    that divergence for K > 1 but, to first order, χ²(p(z | x) ‖ q(z | x)) / 2K (Burda, Grosse and
    Salakhutdinov, 2016; Domke and Sheldon, 2018). The model is linear and Gaussian, so that log p
    and the posterior are known in closed form; the guess has independent numbers where the
    posterior's hang together, and a wrong mean. Nothing is fitted: these are properties of the
    bounds, and of the code that computes them, whatever the weights.
    """

    name: ClassVar[str] = "elbo-identities"
    title: ClassVar[str] = "What a bound misses, exactly"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        truth = LinearGaussian(MEAN, LOADINGS, SCALE**2)
        events = truth.sample(EVENTS, generator)
        model = made(truth)
        draws = 2**13 if context.quick else 2**17
        exact = truth.log_prob(events)
        bounds, missed = measured(model, events, exact, jax.random.key(context.seed), draws)
        gaps = [gap(model, truth, event) for event in events]
        log_p = float(exact.mean())
        return Findings(claims(bounds, missed, log_p, gaps), figures(bounds, missed, log_p, gaps))


def made(truth: LinearGaussian) -> VAE:
    """A VAE with linear nets that is this model, and guesses at its posterior."""
    recipe = VAERecipe(
        latent=LATENT,
        hidden=(),
        likelihood=("normal",),
        variance="fixed",
        sigma=SCALE,
        preprocess=("none",),
    )
    n = len(truth.mean)
    spec = Spec(shape=(n,), levels=(0,) * n, lowest=(-9.0,) * n, highest=(9.0,) * n)
    model = recipe.build(spec, jax.random.key(0))
    m = truth.loadings.T @ truth.loadings / truth.variance + np.eye(LATENT)
    reading = np.linalg.solve(m, truth.loadings.T) / truth.variance
    deviation = 1 / np.sqrt(np.diag(m))
    # The other half says the deviation, through log(1 + e^r).
    weight = np.concatenate([reading, np.zeros((LATENT, n))])
    bias = np.concatenate([SHIFT * deviation - reading @ truth.mean, np.log(np.expm1(deviation))])
    model = with_linear(model, "decoder", truth.loadings, truth.mean)
    return with_linear(model, "encoder", weight, bias)


def gap(model: VAE, truth: LinearGaussian, event: Float[np.ndarray, " numbers"]) -> Gap:
    """The exact posterior, and the encoder's guess as it is."""
    precision = truth.loadings.T @ truth.loadings / truth.variance + np.eye(LATENT)
    mean = np.linalg.solve(precision, truth.loadings.T @ (event - truth.mean)) / truth.variance
    q: Any = model.posterior(jnp.asarray(event, "float32"))
    guess, variance = np.asarray(q.mean(), float), np.asarray(q.variance(), float)
    return Gap(mean, precision, guess, np.diag(1 / variance))


@eqx.filter_jit
def bounds_of(
    model: VAE,
    events: Float[Array, "event numbers"],
    exact: Float[Array, " event"],
    key: PRNGKeyArray,
    repeats: int,
    draws: int,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean bound of so many draws, and what it misses of `exact` with less noise.

    With L = bound - log p(x), the mean of e^L is one, so -L and e^L - 1 - L have one mean; the
    second has hardly any noise where L is small.
    """

    def one(event: Array, log_p: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        def each(key: PRNGKeyArray) -> tuple[Array, Array]:
            bound = model.bound(event, key=key, samples=draws)
            return bound, jnp.expm1(bound - log_p) - (bound - log_p)

        keys = jax.random.split(key, repeats)
        return jax.lax.map(each, keys, batch_size=min(repeats, 1024))

    bound, missed = jax.vmap(one)(events, exact, jax.random.split(key, len(events)))
    return jnp.mean(bound), jnp.mean(missed)


def measured(
    model: VAE, events: Events, exact: Float[np.ndarray, " event"], key: PRNGKeyArray, draws: int
) -> tuple[Bounds, Bounds]:
    """The mean bound and what it misses for every K, in independent blocks of so many draws for
    each event."""
    x, log_p = jnp.asarray(events, "float32"), jnp.asarray(exact, "float32")
    found = np.empty((2, BLOCKS, len(DRAWS)))
    for j, k in enumerate(DRAWS.tolist()):
        for b, own in enumerate(jax.random.split(jax.random.fold_in(key, k), BLOCKS)):
            found[:, b, j] = bounds_of(model, x, log_p, own, max(1, draws // k), k)
    return found[0], found[1]


def claims(bounds: Bounds, missed: Bounds, exact: float, gaps: list[Gap]) -> tuple[Claim, ...]:
    """What the bounds of a model must miss whose log p and posteriors are these."""
    at = {k: j for j, k in enumerate(DRAWS.tolist())}
    divergence = float(np.mean([g.divergence for g in gaps]))
    second = np.array([g.second for g in gaps])
    third = np.array([g.third for g in gaps])
    next_order = (0.75 * second**2 - third / 3) / LARGE
    rises = [Measured.over(missed[:, j] - missed[:, j + 1]) for j in range(len(DRAWS) - 1)]
    # The rise that is least certain to be one.
    least = min(rises, key=lambda rise: rise.value - rise.reach)
    return (
        Claim(
            name="K = 1",
            sentence="log p(x) less the evidence lower bound is KL(q(z | x) ‖ p(z | x)), the mean "
            "over events.",
            expected=divergence,
            source="log p = ELBO + KL, with the divergence of two normal distributions in closed "
            "form",
            measured=Measured.over(exact - bounds[:, at[1]]),
            tolerance=0.02 * divergence,
            why="a fiftieth of the divergence: an error in any of its terms is larger",
            unit="nats per event",
        ),
        Claim(
            name="rises",
            sentence="The bound rises whenever K is doubled: the least certain of its rises is "
            "above zero.",
            expected=0.0,
            source="Burda, Grosse and Salakhutdinov (2016), theorem 1",
            measured=least,
            tolerance=0.0,
            why="a rise is a rise",
            unit="nats per event",
            side="at least",
        ),
        Claim(
            name="several draws",
            sentence=f"For K = {SEVERAL} what is missed is not KL(q(z | x) ‖ p(z | x)): it is less "
            "than half of it.",
            expected=divergence / 2,
            source=f"χ² / 2K = {second.mean() / (2 * SEVERAL):.3f} nats to first order, with χ² "
            "the divergence of the posterior from the guess in closed form",
            measured=Measured.over(missed[:, at[SEVERAL]]),
            tolerance=0.0,
            why="were the gap the divergence, it would be twice as large",
            unit="nats per event",
            side="at most",
        ),
        Claim(
            name="many draws",
            sentence=f"K times what is missed, at K = {LARGE}, is χ²(p(z | x) ‖ q(z | x)) / 2, the "
            "mean over events.",
            expected=float(second.mean() / 2),
            source="E log w̄ = −E(w − 1)² / 2K + …, with the mean of squares in closed form (Domke "
            "and Sheldon, 2018)",
            measured=Measured.over(LARGE * missed[:, at[LARGE]]),
            tolerance=float(2 * np.abs(next_order.mean()) + 0.05 * second.mean() / 2),
            why="twice the next order, (¾ (E(w − 1)²)² − ⅓ E(w − 1)³) / K in closed form, and a "
            "twentieth",
            unit="nats per event",
        ),
        Claim(
            name="limit",
            sentence=f"At K = {DRAWS[-1]} the bound is log p(x).",
            expected=exact,
            source="log N(x; b, W Wᵀ + s² I), the limit for K → ∞",
            measured=Measured.over(bounds[:, -1]),
            tolerance=0.02 * divergence,
            why="a fiftieth of the divergence, as for K = 1",
            unit="nats per event",
        ),
    )


def figures(bounds: Bounds, missed: Bounds, exact: float, gaps: list[Gap]) -> tuple[Curves, ...]:
    """The bound against K, and what it misses beside what theory says."""
    k = DRAWS.astype(float)
    log_k = np.log2(k)
    divergence = float(np.mean([g.divergence for g in gaps]))
    second = float(np.mean([g.second for g in gaps]))
    return (
        Curves(
            name="bounds",
            title="The bound and what it misses",
            caption="Left, the importance-weighted bound of K draws between log p(x) less "
            "KL(q(z | x) ‖ p(z | x)), which it is at K = 1, and log p(x), which it tends to. "
            "Right, what it misses: the divergence at K = 1 alone, and χ² / 2K for many draws.",
            panels=(
                Panel(
                    "nats per event",
                    (
                        Curve("measured", log_k, bounds.mean(0)),
                        Curve("χ² / 2K", log_k[1:], exact - second / (2 * k[1:])),
                        Curve("log p", log_k, np.full(len(k), exact)),
                        Curve("KL(q ‖ p)", log_k, np.full(len(k), exact - divergence)),
                    ),
                ),
                Panel(
                    "missed, nats",
                    (
                        Curve("measured", log_k, missed.mean(0)),
                        Curve("χ² / 2K", log_k, second / (2 * k)),
                        Curve("KL(q ‖ p)", log_k, np.full(len(k), divergence)),
                    ),
                    log=True,
                ),
            ),
            x_label="log2 K",
        ),
    )
