"""Fits to a file larger than the buffer: the same bits when resumed, and what they learn."""

import shutil

import h5py
import numpy as np
import pytest
from sklearn.decomposition import PCA
from tiny import Watch, content, interrupted

import ansatz
from ansatz.api import find_recipe
from ansatz.data.options import DataOptions
from ansatz.data.split import split
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError
from ansatz.runs import fit as fitting
from ansatz.runs.folder import RunFolder
from ansatz.runs.further import further
from ansatz.runs.prepare import prepare

N, D = 12_000, 60
SETTINGS = {"latent": 2, "hidden": (8,), "batch": 100, "patience": 0, "epochs": 2}


@pytest.fixture(scope="module", params=["npy", "h5"])
def file(request, tmp_path_factory):
    """Nearly three times the smallest buffer."""
    random = np.random.default_rng(8)
    events = (random.normal(size=(N, 4)) @ random.normal(size=(4, D))).astype(np.float32)
    path = tmp_path_factory.mktemp("big") / f"events.{request.param}"
    if request.param == "npy":
        np.save(path, events)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=events, chunks=(500, D), compression="gzip")
            file["w"] = 1 + np.arange(N) % 3
    assert isinstance(ansatz.read(path, options_of(path)).events, Stored)
    return path, events


def options_of(path):
    return DataOptions(buffer=1, events=("x",) if path.suffix == ".h5" else ())


def begin(path, out, watcher=None, recipe="vae", **settings):
    common = SETTINGS if recipe == "vae" else {}
    chosen = find_recipe(recipe).with_settings({**common, **settings})
    return fitting.fit(chosen, path, options_of(path), out=out, watcher=watcher)


@pytest.fixture(scope="module")
def whole(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    begin(file[0], out)
    return out


@pytest.fixture
def ways(monkeypatch):
    """The blocks that are read, what a watch is told, and the watch."""
    parts, seen, read = [], [], Stored.read

    def reading(stored, block, out):
        parts.append(block)
        read(stored, block, out)

    def watch(blocks, total, what):
        seen.append((what, total))
        yield from blocks

    monkeypatch.setattr(Stored, "read", reading)
    return parts, seen, watch


def test_one_way_through_the_file_is_all_before_the_first_step(file, whole, ways):
    path, _ = file
    parts, seen, watch = ways
    recipe = find_recipe("vae").with_settings(SETTINGS)
    for ready in (
        lambda: prepare(recipe, path, options_of(path), {}, None, watch),
        lambda: further(RunFolder(whole), 3, None, {}, watch),
    ):
        fit = ready()
        stored = fit.engine.source.prefetch.slabs.stored
        assert parts == list(range(stored.blocks))
        assert seen == [(f"Reading {path.name}", N)]
        parts.clear()
        seen.clear()


@pytest.mark.parametrize("at", [1, 100, 150])
def test_a_stopped_fit_goes_on_to_the_same_bits(file, whole, tmp_path, at):
    out = tmp_path / "run"
    assert not begin(file[0], out, interrupted(at)).finished
    ansatz.resume(out, quiet=True)
    assert content(out) == content(whole)


def test_a_file_that_changes_under_way_stops_the_fit_and_loses_nothing(file, whole, tmp_path):
    path = tmp_path / file[0].name
    shutil.copy(file[0], path)
    out = tmp_path / "run"

    def spoil():
        with open(path, "r+b") as stream:
            stream.seek(path.stat().st_size // 2)
            stream.write(bytes(300_000))

    with pytest.raises(DataError, match=r"has changed while it was in use: events [\d,]+ to"):
        begin(path, out, Watch(100, spoil), epochs=40)
    with pytest.raises((DataError, ansatz.AnsatzError), match=r"changed|damaged"):
        ansatz.resume(out, quiet=True)
    shutil.copy(file[0], path)
    ansatz.resume(out, epochs=2, quiet=True)
    assert content(out).keys() == content(whole).keys()
    a, b = content(out), content(whole)
    assert a["model.safetensors"] == b["model.safetensors"]


def test_streamed_principal_components_are_those_of_scikit_learn(file, tmp_path):
    path, events = file
    run = begin(path, tmp_path / "run", recipe="pca", latent=4, dtype="float64")
    dataset = ansatz.read(path, run.record.options)
    train, _, _ = split(dataset, 0.1, 0.1, 0)
    theirs = PCA(4).fit(events[train].astype(float))
    ours = np.asarray(run.model.components)
    signs = np.sign(np.sum(ours * theirs.components_, 1))
    np.testing.assert_allclose(signs[:, None] * ours, theirs.components_, atol=1e-6)
    np.testing.assert_allclose(run.model.variances, theirs.explained_variance_, rtol=1e-6)


def test_it_learns_what_is_learnt_in_memory(file, whole):
    """Another order of the same events, so another noise, and the same data."""
    _, events = file
    there = ansatz.load(whole)
    here = ansatz.fit("vae", events, quiet=True, **SETTINGS)
    assert there.record.spec.events == here.record.spec.events
    a, b = (run.pipeline.preprocessing.steps[0].bijection for run in (there, here))
    np.testing.assert_allclose(a.shift, b.shift, atol=1e-6)
    np.testing.assert_allclose(a.scale, b.scale, rtol=1e-6)
    # Two epochs, whose losses differ by the order alone.
    assert there.history[-1]["loss"] == pytest.approx(here.history[-1]["loss"], rel=0.02)


def test_no_more_is_judged_than_the_buffer_holds(file, tmp_path, ways):
    path, events = file
    parts, seen, watch = ways
    run = begin(path, tmp_path / "run", recipe="pca", latent=1, test=0.5)
    parts.clear()
    name, held = run.held_out(watch=watch)
    # A mebibyte, and 4 bytes a number.
    room = (1 << 20) // (4 * D)
    _, _, test = split(ansatz.Dataset(events), 0.1, 0.5, 0)
    assert (name, len(held), len(test)) == ("of 6,000 test", room, N // 2)
    np.testing.assert_array_equal(held.events, events[test[:room]])
    assert parts == sorted(set(parts))
    assert seen == [(f"Reading {path.name}", N)]
    parts.clear()
    assert run.figures(watch=watch)
    assert parts == sorted(set(parts))
