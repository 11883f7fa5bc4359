"""What any run shows: the right events, the right labels, in the units of the data."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

import ansatz
from ansatz.data.bins import bins
from ansatz.data.options import DataOptions
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Labels, Pairs
from ansatz.runs.figures import Seen, figures, principal_axes


def by_name(found):
    names = [figure.name for figure in found]
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def digits():
    run = ansatz.fit("vae", "digits", latent=3, hidden=(8,), epochs=1, quiet=True)
    return run, by_name(run.figures())


def first_events(found):
    return found["reconstructions"].images[::2].reshape(30, 8, 8)


def test_images_are_held_out_events_in_the_units_of_the_data(digits):
    run, found = digits
    grid, events = found["reconstructions"], first_events(found)
    assert grid.row_labels == ("data", "decoded") * 3
    held_out = {event.tobytes() for event in run.held_out()[1].events}
    chosen = {event.tobytes() for event in events.astype(np.uint8)}
    assert chosen <= held_out
    assert len(chosen) == 30
    # Binarised by the place among the events and the seed, so the first are encoded alike.
    again = run.reconstruct(events.astype(np.uint8))
    np.testing.assert_allclose(grid.images[1::2].reshape(30, 8, 8), again, atol=1e-3)
    assert grid.limits == (0, 16)


def test_samples_stand_below_the_data(digits):
    run, found = digits
    grid = found["samples"]
    assert grid.row_labels == ("data", "data", "expected", "expected", "drawn", "drawn")
    shown = grid.images.reshape(3, 20, 8, 8)
    np.testing.assert_array_equal(shown[0], first_events(found)[:20])
    np.testing.assert_allclose(shown[1], run.sample(30, mean=True)[:20], atol=1e-3)
    np.testing.assert_array_equal(shown[2], run.sample(30)[:20])
    assert grid.limits == (0, 16)


def test_codes_have_the_labels_of_their_events(digits):
    run, found = digits
    (cloud,) = found["codes"].clouds
    assert len(cloud.points) == len(run.held_out()[1])
    everything = ansatz.read("digits", DataOptions(conditions=("label",)))
    known = {
        event.tobytes(): label
        for event, label in zip(everything.events, everything.conditions[:, 0], strict=True)
    }
    shown = first_events(found).astype(np.uint8)
    wanted = [known[event.tobytes()] for event in shown]
    np.testing.assert_array_equal(cloud.labels.values[:30], wanted)


def test_codes_lie_along_the_directions_of_most_variance(pca_run):
    run = ansatz.load(pca_run)
    found = by_name(run.figures())
    (cloud,) = found["codes"].clouds
    reference = PCA(2).fit(run.encode(run.held_out()[1]))
    wanted = reference.transform(run.encode(first_events(found).astype(np.uint8)))
    got = cloud.points[:30]
    np.testing.assert_allclose(got, np.sign(np.sum(got * wanted, axis=0)) * wanted, atol=1e-2)
    share = reference.explained_variance_ratio_.sum()
    assert f"{share:.0%} in all" in found["codes"].caption


def test_principal_axes_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)) + 3).astype(np.float32)
    got, share = principal_axes(codes)
    reference = PCA(5).fit(codes.astype(float))
    wanted = reference.transform(codes)[:, :2]
    sign = np.sign(np.sum(got * wanted, axis=0))
    np.testing.assert_allclose(got, sign * wanted, atol=1e-4)
    np.testing.assert_allclose(share, reference.explained_variance_ratio_[:2].sum(), rtol=1e-5)
    assert principal_axes(np.ones((4, 3)))[1] == 1


def test_other_data_and_a_choice_of_them():
    run = ansatz.fit("pca", "moons", latent=2, quiet=True)
    found = by_name(run.figures("moons", events=300, seed=1))
    assert list(found) == ["plane", "marginals", "codes", "variance", "components"]
    data, samples, decoded = found["plane"].clouds
    moons = ansatz.read("moons").events
    assert {point.tobytes() for point in data.points} <= {point.tobytes() for point in moons}
    assert len(data.points) == len(samples.points) == 300
    # All components are kept, so decoding gives back the event.
    np.testing.assert_allclose(decoded.points, data.points, atol=1e-4)
    np.testing.assert_array_equal(samples.points, run.sample(300, seed=1))
    assert (found["plane"].x_label, found["plane"].y_label) == ("x", "y")
    # The mean of y is 1/4 on the whole, and larger by far on the upper moon.
    upper = data.points[data.labels.values == 0, 1]
    assert upper.mean() > data.points[data.labels.values == 1, 1].mean() + 0.5
    other = run.figures("moons", events=300, seed=2)[0]
    assert not np.array_equal(other.clouds[0].points, data.points)
    (points,) = found["codes"].clouds
    np.testing.assert_allclose(points.points, run.encode(data.points), atol=1e-4)


@pytest.fixture(scope="module")
def seen():
    """Events of three numbers, of which one is whole, with weights; and samples."""
    rng = np.random.default_rng(0)
    events = rng.normal(size=(500, 3))
    events[:, 1] = rng.integers(0, 4, 500)
    return Seen(
        shape=(3,),
        axes=("a", "b [cm]", "c"),
        categories=((), (), ("red", "green")),
        events=np.column_stack([events[:, :2], rng.integers(0, 2, 500)]),
        weights=rng.uniform(0.5, 2, 500),
        drawn=np.column_stack([rng.normal(1, 2, (400, 2)), rng.integers(0, 2, 400)]),
    )


def test_marginals_count_events_and_their_weights(seen):
    marginals = figures(seen)[0]
    assert [panel.axis for panel in marginals.panels] == ["a", "b [cm]", "c"]
    assert marginals.panels[2].categories == ("red", "green")
    np.testing.assert_allclose(marginals.panels[1].edges, [-0.5, 0.5, 1.5, 2.5, 3.5])
    for j, panel in enumerate(marginals.panels):
        np.testing.assert_allclose(panel.edges, bins(seen.events[:, j], panel.categories))
        counts, _ = np.histogram(seen.events[:, j], panel.edges, weights=seen.weights)
        wanted = counts / seen.weights.sum() / np.diff(panel.edges)
        np.testing.assert_allclose(panel.densities["data"], wanted)
        counts, _ = np.histogram(seen.drawn[:, j], panel.edges)
        np.testing.assert_allclose(panel.densities["samples"], counts / 400 / np.diff(panel.edges))


def test_pairs_count_them_too(seen):
    pairs = figures(seen)[1]
    assert isinstance(pairs, Pairs)
    assert pairs.axes == seen.axes
    for label, x, w in [("data", seen.events, seen.weights), ("samples", seen.drawn, None)]:
        total = 400 if w is None else w.sum()
        assert set(pairs.densities[label]) == {(1, 0), (2, 0), (2, 1)}
        for (i, j), got in pairs.densities[label].items():
            edges = [pairs.edges[i], pairs.edges[j]]
            counts, _, _ = np.histogram2d(x[:, i], x[:, j], edges, weights=w)
            area = np.outer(*map(np.diff, edges))
            np.testing.assert_allclose(got, counts / total / area)


def test_without_samples_what_is_decoded_is_set_against_the_data(seen):
    other = Seen(
        seen.shape, seen.axes, seen.categories, events=seen.events, decoded=seen.events[::-1]
    )
    marginals, pairs = figures(other)
    for panel in marginals.panels:
        # The same events in another order.
        np.testing.assert_allclose(panel.densities["decoded"], panel.densities["data"])
    assert list(pairs.densities) == ["data", "decoded"]
    # Data alone say nothing of a model.
    assert figures(Seen(seen.shape, seen.axes, seen.categories, events=seen.events)) == ()
    (alone,) = figures(Seen(seen.shape, seen.axes, seen.categories, drawn=seen.drawn))
    assert list(alone.panels[0].densities) == ["samples"]


def test_of_many_columns_those_that_differ_most_come_first():
    rng = np.random.default_rng(0)
    shifts = np.zeros(20)
    shifts[[4, 17, 9]] = [0.5, 2, 1]
    names = tuple(f"n{j}" for j in range(20))
    seen = Seen(
        shape=(20,),
        axes=names,
        categories=((),) * 20,
        events=rng.normal(size=(2000, 20)),
        drawn=rng.normal(size=(2000, 20)) + shifts,
    )
    (marginals,) = figures(seen)
    assert [panel.axis for panel in marginals.panels[:3]] == ["n17", "n9", "n4"]
    assert len(marginals.panels) == 16
    assert "16 of 20" in marginals.caption


def test_colours_may_come_first_or_last():
    """The reds of an event stay the reds of the image."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(12, 5, 4, 3))
    last = Seen(shape=(5, 4, 3), events=images, decoded=images / 2)
    first = Seen(
        shape=(3, 5, 4),
        events=np.moveaxis(images, -1, 1),
        decoded=np.moveaxis(images / 2, -1, 1),
    )
    for seen in (last, first):
        (grid,) = figures(seen)
        assert grid.images.shape == (2, 10, 5, 4, 3)
        np.testing.assert_array_equal(grid.images[0], images[:10])
        np.testing.assert_array_equal(grid.images[1], images[:10] / 2)
    grey = Seen(shape=(1, 5, 4), events=images[None, ..., 0].swapaxes(0, 1), drawn=None)
    assert figures(grey) == ()
    grey = Seen(shape=(1, 5, 4), drawn=images[None, ..., 0].swapaxes(0, 1))
    np.testing.assert_array_equal(figures(grey)[0].images[0], images[:10, ..., 0])


def test_long_rows_of_numbers_are_curves():
    rng = np.random.default_rng(0)
    events = rng.normal(size=(9, 30))
    labels = Labels("kind", np.arange(9) % 2, ("a", "b"))
    seen = Seen(
        (30,), events=events, decoded=-events, drawn=2 * events, codes=events, labels=labels
    )
    again, samples, codes = figures(seen)
    data, decoded = again.panels[5].curves
    np.testing.assert_array_equal(data.y, events[5])
    np.testing.assert_array_equal(decoded.y, -events[5])
    assert [panel.label for panel in samples.panels] == ["data", "samples"]
    np.testing.assert_array_equal(samples.panels[1].curves[7].y, 2 * events[7])
    assert codes.clouds[0].labels is labels


def test_other_shapes_show_their_codes_alone():
    seen = Seen((2, 3, 4), events=np.zeros((5, 2, 3, 4)), codes=np.eye(5)[:, :2])
    (codes,) = figures(seen)
    np.testing.assert_array_equal(codes.clouds[0].points, np.eye(5)[:, :2])
    assert (codes.x_label, codes.y_label) == ("z0", "z1")


def test_without_data_a_model_shows_itself(conditional_run, pca_run):
    run = ansatz.load(conditional_run)
    found = by_name(run.figures_without_data())
    assert list(found) == ["plane", "marginals", "traversals", "manifold"]
    (samples,) = found["plane"].clouds
    assert samples.label == "samples"
    # Given what is typical: the first category and the mean angle of the training events.
    angle = float(run.pipeline.encoder.mean[1])
    given = np.tile([0.0, angle], (2000, 1))
    np.testing.assert_allclose(samples.points, run.sample(2000, condition=given), rtol=1e-5)
    assert f"given particle = electron, angle = {angle:.3g}" in found["traversals"].caption
    # The cross-over of all latents is what the mean of the prior decodes to.
    wanted = run.decode(np.zeros((1, 2)), condition=given[:1])[0]
    for j, panel in enumerate(found["traversals"].panels):
        assert panel.label == ("energy [MeV]", "depth [cm]")[j]
        np.testing.assert_allclose(panel.curves[0].y[7], wanted[j], rtol=1e-4)
    assert list(by_name(ansatz.load(pca_run).figures_without_data())) == [
        "samples",
        "variance",
        "components",
    ]


def test_conditions_of_the_events_are_those_of_their_samples(conditional_run):
    run = ansatz.load(conditional_run)
    found = by_name(run.figures())
    data, samples, decoded = found["plane"].clouds
    assert data.labels.name == "particle"
    assert samples.labels is None
    assert len(decoded.points) == len(data.points) == len(run.held_out()[1])
    held_out = run.held_out()[1]
    place = {event.tobytes(): i for i, event in enumerate(held_out.events)}
    order = [place[event.tobytes()] for event in data.points]
    np.testing.assert_array_equal(data.labels.values, held_out.conditions[order, 0])
    wanted = run.sample(len(order), condition=held_out.conditions[order])
    np.testing.assert_allclose(samples.points, wanted, rtol=1e-5)
    np.testing.assert_allclose(
        decoded.points, run.reconstruct(held_out.take(np.array(order))), rtol=1e-4
    )


def test_a_narrow_array_is_a_table_without_names(plain_run):
    found = by_name(ansatz.load(plain_run).figures())
    assert [panel.axis for panel in found["marginals"].panels] == ["x0", "x1", "x2"]
    assert "pairs" in found


def test_an_array_in_memory_must_be_given_again():
    rng = np.random.default_rng(0)
    events = rng.normal(size=(60, 3))
    run = ansatz.fit("pca", events, latent=2, quiet=True)
    with pytest.raises(OptionError, match="give the data again"):
        run.figures()
    assert by_name(run.figures(events))["codes"].clouds[0].points.shape == (60, 2)
