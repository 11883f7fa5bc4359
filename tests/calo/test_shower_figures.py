"""Which layers of a single shower are drawn."""

import numpy as np

from ansatz.calo.geometry import geometry
from ansatz.calo.shower_figures import beside, most, sums


def test_all_of_a_few_layers_are_drawn():
    """Of dataset 1 the last of five too, which has next to nothing."""
    photons = geometry("dataset1-photons")
    shower = np.zeros(photons.voxels)
    shower[photons.layers[2]] = 1.0
    drawn = beside(photons, {"one": shower}, name="shower", title="", caption="")
    assert [disc.label for disc in drawn.rows[0]] == ["0", "1", "2", "3", "12"]
    np.testing.assert_array_equal(
        [disc.values.sum() for disc in drawn.rows[0]], sums(photons, shower)
    )


def test_of_many_layers_some_are_drawn_as_far_as_the_energy_goes():
    assert most(np.ones(45))[:3] == [0, 4, 8]
    assert most(np.ones(45))[-1] == 44
    assert most(np.array([98.0, 1.0, *np.full(43, 1 / 43)])) == [0, 1]
