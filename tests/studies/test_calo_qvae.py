"""What the study of a shower generator claims, of evaluations whose numbers are known."""

import h5py
import numpy as np
import pytest

from ansatz.calo.energies import energies
from ansatz.calo.evaluation import Evaluation
from ansatz.calo.geometry import geometry
from ansatz.calo.merits import Merit
from ansatz.calo.response import Compared, Decade, Hits
from ansatz.calo.showers import ShowerFile
from ansatz.calo.writing import ShowerWriter
from ansatz.evaluate.estimate import Estimate
from ansatz.runs.run import Run
from ansatz.studies import calo_qvae as study
from ansatz.studies import calo_qvae_claims as claiming
from ansatz.studies.calo_qvae_claims import Made
from ansatz.studies.claim import Verdict
from ansatz.studies.study import Context

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED
PHOTONS = geometry("dataset1-photons")


def evaluation(fpd, gap, mean=1.0, width=1.0):
    """One in which only what is claimed about stands."""
    merits = [
        Merit(
            name=name,
            value=Estimate(*map(float, value)),
            floor=Estimate(1.0, 0.1),
            what="",
            events=1,
            comparable=False,
            how="",
        )
        for name, value in (("FPD", fpd), ("layer correlations", gap))
    ]

    def compared(ratio):
        one = Estimate(1.0, 0.0)
        return Compared(one, one, Estimate(ratio, 0.0005))

    made = object.__new__(Evaluation)
    object.__setattr__(made, "merits", merits)
    decades = (Decade(1e3, 1e4, (9, 9), compared(mean), compared(width)),)
    object.__setattr__(made, "decades", decades)
    object.__setattr__(made, "hits", (Hits("all layers", compared(1.1), compared(0.9)),))
    return made


@pytest.mark.parametrize(
    ("ours", "twin", "wanted"),
    [
        (((300, 5), (0.02, 0.001)), ((900, 9), (0.08, 0.002)), [HOLDS] * 5),
        (((400, 5), (0.05, 0.001)), ((390, 5), (0.08, 0.002)), [FAILS, UNDECIDED, FAILS]),
        (((360, 5), (0.038, 0.002), 1.02, 1.2), ((200, 9), (0.08, 0.002)),
         [UNDECIDED, FAILS, UNDECIDED, FAILS, FAILS]),
    ],
)  # fmt: skip
def test_the_full_study_claims_what_was_asked(ours, twin, wanted):
    made = claiming.full(evaluation(*ours), evaluation(*twin))
    assert len(made) == 5
    assert [claim.verdict for claim in made][: len(wanted)] == wanted


def test_the_quick_one_claims_that_fluctuations_were_learnt():
    mean = evaluation((10_000, 100), (0.3, 0.01))
    for fpd, share, wanted in ((500, 1.05, HOLDS), (2_000, 1.2, FAILS)):
        made = claiming.quick(evaluation((fpd, 10), (0.1, 0.01), share), mean)
        assert {claim.verdict for claim in made} == {wanted}
        assert made[0].measured.value == pytest.approx(fpd / 10_000)
        # Relative errors of a fraction add in squares.
        error = fpd / 10_000 * np.hypot(10 / fpd, 0.01)
        assert made[0].measured.error == pytest.approx(error)


def test_the_table_has_a_column_for_every_origin():
    judged = {"generated": evaluation((3, 1), (0.1, 0.01)), "twin": evaluation((4, 1), (0.2, 0.01))}
    judged["twin"].merits.pop()
    (table,) = study.tables(judged, study.SMALL)
    assert table.header == ("", "floor", "generated", "twin")
    assert table.rows[0] == ("FPD", "1 ± 0.1", "3 ± 1", "4 ± 1")
    assert table.rows[1][-1] == "—"
    assert ("hits, all layers", "1", "1.1 ± 0.0005", "1.1 ± 0.0005") in table.rows
    assert "REDUCED SETTINGS" in table.caption
    assert "REDUCED" not in study.tables(judged, study.LARGE)[0].caption


@pytest.mark.parametrize("fault", ["none", "key", "above", "energy", "other"])
def test_what_is_wrong_with_a_file_is_counted(fault, tmp_path, monkeypatch):
    incident, showers = np.geomspace(1e3, 1e5, 6), np.full((6, PHOTONS.voxels), 2.0, np.float32)
    asked = incident.copy()
    monkeypatch.setattr(claiming, "generate", lambda *_, **__: iter([(showers[:4].copy(), None)]))
    path = tmp_path / "made.h5"
    written = showers.copy()
    if fault == "above":
        written[5, :2] = 1e6, np.nan
    if fault == "other":
        written[3, 7] = 1
    if fault == "energy":
        asked[2] *= 1.25
    with ShowerWriter(path, PHOTONS, {}) as writer:
        writer.append(incident, written)
    if fault == "key":
        with h5py.File(path, "a") as file:
            file["more"] = 1
    found = Made.of(object.__new__(Run), path, asked, 0)
    wanted = {
        "none": (0, 0, 0), "key": (1, 0, 0), "above": (2, 0, 0), "energy": (0, 0.2, 0),
        "other": (0, 0, 1),
    }[fault]  # fmt: skip
    assert (found.faults, found.energies, found.differing) == pytest.approx(wanted)
    verdicts = [claim.verdict for claim in claiming.of_files(found)]
    assert verdicts == [FAILS if value else HOLDS for value in wanted]


def test_data_are_simulated_once_and_the_mean_shower_has_no_fluctuations(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "GEOMETRY", PHOTONS)
    monkeypatch.setattr(study, "ENERGIES", energies("4e4:6e4"))
    context = Context(folder=tmp_path, seed=2)
    path = study._simulated(context, "train", 1, 25)
    before = path.stat().st_mtime_ns
    assert study._simulated(context, "train", 1, 25).stat().st_mtime_ns == before
    file = ShowerFile(path)
    assert file.attributes["seed"] == 7
    study.mean_showers(path, tmp_path / "mean.h5", context)
    ((_, showers),) = file.blocks(25)
    ((incident, found),) = ShowerFile(tmp_path / "mean.h5").blocks(25)
    np.testing.assert_array_equal(incident, np.sort(file.energies))
    np.testing.assert_allclose(found, np.tile(showers.mean(0), (25, 1)), rtol=1e-5)
