"""Sums over showers against loops, and claims of showers whose law is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special

from ansatz.calo.nets import REST
from ansatz.studies import hit_sums as sums
from ansatz.studies.claim import Verdict
from ansatz.studies.hit_claims import claims
from ansatz.studies.hit_figures import figures

LAYERS, EACH, SHOWERS = 45, 8, 200


def weight(u, power):
    return (1 + u) ** power


def told(rng, mask="true", power=0.0, heeded=True):
    """Voxels whose u is a − 1 or a + 1 if hit, and what the best decoder says of them.

    Under a mask of draws it says E u for a, and of hits more than there are.
    """
    shape = SHOWERS, LAYERS * EACH
    middle = rng.uniform(2, 9, shape)
    odds = np.exp(middle - 6)
    hit = rng.random(shape) < odds / (1 + odds)
    u = np.where(hit, middle + rng.choice([-1, 1], shape), 0)
    above = np.log((weight(middle - 1, power) + weight(middle + 1, power)) / 2)
    if mask == "drawn":
        lower = middle * odds / (1 + odds)
        return sums.Told(u, np.log(odds) + lower, np.zeros(shape), lower)
    return sums.Told(u, np.log(odds) + above, above if heeded else 0 * above, middle)


def groups(number=12, power=0.0, constant=0.0, **how):
    rng = np.random.default_rng([int(10 * power), len(how)])
    return [
        sums.summed(told(rng, power=power, **how), LAYERS, power, constant) for _ in range(number)
    ]


def constant(power):
    """ln of the mean weight of these hits, whose density is proportional to σ(middle − 6)."""
    middle = np.linspace(2, 9, 2001)
    mean = (weight(middle - 1, power) + weight(middle + 1, power)) / 2
    return float(np.log(np.average(mean, weights=special.expit(middle - 6))))


@pytest.fixture(scope="module")
def fits():
    return {
        "true-hits": groups(),
        "drawn-hits": groups(mask="drawn"),
        "root-weights": groups(power=0.5, constant=constant(0.5)),
        "full-weights": groups(power=1.0, constant=constant(1.0)),
    }


def test_sums_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    shape = 6, 12
    u = np.where(rng.random(shape) < 0.5, rng.uniform(0.5, 12, shape), 0)
    raised, a = rng.normal(size=shape), rng.uniform(-1, 12, shape)
    own = sums.Told(u, 3 * rng.normal(size=shape), raised, a)
    found = sums.summed(own, 3, 0.5, 0.7)

    def share(u):
        x = special.expit(u + special.logit(REST))
        return (x - REST) / (1 - 2 * REST) if u > 0 else 0.0

    def place(edges, x):
        return min(max(np.digitize(x, edges) - 1, 0), len(edges) - 2)

    wanted = sums.Sums(*(np.zeros_like(values) for values in found))
    for n in range(6):
        for v in range(12):
            layer, hit = v // 4, u[n, v] > 0
            off, s = u[n, v] - a[n, v], special.expit(own.logit[n, v])
            wanted.draws[layer] += [s, s * off]
            lower = special.expit(own.logit[n, v] - raised[n, v])
            wanted.energy[layer] += [share(u[n, v]), lower * share(a[n, v]), hit * share(a[n, v])]
            for kind, less in enumerate((0, raised[n, v], 0.7)):
                logit = own.logit[n, v] - less
                w = np.sqrt(1 + u[n, v]) if hit else 0
                wanted.logits[layer, kind, place(sums.LOGITS, logit)] += [
                    1, logit, special.expit(logit), hit, w
                ]  # fmt: skip
            if hit:
                wanted.hits[layer] += [1, off]
                wanted.fine[layer, place(sums.FINE, a[n, v])] += [
                    1, a[n, v], off**2, off, share(a[n, v])
                ]  # fmt: skip
                wanted.root[layer, place(sums.ROOT, u[n, v])] += [1, u[n, v], off**2]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_the_error_of_a_mean_is_that_of_its_values():
    """Of equal groups the jackknife is s / sqrt(G) exactly."""
    values = np.random.default_rng(2).normal(size=10)
    empty = sums.summed(told(np.random.default_rng(3)), LAYERS, 0.0, 0.0)
    parts = [empty._replace(hits=np.array([[4.0, 4 * value]])) for value in values]
    found = sums.jackknife(sums.lowered, parts)
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(10))
    assert found.degrees == 9
    # Of two fits on the same showers, what both vary by together leaves no error.
    gap = sums.jackknife(lambda a, b: sums.lowered(a) - 2 * sums.lowered(b), parts, parts)
    assert gap.value == pytest.approx(-values.mean())
    assert gap.error == pytest.approx(found.error)


def test_energy_is_lost_to_the_mean_of_a_logarithm_and_to_lower_activations():
    """u is middle ± 1, whose mean energy is cosh 1 times that of the middle where it is little."""
    rng = np.random.default_rng(4)
    one = told(rng)
    low = one._replace(activation=one.activation - 0.5)
    plain, lower = (
        sums.summed(part, LAYERS, 0.0, 0.0).part(slice(0, LAYERS)) for part in (one, low)
    )
    # Energies vary over hits as their squares say: 4 errors.
    share = sums.share_of(one.u[one.u > 0])
    error = 4 * share.std() / share.mean() / np.sqrt(len(share))
    assert sums.at_best(plain) == pytest.approx(1 / np.cosh(1), rel=error + 1e-3)
    assert sums.by_lowering(plain) == pytest.approx(1, abs=0.05)
    assert sums.at_best(lower) == pytest.approx(sums.at_best(plain), rel=0.02)
    ratio = sums.by_lowering(lower) / sums.by_lowering(plain)
    assert ratio == pytest.approx(np.exp(-0.5), rel=0.02)
    assert sums.lowered(lower) == pytest.approx(sums.lowered(plain) + 0.5)


@pytest.mark.parametrize("power", [0.3, -0.5])
def test_the_exponent_of_residuals_is_found(power):
    rng = np.random.default_rng(5)
    u = rng.uniform(1, 20, (SHOWERS, LAYERS * EACH))
    sign = rng.choice([-1, 1], u.shape)
    own = sums.Told(u, 0 * u, 0 * u, u + sign * u**power)
    found = sums.summed(own, LAYERS, 0.0, 0.0).part(slice(0, LAYERS))
    # Bins are wide and their means stand for them: that is off by less than a hundredth.
    assert sums.exponent(found.root) == pytest.approx(power, abs=0.01)


def test_what_the_best_decoders_say_is_what_is_claimed(fits):
    verdicts = {claim.name: claim.verdict for claim in claims(fits)}
    assert set(verdicts.values()) == {Verdict.HOLDS}, verdicts
    assert len(verdicts) == 24


def test_other_decoders_do_not_pass(fits):
    unheeded = {
        **fits,
        "true-hits": fits["drawn-hits"],
        "drawn-hits": fits["true-hits"],
        "full-weights": groups(power=1.0, constant=constant(1.0), heeded=False),
    }
    verdicts = {claim.name: claim.verdict for claim in claims(unheeded)}
    for name in ("true mask", "drawn mask", "energy", "none by a true mask"):
        assert verdicts[f"{name}, all layers"] == Verdict.FAILS, name
    for name in ("calibrated, 1 + u, all layers", "no constant, 1 + u"):
        assert verdicts[name] == Verdict.FAILS, name
    # Beside a fit without weights that is right, one that heeds none of them is seen in any layers.
    heeds_none = {**fits, "full-weights": unheeded["full-weights"]}
    verdicts = {claim.name: claim.verdict for claim in claims(heeds_none)}
    assert verdicts["calibrated, 1 + u, layers 40 to 44"] == Verdict.FAILS


def test_figures_show_what_is_summed(fits):
    found = {figure.name: figure for figure in figures(fits)}
    assert set(found) == {"masks", "rates", "odds", "residuals"}
    lowered = found["masks"].panels[0].curves[0]
    total = sum(own.hits for own in fits["true-hits"])
    np.testing.assert_allclose(lowered.y, total[:, 1] / total[:, 0])
    labels = SimpleNamespace(**{c.label: c for c in found["rates"].panels[0].curves})
    assert len(vars(labels)) == 6
