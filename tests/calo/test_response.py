"""Response, resolution, correlations of layers and hits: against NumPy on whole arrays."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from test_evaluation import GEOMETRY, SMALL, write
from test_features import showers as drawn

from ansatz.calo import report
from ansatz.calo.evaluation import evaluate
from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import GEOMETRIES
from ansatz.calo.hits import regions
from ansatz.calo.moments import PARTS, Moments, correlations, decades_of, jackknifed, mean
from ansatz.calo.showers import ShowerFile
from ansatz.cli import calo_evaluate

COUNT = 700
EFFORT = replace(SMALL, classified=0, neighbours=0)


def made(seed, factor):
    energies, showers = drawn(GEOMETRY, COUNT, seed=seed)
    # Two decades; a third has a single shower.
    energies = np.exp(np.random.default_rng(seed).uniform(np.log(1e3), np.log(1e5), COUNT))
    energies[5] = 2e5
    return energies, factor * showers * (energies[:, None] / 1e3).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("showers")
    return [
        write(folder / f"{name}.h5", *made(k, factor))
        for k, (name, factor) in enumerate([("a", 1.0), ("b", 1.1), ("c", 1.0)])
    ]


@pytest.fixture(scope="module")
def judged(files):
    return evaluate(files[0], files[1], independent=files[2], geometry=GEOMETRY, effort=EFFORT)


def whole(path):
    """Energies, and showers without what lies below the cut."""
    ((energies, showers),) = ShowerFile(path, GEOMETRY).blocks(COUNT)
    return energies, np.where(showers < GEOMETRY.cut, 0, showers).astype(float)


def layers(showers):
    return np.stack([showers[:, part].sum(1) for part in GEOMETRY.layers], 1)


def test_response_and_resolution_are_those_of_all_showers(files, judged):
    (ours, a), (theirs, b) = (whole(path) for path in files[:2])
    assert [(d.low, d.high) for d in judged.decades] == [(1e3, 1e4), (1e4, 1e5), (1e5, 1e6)]
    for decade in judged.decades[:2]:
        found = []
        for energies, showers in ((ours, a), (theirs, b)):
            own = (energies >= decade.low) & (energies < decade.high)
            found.append(showers[own].sum(1) / energies[own])
        assert decade.showers == tuple(map(len, found))
        for kind, x in zip(("reference", "generated"), found, strict=True):
            assert getattr(decade.mean, kind).value == pytest.approx(x.mean())
            assert getattr(decade.width, kind).value == pytest.approx(x.std(ddof=1))
            # Of 20 parts, an error is known to 1 / sqrt(2 * 19) = 16 %.
            wanted = x.std() / len(x) ** 0.5
            assert getattr(decade.mean, kind).error == pytest.approx(wanted, rel=4 * 0.16)
        assert decade.mean.ratio.value == pytest.approx(found[1].mean() / found[0].mean())
        assert decade.width.ratio.value == pytest.approx(
            found[1].std(ddof=1) / found[0].std(ddof=1)
        )
    # One shower has no width.
    assert judged.decades[2].width.to_dict()["reference"] is None


def test_errors_of_the_jackknife_cover_the_truth():
    """Of 400 files of 100 showers: the mean's pulls have Student's distribution."""
    pulls = []
    rng = np.random.default_rng(0)
    for _ in range(400):
        moments = Moments.nothing(GEOMETRY, np.array([1e3, 1e4]))
        x = rng.normal(0.8, 0.1, (PARTS, 5))
        moments.count[:, 0] = 5
        moments.powers[:, 0, 0] = x.sum(1)
        value, error = jackknifed(mean, moments)
        # The mean of equal parts is linear in them: its jackknife is the mean's own error.
        assert error[0] == pytest.approx(stats.sem(x.mean(1)))
        pulls.append((value[0] - 0.8) / error[0])
    assert stats.kstest(pulls, stats.t(PARTS - 1).cdf).pvalue > 1e-3


def test_correlations_of_layers_are_those_of_numpy(files, judged):
    shares = [layers(showers) / energies[:, None] for energies, showers in map(whole, files)]
    found = [np.corrcoef(s.T)[0, 1] for s in shares]
    named = {merit.name: merit for merit in judged.merits}
    for name in ("layer correlations", "layer correlations, worst"):
        assert named[name].value.value == pytest.approx(abs(found[0] - found[1]))
        assert named[name].floor.value == pytest.approx(abs(found[0] - found[2]))
    ours = judged.reference.moments.whole
    assert correlations(ours)[0, 0, 1] == pytest.approx(found[0])
    assert correlations(ours)[0, 0, 0] == pytest.approx(1)
    energies, showers = whole(files[0])
    own = energies < 1e4
    wanted = np.corrcoef((layers(showers)[own] / energies[own, None]).T)[0, 1]
    assert correlations(ours, decades=True)[0, 0, 0, 1] == pytest.approx(wanted)


def test_a_layer_that_does_not_vary_hangs_together_with_none():
    moments = Moments.nothing(GEOMETRY, np.array([1e3, 1e4]))
    energies, showers = np.full(50, 2e3), np.full((50, GEOMETRY.voxels), 20.0)
    showers[:, 0] += np.random.default_rng(0).exponential(size=50)
    moments.add(GEOMETRY, np.array([1e3, 1e4]), FeatureMaker(GEOMETRY)(energies, showers), 0)
    np.testing.assert_array_equal(correlations(moments.whole)[0, 0, 1], 0)


def test_hits_and_their_energies_are_counted(files, judged):
    """With what is empty in the first bin, of all voxels and of the last layer's."""
    both = [whole(path)[1] for path in files[:2]]
    named = {b.group: k for k, b in enumerate(judged.binnings)}
    for region, apart in zip(regions(GEOMETRY), ("", ", last layers"), strict=True):
        own = [showers[:, region.voxels] for showers in both]
        for survey, showers in zip((judged.reference, judged.generated), own, strict=True):
            number = (showers > 0).sum(1)
            k = named[f"hits{apart}"]
            edges = judged.binnings[k].edges
            wanted = [(number == 0).sum()]
            wanted += [((number >= a) & (number < b)).sum() for a, b in pairwise(edges[1:])]
            assert survey.histograms[k].tolist() == wanted
            k = named[f"voxel or none{apart}"]
            assert survey.histograms[k][0] == (showers == 0).sum()
            energies = np.histogram(showers[showers > 0], judged.binnings[k].edges[1:])[0]
            assert survey.histograms[k][1:].tolist() == energies.tolist()
            assert survey.histograms[named[f"voxel{apart}"]].tolist() == energies.tolist()
    for found, region in zip(judged.hits, regions(GEOMETRY), strict=True):
        one, other = (showers[:, region.voxels] for showers in both)
        assert found.number.generated.value == pytest.approx((other > 0).sum(1).mean())
        assert found.energy.reference.value == pytest.approx(one.sum() / (one > 0).sum())
        wanted = (other > 0).sum() / (one > 0).sum()
        assert found.number.ratio.value == pytest.approx(wanted)


def test_the_last_layers_are_a_ninth():
    assert regions(GEOMETRIES["dataset2"])[1].name == "layers 40 to 44"
    assert regions(GEOMETRIES["dataset2"])[1].voxels == slice(40 * 144, 45 * 144)
    assert regions(GEOMETRIES["dataset1-photons"])[1].name == "layer 12"


@pytest.mark.parametrize(
    ("low", "high", "edges"),
    [(1e3, 1e6, [1e3, 1e4, 1e5, 1e6]), (256, 5e3, [1e2, 1e3, 1e4]), (1e3, 1e3, [1e3, 1e4])],
)
def test_decades_are_powers_of_ten(low, high, edges):
    np.testing.assert_allclose(decades_of(np.array([low, high])), edges)


def test_it_stands_in_table_page_and_numbers(judged, tmp_path, capsys):
    calo_evaluate._print(judged)
    told = capsys.readouterr().out
    written = report.write(judged, tmp_path / "judged")
    page, numbers = written.page.read_text(), judged.to_dict()
    decade = judged.decades[1]
    for text in (told, page):
        assert "layer correlations" in text
        assert "mean, 10 GeV to 100 GeV" in text
        assert report.written(decade.mean.ratio) in text
        assert "hits of a shower, layer 7" in text
        assert "voxel or none, last layers" in text
    assert numbers["response"][1]["mean"]["ratio"] == decade.mean.ratio.value
    assert numbers["hits"][1]["energy of a hit"]["ratio"] == judged.hits[1].energy.ratio.value
    for name in ("response", "correlations", "pairs", "hits", "voxels"):
        assert f'<figure id="{name}"' in page
