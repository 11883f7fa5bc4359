"""Incident energies: ranges, lists, and what is neither."""

import numpy as np
import pytest
from scipy import stats

from ansatz.calo.energies import DEFAULTS, energies
from ansatz.calo.medium import DETECTORS
from ansatz.protocol.errors import OptionError


def test_a_range_is_log_uniform():
    """The test of Kolmogorov; p below 1e-6 would be one bad seed in a million."""
    drawn = energies("1e3:1e6").draw(np.random.default_rng(0), 5000)
    assert stats.kstest(np.log10(drawn), stats.uniform(3, 3).cdf).pvalue > 1e-6
    assert drawn.min() >= 1e3
    assert drawn.max() <= 1e6


def test_a_list_is_equally_likely():
    drawn = energies("500,1000,65536").draw(np.random.default_rng(0), 3000)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [500, 1000, 65536]
    assert stats.chisquare(counts).pvalue > 1e-6
    assert set(energies("2e3").draw(np.random.default_rng(0), 5)) == {2e3}


@pytest.mark.parametrize("text", [*DEFAULTS.values(), "1000:2500.5", "300"])
def test_in_words_and_back(text):
    assert energies(str(energies(text))) == energies(text)


def test_every_detector_has_its_energies():
    assert DEFAULTS.keys() == DETECTORS.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e6:1e3", "upside down or empty; write the lower end first: 1000:1e"),
        ("1e3:1e3", "upside down or empty"),
        ("1:1000", r"energy 1 MeV in '1:1000' is outside 100 to 1e\+08 MeV"),
        ("1e3,nan", "energy nan MeV"),
        ("1e3:inf", "energy inf MeV"),
        ("-5", "energy -5 MeV"),
        ("1e3:1e4:1e5", "a range a:b or a list a,b,c in MeV"),
        ("", "a range a:b or a list"),
        ("ten", "a range a:b or a list"),
        ("1e3,", "a range a:b or a list"),
    ],
)
def test_what_is_no_energy(text, message):
    with pytest.raises(OptionError, match=message):
        energies(text)
