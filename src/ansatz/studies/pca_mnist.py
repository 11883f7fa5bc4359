"""Principal components of digits, and of fields that look alike everywhere."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ansatz.data.read import read
from ansatz.models.reduce import PCA
from ansatz.protocol.figures import Curve, Curves, Figure, ImageGrid, Panel, as_images
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import MNIST
from ansatz.studies.study import Context, Findings, Study

SITES, FIELDS = 48, 4000
KEPT = 0.95
PUBLISHED = 154
"""Components of MNIST's training images that keep 95 % of the variance (Géron, 2019)."""
SHOWN = (1, 4, 16, 64, 256)
"""Components of which digits are made again."""


class PCAMnistStudy(Study):
    """Principal components of MNIST, or of the small digits of scikit-learn where ../shared/data
    is not there: the eigenvalues of the covariance are what a singular value decomposition finds,
    the squared error with k components is the sum of the eigenvalues left out, and 154 of 784
    components keep 95 % of the variance. Of a field that looks alike everywhere the components
    are plane waves, and the eigenvalues its power spectrum, whatever else it is like: its
    covariance is a convolution. The field is synthetic, normal numbers on a ring with a spectrum
    that is known; among its events with all their shifts the statement is exact.
    """

    name: ClassVar[str] = "pca-mnist"
    title: ClassVar[str] = "Eigen-digits and plane waves"

    def run(self, context: Context) -> Findings:
        source: Path | str = MNIST if MNIST.exists() else "digits"
        events = np.asarray(read(source).events)[: 6000 if context.quick else None]
        size = events[0].size
        path = context.save("digits.npy", events)
        whole = {"preprocess": ("none",), "validation": 0.0, "test": 0.0}
        (digits,) = context.fit("digits", "pca", path, latent=size, **whole)
        generator = np.random.Generator(np.random.Philox(context.seed))
        field = draw(generator, FIELDS)
        shifted = np.concatenate([np.roll(field[:200], k, axis=1) for k in range(SITES)])
        runs = {
            name: context.fit(
                name,
                "pca",
                context.save(f"{name}.npy", each.astype(np.float32)),
                latent=SITES,
                dtype="float64",
                **whole,
            )[0]
            for name, each in (("drawn", field), ("shifted", shifted))
        }
        known = whole_images(source, context)
        models = {name: run.model for name, run in runs.items()}
        found = claims(digits.model, models, events, field, shifted, known)
        return Findings(found, figures(digits, runs, events))


def whole_images(source: Path | str, context: Context) -> Float[np.ndarray, " components"] | None:
    """The eigenvalues of all training images of MNIST, if they are there."""
    if source != MNIST:
        return None
    dataset = read(source)
    learn = np.flatnonzero(dataset.parts == 0) if dataset.parts is not None else slice(None)
    images = np.asarray(dataset.events[learn], np.float32).reshape(-1, 784)
    images -= images.mean(0)
    return np.linalg.eigvalsh((images.T @ images).astype(float) / (len(images) - 1))[::-1]


def power(k: np.ndarray) -> np.ndarray:
    """1 / (m² + 4 sin²(πk/N)): a free field of mass one half on a ring."""
    return 1 / (0.25 + 4 * np.sin(np.pi * k / SITES) ** 2)


def draw(generator: np.random.Generator, n: int) -> Float[np.ndarray, "events sites"]:
    """Normal fields with that power: ⟨|φ̃_k|²⟩ / N for φ̃_k = Σ_x φ_x e^{−2πikx/N}."""
    waves = np.fft.fft(generator.standard_normal((n, SITES)))
    return np.real(np.fft.ifft(waves * np.sqrt(power(np.arange(SITES)))))


def spectrum_of(events: np.ndarray) -> np.ndarray:
    """The mean of |φ̃_k|² / N over events, without the mean event, for k from 0 to N − 1."""
    waves = np.fft.fft(events - events.mean(0))
    return np.mean(np.abs(waves) ** 2, 0) / SITES * len(events) / (len(events) - 1)


def waves_of(components: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The wave number |k| that has most of each component, and how much."""
    share = np.abs(np.fft.fft(components)) ** 2 / SITES
    half = SITES // 2
    folded = share[:, : half + 1].copy()
    folded[:, 1:half] += share[:, :half:-1]
    return folded.argmax(1), folded.max(1)


def claims(
    digits: PCA,
    fields: dict[str, PCA],
    events: np.ndarray,
    field: np.ndarray,
    shifted: np.ndarray,
    known: np.ndarray | None,
) -> tuple[Claim, ...]:
    """What must hold of components of digits and of fields."""
    flat = events.reshape(len(events), -1).astype(float)
    flat -= flat.mean(0)
    singular = np.linalg.svd(flat, compute_uv=False) ** 2 / (len(flat) - 1)
    values = np.asarray(digits.variances, float)
    large = singular > 1e-3 * singular[0]
    components = np.asarray(digits.components, float)
    codes = flat @ components.T
    lost = [np.mean(np.sum(flat**2, 1)) - np.mean(np.sum(codes[:, :k] ** 2, 1)) for k in SHOWN[:4]]
    left = [values[k:].sum() * (len(flat) - 1) / len(flat) for k in SHOWN[:4]]
    again = [
        float(np.mean(np.sum((flat - codes[:, :k] @ components[:k]) ** 2, 1))) for k in SHOWN[:4]
    ]
    single: dict[str, Any] = {
        "expected": 0.0,
        "tolerance": 1e-3,
        "why": "moments of thousands of events summed in single precision",
    }
    drawn, every = (np.asarray(fields[name].variances) for name in ("drawn", "shifted"))
    expected = np.sort(power(np.arange(SITES)))[::-1]
    pure = waves_of(np.asarray(fields["shifted"].components))[1].min()
    n = len(field)
    found = [
        Claim(
            name="eigenvalues",
            sentence="The variances along components are those of a singular value decomposition: "
            "the largest difference, as a part of each above a thousandth of the first.",
            source="NumPy's decomposition, in double precision",
            measured=Measured(float(np.abs(values[large] / singular[large] - 1).max())),
            **single,
        ),
        Claim(
            name="left out",
            sentence="The squared error with 1, 4, 16 and 64 components is the sum of the "
            "eigenvalues left out: the largest difference, as a part of all variance.",
            source="Σⱼ λⱼ over j > k (Pearson, 1901)",
            measured=Measured(
                float(
                    np.max(np.abs([np.subtract(again, left), np.subtract(lost, left)]))
                    / values.sum()
                )
            ),
            **single,
        ),
        Claim(
            name="plane waves",
            sentence="Among events with all their shifts every component is a plane wave: the "
            "least part of any in one wave number.",
            expected=1.0,
            source="a covariance that is a convolution commutes with shifts",
            measured=Measured(float(pure)),
            tolerance=1e-6,
            why="rounding, and wave numbers whose eigenvalues happen to differ by little mix more",
        ),
        Claim(
            name="power spectrum",
            sentence="The eigenvalues are then the power spectrum of the events: the largest "
            "difference, as a part of each.",
            expected=0.0,
            source="λ_k = ⟨|φ̃_k|²⟩ / N (Wiener and Khinchin)",
            measured=Measured(float(np.abs(every / np.sort(spectrum_of(shifted))[::-1] - 1).max())),
            tolerance=1e-5,
            why="events are kept in single precision",
        ),
        Claim(
            name="drawn",
            sentence=f"Of {n:,} fields that are only drawn the eigenvalues are nearly that: "
            "the root mean square difference from the known spectrum, as a part of it.",
            expected=0.0,
            source="λ_k = 1 / (m² + 4 sin²(πk/N)), in order",
            measured=Measured(float(np.sqrt(np.mean((drawn / expected - 1) ** 2)))),
            tolerance=float(np.sqrt(2 * SITES / n)),
            why="√(2N/n): eigenvalues scatter by √(2/n) and repel each other, by √(N/n) in all "
            "(Marchenko and Pastur, 1967)",
        ),
    ]
    if known is not None:
        count = int(np.searchsorted(np.cumsum(known) / known.sum(), KEPT) + 1)
        found.append(
            Claim(
                name="published",
                sentence=f"Of all training images so many components keep {KEPT:.0%} of the "
                "variance.",
                expected=float(PUBLISHED),
                source="Géron, Hands-On Machine Learning (2019)",
                measured=Measured(float(count)),
                tolerance=1.0,
                why="where the sum crosses may be counted with or without",
                unit="components",
            )
        )
    return tuple(found)


def figures(digits: Run, runs: dict[str, Run], events: np.ndarray) -> tuple[Figure, ...]:
    """Eigenvalues, eigen-digits, digits made again, plane waves, the spectrum."""
    model: PCA = digits.model
    shape = events.shape[1:]
    values = np.asarray(model.variances, float)
    rank = np.arange(1, len(values) + 1)
    positive = values > 1e-9 * values[0]
    components = np.asarray(model.components)
    few = events[:10].reshape(10, -1).astype(float)
    centred = few - np.asarray(model.mean)
    rows = [few]
    counts = [k for k in SHOWN if k <= len(values)]
    for n in counts:
        rows.append(np.asarray(model.mean) + centred @ components[:n].T @ components[:n])
    images = as_images(np.concatenate(rows).reshape(-1, *shape), shape)
    eigen = as_images(components[:20].reshape(-1, *shape), shape)
    waves = np.asarray(runs["shifted"].model.components)
    drawn = np.asarray(runs["drawn"].model.components)
    k = np.arange(SITES // 2 + 1)
    number = waves_of(waves)[0]
    order = np.argsort(number, kind="stable")
    return (
        Curves(
            name="eigenvalues",
            title="Eigenvalues of the covariance of digits",
            caption="The variance along each component, and the part that all up to it keep.",
            panels=(
                Panel("variance", (Curve("variance", rank[positive], values[positive]),), log=True),
                Panel("kept", (Curve("kept", rank, np.cumsum(values) / values.sum()),)),
            ),
            x_label="component",
        ),
        ImageGrid(
            name="eigen-digits",
            title="Eigen-digits",
            caption="The first twenty components, the largest variance first: slow waves across "
            "the place where digits are, then finer ones.",
            images=eigen.reshape(2, 10, *eigen.shape[1:]),
            signed=True,
        ),
        ImageGrid(
            name="successive",
            title="Digits made again",
            caption="Ten digits, and below them what the mean and 1, 4, 16, ... components make of "
            "them.",
            images=images.reshape(len(rows), 10, *images.shape[1:]),
            row_labels=("data", "1 component", *(f"{n} components" for n in counts[1:])),
            scale=(0.0, float(events.max())),
        ),
        Curves(
            name="waves",
            title="Components of a field that looks alike everywhere",
            caption="The first components among events with all their shifts: the constant, then "
            "pairs of plane waves, each pair with one eigenvalue and an origin that is anywhere. "
            "Where events are only drawn they are waves nearly.",
            panels=tuple(
                Panel(
                    f"component {i + 1}",
                    (
                        Curve("with all shifts", np.arange(SITES), waves[i]),
                        Curve("drawn", np.arange(SITES), drawn[i]),
                    ),
                )
                for i in range(6)
            ),
            x_label="site",
        ),
        Curves(
            name="spectrum",
            title="Eigenvalues and the power spectrum",
            caption="The spectrum that fields are drawn with, and the eigenvalues among events "
            "with all their shifts, each at the wave number of its component: as far from it as "
            "the power of two hundred fields is by chance.",
            panels=(
                Panel(
                    "power",
                    (
                        Curve("1 / (m² + 4 sin²(πk/N))", k, power(k)),
                        Curve(
                            "eigenvalues",
                            number[order],
                            np.asarray(runs["shifted"].model.variances)[order],
                        ),
                    ),
                    log=True,
                ),
            ),
            x_label="wave number",
        ),
    )
