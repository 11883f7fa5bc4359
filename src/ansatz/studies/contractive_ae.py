"""How autoencoders contract, and how a contraction can be cheated."""

from typing import Any, ClassVar

import numpy as np

from ansatz.studies.claim import Claim, Measured
from ansatz.studies.contracted import PROBES, SMALL, Fitted, cost, figures, probed
from ansatz.studies.study import Context, Findings, Study

LATENT, DEEP_LATENT = 32, 8
NOISE, WEIGHT, DEEP_WEIGHT = 0.04, 0.02, 0.03
ACTIVITY = 0.1
ALIKE = 0.10
"""By how much reconstruction errors may differ where Jacobians are compared."""

SHALLOW: dict[str, dict[str, Any]] = {
    "plain": {},
    "denoising": {"noise": NOISE},
    "contractive": {"contract": WEIGHT},
    "sparse": {"sparsity": 5.0, "activity": ACTIVITY},
}
DEEP: dict[str, dict[str, Any]] = {
    "deep plain": {},
    "deep, encoder": {"contract": DEEP_WEIGHT},
    "deep, both": {"contract": DEEP_WEIGHT, "contract_decoder": DEEP_WEIGHT},
}


class ContractiveAEStudy(Study):
    """A contractive autoencoder adds ‖J_E‖², the squared norm of its encoder's Jacobian, to the
    loss (Rifai and others, 2011): at nearly the same reconstruction error codes heed less of what
    changes than those of a denoising one, and these less than those of a plain one; their units
    work where slopes are smaller, and heed fewer directions at an event. Here the nets have one
    layer of logistic units and tied weights. Of deep nets whose weights are not tied the penalty
    can be cheated: codes are scaled down, the decoder scales them up. Learning does so, and spends
    itself on it. Penalising the decoder's Jacobian too prevents it, and the best scale has
    λ‖J_E‖² = μ‖J_D‖². The events are the small digits of scikit-learn.
    """

    name: ClassVar[str] = "contractive-ae"
    title: ClassVar[str] = "Codes that heed little, and how they may cheat"

    def run(self, context: Context) -> Findings:
        common: dict[str, Any] = {
            "preprocess": ("scale",),
            "patience": 0,
            "batch": 64,
            "epochs": 100 if context.quick else 400,
            "rate": 5e-3,
            "schedule": "cosine",
            "seeds": 5 if context.quick else 8,
        }
        one_layer = {"latent": LATENT, "hidden": (), "code": "sigmoid", "tied": True}
        two_layers = {"latent": DEEP_LATENT, "hidden": (64,), "activation": "tanh"}
        found: dict[str, tuple[Fitted, ...]] = {}
        for kinds, shape in ((SHALLOW, one_layer), (DEEP, two_layers)):
            for name, own in kinds.items():
                folder = name.replace(", ", "-").replace(" ", "-")
                runs = context.fit(folder, "autoencoder", "digits", **shape, **common, **own)
                found[name] = tuple(map(Fitted.of, runs))
        shallow, deep = ({name: found[name] for name in kinds} for kinds in (SHALLOW, DEEP))
        return Findings(claims(found), figures(shallow, deep, DEEP_WEIGHT))


def claims(found: dict[str, tuple[Fitted, ...]]) -> tuple[Claim, ...]:
    """The order of the norms, at which errors, saturation, spectra, cheating and its remedy."""
    plain, denoising, contractive, sparse = (found[name] for name in SHALLOW)
    deep, cheat, both = (found[name] for name in DEEP)
    errors = np.array([[one.error for one in found[name]] for name in list(SHALLOW)[:3]])

    def less(name: str, small: tuple[Fitted, ...], large: tuple[Fitted, ...]) -> Claim:
        low, high = name.split(" < ")
        return Claim(
            name=name,
            sentence=f"√⟨‖J_E‖²⟩ of digits held out is smaller for the {low} autoencoder than for "
            f"the {high} one: the difference.",
            expected=0.0,
            source="Rifai and others (2011)",
            measured=Measured.over([a.norm - b.norm for a, b in zip(small, large, strict=True)]),
            tolerance=0.0,
            why="smaller is smaller",
            side="at most",
        )

    def mean(value: Any, ours: tuple[Fitted, ...], theirs: tuple[Fitted, ...]) -> np.ndarray:
        """The ratio of the means over events, fit by fit."""
        return np.array(
            [np.mean(value(a)) / np.mean(value(b)) for a, b in zip(ours, theirs, strict=True)]
        )

    encoder, whole = (lambda one: one.held.encoder), (lambda one: one.held.whole)
    probes = np.concatenate([probed(one) for one in (contractive[0], both[0])])
    published: dict[str, Any] = {"source": "Rifai and others (2011)", "tolerance": 0.0}
    return (
        less("contractive < denoising", contractive, denoising),
        less("denoising < plain", denoising, plain),
        Claim(
            name="alike",
            sentence="The three have nearly the same squared error of digits held out: the "
            "largest over the least, less one.",
            expected=0.0,
            source="what is compared must be comparable",
            measured=Measured.over(errors.max(0) / errors.min(0) - 1),
            tolerance=ALIKE,
            why="a tenth",
        ),
        Claim(
            name="slopes",
            sentence="Its units work where their slope is smaller: the mean of z(1 − z), "
            "contractive less plain.",
            expected=0.0,
            measured=Measured.over(
                [_slope(a) - _slope(b) for a, b in zip(contractive, plain, strict=True)]
            ),
            why="smaller is smaller",
            side="at most",
            **published,
        ),
        Claim(
            name="directions",
            sentence="Its codes heed fewer directions at an event: (Σσ²)² / Σσ⁴ of the singular "
            "values of the Jacobian, contractive less plain.",
            expected=0.0,
            measured=Measured.over(
                [
                    a.held.directions.mean() - b.held.directions.mean()
                    for a, b in zip(contractive, plain, strict=True)
                ]
            ),
            why="fewer is fewer",
            side="at most",
            **published,
        ),
        Claim(
            name="activity",
            sentence=f"Codes that are to have a mean of {ACTIVITY} have it, over digits learnt.",
            expected=ACTIVITY,
            source="the penalty KL(ρ ‖ mean) is least there",
            measured=Measured.over([one.seen.codes.mean() for one in sparse]),
            tolerance=0.02,
            why="reconstructions pull against the penalty",
        ),
        Claim(
            name="probes",
            sentence=f"Hutchinson's estimate from {PROBES} probes is the exact ‖J_E‖² on average "
            "over events: the difference, as a part of it.",
            expected=0.0,
            source="⟨vᵢvⱼ⟩ = δᵢⱼ (Hutchinson, 1990)",
            measured=Measured(probes.mean(), probes.std(ddof=1) / np.sqrt(len(probes))),
            tolerance=0.02,
            why="a fiftieth of the exact norm",
        ),
        Claim(
            name="cheating",
            sentence="A deep encoder that is contracted alone has next to no ‖J_E‖²: as a part of "
            "that of the plain one.",
            expected=0.0,
            source="codes scaled by s have s² ‖J_E‖², and the same reconstructions",
            measured=Measured.over(mean(encoder, cheat, deep)),
            tolerance=0.1,
            why="a tenth",
            side="at most",
        ),
        Claim(
            name="free",
            sentence=f"Of the plain one codes can be made {1 / SMALL:.0f} times as small at no "
            "cost: the largest change of any pixel made again.",
            expected=0.0,
            source="the decoder's first matrix, as many times as large",
            measured=Measured.over([cost(one) for one in deep]),
            tolerance=1e-4,
            why="rounding in single precision, of pixels between zero and one",
        ),
        Claim(
            name="prevented",
            sentence="Contracted on both sides, events to reconstructions contract too: ‖J_F‖², "
            "which no scale of codes changes, as a part of that of the plain one.",
            expected=0.75,
            source="no scale makes both ‖J_E‖² and ‖J_D‖² small",
            measured=Measured.over(mean(whole, both, deep)),
            tolerance=0.0,
            why="a quarter less",
            side="at most",
        ),
        Claim(
            name="scale",
            sentence="Then the scale of the codes is the best there is: it, as a part of the one "
            "with the least loss over digits learnt.",
            expected=1.0,
            source="λ s² ⟨‖J_E‖²⟩ + μ s⁻² ⟨‖J_D‖²⟩ is least at s⁴ = μ⟨‖J_D‖²⟩ / λ⟨‖J_E‖²⟩",
            measured=Measured.over(
                [(one.seen.encoder.mean() / one.seen.decoder.mean()) ** 0.25 for one in both]
            ),
            tolerance=0.05,
            why="a twentieth: learning follows batches, whose noise moves the scale a little",
        ),
    )


def _slope(one: Fitted) -> float:
    """The mean slope of logistic units at digits held out."""
    return float(np.mean(one.held.codes * (1 - one.held.codes)))
