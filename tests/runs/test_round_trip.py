"""What is fitted is what is loaded, to the last bit."""

import shutil
import tomllib

import equinox as eqx
import jax
import numpy as np
import pytest
from tiny import CONDITIONAL, EPOCHS, TINY, content, interrupted, start

import ansatz
from ansatz.data.dataset import Column
from ansatz.data.options import DataOptions
from ansatz.protocol.errors import DataError, OptionError, RunError
from ansatz.runs.arrays import load_arrays
from ansatz.runs.record import Record


def arrays_of(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(run.pipeline, eqx.is_array))]


def same(first, second):
    """Two runs with the same arrays to the bit, which do the same with the same data."""
    pairs = list(zip(arrays_of(first), arrays_of(second), strict=True))
    assert pairs
    for a, b in pairs:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_loaded_run_has_the_bits_of_the_fitted_one(tmp_path, array):
    fitted = start(array, tmp_path / "run")
    loaded = ansatz.load(tmp_path / "run")
    same(fitted, loaded)
    assert loaded.finished
    assert loaded.history == fitted.history
    assert [row["epoch"] for row in loaded.history] == [1, 2, 3, 4]
    np.testing.assert_array_equal(fitted.sample(5, seed=3), loaded.sample(5, seed=3))
    events = np.load(array)[:7]
    np.testing.assert_array_equal(fitted.encode(events), loaded.encode(events))
    np.testing.assert_array_equal(
        fitted.log_likelihood(events, samples=3), loaded.log_likelihood(events, samples=3)
    )


def test_the_record_reads_back_equal(conditional_run):
    record = Record.load(conditional_run)
    assert record.condition_columns == (
        Column("particle", "", ("electron", "photon", "pion")),
        Column("angle", "rad"),
    )
    assert record.event_columns == (Column("energy", "MeV"), Column("depth", "cm"))
    assert record.options == DataOptions(conditions=("particle", "angle"))
    assert record.recipe.hidden == (8,)
    assert record.recipe.clip is None
    text = (conditional_run / "recipe.toml").read_text()
    assert "clip" not in text
    assert "weights" not in tomllib.loads(text)["data"]


def test_a_record_saved_again_is_the_same_record(conditional_run, tmp_path):
    record = Record.load(conditional_run)
    record.save(tmp_path)
    assert Record.load(tmp_path) == record
    assert (tmp_path / "recipe.toml").read_bytes() == (conditional_run / "recipe.toml").read_bytes()


def test_groups_read_back_equal(tmp_path, plain_run):
    record = Record.load(plain_run)
    groups = {"encoder": {"rate": 1e-4, "first": 3}, "decoder": {"optimiser": "sgd"}}
    recipe = record.recipe.with_settings({"groups": groups, "clip": 2})
    changed = Record(recipe, record.spec, None, DataOptions(), "0", "float32")
    changed.save(tmp_path)
    again = Record.load(tmp_path)
    assert again == changed
    assert again.source is None
    assert again.recipe.clip == 2.0


def test_a_run_is_fitted_again_from_its_recipe(tmp_path, array, plain_run):
    again = ansatz.fit(plain_run / "recipe.toml", array, out=tmp_path / "again", quiet=True)
    same(again, ansatz.load(plain_run))
    assert again.record == Record.load(plain_run)


def test_a_recipe_file_by_hand_needs_only_a_name(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("recipe = 'pca'\n[settings]\nlatent = 2\n")
    run = ansatz.fit(recipe, "digits", quiet=True)
    assert run.encode("digits").shape == (1797, 2)


def test_a_run_in_memory_is_the_run_on_disk(array, plain_run):
    data = np.load(array)
    run = ansatz.fit("vae", data, epochs=4, quiet=True, **TINY)
    assert run.path is None
    assert run.finished
    assert run.record.source is None
    same(run, ansatz.load(plain_run))
    with pytest.raises(OptionError, match="give the data again"):
        run.held_out()
    part, held = run.held_out(data)
    assert part == "test"
    assert len(held) == 20


def test_a_run_fitted_to_an_array_resumes_with_the_array(tmp_path, array, plain_run):
    data = np.load(array)
    ansatz.fit("vae", data, out=tmp_path / "run", epochs=2, quiet=True, **TINY)
    with pytest.raises(OptionError, match="give the data again"):
        ansatz.resume(tmp_path / "run", epochs=4, quiet=True)
    with pytest.raises(RunError, match="changed"):
        ansatz.resume(tmp_path / "run", epochs=4, data=data + 1, quiet=True)
    run = ansatz.resume(tmp_path / "run", epochs=4, data=data, quiet=True)
    same(run, ansatz.load(plain_run))


@pytest.mark.slow
def test_a_net_of_ones_own_is_asked_for(tmp_path, array):
    own = eqx.nn.MLP(3, 4, 8, 1, key=jax.random.key(0))
    fitted = ansatz.fit(
        "vae", array, encoder=own, out=tmp_path / "run", epochs=1, quiet=True, **TINY
    )
    with pytest.raises(RunError, match=r"nets of your own.*encoder=\.\.\."):
        ansatz.load(tmp_path / "run")
    with pytest.raises(RunError, match=r"encoder=\.\.\."):
        ansatz.resume(tmp_path / "run", quiet=True)
    # Only the structure of what is given counts: the weights come from the run.
    other = eqx.nn.MLP(3, 4, 8, 1, key=jax.random.key(1))
    loaded = ansatz.load(tmp_path / "run", encoder=other)
    same(fitted, loaded)
    np.testing.assert_array_equal(fitted.encode(array), loaded.encode(array))
    with pytest.raises(RunError, match="shape"):
        ansatz.load(tmp_path / "run", encoder=eqx.nn.MLP(3, 4, 9, 1, key=jax.random.key(1)))
    with pytest.raises(OptionError, match="decoder"):
        ansatz.load(tmp_path / "run", encoder=other, decode=own)


def test_a_fit_starts_from_another_run(tmp_path, array, plain_run, calm):
    out = tmp_path / "run"
    ansatz.fit("vae", array, start=plain_run, out=out, epochs=EPOCHS, quiet=True, **TINY)
    first, _ = load_arrays(out / "checkpoints" / "step-000000000000.safetensors")
    given, _ = load_arrays(plain_run / "model.safetensors")
    assert any(name.startswith("model.") for name in given)
    for name, values in given.items():
        np.testing.assert_array_equal(first[f"pipeline.{name}"], values)
    # The engine's own copy of the weights too, not only the one that would be kept.
    names = [name for name in first if name.startswith("update.model.")]
    assert names
    for name in names:
        np.testing.assert_array_equal(first[name], given[name.removeprefix("update.")])


@pytest.mark.parametrize(
    "change", [{"latent": 1}, {"hidden": (9,)}, {"conditions": ("angle",), "drop": ("particle",)}]
)
def test_a_fit_starts_only_from_its_own_shapes(table, conditional_run, change):
    settings = {**CONDITIONAL, "drop": (), **change}
    with pytest.raises(RunError, match=r"shape .*; the model needs") as refused:
        ansatz.fit("vae", table, start=conditional_run, quiet=True, **settings)
    assert "same recipe and shapes" in str(refused.value)


def test_a_fit_starts_only_from_its_own_recipe(tmp_path, array, pca_run):
    with pytest.raises(RunError, match=r"saved by another model.*is a pca"):
        ansatz.fit("vae", array, start=pca_run, quiet=True, **TINY)
    with pytest.raises(RunError, match="There is no run"):
        ansatz.fit("vae", array, start=tmp_path / "nowhere", quiet=True, **TINY)


def test_double_precision_is_kept(tmp_path, array, double_precision):
    # Off to begin with: the recipe itself asks for it.
    jax.config.update("jax_enable_x64", False)
    settings = {"latent": 1, "dtype": "float64", "quiet": True}
    fitted = ansatz.fit("pca", array, out=tmp_path / "run", **settings)
    loaded = ansatz.load(tmp_path / "run")
    same(fitted, loaded)
    assert {a.dtype for a in arrays_of(loaded)} == {np.dtype("float64")}
    # The first component of the covariance by NumPy, to more digits than float32 has.
    events = np.load(array).astype(np.float64)
    train = np.random.Generator(np.random.Philox(0)).permutation(200)[20:][20:]
    values = np.linalg.eigvalsh(np.cov(events[train].T))
    np.testing.assert_allclose(loaded.model.variances, values[-1:], rtol=1e-12)


def test_single_precision_is_kept_in_a_process_of_double_precision(
    tmp_path, table, conditional_run, double_precision
):
    out = tmp_path / "run"
    start(table, out, interrupted(15), **CONDITIONAL)
    ansatz.resume(out, quiet=True)
    assert content(out) == content(conditional_run)
    # The conditional run has dropout, whose draws would be others in double precision.
    assert jax.config.jax_enable_x64


def test_a_folder_may_be_moved(tmp_path, plain):
    before = ansatz.load(plain)
    shutil.move(plain, tmp_path / "elsewhere")
    same(before, ansatz.load(tmp_path / "elsewhere"))


def test_the_held_out_part_is_that_of_the_same_data(tmp_path, plain, array):
    run = ansatz.load(plain)
    _, held = run.held_out()
    # 10% of 200 events, cut first from NumPy's own permutation.
    order = np.random.Generator(np.random.Philox(0)).permutation(200)
    np.testing.assert_array_equal(held.events, np.load(array)[order[:20]])
    with pytest.raises(RunError, match="changed"):
        run.held_out(np.load(array)[:-1])


def test_conditions_as_numbers_are_checked(conditional_run):
    run = ansatz.load(conditional_run)
    good = np.array([[0.0, 0.5], [2.0, -0.5]])
    assert run.sample(2, condition=good).shape == (2, 2)
    for bad, message in [
        ([[3.0, 0.5], [0.0, 0.5]], "'particle' is a category.*from 0 to 2"),
        ([[0.5, 0.5], [0.0, 0.5]], "'particle' is a category"),
        ([[0.0, 0.5], [0.0, np.nan]], "'angle' that is not finite"),
        ([[0.0], [1.0]], r"shape \(2, 1\).*particle, angle need \(2, 2\)"),
    ]:
        with pytest.raises(DataError, match=message):
            run.sample(2, condition=np.array(bad))


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        ('recipe = "vae"', "recipe = 3"),
        ("[settings]", "[settings"),
        ("[data]", "[date]"),
        ("latent = 2", 'latent = "two"'),
        ("latent = 2", "latnet = 2"),
        ("missing = false", 'missing = "some"'),
        ("steps_per_epoch = 10", "steps_per_epoch = 1.5"),
        ("[versions]", "[version]"),
        ("own_nets = []", "own_nets = 1"),
        ('event_dtype = "float32"', ""),
    ],
)
def test_a_damaged_record_is_a_sentence(plain, place, broken):
    path = plain / "recipe.toml"
    text = path.read_text()
    assert place in text
    path.write_text(text.replace(place, broken))
    with pytest.raises((RunError, OptionError)) as refused:
        ansatz.load(plain)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_line_lost_from_a_record_ends_in_a_traceback(plain):
    path = plain / "recipe.toml"
    lines = path.read_text().splitlines()
    refused = 0
    for i in range(len(lines)):
        path.write_text("\n".join(lines[:i] + lines[i + 1 :]))
        try:
            Record.load(plain)
        except (RunError, OptionError) as error:
            refused += str(path) in str(error)
    # A setting left out has its default and an unset version is no version; most lines of the
    # data and the specification are needed.
    assert refused >= 10


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("energy [MeV],width", "lacks depth and has width besides"),
        ("energy [MeV]", "lacks depth"),
        ("depth [cm],energy [MeV]", "has them in another order"),
    ],
)
def test_how_columns_differ_from_those_of_the_fit_is_said(
    conditional_run, tmp_path, columns, words
):
    numbers = ",".join(["1.5"] * len(columns.split(",")))
    lines = [f"{columns},particle,angle [rad]", *[f"{numbers},pion,0.1"] * 3]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=f"other columns than the run was fitted to: it {words}."):
        ansatz.load(conditional_run).read(tmp_path / "t.csv")
