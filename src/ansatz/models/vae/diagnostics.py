"""What tells how a variational autoencoder uses its codes, and how good its guess at them is."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, Bernoulli, Normal, kl_terms
from ansatz.models.vae.cascade import AbstractCascade
from ansatz.models.vae.model import VAE
from ansatz.models.vae.refine import refined
from ansatz.models.vae.view import known
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.measure import Measure
from ansatz.protocol.source import Batch

ACTIVE = 0.01
"""The variance of its mean over events above which a latent counts as active (Burda et al.)."""
REFINED_DRAWS = 100
MOST_REFINED = 200
PRIOR_DRAWS = 2000
AT_ONCE = 200

COLLAPSE = (
    "posterior collapse, for the decoder explains the events without them: try a smaller --beta, "
    "--beta-warmup over the first epochs, --free-bits 0.1, a weaker decoder, or a smaller --sigma"
)


def diagnose(model: VAE, batch: Batch, key: PRNGKeyArray, refine: int) -> tuple[Measure, ...]:
    """Rate, distortion, what codes tell, how many are active, and the two gaps of a refined q."""
    key_spent, key_refine = jax.random.split(key)
    found = spent(model, batch, key_spent)
    n = len(batch.weight)
    active = active_latents(model, batch)
    count, latents = int(active.sum()), len(active)
    # So many events can tell codes apart only so far.
    most = np.log(n)
    told = float(jnp.mean(found["information"]))
    full = "" if told < most - 1 else f", as far as {n} events can show it (up to {most:.2g} nats)"
    used = f"latents whose mean varies by more than {ACTIVE} over events, of {latents}"
    if count == 0:
        used += f"; {COLLAPSE}"
    measures = [
        mean_over("rate", found["rate"], batch, "KL(q(z | x) || p(z)), the price of a code"),
        mean_over("distortion", found["distortion"], batch, "-log p(x | z) at codes of the event"),
        mean_over("information in codes", found["information"], batch, f"I(x; z) under q{full}"),
        mean_over(
            "aggregate posterior to prior",
            found["rate"] - found["information"],
            batch,
            f"KL(q(z) || p(z)){full and ' or less'}: where it is large, codes of the prior are "
            "unlike those of events",
        ),
        Measure("active latents", float(count), 0.0, f"of {latents}", used),
    ]
    if refine:
        few = jax.tree.map(lambda leaf: leaf[:MOST_REFINED] if leaf.ndim else leaf, batch)
        plain, better, log_p = gaps(model, few, key_refine, refine)
        measures += [
            mean_over(
                "amortisation gap",
                better - plain,
                few,
                f"the evidence lower bound's gain by {refine} steps on each event's own posterior; "
                "a wider encoder can win it",
            ),
            mean_over(
                "approximation gap",
                log_p - better,
                few,
                "log p(x), by importance sampling, above that; a posterior of a richer kind, or "
                "--samples, can win it",
            ),
        ]
    return tuple(measures)


def mean_over(name: str, values: Array, batch: Batch, what: str) -> Measure:
    v, w = np.asarray(values, np.float64), np.asarray(batch.weight, np.float64)
    mean = float(np.sum(w * v) / np.sum(w))
    error = float(np.sqrt(np.sum((w * (v - mean)) ** 2)) / abs(np.sum(w)))
    return Measure(name, mean, error, "nats per event", what)


@eqx.filter_jit
def spent(model: VAE, batch: Batch, key: PRNGKeyArray) -> dict[str, Float[Array, " batch"]]:
    """Rate, distortion and information of every event, with one code drawn for each.

    The information is log q(z | x) - log q(z) with q(z) the mean of q(z | x_j) over the batch
    (Hoffman and Johnson, 2016). What lies above the first layer is drawn from it alone, and adds
    nothing; of a hierarchy it is the information in the first level.
    """
    keys = jax.random.split(key, len(batch.weight))

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> tuple[Any, ...]:
        code, log_q = model.posterior(event, condition).sample_and_log_prob(key)
        rate = log_q - model.code_prior(condition).log_prob(code)
        fit = model.likelihood(code, condition).log_prob(*known(event))
        raw = model.first.net(model.shown(event, condition), condition)
        return raw, code[: head.shape[0]], rate, fit

    head = model.first.head
    raw, codes, rate, fit = jax.vmap(one)(batch.event, batch.condition, keys)

    def told(code: Array) -> Array:
        each = jax.vmap(lambda raw: head(raw).log_prob(code))(raw)
        return jax.nn.logsumexp(each) - jnp.log(jnp.asarray(len(each), each.dtype))

    own = jax.vmap(lambda raw, code: head(raw).log_prob(code))(raw, codes)
    # One event at a time: all pairs at once would take memory for each number of a code too.
    return {
        "rate": rate,
        "distortion": -fit,
        "information": own - jax.lax.map(told, codes),
    }


@eqx.filter_jit
def active_latents(model: VAE, batch: Batch) -> Array:
    """Whether Var_x(E_q[z_i | x]) > 0.01, for every latent."""
    codes = jax.vmap(model.encode)(batch.event, batch.condition)
    return jnp.var(codes, axis=0) > ACTIVE


@eqx.filter_jit
def gaps(
    model: VAE, batch: Batch, key: PRNGKeyArray, steps: int
) -> tuple[Float[Array, " batch"], Float[Array, " batch"], Float[Array, " batch"]]:
    """The evidence lower bound of every event by the encoder's q and by one refined for it, and
    log p(x) by importance sampling with the latter."""

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> tuple[Array, Array, Array]:
        key_refine, key_elbo, key_whole = jax.random.split(key, 3)
        plain = model.posterior(event, condition)
        better = refined(model, event, condition, key=key_refine, steps=steps)

        def elbo(q: Any) -> Array:
            # Of the same noise for both, so that their difference has little.
            keys = jax.random.split(key_elbo, REFINED_DRAWS)
            each = jax.vmap(lambda k: model.evidence_by(q, event, condition, k, 1).bound)
            return jnp.mean(each(keys))

        whole = model.evidence_by(better, event, condition, key_whole, 10 * REFINED_DRAWS)
        return elbo(plain), elbo(better), whole.corrected

    keys = jax.random.split(key, len(batch.weight))
    return jax.lax.map(lambda args: one(*args), (batch.event, batch.condition, keys), batch_size=20)


@eqx.filter_jit
def kl_per_latent(model: VAE, batch: Batch) -> Float[Array, " code"]:
    """E_x[KL(q(z_i | x) || p(z_i))], the nats that each number of a code carries.

    Of a prior without a closed form, or one in which the latents hang together, it is that to
    independent numbers of the prior's means and variances; a layer above or below another is
    given a code drawn from q there.
    """
    condition = None if batch.condition is None else batch.condition[0]
    moments = prior_moments(model, condition)
    sizes = getattr(model.encoder, "sizes", (len(moments[0]),))
    ends = np.cumsum(sizes)[:-1].tolist()
    means, variances = (jnp.split(moment, ends) for moment in moments)
    keys = jax.random.split(jax.random.key(0), len(batch.weight))

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> Array:
        q, p = model.posterior(event, condition), model.code_prior(condition)
        code = q.sample(key)
        layers = zip(_given(q, code), _given(p, code), means, variances, strict=True)
        return jnp.concatenate([_terms(*layer) for layer in layers])

    # Of a flow the moments are of many draws for each event: not of all events at once.
    args = (batch.event, batch.condition, keys)
    return jnp.mean(jax.lax.map(lambda each: one(*each), args, batch_size=AT_ONCE), 0)


def _given(p: Any, code: Array) -> list[Any]:
    """The distribution of each stochastic layer."""
    return [layer for layer, _ in p.layers(code)] if isinstance(p, AbstractCascade) else [p]


def _terms(q: AbstractDistribution, p: Any, mean: Array, variance: Array) -> Array:
    """The divergence of each latent, in closed form."""
    terms = kl_terms(q, p) if isinstance(p, AbstractDistribution) else None
    if terms is not None and terms.shape == q.shape:
        return terms
    if isinstance(q, Bernoulli):
        terms = kl_terms(q, Bernoulli(jax.scipy.special.logit(mean)))
    else:
        alike = p if isinstance(p, Normal) else Normal(mean, jnp.sqrt(variance))
        terms = kl_terms(Normal(q.mean(), jnp.sqrt(q.variance())), alike)
    assert terms is not None
    return terms


def prior_moments(
    model: VAE, condition: Condition
) -> tuple[Float[Array, " code"], Float[Array, " code"]]:
    """The mean and the variance of each latent under the prior, by sampling if need be."""
    prior = model.code_prior(condition)
    if isinstance(prior, AbstractDistribution):
        return prior.mean(), prior.variance()
    codes = jax.vmap(prior.sample)(jax.random.split(jax.random.key(0), PRIOR_DRAWS))
    return jnp.mean(codes, 0), jnp.var(codes, 0)
