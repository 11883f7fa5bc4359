"""A Gaussian random field, learnt by convolutional couplings."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from ansatz.protocol.figures import Curve, Curves, ImageGrid, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.lattice import laplacian
from ansatz.studies.study import Context, Findings, Study

SQUARED_MASS = 0.25
"""One over the square of the correlation length, 2 sites."""
BANDS = 4
SHOWN = 6

Fields = Float[np.ndarray, "fields side side"]


class ConvFlowFieldStudy(Study):
    """A Gaussian random field on a torus has independent Fourier modes, of the power 1 / (m² + k̂²)
    with k̂² = Σ 4 sin²(k/2): its log-likelihood and its spectrum are known. Couplings with
    convolutional nets that go round the torus learn it from samples, by maximum likelihood, at
    three scales (Dinh, Sohl-Dickstein and Bengio, 2017). At one scale alone they learn what every
    second site is given those about it, and then nothing tells them what these are given each
    other: the power stayed off by a tenth. No flow can have a higher log-likelihood than the truth
    but by chance; what it has in common with the truth is looked at mode by mode. The events are
    synthetic.
    """

    name: ClassVar[str] = "conv-flow-field"
    title: ClassVar[str] = "A random field has the spectrum that it was learnt from"

    def run(self, context: Context) -> Findings:
        side, count = (8, 20_000) if context.quick else (16, 30_000)
        fields = drawn(side, count, context.seed)
        (run,) = context.fit(
            "run",
            "flow",
            context.save("fields.npy", fields.astype(np.float32)),
            net="conv",
            circular=True,
            coupling="affine",
            levels=3,
            layers=2,
            channels=(16,),
            activation="leaky_relu",
            batch=128,
            epochs=10 if context.quick else 15,
            rate=5e-3,
            warmup=50,
            clip=1.0,
            schedule="cosine",
            patience=0,
        )
        samples = run.sample(4000, seed=context.seed).astype(np.float64)
        return Findings(claims(run, samples), (spectra(samples), pictures(fields, samples)))


def power(side: int) -> Float[np.ndarray, "side side"]:
    """P(k) = 1 / (m² + k̂²)."""
    return 1 / (SQUARED_MASS + laplacian((side, side)))


def drawn(side: int, count: int, seed: int) -> Fields:
    """Samples: white noise whose modes are scaled by √P."""
    noise = np.random.Generator(np.random.Philox(seed)).standard_normal((count, side, side))
    return np.fft.ifft2(np.fft.fft2(noise) * np.sqrt(power(side))).real


def log_prob(fields: Fields) -> Float[np.ndarray, " fields"]:
    """−½ Σ_k |φ_k|² / P(k) − ½ Σ_k log 2π P(k), φ_k orthonormal."""
    p = power(fields.shape[-1])
    return -0.5 * (modes(fields) / p).sum((1, 2)) - 0.5 * np.log(2 * np.pi * p).sum()


def modes(fields: Fields) -> Fields:
    """|φ_k|², whose mean is P(k)."""
    return np.abs(np.fft.fft2(np.asarray(fields, np.float64), norm="ortho")) ** 2


def bands(side: int) -> list[np.ndarray]:
    """Places of modes in bands of as many each, from long waves to short ones."""
    order = np.argsort(laplacian((side, side)).ravel(), kind="stable")
    return np.array_split(order, BANDS)


def claims(run: Run, samples: Fields) -> tuple[Claim, ...]:
    """The divergence, its sign, and the power in every band."""
    _, held = run.held_out()
    events = np.asarray(held.events)
    side = events.shape[-1]
    gap = (log_prob(events) - run.log_likelihood(held)) / side**2
    p = power(side)
    white = 0.5 * float(np.log(p.mean()) - np.log(p).mean())
    relative = (modes(samples) / p).reshape(len(samples), -1)
    return (
        Claim(
            name="divergence",
            sentence="KL(p ‖ q) of the flow from the field, over fields held out, is zero; "
            f"independent numbers of the same variance would have {white:.2f} nats per site.",
            expected=0.0,
            source="the log-likelihood of a Gaussian field, mode by mode",
            measured=Measured.over(gap),
            tolerance=0.01,
            why="a hundredth of a nat per site",
            unit="nats per site",
        ),
        Claim(
            name="not above the truth",
            sentence="The flow's log-likelihood of fields held out lies above the truth's by no "
            "more than nothing.",
            expected=0.0,
            source="KL(p ‖ q) ≥ 0",
            measured=Measured.over(-gap),
            tolerance=0.001,
            why="a tenth of what the flow may lie below",
            unit="nats per site",
            side="at most",
        ),
        *(
            Claim(
                name=f"power, band {k + 1}",
                sentence=f"The power of samples in the {len(band)} modes with k̂² from "
                f"{low:.2f} to {high:.2f} is that of the field.",
                expected=1.0,
                source="P(k) = 1 / (m² + k̂²)",
                measured=Measured.over(relative[:, band].mean(1)),
                tolerance=0.05,
                why="a twentieth, where the power itself goes over a factor of "
                f"{p.max() / p.min():.0f}",
                unit="of the exact",
            )
            for k, band in enumerate(bands(side))
            for low, high in [laplacian((side, side)).ravel()[band[[0, -1]]]]
        ),
    )


def spectra(samples: Fields) -> Curves:
    """Power against k̂², modes of one k̂² together."""
    side = samples.shape[-1]
    squares = laplacian((side, side)).round(9)
    found = modes(samples).mean(0)
    at = np.unique(squares)
    flow = np.array([found[squares == k].mean() for k in at])
    exact = 1 / (SQUARED_MASS + at)
    return Curves(
        name="spectrum",
        title="The power spectrum",
        caption="The mean of |φ_k|² over samples of the flow against k̂², and that of the field; "
        "beside it the ratio of the two.",
        panels=(
            Panel("power", (Curve("flow", at, flow), Curve("exact", at, exact)), log=True),
            Panel("ratio", (Curve("flow", at, flow / exact), Curve("exact", at, exact / exact))),
        ),
        x_label="k̂²",
    )


def pictures(fields: Fields, samples: Fields) -> ImageGrid:
    """Some of either."""
    return ImageGrid(
        name="fields",
        title="Fields",
        caption="Fields that were learnt from, and samples of the flow: one should not know which "
        "is which.",
        images=np.stack([fields[:SHOWN], samples[:SHOWN]]),
        row_labels=("field", "flow"),
        signed=True,
    )
