"""What is worth looking at in a Boltzmann machine."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.diagnostics import autocorrelation, mixing
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.objective import shown
from ansatz.models.boltzmann.phases import free_energies, summable
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import Draws, draw, start
from ansatz.protocol.figures import (
    Curve,
    Curves,
    Figure,
    Histogram,
    Histograms,
    ImageGrid,
    Matrix,
    Panel,
    as_images,
    is_image,
)
from ansatz.protocol.subject import Subject

CHAINS, DRAWS = 32, 200
MOST_SEEN = 32
ACROSS = 8
MOST_ROWS = 16


def figures(model: AbstractMachine, subject: Subject) -> tuple[Figure, ...]:
    """Weights as patterns, energies of data and samples, and how fast chains forget."""
    chains = recorded(model, jax.random.key(0))
    return (*weight_figures(model, subject), *_energies(model, subject, chains), memory(chains))


def recorded(model: AbstractMachine, key: PRNGKeyArray) -> Draws:
    """Chains of a machine, sweep by sweep after those that a sample takes."""
    key_start, key_draws = jax.random.split(key)
    state = start(key_start, model, CHAINS)
    return draw(key_draws, model, state, DRAWS, burn=model.sweeps)


def couplings(model: AbstractMachine) -> tuple[tuple[str, ...], np.ndarray]:
    """What units are called, and the weights from each to the numbers of an event.

    Of hidden units, those with the largest weights first; without any, of the visible ones.
    """
    size = int(np.prod(model.shape))
    if isinstance(model, RestrictedMachine):
        weights, names, kind = np.asarray(model.weight).T[:, :size], model.hidden, "h"
    else:
        assert isinstance(model, BoltzmannMachine)
        square = np.zeros((model.nodes, model.nodes))
        i, j = model.graph.edges.T
        square[i, j] = square[j, i] = np.asarray(model.weight)
        names, kind = (model.hidden, "h") if model.hidden else (model.visible[:size], "v")
        weights = square[np.ix_(np.array(names, int), np.array(model.visible[:size], int))]
    first = names[0] if kind == "h" else 0
    labels = tuple(f"{kind}{k if kind == 'h' else node - first}" for k, node in enumerate(names))
    if kind == "v":
        return labels, weights
    order = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
    return tuple(labels[k] for k in order), weights[order]


def weight_figures(model: AbstractMachine, subject: Subject) -> list[Figure]:
    """The weights of units as patterns of an event, or as a matrix."""
    labels, weights = couplings(model)
    name, title = "weights", "What units are coupled to"
    strongest = "hidden unit, the strongest first" if labels[0][0] == "h" else "unit"
    if is_image(model.shape):
        if labels[0][0] == "v":
            # Some units from all over the image.
            labels, weights = _thinned(labels, weights)
        count = min(len(labels), MOST_SEEN)
        across = min(ACROSS, count)
        down = count // across
        images = as_images(weights[: across * down].reshape(-1, *model.shape), model.shape)
        firsts = range(0, across * down, across)
        return [
            ImageGrid(
                name=name,
                title=title,
                caption=f"The weights of each {strongest}, to the numbers of an event: what it "
                "wants up and what down. Noise with no form has learnt nothing.",
                images=images.reshape(down, across, *images.shape[1:]),
                row_labels=tuple(f"{labels[k]} to {labels[k + across - 1]}" for k in firsts),
                signed=True,
            )
        ]
    if len(model.shape) > 1 or weights.shape[1] > 40:
        return []
    axes = subject.axes or tuple(f"x{j}" for j in range(weights.shape[1]))
    return [
        Matrix(
            name=name,
            title=title,
            caption=f"The weights of each {strongest} (rows), to the numbers of an event "
            "(columns): positive ones like to be up together.",
            values=weights[:MOST_ROWS],
            row_labels=labels[:MOST_ROWS],
            column_labels=axes,
        )
    ]


def _thinned(labels: tuple[str, ...], weights: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_SEEN)).astype(int))
    return tuple(labels[k] for k in chosen), weights[chosen]


def _energies(model: AbstractMachine, subject: Subject, chains: Draws) -> list[Figure]:
    """Free energies of events and of the chains' last draws."""
    if subject.batch is None or not summable(model):
        return []
    data = np.asarray(free_energies(model, shown(model, subject.batch)), float)
    # A draw of each chain now and then, so that they are not one and the same.
    states = np.asarray(chains.states[:: max(1, DRAWS // 20)])
    flat = jnp.asarray(np.moveaxis(states, 1, 0).reshape(model.nodes, -1))
    samples = np.asarray(free_energies(model, flat[np.array(model.visible)]), float)
    both = np.concatenate([data, samples])
    low, high = np.quantile(both, [0.002, 0.998])
    edges = np.linspace(low, max(high, low + 1e-6), 41)
    densities = {
        label: np.histogram(values, edges, density=True)[0] if len(values) else np.zeros(40)
        for label, values in (("data", data), ("samples", samples))
    }
    return [
        Histograms(
            name="energies",
            title="Free energies",
            caption="−log p(v) up to a constant, of events and of samples: a machine that has "
            "learnt gives both the same. Samples far below the data are where chains are stuck; "
            "samples above them have not reached the data's modes yet.",
            panels=(Histogram("free energy [nats]", edges, densities),),
        )
    ]


def memory(chains: Draws) -> Curves:
    """How fast chains forget."""
    energies = np.asarray(chains.energies, float)
    rho = autocorrelation(energies)[: DRAWS // 2]
    found = mixing(energies)
    return Curves(
        name="autocorrelation",
        title="How fast chains forget",
        caption=f"Correlation of the energy of {CHAINS} chains with itself so many sweeps later; "
        f"the autocorrelation time is {found.autocorrelation_time:.1f} sweeps, and R-hat is "
        f"{found.r_hat:.3f} (above 1.01 chains have not come together: the samples are of "
        "different modes).",
        panels=(Panel("autocorrelation", (Curve("energy", np.arange(len(rho)), rho),)),),
        x_label="sweeps",
    )
