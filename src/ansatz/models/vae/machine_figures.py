"""Figures of a prior beside the codes that it has to learn."""

import jax
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.figures import memory, recorded
from ansatz.models.vae.bound_figures import EVENTS, bound_figure, cost_figure, log_weights
from ansatz.models.vae.machine_measures import drawn_codes
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.models.vae.model import VAE
from ansatz.protocol.figures import Cloud, Figure, Histogram, Histograms, Scatter
from ansatz.protocol.subject import Subject

BINS = 40
MOST_PAIRS = 3000


def figures(model: VAE, subject: Subject) -> tuple[Figure, ...]:
    """What codes cost, how they hang together, how fast chains forget, how good the bound is."""
    found: list[Figure] = []
    key = jax.random.key(0)
    if subject.batch is not None:
        codes = drawn_codes(model, subject.batch, key)
        bits = (np.asarray(codes.of_events, float), np.asarray(codes.of_prior, float))
        costs = (np.asarray(codes.cost_of_events, float), np.asarray(codes.cost_of_prior, float))
        found += [energy_figure(*costs, _between(model.prior)), moment_figure(*bits)]
    if isinstance(model.prior, MachinePrior):
        found.append(memory(recorded(model.prior.typical, key)))
    if subject.batch is not None:
        few = jax.tree.map(lambda leaf: leaf[:EVENTS] if leaf.ndim else leaf, subject.batch)
        found.append(bound_figure(np.asarray(log_weights(model, few, key))))
        found.append(cost_figure(model, subject.batch, key))
    return tuple(found)


def energy_figure(
    of_events: Float[np.ndarray, " event"],
    of_prior: Float[np.ndarray, " sample"],
    told: str = "",
) -> Histograms:
    """The energies of codes of events and of those that the prior draws."""
    both = np.concatenate([of_events, of_prior])
    low, high = np.quantile(both, [0.002, 0.998])
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    densities = {
        label: np.histogram(values, edges, density=True)[0]
        for label, values in (("codes of events", of_events), ("of the prior", of_prior))
    }
    return Histograms(
        name="energies",
        title="Energies of codes",
        caption=f"−log p(z) = F(z) + log Z of codes drawn for events, mean {of_events.mean():.2f}, "
        f"and of codes drawn from the prior, mean {of_prior.mean():.2f} nats: a prior that has "
        "learnt gives both the same. Where those of events lie higher, the prior lags behind the "
        "encoder, and new events come from codes that no event has."
        f"{told}",
        panels=(Histogram("−log p(z), nats", edges, densities),),
    )


def _between(prior: object) -> str:
    """What is known of log Z, and of several where it is known least."""
    if not isinstance(prior, MachinePrior):
        return ""
    columns = np.asarray(prior.known.columns, float)
    if (columns[2] < 0).any():
        return ""
    if not columns[2].any():
        return " log Z is exact."
    which = int(np.argmax(np.abs(columns[1] - columns[0])))
    low, high, error, _ = columns[:, which]
    several = columns.shape[1] > 1
    under = f", under that of {columns.shape[1]} conditions where least is known," * several
    return (
        f" log Z{under} is {low:.2f}, annealed from independent units, which errs downwards, and "
        f"{high:.2f} in reverse, which errs upwards, each ± {error:.2f}; energies have the upper."
    )


def moment_figure(
    of_events: Float[np.ndarray, "event code"], of_prior: Float[np.ndarray, "sample code"]
) -> Scatter:
    """Means of latent units and correlations of pairs, in codes of events and of the prior."""
    means = np.stack([of_events.mean(0), of_prior.mean(0)], 1)
    pairs = correlations(of_events, of_prior)
    off = float(np.sqrt(np.mean((pairs[:, 0] - pairs[:, 1]) ** 2)))
    noise = np.sqrt(1 / len(of_events) + 1 / len(of_prior))
    return Scatter(
        name="moments",
        title="Latent units encoded and sampled",
        caption="The mean of each bit, and the correlation of pairs of bits, in codes of events "
        "and in codes of the prior: on the diagonal if the prior has learnt. Correlations differ "
        f"by {off:.3f} (root mean square), of which so few codes alone give {noise:.3f}.",
        clouds=(Cloud("means", means), Cloud("correlations", pairs)),
        x_label="codes of events",
        y_label="codes of the prior",
    )


def correlations(
    of_events: Float[np.ndarray, "event code"], of_prior: Float[np.ndarray, "sample code"]
) -> Float[np.ndarray, "pair 2"]:
    """The correlation of every pair of bits that vary, or of many of them, in both."""
    varying = (of_events.std(0) > 0) & (of_prior.std(0) > 0)
    i, j = np.triu_indices(int(varying.sum()), 1)
    if len(i) > MOST_PAIRS:
        chosen = np.linspace(0, len(i) - 1, MOST_PAIRS).astype(int)
        i, j = i[chosen], j[chosen]
    if not len(i):
        return np.zeros((1, 2))
    both = [np.corrcoef(codes[:, varying], rowvar=False)[i, j] for codes in (of_events, of_prior)]
    return np.stack(both, 1)
