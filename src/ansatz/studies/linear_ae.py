"""A linear autoencoder finds principal components, and has no other minimum."""

from itertools import combinations
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ansatz.models.reduce import Autoencoder, AutoencoderRecipe
from ansatz.models.reduce.reconstruction import Reconstruction
from ansatz.protocol.figures import Bars, Curve, Curves, Panel
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

EVENTS, BATCH, LATENT = 2000, 200, 4
DEVIATIONS = np.array([4.0, 3.2, 2.6, 2.2, *np.linspace(1.0, 0.7, 16)])
"""Along random axes: four large ones, and sixteen that are left out."""
EPOCHS = 200
SMALL, SMALL_LATENT = (3.0, 2.0, 1.5, 1.0, 0.5), 2
"""Deviations of a problem of which every stationary point is looked at."""

Events = Float[np.ndarray, "events numbers"]


class LinearAEStudy(Study):
    """An autoencoder whose nets are one matrix each makes the squared error smallest where they
    project on the leading principal components, and every other stationary point, one for each
    other set of components, is a saddle (Baldi and Hornik, 1989). So gradient descent from random
    weights finds the subspace; its axes it leaves open, unless weights are tied, which makes them
    orthonormal. The events are synthetic: twenty numbers, four directions with large variances.
    The small digits of scikit-learn are learnt as well.
    """

    name: ClassVar[str] = "linear-ae"
    title: ClassVar[str] = "A linear autoencoder is PCA"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        path = context.save("events.npy", drawn(generator, EVENTS, DEVIATIONS).astype(np.float32))
        settings: dict[str, Any] = {
            "hidden": (),
            "validation": 0.0,
            "test": 0.0,
            "batch": BATCH,
            "epochs": EPOCHS,
            "rate": 0.05,
            "schedule": "cosine",
            "final_rate": 1e-4,
            "seeds": 3 if context.quick else 8,
        }
        plain = {"latent": LATENT, "preprocess": ("none",)}
        untied = context.fit("untied", "autoencoder", path, **plain, **settings)
        tied = context.fit("tied", "autoencoder", path, tied=True, **plain, **settings)
        digits = context.fit("digits", "autoencoder", "digits", latent=LATENT, **settings)
        learnt = {
            name: np.asarray(runs[0].as_learnt(runs[0].record.source), float)
            for name, runs in (("events", untied), ("digits", digits))
        }
        flat = {name: events.reshape(len(events), -1) for name, events in learnt.items()}
        with jax.enable_x64(True):
            slopes, curvatures = stationary_points(generator)
        return Findings(
            claims(untied, tied, digits, flat, slopes, curvatures),
            (learning(untied, tied, flat["events"]), saddles(curvatures)),
        )


def drawn(generator: np.random.Generator, n: int, deviations: np.ndarray) -> Events:
    """Normal events with these deviations along axes in random directions."""
    size = len(deviations)
    turn = np.linalg.qr(generator.standard_normal((size, size)))[0]
    return (generator.standard_normal((n, size)) * deviations) @ turn


def spectrum(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the covariance (divided by n), the largest first, and eigenvectors in
    columns."""
    values, vectors = np.linalg.eigh(np.cov(events.T, bias=True))
    return values[::-1], vectors[:, ::-1]


def matrices(model: Autoencoder) -> tuple[np.ndarray, np.ndarray]:
    """Those of the encoder and of the decoder."""
    found = [net.layers[0].weight for net in (model.encoder, model.decoding)]
    return np.asarray(found[0], float), np.asarray(found[1], float)


def angle(columns: np.ndarray, events: Events) -> float:
    """The largest angle between what the columns span and the leading principal components."""
    from scipy.linalg import subspace_angles

    _, vectors = spectrum(events)
    return float(subspace_angles(columns, vectors[:, : columns.shape[1]]).max())


def stationary_points(
    generator: np.random.Generator,
) -> tuple[dict[tuple[int, ...], float], dict[tuple[int, ...], float]]:
    """At the projection on each set of components: the largest slope of the loss by any weight,
    and its least curvature, both as a part of the largest variance."""
    events = drawn(generator, 200, np.array(SMALL))
    events -= events.mean(0)
    values, vectors = spectrum(events)
    recipe = AutoencoderRecipe(
        hidden=(), latent=SMALL_LATENT, dtype="float64", error="squared", preprocess=("none",)
    )
    model = recipe.build(Spec(shape=(len(SMALL),)), jax.random.key(0))
    ones = jnp.ones(len(events))
    batch = Batch(jnp.asarray(events), None, ones, jnp.sum(ones))
    # Any invertible matrix may stand between the two: the point is as stationary with it.
    between = generator.standard_normal((SMALL_LATENT, SMALL_LATENT))
    start = ravel_pytree(eqx.filter(model, eqx.is_inexact_array))

    def loss(flat: Array) -> Array:
        own = eqx.combine(start[1](flat), model)
        return Reconstruction()(own, batch, None, jnp.int32(0), jax.random.key(0))[0]

    slope, curvature = jax.jit(jax.grad(loss)), jax.jit(jax.hessian(loss))
    slopes, least = {}, {}
    for chosen in combinations(range(len(SMALL)), SMALL_LATENT):
        directions = vectors[:, list(chosen)]
        at = eqx.tree_at(
            lambda m: [m.encoder.layers[0].weight, m.decoder.layers[0].weight],
            model,
            [
                jnp.asarray(between @ directions.T),
                jnp.asarray(directions @ np.linalg.inv(between)),
            ],
        )
        flat, _ = ravel_pytree(eqx.filter(at, eqx.is_inexact_array))
        slopes[chosen] = float(jnp.abs(slope(flat)).max() / values[0])
        least[chosen] = float(jnp.linalg.eigvalsh(curvature(flat))[0] / values[0])
    return slopes, least


def claims(
    untied: tuple[Run, ...],
    tied: tuple[Run, ...],
    digits: tuple[Run, ...],
    events: dict[str, Events],
    slopes: dict[tuple[int, ...], float],
    curvatures: dict[tuple[int, ...], float],
) -> tuple[Claim, ...]:
    """What must hold of fits to the events and to digits, and of all stationary points."""
    radians: dict[str, Any] = {
        "expected": 0.0,
        "source": "D E = U Uᵀ with U the leading eigenvectors of the covariance (Baldi and "
        "Hornik, 1989)",
        "unit": "radians",
        "tolerance": 1e-3,
        "why": "what single precision and two thousand steps leave of a smooth minimum",
    }
    values, _ = spectrum(events["events"])
    left = values[LATENT:].sum()
    leading = tuple(range(SMALL_LATENT))
    return (
        *(
            Claim(
                name=name,
                sentence=f"{what} the leading principal components: the largest angle is zero.",
                measured=Measured.over([angle(columns(run), events[which]) for run in runs]),
                **radians,
            )
            for name, what, runs, which, columns in (
                ("decoder", "The decoder's columns span", untied, "events", _decoder),
                ("encoder", "The encoder's rows span", untied, "events", _encoder),
                ("tied", "Tied weights span", tied, "events", _decoder),
                ("digits", "For digits the decoder's columns span", digits, "digits", _decoder),
            )
        ),
        Claim(
            name="orthonormal",
            sentence="Tied weights are orthonormal: the largest entry of |W Wᵀ − 1| is zero.",
            expected=0.0,
            source="Wᵀ W is a projection only then",
            measured=Measured.over(
                [np.abs(w @ w.T - np.eye(LATENT)).max() for w in map(_rows, tied)]
            ),
            tolerance=1e-3,
            why="as for the angles",
        ),
        Claim(
            name="error",
            sentence="The squared error of the events is the sum of the eigenvalues left out: the "
            "difference, as a part of it.",
            expected=0.0,
            source="Σⱼ λⱼ over j > k (Baldi and Hornik, 1989)",
            measured=Measured.over(
                [run.history[-1]["loss"] / left - 1 for run in (*untied, *tied)]
            ),
            tolerance=1e-5,
            why="an angle of 1e-3 costs a part in a million of what eigenvalues differ by, and "
            "single precision as much",
        ),
        Claim(
            name="stationary",
            sentence=f"At the projection on any {SMALL_LATENT} of {len(SMALL)} components the loss "
            "is level: the largest slope by any weight, as a part of the largest variance.",
            expected=0.0,
            source="Baldi and Hornik (1989)",
            measured=Measured(max(slopes.values())),
            tolerance=1e-12,
            why="rounding in double precision",
        ),
        Claim(
            name="no other minimum",
            sentence="Only the projection on the leading components is a minimum: all others bend "
            "downwards somewhere. How many do not.",
            expected=1.0,
            source="Baldi and Hornik (1989)",
            # A minimum is flat along the weights that an invertible matrix leads to.
            measured=Measured(
                float(sum(bend > -1e-9 for bend in curvatures.values()))
                if curvatures[leading] > -1e-9
                else 0.0
            ),
            tolerance=0.0,
            why="a number of points is whole",
            unit="of 10",
        ),
    )


def _rows(run: Run) -> np.ndarray:
    return matrices(run.model)[0]


def _encoder(run: Run) -> np.ndarray:
    return _rows(run).T


def _decoder(run: Run) -> np.ndarray:
    return matrices(run.model)[1]


def learning(untied: tuple[Run, ...], tied: tuple[Run, ...], events: Events) -> Curves:
    """How far the error is above its minimum, epoch by epoch."""
    left = spectrum(events)[0][LATENT:].sum()
    curves = []
    for label, runs in (("untied", untied), ("tied", tied)):
        for run in runs:
            steps, error = run.course("loss")
            above = error / left - 1
            # What is below single precision is noise.
            seen = above > 1e-7
            curves.append(Curve(label, steps[seen], above[seen]))
    return Curves(
        name="learning",
        title="On the way to principal components",
        caption="The squared error above the sum of the eigenvalues left out, as a part of it, "
        "epoch by epoch and a curve for each fit. What is left in the middle is the noise of "
        "batches; it goes as the learning rate falls.",
        panels=(Panel("error above the least", tuple(curves), log=True),),
        x_label="epoch",
    )


def saddles(curvatures: dict[tuple[int, ...], float]) -> Bars:
    """The least curvature at every stationary point."""
    order = sorted(curvatures, key=lambda chosen: -curvatures[chosen])
    return Bars(
        name="saddles",
        title="One minimum, nine saddles",
        caption="The least curvature of the loss at the projection on each "
        f"{SMALL_LATENT} of {len(SMALL)} components, as a part of the largest variance, with its "
        "sign turned: it is zero at the leading ones, along weights that change nothing, and bends "
        "downwards at all others.",
        labels=tuple("+".join(str(i + 1) for i in chosen) for chosen in order),
        values=np.array([max(-curvatures[chosen], 0.0) for chosen in order]),
        x_label="components kept",
        y_label="downwards",
    )
