"""A linear variational autoencoder finds probabilistic principal components."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.data.dataset import Dataset
from ansatz.data.split import split
from ansatz.models.vae import VAE
from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

EVENTS, NUMBERS, LATENT = 10_000, 20, 4
STRENGTHS = (5.0, 3.2, 2.3, 1.9, 0.8, 0.6)
"""Of the factors behind the events: more than a code has numbers, so that what is left out is not
noise alone."""
DRAWS = 1000

Events = Float[np.ndarray, "events numbers"]


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """x = mean + W z + s e with z and e standard normal: x ~ N(mean, W W^T + s^2 I)."""

    mean: Float[np.ndarray, " numbers"]
    loadings: Float[np.ndarray, "numbers latent"]
    """W."""
    variance: float
    """s^2."""

    @classmethod
    def drawn(cls, generator: np.random.Generator) -> "LinearGaussian":
        """Factors of the known strengths in random orthogonal directions, and unit noise."""
        square = generator.standard_normal((NUMBERS, len(STRENGTHS)))
        directions = np.linalg.qr(square)[0]
        return cls(generator.standard_normal(NUMBERS), directions * STRENGTHS, 1.0)

    @classmethod
    def most_likely(cls, events: Events, latent: int) -> "LinearGaussian":
        """Probabilistic PCA: W = U (L - s^2 I)^(1/2), with U the leading eigenvectors.

        L are the leading eigenvalues of the events' covariance (divided by n) and s^2 is the
        mean of the others (Tipping and Bishop, 1999).
        """
        values, vectors = spectrum(events)
        noise = float(values[latent:].mean())
        return cls(events.mean(0), vectors[:, :latent] * np.sqrt(values[:latent] - noise), noise)

    @classmethod
    def of(cls, model: VAE) -> "LinearGaussian":
        """What a VAE with a decoder of one layer and a standard prior says of events."""
        decoder: Any = model.decoder
        layer = decoder.net.layers[-1]
        return cls(
            np.asarray(layer.bias, float),
            np.asarray(layer.weight, float),
            float(np.exp(2 * float(decoder.head.log_scale))),
        )

    def sample(self, n: int, generator: np.random.Generator) -> Events:
        numbers, latent = self.loadings.shape
        codes, noise = (generator.standard_normal((n, size)) for size in (latent, numbers))
        return self.mean + codes @ self.loadings.T + np.sqrt(self.variance) * noise

    def covariance(self) -> Float[np.ndarray, "numbers numbers"]:
        return self.loadings @ self.loadings.T + self.variance * np.eye(len(self.mean))

    def log_prob(self, events: Events) -> Float[np.ndarray, " events"]:
        from scipy.stats import multivariate_normal

        return multivariate_normal(self.mean, self.covariance()).logpdf(events)


def with_linear(model: VAE, part: str, weight: np.ndarray, bias: np.ndarray) -> VAE:
    """The model with an encoder or decoder of one layer that has these weights."""

    def arrays(model: VAE) -> list[Any]:
        layer = getattr(model, part).net.layers[-1]
        return [layer.weight, layer.bias]

    return eqx.tree_at(arrays, model, [jnp.asarray(a, model.dtype) for a in (weight, bias)])


def spectrum(
    events: Events,
) -> tuple[Float[np.ndarray, " numbers"], Float[np.ndarray, "numbers numbers"]]:
    """The eigenvalues of the events' covariance, largest first, and its eigenvectors as columns."""
    values, vectors = np.linalg.eigh(np.cov(events.T, bias=True))
    return values[::-1], vectors[:, ::-1]


class LinearGaussianStudy(Study):
    """With linear nets and a normal likelihood of one variance, a variational autoencoder is a
    linear Gaussian model. The likelihood of such a model has its maximum at probabilistic
    principal component analysis, known in closed form from the eigenvalues of the events'
    covariance (Tipping and Bishop, 1999), and there the evidence lower bound is no bound but
    log p itself (Lucas and others, 2019). The events are synthetic: six factors of known
    strengths in random directions, with noise. Several fits differ in their first parameters and
    noise; each number is their mean, and its error says how far they agree.
    """

    name: ClassVar[str] = "linear-gaussian"
    title: ClassVar[str] = "A linear VAE is probabilistic PCA"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        events = LinearGaussian.drawn(generator).sample(EVENTS, generator)
        path = context.save("events.npy", events.astype(np.float32))
        fits, epochs = (8, 100) if context.quick else (16, 400)
        runs = context.fit(
            "run",
            "vae",
            path,
            latent=LATENT,
            hidden=(),
            likelihood=("normal",),
            preprocess=("none",),
            validation=0.0,
            test=0.2,
            batch=200,
            epochs=epochs,
            rate=0.05,
            schedule="cosine",
            final_rate=0.001,
            patience=0,
            seeds=fits,
        )
        dataset, recipe = runs[0].read(path), runs[0].record.recipe
        train, _, test = split(dataset, recipe.validation, recipe.test, recipe.seed)
        learnt = np.asarray(dataset.events[train], float)
        return Findings(
            claims(runs, learnt, dataset.take(test), context),
            (eigenvalues(runs, learnt), learning(runs, learnt)),
        )


def claims(
    runs: tuple[Run, ...], learnt: Events, held_out: Dataset, context: Context
) -> tuple[Claim, ...]:
    """What linear autoencoders that were fitted to the events `learnt` must be like."""
    from scipy.linalg import subspace_angles

    n, numbers = learnt.shape
    values, vectors = spectrum(learnt)
    leading, left = values[:LATENT], values[LATENT:]
    pca = LinearGaussian.most_likely(learnt, LATENT)
    models = [LinearGaussian.of(run.model) for run in runs]
    others = np.asarray(held_out.events[:], float)
    exact = np.array([model.log_prob(others).mean() for model in models])
    elbos, weighted = (np.array(bounds(runs, held_out, draws, context)) for draws in (1, DRAWS))
    parameters = numbers * (LATENT + 1) - LATENT * (LATENT - 1) // 2 + 1
    nats: dict[str, Any] = {
        "unit": "nats per event",
        "tolerance": parameters / (2 * n),
        "why": f"p / 2n is what the log-likelihood of n = {n:,} events gains by chance alone when "
        f"p = {parameters} parameters are fitted (Wilks, 1938)",
    }
    # The last of the leading directions is the one that is hardest to tell from those left out.
    turn = np.sqrt(np.sum(leading[-1] * left / (n * (leading[-1] - left) ** 2)))
    return (
        Claim(
            name="log-likelihood",
            sentence="The mean of log p(x) over the events learnt, exact from the weights, is the "
            "maximum, that of probabilistic PCA.",
            expected=float(pca.log_prob(learnt).mean()),
            source="−½ (D log 2π + log λ₁ + … + log λₖ + (D − k) log s² + D), with λ the "
            "eigenvalues of the covariance (Tipping and Bishop, 1999)",
            measured=Measured.over([model.log_prob(learnt).mean() for model in models]),
            **nats,
        ),
        Claim(
            name="bound",
            sentence="ELBO − log p(x), the mean over events held out, is zero: the bound is tight.",
            expected=0.0,
            source="−KL(q(z | x) ‖ p(z | x)) = 0 where the columns of W are orthogonal, for then "
            "p(z | x) has independent numbers and a linear mean, as q has (Lucas and others, 2019)",
            measured=Measured.over(elbos - exact),
            **nats,
        ),
        Claim(
            name="directions",
            sentence="The decoder's columns span the leading principal components: the largest "
            "angle between the two spaces is zero.",
            expected=0.0,
            source="W = U √(Λ − s² I) R, with U the leading eigenvectors and R any rotation "
            "(Tipping and Bishop, 1999)",
            measured=Measured.over(
                [
                    np.degrees(subspace_angles(model.loadings, vectors[:, :LATENT]).max())
                    for model in models
                ]
            ),
            unit="degrees",
            tolerance=float(np.degrees(turn)),
            why="√(Σⱼ λₖ λⱼ / n (λₖ − λⱼ)²) over j > k is how far the last of these components "
            "itself turns by chance when other such events are drawn (Anderson, 1963)",
        ),
        Claim(
            name="noise",
            sentence="The learnt variance is the mean of the eigenvalues left out.",
            expected=pca.variance,
            source="s² = Σⱼ λⱼ / (D − k) over j > k (Tipping and Bishop, 1999)",
            measured=Measured.over([model.variance for model in models]),
            unit="squared units of the events",
            tolerance=float(np.sqrt(2 * np.sum(left**2) / n) / len(left)),
            why="√(2 Σⱼ λⱼ² / n) / (D − k) over j > k is the standard deviation of that mean "
            "when other such events are drawn (Anderson, 1963)",
        ),
        Claim(
            name="weighted bound",
            sentence=f"The importance-weighted bound of `ansatz evaluate` with K = {DRAWS}, less "
            "log p(x), the mean over events held out, is zero.",
            expected=0.0,
            source="its limit for K → ∞ (Burda, Grosse and Salakhutdinov, 2016)",
            measured=Measured.over(weighted - exact),
            **nats,
        ),
    )


def bounds(runs: tuple[Run, ...], events: Dataset, draws: int, context: Context) -> list[float]:
    """The mean bound on log p that each run gives the events, with draws of its own."""
    means = []
    for m, run in enumerate(runs):
        batches = run.log_likelihood_batches(events, samples=draws, seed=context.seed + m)
        what = f"Scoring fit {m + 1} of {len(runs)} with {draws:,} draws"
        watched = context.watch(batches, len(events), what)
        means.append(float(np.concatenate(list(watched)).mean(dtype=float)))
    return means


def eigenvalues(runs: tuple[Run, ...], learnt: Events) -> Curves:
    """The variances along the principal axes, of the events and of the fits."""
    values, _ = spectrum(learnt)
    axis = np.arange(1, len(values) + 1)
    covariances = [LinearGaussian.of(run.model).covariance() for run in runs]
    fitted = np.mean([np.linalg.eigvalsh(covariance)[::-1] for covariance in covariances], 0)
    return Curves(
        name="eigenvalues",
        title="Eigenvalues of the covariance",
        caption="Of the events learnt, and of the autoencoders' W Wᵀ + s² I as the mean over all "
        f"fits: the first {LATENT} agree, and the others are the mean of those left out.",
        panels=(
            Panel(
                "eigenvalue", (Curve("events", axis, values), Curve("VAE", axis, fitted)), log=True
            ),
        ),
        x_label="component",
        mark=float(LATENT),
        mark_label="numbers in a code",
    )


def learning(runs: tuple[Run, ...], learnt: Events) -> Curves:
    """The course of all fits, and the highest that it can rise to."""
    maximum = LinearGaussian.most_likely(learnt, LATENT).log_prob(learnt).mean()
    epochs, _ = runs[0].course("loss")
    elbos = [-run.course("loss")[1] for run in runs]
    second_half = slice(len(epochs) // 2, None)
    panels = []
    for label, shown in [
        ("mean ELBO, nats per event", slice(None)),
        ("the second half", second_half),
    ]:
        curves = [Curve("VAE", epochs[shown], elbo[shown]) for elbo in elbos]
        line = Curve("PPCA", epochs[shown], np.full(len(epochs[shown]), maximum))
        panels.append(Panel(label, (line, *curves)))
    return Curves(
        name="learning",
        title="Learning",
        caption="The evidence lower bound of the events learnt from, epoch by epoch, a curve for "
        "each fit, and the largest log-likelihood there is, that of probabilistic PCA. Each point "
        "has one draw for each event, so it lies about its mean by chance, above the line too.",
        panels=tuple(panels),
        x_label="epoch",
    )
