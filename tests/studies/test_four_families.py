"""What the comparison of families claims, on made-up numbers."""

import numpy as np
import pytest

from ansatz.evaluate.comparison.compare import Comparison
from ansatz.evaluate.comparison.entrant import Cell, Entrant
from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.ranking import area_under_curve
from ansatz.studies import four_families as study
from ansatz.studies import telescope
from ansatz.studies.claim import Verdict


def comparison(areas, discrepancies):
    """Families with these areas and these discrepancies, each with an error of 0.01."""
    found = object.__new__(Comparison)
    entrants = tuple(
        Entrant(name, name, cells={"AUC": Cell(area, 0.01), "MMD²": Cell(squared, 0.01)})
        for (name, area), squared in zip(areas.items(), discrepancies, strict=True)
    )
    object.__setattr__(found, "entrants", entrants)
    return found


@pytest.fixture
def ahead():
    """log q − log p of a near family, a far one, and one that is as far."""
    noise = np.random.default_rng(0).normal(size=(3, 400))
    return {
        "near": -0.1 + 0.2 * noise[0],
        "far": -1 + noise[1],
        "as far": -1 + noise[1] + 0.1 * noise[2],
    }


def test_pairs_are_those_whose_divergences_differ(ahead):
    assert set(study.pairs(ahead)) == {("near", "far"), ("near", "as far")}


@pytest.mark.parametrize(
    ("areas", "discrepancies", "wrong"),
    [
        ((0.52, 0.8, 0.7), (0.0, 0.1, 0.1), 0),
        ((0.75, 0.8, 0.7), (0.0, 0.1, 0.1), 1),
        ((0.72, 0.8, 0.7), (0.0, 0.1, 0.1), 0),
        # As far off as chance allows, and farther.
        ((0.52, 0.8, 0.7), (0.02, 0.0, 0.1), 0),
        ((0.52, 0.8, 0.7), (0.05, 0.0, 0.1), 1),
    ],
)
def test_ranks_are_counted(ahead, areas, discrepancies, wrong):
    found = comparison(dict(zip(ahead, areas, strict=True)), discrepancies)
    claim = study.of_ranks("toy", found, ahead)
    assert claim.measured.value == wrong
    assert claim.verdict == (Verdict.FAILS if wrong else Verdict.HOLDS)


def test_a_likelihood_above_the_truth_fails(ahead):
    (claim,) = study.of_likelihoods("toy", ahead)
    assert claim.verdict == Verdict.HOLDS
    (claim,) = study.of_likelihoods("toy", {**ahead, "better": 0.1 + ahead["near"] / 10})
    assert "better comes closest" in claim.sentence
    assert claim.verdict == Verdict.FAILS


def test_the_chance_of_an_area_is_that_of_draws():
    # The formula is exact for exponential scores, of which one kind is r times as long.
    rng, ratio, n, m = np.random.default_rng(0), 4.0, 50, 40
    areas = [
        area_under_curve(rng.exponential(size=n), ratio * rng.exponential(size=m)).value
        for _ in range(2000)
    ]
    found = telescope.chance(ratio / (1 + ratio), m, n)
    # A standard deviation of so many draws is known to 1 / sqrt(2 * 2000) of itself.
    assert abs(np.std(areas) / found - 1) < 3 / 4000**0.5


def test_images_of_the_telescope_count_by_their_logarithms(tmp_path):
    path = tmp_path / "magic04.data"
    path.write_text("1.5,0,2.5,1,0.1,-10,0,1e3,45,200,g\n" * 2)
    table, gamma = telescope.images(path)
    assert gamma.tolist() == [True, True]
    arsinh = np.log(1 + 2**0.5)
    known = [np.log(2.5), 0, 2.5, 0, np.log(0.1), -arsinh, 0, np.log(100 + 10001**0.5), 45, 200]
    np.testing.assert_allclose(table[0], known, atol=1e-12)


def test_the_best_family_is_claimed_to_reach_both():
    told = {
        "weak": telescope.Telling(Estimate(0.9, 0.002), Estimate(0.88, 0.002)),
        "strong": telescope.Telling(Estimate(0.93, 0.002), Estimate(0.86, 0.002)),
    }
    ratio, alone = telescope.claims(told)
    assert (ratio.measured.value, alone.measured.value) == (0.93, 0.88)
    assert ratio.verdict == alone.verdict == Verdict.HOLDS
    assert "best family, strong," in ratio.sentence
    assert len(telescope.bars(told)) == 2
