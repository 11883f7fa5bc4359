"""What tells whether a machine has learnt to be the prior of an encoder's codes."""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.figures import recorded
from ansatz.models.vae.diagnostics import ACTIVE, active_latents, mean_over, spent
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.models.vae.model import VAE
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.measure import Measure
from ansatz.protocol.source import Batch


class Codes(NamedTuple):
    """Codes of zeros and ones, and what each costs under the prior, -log p(z) in nats."""

    of_events: Float[Array, "batch code"]
    of_prior: Float[Array, "batch code"]
    cost_of_events: Float[Array, " batch"]
    cost_of_prior: Float[Array, " batch"]


@eqx.filter_jit
def drawn_codes(model: VAE, batch: Batch, key: PRNGKeyArray) -> Codes:
    """A code of every event, and one of the prior under the same condition."""

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> tuple[Array, ...]:
        key_event, key_prior = jax.random.split(key)
        code = model.posterior(event, condition).sample(key_event)
        p = model.code_prior(condition)
        own = p.sample(key_prior)
        return code, own, -p.log_prob(code), -p.log_prob(own)

    keys = jax.random.split(key, len(batch.weight))
    return Codes(*jax.vmap(one)(batch.event, batch.condition, keys))


def diagnose(model: VAE, batch: Batch, key: PRNGKeyArray) -> tuple[Measure, ...]:
    """Rate and distortion, what codes cost that the prior draws itself, log Z, and its chains."""
    key_spent, key_codes, key_chains = jax.random.split(key, 3)
    found = spent(model, batch, key_spent)
    codes = drawn_codes(model, batch, key_codes)
    active = np.asarray(active_latents(model, batch))
    lag = codes.cost_of_events - codes.cost_of_prior
    measures = [
        mean_over("rate", found["rate"], batch, "KL(q(z | x) || p(z)), the price of a code"),
        mean_over("distortion", found["distortion"], batch, "-log p(x | z) at codes of the event"),
        mean_over(
            "lag of the prior",
            lag,
            batch,
            "mean energy of codes of events above that of the prior's own: none if it has learnt "
            "them",
        ),
        Measure(
            "active latents",
            float(active.sum()),
            0.0,
            f"of {len(active)}",
            f"bits whose mean varies by more than {ACTIVE} over events",
        ),
    ]
    if not isinstance(model.prior, MachinePrior):
        return tuple(measures)
    mixing = recorded(model.prior.typical, key_chains).mixing
    measures += [
        *_log_z(model.prior),
        Measure(
            "autocorrelation time",
            mixing.autocorrelation_time,
            0.0,
            "sweeps",
            f"of the energy of the prior's chains; R-hat {mixing.r_hat:.3f} (above 1.01 they have "
            "not come together)",
        ),
    ]
    return tuple(measures)


def _log_z(prior: MachinePrior) -> list[Measure]:
    """log Z from either side; under several conditions the widest gap alone."""
    low, high, error, r_hat = (np.asarray(each, float) for each in prior.known.columns)
    if not error.any():
        return [Measure("log Z", low[0], 0.0, "nats", "exact")] if len(low) == 1 else []
    widest = int(np.argmax(np.abs(high - low)))
    gap = Measure(
        "gap of log Z",
        high[widest] - low[widest],
        2**0.5 * error[widest],
        "nats",
        "between both estimates: the bound has the upper one",
    )
    if len(low) > 1:
        return [gap]
    kind = f"tempered chains, R-hat {r_hat[0]:.3f}" if r_hat[0] else "exact samples"
    return [
        Measure("log Z, forward", low[0], error[0], "nats", "errs downwards"),
        Measure("log Z, in reverse", high[0], error[0], "nats", f"errs upwards; from {kind}"),
        gap,
    ]
