"""How autoencoders contract, and how a contraction can be cheated."""

from typing import Any, ClassVar

import numpy as np

from ansatz.studies.claim import Claim, Measured
from ansatz.studies.contracted import PROBES, Fitted, figures, probed
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
    "sparse": {"sparsity": 0.5, "activity": ACTIVITY},
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
    saturate, and the singular values of the Jacobian fall more steeply. Here the nets have one
    layer of logistic units and tied weights. Of deep nets whose weights are not tied the penalty
    can be cheated: codes are scaled down, the decoder scales them up. Penalising the decoder's
    Jacobian too prevents it, and the best scale has λ‖J_E‖² = μ‖J_D‖². The events are the small
    digits of scikit-learn.
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
            name="saturation",
            sentence="More numbers of its codes lie within 0.05 of zero or one: the part of them, "
            "contractive less plain.",
            expected=0.0,
            measured=Measured.over(
                [
                    a.held.saturated - b.held.saturated
                    for a, b in zip(contractive, plain, strict=True)
                ]
            ),
            why="more is more",
            side="at least",
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
            name="nothing gained",
            sentence="And yet the whole of it, events to reconstructions, contracts hardly more: "
            "‖J_F‖² as a part of that of the plain one.",
            expected=1.0,
            source="the scale of codes drops out of J_F",
            measured=Measured.over(mean(whole, cheat, deep)),
            tolerance=0.25,
            why="a quarter: fits from other noise differ by themselves",
        ),
        Claim(
            name="prevented",
            sentence="Contracted on both sides, it does: ‖J_F‖² as a part of that of the plain "
            "one.",
            expected=0.75,
            source="no scale makes both ‖J_E‖² and ‖J_D‖² small",
            measured=Measured.over(mean(whole, both, deep)),
            tolerance=0.0,
            why="less than what hardly more was said to be",
            side="at most",
        ),
        Claim(
            name="balance",
            sentence="Then λ⟨‖J_E‖²⟩ = μ⟨‖J_D‖²⟩ over digits learnt: the ratio.",
            expected=1.0,
            source="d/ds (λ s² ⟨‖J_E‖²⟩ + μ s⁻² ⟨‖J_D‖²⟩) = 0 at s = 1",
            measured=Measured.over(
                [one.seen.encoder.mean() / one.seen.decoder.mean() for one in both]
            ),
            tolerance=0.05,
            why="a twentieth, of learning that has not quite ended, over 500 of the digits",
        ),
    )
