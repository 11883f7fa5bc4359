"""What is claimed of showers that lose energy and gain hits, in all layers and in the last."""

from ansatz.studies.claim import Claim
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
    parts = {
        region: {name: [own.part(layers) for own in groups] for name, groups in fits.items()}
        for region, layers in REGIONS.items()
    }
    for region, own in parts.items():
        made += [*of_masks(own, region), *of_weights(own, region), of_residuals(own, region)]
    return (*made, *of_constants(*parts.values()))


def of_masks(parts: Fits, region: str) -> tuple[Claim, ...]:
    """What the mask does to activations, and these to the energy; and what it has no part in."""
    true, drawn = parts["true-hits"], parts["drawn-hits"]
    used, less = jackknife(in_use, true), jackknife(in_use, drawn)
    return (
        Claim(
            name=f"true mask, {region}",
            sentence="Under the mask of true hits the activations of hits are not lowered: u − a "
            f"has the mean zero over hits, {region}.",
            expected=0.0,
            source="Σ Θ (u − a)² is least at a = E[u | hit, z]",
            measured=jackknife(lowered, true),
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
            measured=jackknife(lowered, drawn),
            tolerance=0.0,
            why="0.5 of u is a factor of 1.6 in the energy of a voxel",
            unit="of u",
            side="at least",
        ),
        Claim(
            name=f"lowered to E[u], {region}",
            sentence="What they are lowered to is the mean of u over all voxels, hit or empty: "
            f"over voxels as they are drawn as hits u − a has the mean zero, {region}.",
            expected=0.0,
            source="a = E[u | z] from the same loss",
            measured=jackknife(lowered_by_draws, drawn),
            tolerance=0.2,
            why="0.2 of u is a factor of 1.2 in the energy of a voxel",
            unit="of u",
        ),
        Claim(
            name=f"energy, {region}",
            sentence=f"For codes of showers the energy generated, {region}, is a smaller part of "
            f"theirs after the drawn mask, {less.value:.3f}, than after the true one, "
            f"{used.value:.3f}.",
            expected=0.0,
            source="energy grows with the activation, as exp(a) where it is little",
            measured=jackknife(lambda one, other: in_use(one) - in_use(other), true, drawn),
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
            measured=jackknife(by_lowering, true),
            tolerance=0.05,
            why="a twentieth of the energy is a third of the spread that showers have",
            side="at least",
        ),
        Claim(
            name=f"mean of a logarithm, {region}",
            sentence="And yet they have less than the showers: activations at the mean u of their "
            f"like stand for less energy than hits have, {region}.",
            expected=1.0,
            source="exp E[u] < E[exp u], by Jensen's inequality",
            measured=jackknife(at_best, true),
            tolerance=0.0,
            why="less is less",
            side="at most",
        ),
    )


def of_weights(parts: Fits, region: str) -> tuple[Claim, ...]:
    """What weights add to the logits of hits, and how well rates are without it.

    In the last layers hits are so few that no fit knows their rates to a tenth: what weights do
    there is seen beside the fit without any, of the same nets and steps.
    """
    made = []
    learnt, each, _ = (miscalibration(kind) for kind in range(len(KINDS)))
    plain = parts["true-hits"]
    known = region == "all layers"
    beside = region if known else f"{region} beside the fit without weights"
    for name, weight in WEIGHTED.items():
        own = parts[name]
        made += [
            Claim(
                name=f"odds by {weight}, {region}",
                sentence=f"Weights w = {weight} raise the odds of hits by E[w | hit]: the learnt "
                f"logits are above ln odds of hits by ln E[w | hit], {beside}, in the mean over "
                "bins of half a unit of the logit, five layers together. They are off by "
                f"{jackknife(unexplained, own).value:.3f}, and without weights by "
                f"{jackknife(unexplained, plain).value:.3f}.",
                expected=0.0,
                source="the weighted entropy is least at odds · E[w | hit, z]",
                measured=jackknife(unexplained, own)
                if known
                else jackknife(lambda a, b: unexplained(a) - unexplained(b), own, plain),
                tolerance=0.1,
                why="weights raise them by 0.6 to 2.5",
                unit="of ln odds",
            ),
            Claim(
                name=f"calibrated, {weight}, {region}",
                sentence="Without E[w | hit, z, voxel], estimated on showers held out from the "
                "fit, hits are as frequent as predicted: |ln odds of hits − ln odds predicted|, "
                f"{beside}, in the mean over the same bins. "
                f"It is {jackknife(each, own).value:.3f}, as learnt "
                f"{jackknife(learnt, own).value:.3f}, and in the fit without weights "
                f"{jackknife(learnt, plain).value:.3f}.",
                expected=0.0,
                source="odds(l − ln E[w | hit, z, voxel]) are the true odds",
                measured=jackknife(each, own)
                if known
                else jackknife(lambda a, b: each(a) - learnt(b), own, plain),
                tolerance=0.1,
                why="odds that are right to a tenth; weights of 1 + u multiply them by 5 and more",
                unit="of ln odds",
                side="at most",
            ),
        ]
    return tuple(made)


def of_constants(parts: Fits, last: Fits) -> tuple[Claim, ...]:
    """One number for all layers, and how that does in the last, where hits weigh alike."""
    made = []
    _, each, constant = (miscalibration(kind) for kind in range(len(KINDS)))

    def worse(sums: Sums) -> float:
        return constant(sums) - each(sums)

    for name, weight in WEIGHTED.items():
        own, beyond = parts[name], jackknife(worse, last[name])
        made.append(
            Claim(
                name=f"no constant, {weight}",
                sentence="One number subtracted from all logits, ln E[w | hit] over all hits, does "
                "worse: the same mean over all layers is larger than with a number for each "
                f"voxel, by which it is {jackknife(each, own).value:.3f}. In layers 40 to 44 by "
                f"themselves it is larger by {beyond.value:.3f} ± {beyond.error:.3f}.",
                expected=0.0,
                source="E[w | hit, z, voxel] grows with the energy that is expected",
                measured=jackknife(worse, own),
                tolerance=0.0,
                why="worse is worse",
                unit="of ln odds",
                side="at least",
            )
        )
    return tuple(made)


def of_residuals(parts: Fits, region: str) -> Claim:
    """How residuals of hits grow with u."""
    true = parts["true-hits"]
    expected = jackknife(lambda sums: exponent(sums.fine), true)
    return Claim(
        name=f"residuals, {region}",
        sentence="The root mean square of u − a over hits grows more slowly than √u, as it is "
        f"said of the field's generators: as u to a power below ½, {region}. By what is expected, "
        f"a, the power is {expected.value:.2f} ± {expected.error:.2f}.",
        expected=0.5,
        source="½ is said of the field's generators, on showers of a full simulation",
        measured=jackknife(lambda sums: exponent(sums.root), true),
        tolerance=0.0,
        why="slower is slower",
        side="at most",
    )
