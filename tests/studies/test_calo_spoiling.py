"""Spoilings do what they say, and a metric sees no more than Student's t lets it."""

import numpy as np
import pytest
from scipy import stats

from ansatz.calo.baselines import ALIKE
from ansatz.studies import calo_spoiling as study
from ansatz.studies.claim import Verdict

N = 400


@pytest.fixture(scope="module")
def showers():
    rng = np.random.default_rng(0)
    shape = (N, study.GEOMETRY.voxels)
    voxels = rng.exponential(50, shape) * (rng.uniform(size=shape) < 0.4)
    return rng.uniform(1e3, 1e5, N), voxels.astype(np.float32)


def spoilt(name, showers):
    before = showers[1].copy()
    incident, voxels = study.SPOILINGS[name](showers, np.random.default_rng(1))
    np.testing.assert_array_equal(showers[1], before)
    np.testing.assert_array_equal(incident, showers[0])
    assert voxels.dtype == np.float32
    return voxels


@pytest.mark.parametrize("by", [1.02, 1.05])
def test_energies_are_scaled(by, showers):
    np.testing.assert_allclose(spoilt(f"energy × {by}", showers), by * showers[1], rtol=1e-6)


def test_one_layer_is_smeared_and_no_other(showers):
    (name,) = [name for name in study.SPOILINGS if "smeared" in name]
    found, part = spoilt(name, showers), study.GEOMETRY.layers[study.LAYER]
    rest = np.delete(np.arange(found.shape[1]), np.arange(part.start, part.stop))
    np.testing.assert_array_equal(found[:, rest], showers[1][:, rest])
    ratio = found[:, part].sum(1) / showers[1][:, part].sum(1)
    # 4 standard errors of a mean and of a standard deviation.
    assert abs(ratio.mean() - 1) < 4 * study.SMEAR / np.sqrt(N)
    assert abs(ratio.std() / study.SMEAR - 1) < 4 / np.sqrt(2 * N)


@pytest.mark.parametrize("percent", [5, 10])
def test_hits_are_dropped(percent, showers):
    found, before = spoilt(f"{percent} % of hits dropped", showers), showers[1]
    left = found[before > 0]
    assert set(np.unique(left == before[before > 0])) == {False, True}
    assert np.all((left == 0) | (left == before[before > 0]))
    p, hits = percent / 100, (before > 0).sum()
    assert abs((left == 0).mean() - p) < 4 * np.sqrt(p * (1 - p) / hits)


def test_voxels_are_exchanged_among_showers_of_like_energy(showers):
    found, order = spoilt("voxels shuffled", showers), np.argsort(showers[0])
    changed = 0.0
    for start in range(0, N, ALIKE):
        rows = order[start : start + ALIKE]
        np.testing.assert_array_equal(np.sort(found[rows], 0), np.sort(showers[1][rows], 0))
        changed += np.mean(found[rows] != showers[1][rows])
    # Of a column of 20 voxels, 40 % of them hits, most change.
    assert changed / (N / ALIKE) > 0.5
    assert abs(np.corrcoef(found[:, 150], found[:, 160])[0, 1]) < 0.2


def test_significance_is_that_of_students_t():
    rng = np.random.default_rng(2)
    sound, other = rng.normal(size=6), rng.normal(1.5, 1, size=6)
    found = study.significance(list(sound), list(other))
    p = stats.ttest_ind(other, sound).pvalue
    assert found == pytest.approx(stats.norm.isf(p / 2), rel=1e-9)
    assert study.significance(list(other), list(sound)) == pytest.approx(-found, rel=1e-12)
    assert study.significance([1.0] * 6, [1.0] * 6) == 0
    assert study.significance([1.0] * 6, [2.0] * 6) == 38


def test_claims_are_of_what_is_seen():
    limit = stats.norm.isf(study.SURE / 2)
    table = {
        "nothing": {"FPD": 3.0, "KPD": -2.0},
        "energy": {"FPD": limit + 0.1, "KPD": 0.0},
        "shuffled": {"FPD": 0.0, "KPD": -limit - 0.1},
        "unseen": {"FPD": limit - 0.1, "KPD": 0.0},
    }
    verdicts = [claim.verdict for claim in study.claims(table)]
    assert verdicts == [Verdict.HOLDS, Verdict.HOLDS, Verdict.HOLDS, Verdict.FAILS]
    assert "These do: KPD" in study.claims(table)[2].sentence
    seen = study.claims({"nothing": {"FPD": 5.0}})
    assert [claim.verdict for claim in seen] == [Verdict.FAILS]


def test_a_judge_tells_a_file_from_a_spoilt_one():
    from ansatz.calo.energies import energies
    from ansatz.calo.simulate import simulate, simulator_of

    blocks = simulate(simulator_of(study.GEOMETRY), energies("1e4:1e5"), 256, seed=4)
    parts = list(zip(*blocks, strict=True))
    one = np.concatenate(parts[0]), np.concatenate(parts[1])
    judge = study.Judge(tuple(values[:128] for values in one), 1)
    rest = tuple(values[128:] for values in one)
    found = judge(rest, 0)
    # Eighteen metrics, and the same file has none of its own differences.
    assert len(found) == 18
    same = judge(judge.reference, 0)
    assert all(same[name] == 0 for name in same if name.startswith("S "))
    assert same["coverage"] == same["recall"] == same["precision"] == 1
    assert all(found[f"S {group}"] > 0 for group in ("E total", "E layer", "voxel"))
