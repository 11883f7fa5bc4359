"""Figures of how good a variational autoencoder's bound is, and of what its codes cost."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae.diagnostics import spent
from ansatz.models.vae.model import VAE
from ansatz.models.vae.view import known
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.figures import (
    Cloud,
    Curve,
    Curves,
    Figure,
    Histogram,
    Histograms,
    Panel,
    Scatter,
)
from ansatz.protocol.source import Batch

DRAWS = np.array([1, 2, 4, 8, 16, 32, 64, 128])
EVENTS = 100
MOST_COMPARED = 500
MOST_HISTOGRAMS = 8
BINS = 30


def bound_figures(model: VAE, batch: Batch, order: np.ndarray) -> list[Figure]:
    """The bound against K, what each event costs, and codes of events beside those of the prior,
    the latents in this order."""
    few = jax.tree.map(lambda leaf: leaf[:EVENTS] if leaf.ndim else leaf, batch)
    more = jax.tree.map(lambda leaf: leaf[:MOST_COMPARED] if leaf.ndim else leaf, batch)
    key = jax.random.key(0)
    return [
        bound_figure(np.asarray(log_weights(model, few, key))),
        cost_figure(model, more, key),
        _codes(model, more, order[:MOST_HISTOGRAMS], key),
    ]


@eqx.filter_jit
def log_weights(model: VAE, batch: Batch, key: PRNGKeyArray) -> Float[Array, "batch draws"]:
    """As many importance weights of every event as the largest K."""
    number = int(DRAWS[-1])

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> Array:
        q, p = model.posterior(event, condition), model.code_prior(condition)

        def log_weight(key: PRNGKeyArray) -> Array:
            code, log_q = q.sample_and_log_prob(key)
            fit = model.likelihood(code, condition).log_prob(*known(event))
            return fit + p.log_prob(code) - log_q

        # A few at a time, for an event may be large.
        return jax.lax.map(log_weight, jax.random.split(key, number), batch_size=16)

    return jax.vmap(one)(batch.event, batch.condition, jax.random.split(key, len(batch.weight)))


def bounds(log_weights: Float[np.ndarray, "batch draws"]) -> tuple[np.ndarray, np.ndarray]:
    """The mean bound and the mean effective draws at every K, over all groups of K weights."""
    found = []
    for k in DRAWS:
        groups = log_weights.reshape(-1, k).astype(np.float64)
        highest = groups.max(1, keepdims=True)
        w = np.exp(groups - highest)
        bound = np.log(w.mean(1)) + highest[:, 0]
        found.append((bound.mean(), (w.sum(1) ** 2 / (w**2).sum(1)).mean()))
    values, effective = np.array(found).T
    return values, effective


def bound_figure(log_weights: np.ndarray) -> Figure:
    values, effective = bounds(log_weights)
    return Curves(
        name="bound",
        title="The bound and its draws",
        caption=f"Of {len(log_weights)} events: the importance-weighted bound on log p(x) rises "
        "with the number K of codes drawn, and is near log p(x) where it levels out; of K draws "
        "only so many count, all of them if the encoder's guess were the posterior itself.",
        panels=(
            Panel("bound, nats", (Curve("bound", np.log2(DRAWS), values),)),
            Panel(
                "effective draws",
                (
                    Curve("of the encoder", np.log2(DRAWS), effective),
                    Curve("of the posterior", np.log2(DRAWS), DRAWS.astype(float)),
                ),
                log=True,
            ),
        ),
        x_label="log2 K",
    )


def cost_figure(model: VAE, batch: Batch, key: PRNGKeyArray) -> Figure:
    found = {name: np.asarray(values) for name, values in spent(model, batch, key).items()}
    rate, distortion = found["rate"], found["distortion"]
    return Scatter(
        name="rate-distortion",
        title="Rate and distortion",
        caption=f"Each event's price, log q(z | x) - log p(z), mean {rate.mean():.4g} nats, "
        f"against what its code leaves unsaid, -log p(x | z), mean {distortion.mean():.4g} nats: "
        "their sum is minus the evidence lower bound, and beta trades one for the other.",
        clouds=(Cloud("events", np.stack([rate, distortion], 1)),),
        x_label="rate, nats",
        y_label="distortion, nats",
    )


@eqx.filter_jit
def _drawn(model: VAE, batch: Batch, key: PRNGKeyArray) -> tuple[Array, Array]:
    """A code of every event, and as many of the prior."""

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> tuple[Array, Array]:
        key_event, key_prior = jax.random.split(key)
        code = model.posterior(event, condition).sample(key_event)
        return code, model.sample_code(key_prior, condition)

    keys = jax.random.split(key, len(batch.weight))
    codes, believed = jax.vmap(one)(batch.event, batch.condition, keys)
    return codes, jnp.asarray(believed, codes.dtype)


def _codes(model: VAE, batch: Batch, latents: np.ndarray, key: PRNGKeyArray) -> Figure:
    codes, believed = (np.asarray(x, np.float64) for x in _drawn(model, batch, key))
    panels = []
    for i in latents:
        both = np.concatenate([codes[:, i], believed[:, i]])
        edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), BINS + 1)
        densities = {
            label: np.histogram(x[:, i], edges, density=True)[0]
            for label, x in [("events", codes), ("prior", believed)]
        }
        panels.append(Histogram(f"z{i}", edges, densities))
    return Histograms(
        name="codes-and-prior",
        title="Codes of events and of the prior",
        caption=f"Each latent of codes drawn for {len(codes)} events, and of as many drawn from "
        "the prior: where they differ, new events come from codes that no event has.",
        panels=tuple(panels),
    )
