"""What is claimed of showers that lose energy and gain hits, in all layers and in the last."""

from ansatz.studies.claim import Claim, Measured
from ansatz.studies.hit_sums import (
    KINDS,
    Sums,
    at_best,
    by_lowering,
    exponent,
    in_use,
    jackknife,
    lowered,
    lowered_by_draws,
    miscalibration,
    unexplained,
)

REGIONS = {"all layers": slice(0, 45), "layers 40 to 44": slice(40, 45)}
WEIGHTED = {"root-weights": "√(1 + u)", "full-weights": "1 + u"}
"""The fits whose hits weigh more than 1."""

Fits = dict[str, list[Sums]]
"""By the name of a fit, the sums over each group of showers."""


def claims(fits: Fits) -> tuple[Claim, ...]:
    """Of the mask, of weights and of residuals."""
    made = []
    for region, layers in REGIONS.items():
        parts = {name: [own.part(layers) for own in groups] for name, groups in fits.items()}
        made += [*of_masks(parts, region), *of_weights(parts, region), of_residuals(parts, region)]
    return (*made, of_draws(fits["drawn-hits"]))


def of_masks(parts: Fits, region: str) -> tuple[Claim, ...]:
    """What the mask does to activations, and these to the energy; and what it has no part in."""
    true, drawn = parts["true-hits"], parts["drawn-hits"]
    used, less = jackknife(true, in_use), jackknife(drawn, in_use)
    return (
        Claim(
            name=f"true mask, {region}",
            sentence="Under the mask of true hits the activations of hits are not lowered: u − a "
            f"has the mean zero over hits, {region}.",
            expected=0.0,
            source="Σ Θ (u − a)² is least at a = E[u | hit, z]",
            measured=jackknife(true, lowered),
            tolerance=0.2,
            why="0.2 of u is a factor of 1.2 in the energy of a voxel",
            unit="of u",
        ),
        Claim(
            name=f"drawn mask, {region}",
            sentence="Under a mask that is drawn from the predicted hits the activations of hits "
            f"are lowered: u − a has a mean of 0.5 at least, {region}.",
            expected=0.5,
            source="the mean of Σ (u − a b)² over draws b is least at a = E[u | z], empty voxels "
            "included, and draws that miss a hit have no gradient",
            measured=jackknife(drawn, lowered),
            tolerance=0.0,
            why="0.5 of u is a factor of 1.6 in the energy of a voxel",
            unit="of u",
            side="at least",
        ),
        Claim(
            name=f"energy, {region}",
            sentence=f"For codes of showers the energy generated, {region}, is a smaller part of "
            f"theirs after the drawn mask, {less.value:.3f}, than after the true one, "
            f"{used.value:.3f}.",
            expected=0.0,
            source="energy grows with the activation, as exp(a) where it is little",
            measured=Measured(
                used.value - less.value, (used.error**2 + less.error**2) ** 0.5, used.degrees
            ),
            tolerance=0.0,
            why="less is less",
            unit="of the energy",
            side="at least",
        ),
        Claim(
            name=f"none by a true mask, {region}",
            sentence="Of energy at the true hits, activations of the fit with the true mask keep "
            f"all that activations moved to the mean u of their like have, {region}.",
            expected=1.0,
            source="a = E[u | hit, z] is where they are already",
            measured=jackknife(true, by_lowering),
            tolerance=0.05 if region == "all layers" else 0.2,
            why="a twentieth of the energy is a third of the spread that showers have"
            if region == "all layers"
            else "what 0.2 of u is in the energy of a voxel",
        ),
        Claim(
            name=f"mean of a logarithm, {region}",
            sentence="And yet they have less than the showers: activations at the mean u of their "
            f"like stand for less energy than hits have, {region}.",
            expected=1.0,
            source="exp E[u] < E[exp u], by Jensen's inequality",
            measured=jackknife(true, at_best),
            tolerance=0.0,
            why="less is less",
            side="at most",
        ),
    )


def of_draws(drawn: list[Sums]) -> Claim:
    """Where a mask of draws leads to, where hits are drawn often enough to teach it."""
    whole = [own.part(REGIONS["all layers"]) for own in drawn]
    last = jackknife([own.part(REGIONS["layers 40 to 44"]) for own in drawn], lowered_by_draws)
    return Claim(
        name="lowered to E[u], all layers",
        sentence="What the drawn mask lowers activations to is the mean of u over all voxels, hit "
        "or empty: over voxels as they are drawn as hits u − a has the mean zero, all layers. In "
        f"layers 40 to 44 it is {last.value:.2f}: hardly any voxel is drawn there, and activations "
        "are still on their way.",
        expected=0.0,
        source="a = E[u | z] from the same loss",
        measured=jackknife(whole, lowered_by_draws),
        tolerance=0.2,
        why="0.2 of u is a factor of 1.2 in the energy of a voxel",
        unit="of u",
    )


def of_weights(parts: Fits, region: str) -> tuple[Claim, ...]:
    """What weights add to the logits of hits, and how well rates are without it."""
    made = []
    learnt, each, constant = (miscalibration(kind) for kind in range(len(KINDS)))
    for name, weight in WEIGHTED.items():
        made += [
            Claim(
                name=f"odds by {weight}, {region}",
                sentence=f"Weights w = {weight} raise the odds of hits by E[w | hit]: the learnt "
                f"logits are above ln odds of hits by ln E[w | hit], {region}, in the mean over "
                "bins of half a unit of the logit, five layers together.",
                expected=0.0,
                source="the weighted entropy is least at odds · E[w | hit, z]",
                measured=jackknife(parts[name], unexplained),
                tolerance=0.1,
                why="weights raise them by 0.6 to 2.5",
                unit="of ln odds",
            ),
            Claim(
                name=f"calibrated, {weight}, {region}",
                sentence="Without E[w | hit, z, voxel], estimated on showers held out from the "
                "fit, hits are as frequent as predicted: |ln odds of hits − ln odds predicted|, "
                f"{region}, in the mean over the same bins. As learnt it is "
                f"{jackknife(parts[name], learnt).value:.2f}, and in a fit without weights "
                f"{jackknife(parts['true-hits'], learnt).value:.2f}.",
                expected=0.0,
                source="odds(l − ln E[w | hit, z, voxel]) are the true odds",
                measured=jackknife(parts[name], each),
                tolerance=0.1,
                why="odds that are right to a tenth; weights of 1 + u multiply them by 5 and more",
                unit="of ln odds",
                side="at most",
            ),
            Claim(
                name=f"no constant, {weight}, {region}",
                sentence="One number subtracted from all logits, ln E[w | hit] over all hits, does "
                "worse: the same mean is larger than with a number for each voxel, "
                f"{region}, where it is {jackknife(parts[name], constant).value:.2f}.",
                expected=0.0,
                source="E[w | hit, z, voxel] grows with the energy that is expected",
                measured=jackknife(parts[name], lambda sums: constant(sums) - each(sums)),
                tolerance=0.0,
                why="worse is worse",
                unit="of ln odds",
                side="at least",
            ),
        ]
    return tuple(made)


def of_residuals(parts: Fits, region: str) -> Claim:
    """How residuals of hits grow with u."""
    return Claim(
        name=f"residuals, {region}",
        sentence="The root mean square of u − a over hits grows more slowly than √u, as it is "
        f"said of the field's generators: as u to a power below ½, {region}.",
        expected=0.5,
        source="√u of the field; here a hit of many spots has a relative spread of its energy, "
        "which is that of u, that falls with their number",
        measured=jackknife(parts["true-hits"], exponent),
        tolerance=0.0,
        why="slower is slower",
        side="at most",
    )
