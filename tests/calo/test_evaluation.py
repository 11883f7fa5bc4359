"""Files of showers judged by each other: against plain formulas, and what stands in the report."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import formulas
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from test_features import TINY
from test_features import showers as drawn

from ansatz.calo import report
from ansatz.calo.effort import Effort
from ansatz.calo.evaluation import Standard, evaluate
from ansatz.calo.geometry import GEOMETRIES
from ansatz.calo.published import MERITS, published
from ansatz.calo.sample import Floor, Sample
from ansatz.calo.showers import ShowerFile
from ansatz.calo.writing import ShowerWriter
from ansatz.evaluate.frechet import batch_sizes
from ansatz.protocol.errors import DataError

GEOMETRY = replace(TINY, n_alpha=(4, 1), cut=10.0)
"""Its showers have 108 MeV on average."""
SMALL = Effort(
    name="small",
    least=30,
    most=120,
    resamplings=20,
    kernel=40,
    classified=300,
    epochs=1,
    hidden=(8,),
    neighbours=60,
)
COUNT = 420


def made(count, seed):
    energies, showers = drawn(GEOMETRY, count, seed=seed)
    return energies / 1e3 + 250, showers


def write(path, energies, showers, geometry=GEOMETRY, synthetic=True):
    with ShowerWriter(path, geometry, {"synthetic": synthetic}) as writer:
        writer.append(energies, showers)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files that differ a little, a third like the first, and a small one."""
    folder = tmp_path_factory.mktemp("showers")
    for k, (name, factor) in enumerate([("a", 1.0), ("b", 1.2), ("c", 1.0)]):
        energies, showers = made(COUNT, k)
        write(folder / f"{name}.h5", energies, factor * showers)
    write(folder / "few.h5", *made(4, 9))
    return folder


@pytest.fixture(scope="module")
def judged(files):
    return evaluate(
        files / "a.h5", files / "b.h5", independent=files / "c.h5", geometry=GEOMETRY, effort=SMALL
    )


@pytest.fixture(scope="module")
def by_halves(files):
    return evaluate(files / "a.h5", files / "b.h5", geometry=GEOMETRY, effort=SMALL)


def content(path):
    ((energies, showers),) = ShowerFile(path, GEOMETRY).blocks(COUNT)
    return energies, showers


def named(evaluation):
    return {merit.name: merit for merit in evaluation.merits}


def scaled(one, other):
    largest = np.abs(one).max(0)
    largest[largest == 0] = 1
    return one / largest, other / largest


def test_distances_equal_a_plain_evaluation(files, judged):
    """From the file to the number: features, scales, batches, extrapolation."""
    a, b, c = (formulas.vector(GEOMETRY, *content(files / f"{n}.h5")) for n in "abc")
    merits = named(judged)
    sizes = batch_sizes(SMALL.least, SMALL.most)
    for pair, which in [((a, b), "value"), ((a, c), "floor")]:
        x, y = scaled(*pair)
        philox = [np.random.Generator(np.random.Philox(0)) for _ in range(2)]
        wanted = 1000 * formulas.frechet(x, y, sizes, SMALL.resamplings, philox[0])
        assert getattr(merits["FPD"], which).value == pytest.approx(wanted, rel=1e-6)
        wanted = 1000 * formulas.kernel(x, y, 10, SMALL.kernel, philox[1])
        assert getattr(merits["KPD"], which).value == pytest.approx(wanted, rel=1e-6)


def test_separation_powers_equal_a_plain_evaluation(files, judged):
    a, b, c = (formulas.by_name(GEOMETRY, *content(files / f"{n}.h5")) for n in "abc")
    names = {"E layer": "E", "EC eta": "EC_eta", "W r": "W_r", "sparsity": "sparsity"}
    seen = set()
    for binning, value, floor in zip(
        judged.binnings, judged.separations, judged.floors, strict=True
    ):
        if binning.group in names:
            key = names[binning.group], binning.layer
            # A number on an edge may fall to either side by rounding, and is one of 420.
            for other, got in [(b, value), (c, floor)]:
                wanted = formulas.separation(a[key], other[key], binning.edges)
                assert got == pytest.approx(wanted, rel=0.02)
            seen.add(binning.group)
    assert seen == set(names)
    (voxel,) = [
        (v, b.edges)
        for b, v in zip(judged.binnings, judged.separations, strict=True)
        if b.group == "voxel"
    ]
    one, other = (content(files / f"{n}.h5")[1].ravel() for n in "ab")
    assert voxel[0] == pytest.approx(formulas.separation(one, other, voxel[1]), rel=1e-9)
    groups = judged.groups
    layers = [
        v for b, v in zip(judged.binnings, judged.separations, strict=True) if b[0] == "E layer"
    ]
    assert groups["E layer"][0] == pytest.approx(np.mean(layers))


def test_neighbours_are_those_of_logarithms(files, judged):
    """Showers that are kept whole are chosen at random, the same of every row."""
    sample = Sample.of(judged.reference).first(SMALL.neighbours)
    energies, showers = content(files / "a.h5")
    kept = sample.survey.energies[sample.rows]
    rows = [int(np.flatnonzero(energies == e)[0]) for e in kept]
    assert rows == sorted(set(rows))
    kept = np.where(showers[rows] < GEOMETRY.cut, 0.1, showers[rows])
    np.testing.assert_allclose(sample.logarithms(), np.log10(kept), rtol=1e-6)
    other = Sample.of(judged.generated).first(SMALL.neighbours).logarithms()
    x, y = sample.logarithms().astype(float), other.astype(float)
    radius = np.sort(cdist(x, x, "sqeuclidean"), 1)[:, 5]
    wanted = (cdist(x, y, "sqeuclidean") < radius[:, None]).any(0).mean()
    assert named(judged)["precision"].value.value == wanted


def test_the_low_level_is_voxels_over_the_incident_energy(files, judged):
    sample = Sample.of(judged.reference)
    energies, showers = content(files / "a.h5")
    kept = sample.survey.energies[sample.rows]
    rows = [int(np.flatnonzero(energies == e)[0]) for e in kept]
    kept = np.where(showers[rows] < GEOMETRY.cut, 0, showers[rows])
    wanted = np.concatenate([np.log10(energies[rows])[:, None], kept / energies[rows][:, None]], 1)
    np.testing.assert_allclose(sample.low().toarray(), wanted, rtol=1e-6)


def test_means_and_profiles_are_of_all_showers(files, judged):
    energies, showers = content(files / "a.h5")
    kept = np.where(showers < GEOMETRY.cut, 0, showers)
    np.testing.assert_allclose(judged.reference.mean, kept.mean(0), rtol=1e-6)
    low, high = judged.intervals[2:4]
    own = kept[(energies >= low) & (energies < high)]
    wanted = [own[:, part].sum(1).mean() for part in GEOMETRY.layers]
    np.testing.assert_allclose(judged.reference.profile[2], wanted, rtol=1e-6)


def test_without_another_file_the_floor_is_that_of_halves(by_halves, judged):
    counts = by_halves.reference.counts
    assert [np.sum(half[0]) for half in counts] == [
        pytest.approx(COUNT / 2, abs=COUNT / 2),
        pytest.approx(COUNT / 2, abs=COUNT / 2),
    ]
    for one, other, both in zip(*counts, judged.reference.histograms, strict=True):
        np.testing.assert_array_equal(one + other, both)
    layers = [k for k, b in enumerate(by_halves.binnings) if b.group == "sparsity"]
    assert all(counts[0][k].sum() == counts[1][k].sum() == COUNT / 2 for k in layers)
    # What is judged does not depend on how the floor is found.
    for name in ("FPD", "KPD"):
        assert named(by_halves)[name].value == named(judged)[name].value
        assert named(by_halves)[name].floor != named(judged)[name].floor
    assert by_halves.separations == judged.separations


def test_one_reference_judges_several_files_and_measures_floors_once(files, judged, monkeypatch):
    first, second, third = (ShowerFile(files / f"{name}.h5", GEOMETRY) for name in "abc")
    standard = Standard.of(first, third, SMALL)
    one = standard.judge(second)
    assert named(one) == named(judged)
    monkeypatch.setattr(Floor, "measured", lambda floor, key, _: floor._found[key])
    again = standard.judge(second, replace(SMALL, classified=0, neighbours=0))
    assert {m.name: m for m in again.merits}.items() < named(judged).items()
    assert again.separations == judged.separations


def test_what_is_not_as_the_published_figures_says_so(judged):
    assert not any(merit.comparable for merit in judged.merits)
    assert "420 and 420 events" in named(judged)["FPD"].how
    assert "300 events of a kind, 1 epochs" in named(judged)["AUC low"].how
    assert all("synthetic" in sentence for sentence in judged.caveats[:3])


def test_too_few_showers_leave_out_what_they_cannot_tell(files):
    found = evaluate(files / "a.h5", files / "few.h5", geometry=GEOMETRY, effort=SMALL)
    merits = named(found)
    for name in ("FPD", "AUC low", "JSD high", "precision"):
        assert merits[name].value is None
        assert "left out: it needs at least" in merits[name].how
    assert merits["KPD"].value is not None
    (said,) = [s for s in found.caveats if s.startswith("Too few")]
    assert "AUC high" in said


def test_files_that_cannot_be_compared_are_refused(files, tmp_path):
    with pytest.raises(DataError, match="are the same file"):
        evaluate(files / "a.h5", files / "a.h5", geometry=GEOMETRY)
    photons = GEOMETRIES["dataset1-photons"]
    pions = GEOMETRIES["dataset1-pions"]
    for geometry in (photons, pions):
        write(tmp_path / f"{geometry.name}.h5", *drawn(geometry, 3), geometry)
    words = "only showers of one geometry can be compared"
    with pytest.raises(DataError, match=words) as found:
        evaluate(tmp_path / "dataset1-photons.h5", tmp_path / "dataset1-pions.h5")
    assert "dataset1-photons (368 voxels)" in str(found.value)
    with pytest.raises(DataError, match=f"{words}|would fit"):
        evaluate(tmp_path / "dataset1-photons.h5", tmp_path / "dataset1-pions.h5", geometry=photons)


@pytest.fixture(scope="module")
def written(judged, tmp_path_factory):
    return report.write(judged, tmp_path_factory.mktemp("evaluations") / "judged")


def test_the_report_shows_all_of_it(judged, written, tmp_path):
    page = written.page.read_text()
    assert "synthetic" in page
    assert "another file of the reference" in page
    for merit in judged.merits:
        assert merit.name in page
        assert merit.how in page
    names = [
        "profiles",
        "average",
        "single-profiles",
        "shower-1",
        "e-total",
        "e-layer",
        "voxel",
        "ec-eta",
        "w-r",
        "sparsity",
    ]
    for name in names:
        assert f'<figure id="{name}"' in page
        assert written.figures[name]["png"].stat().st_size > 1000
    numbers = json.loads(written.numbers.read_text())
    assert numbers["merits"][0]["value"] == named(judged)["FPD"].value.value
    assert numbers["files"]["reference"]["synthetic"] is True
    assert len(numbers["histograms"]) == len(judged.binnings)
    with pytest.raises(DataError, match="use --force"):
        report.write(judged, written.page.parent)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("all my work")
    with pytest.raises(DataError, match="is no evaluation"):
        report.write(judged, tmp_path / "other", force=True)


def test_histograms_of_the_report_are_those_counted(judged, written):
    rows = list(csv.DictReader(written.figures["e-layer"]["csv"].read_text().splitlines()))
    own = [row for row in rows if row["axis"] == "layer 4"]
    k = next(i for i, b in enumerate(judged.binnings) if b[:2] == ("E layer", 4))
    wanted = judged.reference.histograms[k], judged.generated.histograms[k]
    for kind, counts in zip(("reference", "generated"), wanted, strict=True):
        assert [int(row[kind]) for row in own] == counts.tolist()


TABLE = Path(__file__).parents[3] / "shared" / "data" / "calorimeter" / "published_results.csv"
COLUMNS = dict(
    zip(
        MERITS,
        [
            "binary cls low",
            "binary cls high",
            "FPD * 1e3",
            "FPD * 1e3 std",
            "KPD * 1e3",
            "KPD * 1e3 std",
            "precision",
            "recall",
            "density",
            "coverage",
            "time CPU 100",
            "time GPU 100",
        ],
        strict=True,
    )
)


@pytest.mark.skipif(not TABLE.exists(), reason="the published table is not beside the project")
def test_the_published_figures_are_those_published():
    names = {"ds1_photons": "dataset1-photons", "ds1_pions": "dataset1-pions"}
    names |= {"ds2": "dataset2", "ds3": "dataset3"}
    rows = list(csv.DictReader(TABLE.read_text().splitlines()))
    separations = [name for name in rows[0] if name.startswith("sep ")]
    assert sum(len(published(name)) for name in names.values()) == len(rows) == 63
    for row in rows:
        (own,) = [
            p for p in published(names[row["dataset"]]) if p.model.lower() == row["model"].lower()
        ]
        for name, column in COLUMNS.items():
            _same(own.merits[name], row[column], 1)
        for value, column in zip(own.separations.values(), separations, strict=True):
            _same(value, row[column], 1000)


def _same(ours, theirs, factor):
    if theirs in ("", "nan"):
        assert ours is None
    else:
        # Three digits at least.
        assert ours == pytest.approx(factor * float(theirs), rel=5e-3)
