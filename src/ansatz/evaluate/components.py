"""How many components a mixture needs: its likelihood against the price of its parameters."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.options import DataOptions
from ansatz.data.split import split
from ansatz.models.mixture import Mixture, MixtureRecipe
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.runs import fit as fitting
from ansatz.runs.run import Run

ALIVE = 1e-3
"""Weight below which a component has next to no events."""


@dataclass(frozen=True)
class Size:
    """A mixture of so many components, and what speaks for it."""

    components: int
    alive: int
    """How many of them have events."""
    parameters: int
    log_likelihood: float
    """log p of the events learnt from, in nats for each."""
    held_out: float | None
    """The same of events that were kept to validate or test on, if any were."""
    bic: float
    """p log n - 2 log L for p parameters and n events: less is better (Schwarz, 1978)."""
    elbo: float | None
    """Of the variational mixture: the bound on log p of all events with all parameters integrated
    out, in nats; more is better."""


def sizes(
    recipe: MixtureRecipe,
    data: Any,
    counts: Sequence[int],
    options: DataOptions | None = None,
    *,
    out: Path | None = None,
    force: bool = False,
) -> Iterator[Size]:
    """Fit a mixture of each size; with `out` its runs are the folders components-K in there."""
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise OptionError("Give the numbers of components to compare, each once and at least 1.")
    if recipe.seeds > 1:
        raise OptionError("Sizes are compared one fit each: leave --seeds out.")
    for count in sorted(counts):
        run = fitting.fit(
            replace(recipe, components=count),
            data,
            options or DataOptions(),
            out=None if out is None else out / f"components-{count}",
            force=force,
        )
        if not isinstance(run, Run) or not run.finished:
            raise KeyboardInterrupt
        yield measure(run, data)


def measure(run: Run, data: Any) -> Size:
    """What speaks for the mixture of a run that was fitted to these data."""
    model, recipe = run.model, run.record.recipe
    assert isinstance(model, Mixture)
    dataset = run.read(data)
    train, validation, test = split(dataset, recipe.validation, recipe.test, recipe.seed)

    def mean(index: np.ndarray) -> float:
        part = dataset.take(index)
        values = run.log_likelihood(part).astype(float)
        return float(np.average(values, weights=part.weights))

    n, log_likelihood = len(train), mean(train)
    held = np.concatenate([validation, test])
    return Size(
        components=len(model.weights),
        alive=int(np.sum(np.asarray(model.weights) >= ALIVE)),
        parameters=model.freedom,
        log_likelihood=log_likelihood,
        held_out=mean(held) if len(held) else None,
        bic=model.freedom * math.log(n) - 2 * n * log_likelihood,
        elbo=_elbo(run, dataset.take(train)),
    )


def _elbo(run: Run, learnt: Dataset) -> float | None:
    """The last bound, brought from preprocessed events to the units of the data."""
    if "elbo" not in run.history[-1]:
        return None
    events = jnp.asarray(learnt.events, run.record.recipe.dtype)
    keys = jax.random.split(jax.random.key(0), len(events))
    _, log_slopes = jax.jit(jax.vmap(run.pipeline.preprocessing.forward))(events, keys)
    each = np.asarray(log_slopes, float).reshape(len(events), -1).sum(1)
    return len(events) * (run.history[-1]["elbo"] + float(np.average(each, weights=learnt.weights)))


def best(found: Sequence[Size]) -> Size:
    """The size with the largest ELBO, or else with the smallest BIC."""
    if found[0].elbo is not None:
        return max(found, key=lambda size: size.elbo or -math.inf)
    return min(found, key=lambda size: size.bic)


def curve(found: Sequence[Size]) -> Curves:
    """The criterion and the likelihoods over the number of components."""
    counts = np.array([size.components for size in found], float)
    chosen = best(found)
    if chosen.elbo is None:
        name, values = "BIC, nats", np.array([size.bic for size in found])
        told = "BIC, twice the log-likelihood against the price of the parameters: less is better"
    else:
        name, values = "ELBO, nats", np.array([size.elbo for size in found], float)
        told = "The evidence lower bound of all events, all parameters integrated out: more is "
        told += "better, and components that are not needed cost nothing"
    log_p = [Curve("events learnt", counts, np.array([s.log_likelihood for s in found]))]
    if chosen.held_out is not None:
        held = np.array([size.held_out for size in found], float)
        log_p.append(Curve("events held out", counts, held))
    return Curves(
        name="components",
        title="How many components",
        caption=f"{told}. Beside it log p: of the events learnt it only rises, of those held out "
        "it falls once the mixture learns by heart.",
        panels=(
            Panel(name, (Curve("criterion", counts, values),)),
            Panel("log p, nats for each event", tuple(log_p)),
        ),
        x_label="components",
        mark=float(chosen.components),
        mark_label=f"best, {chosen.components}",
    )
