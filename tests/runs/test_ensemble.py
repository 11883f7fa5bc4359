"""Several fits side by side: each as it would be alone, stopped and resumed together."""

import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import EPOCHS, TINY, content, interrupted, start

import ansatz
from ansatz.protocol.errors import NonFiniteError, RunError
from ansatz.protocol.keys import Stream, stream
from ansatz.runs import fit as fitting
from ansatz.runs.load import load_all

SEEDS = ("seed-0", "seed-1", "seed-2")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "table.npy"
    np.save(path, np.random.default_rng(5).normal(size=(150, 3)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("ensemble") / "run"
    start(table, out, seeds=3, dropout=0.1)
    return out


def weights(run):
    return load_file(run / "model.safetensors")


def assert_close(a, b):
    """Equal but for the order of sums; Adam makes of a sum's last bit a step's few last bits."""
    assert set(a) == set(b)
    for name in a:
        scale = np.abs(a[name]).max()
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5 * scale + 1e-12)


def test_the_first_member_is_the_fit_of_one_seed(table, whole, tmp_path):
    start(table, tmp_path / "alone", dropout=0.1)
    assert_close(weights(tmp_path / "alone"), weights(whole / "seed-0"))


def test_each_member_goes_on_alone_as_it_does_beside_the_others(table, whole, tmp_path):
    """Another way to the same weights: one step together, the rest by itself."""
    out = tmp_path / "run"
    start(table, out, interrupted(1), seeds=3, dropout=0.1)
    for seed in SEEDS:
        assert not (out / seed / "model.safetensors").exists()
        fitting.resume(out / seed)
        assert_close(weights(out / seed), weights(whole / seed))


def test_members_start_from_their_own_seeds_and_share_the_split(whole):
    runs = load_all(whole).members
    split = [run.held_out()[1].events for run in runs]
    assert all((one == split[0]).all() for one in split)
    recipe, spec = runs[0].record.recipe, runs[0].record.spec
    for m, run in enumerate(runs):
        drawn = recipe.build(spec, stream(m, Stream.PARAMETERS))
        # Adam moves a weight by at most its rate a step, so the start still shows.
        steps = EPOCHS * spec.steps_per_epoch
        start, end = (
            np.asarray(model.encoder.net.layers[0].weight) for model in (drawn, run.model)
        )
        assert np.abs(start - end).max() <= 1.5 * recipe.rate * steps < 0.2 < np.abs(start).max()


def test_stopped_and_resumed_together_they_end_in_the_same_bits(table, whole, tmp_path):
    out = tmp_path / "run"
    stopped = start(table, out, interrupted(13), seeds=3, dropout=0.1)
    assert not stopped.finished
    again = fitting.resume(out)
    assert again.finished
    for seed in SEEDS:
        assert content(out / seed) == content(whole / seed)


def test_they_go_back_to_a_step_that_all_have(table, whole, tmp_path):
    out = tmp_path / "run"
    start(table, out, interrupted(13), seeds=3, dropout=0.1)
    last = sorted((out / "seed-1" / "checkpoints").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-7])
    newest = sorted((out / "seed-2" / "checkpoints").iterdir())[-1]
    newest.unlink()
    # Seed 2 has only the checkpoint before, which is the one that is left to all.
    fitting.resume(out)
    for seed in SEEDS:
        assert content(out / seed) == content(whole / seed)


def test_a_member_that_has_run_out_of_patience_waits_for_the_others(table, tmp_path):
    settings = {**TINY, "rate": 0.03, "epochs": 40, "patience": 2}
    together = ansatz.fit("vae", table, out=tmp_path / "run", seeds=3, quiet=True, **settings)
    lengths = [len(run.history) for run in together.members]
    assert len(set(lengths)) > 1, "the case is no case: all stop at once"
    for run, length in zip(together.members, lengths, strict=True):
        last = run.history[-1]
        assert last["epoch"] == length == last["best_epoch"] + 2
        losses = [row["validation_loss"] for row in run.history]
        assert last["best_epoch"] == 1 + int(np.argmin(losses))
        # What was kept is the model of the best epoch: judged again it has that score.
        again = load_all(run.path)
        for a, b in zip(jax.tree.leaves(run.model), jax.tree.leaves(again.model), strict=True):
            np.testing.assert_array_equal(a, b)
    alone = ansatz.fit("vae", table, quiet=True, **settings)
    assert alone.history[-1]["best_epoch"] == together.members[0].history[-1]["best_epoch"]
    for name, value in alone.history[-1].items():
        assert together.members[0].history[-1][name] == pytest.approx(value, rel=1e-3)


def test_a_member_that_diverges_is_named(table, tmp_path):
    with pytest.raises(NonFiniteError, match=r"^\w+ of seed [34] is not finite at step \d+"):
        ansatz.fit("vae", table, seeds=2, seed=3, quiet=True, **TINY, rate=1e30)


def test_an_ensemble_is_not_one_run(whole, table):
    with pytest.raises(RunError, match=r"is an ensemble of 3 fits: name one of them, .*seed-0"):
        ansatz.load(whole)
    with pytest.raises(RunError, match="is an ensemble: begin from one of its runs"):
        ansatz.fit("vae", table, start=whole, quiet=True, **TINY)


def test_all_members_may_begin_from_one_run(whole, table):
    more = ansatz.fit(
        "vae", table, start=whole / "seed-1", seeds=2, epochs=1, rate=1e-9, quiet=True, **TINY
    )
    origin = load_all(whole / "seed-1").model
    for run in more.members:
        both = (jax.tree.leaves(eqx.filter(one, eqx.is_array)) for one in (origin, run.model))
        for a, b in zip(*both, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_evaluate_gives_the_spread(whole, capsys):
    from ansatz.cli.main import run

    assert run(["evaluate", str(whole), "--json", "-K", "2", "--quiet"]) == 0
    together = json.loads(capsys.readouterr().out)["measures"]
    each = []
    for seed in SEEDS:
        run(["evaluate", str(whole / seed), "--json", "-K", "2", "--quiet"])
        each.append(json.loads(capsys.readouterr().out)["measures"])
    for i, measure in enumerate(together):
        values = [one[i]["value"] for one in each]
        assert measure["name"] == each[0][i]["name"]
        assert measure["value"] == pytest.approx(np.mean(values))
        assert measure["error"] == pytest.approx(np.std(values, ddof=1))
        assert "3 fits" in measure["what"]


def test_a_copy_of_one_member_is_a_run(whole, tmp_path):
    shutil.copytree(whole / "seed-2", tmp_path / "mine")
    assert ansatz.load(Path(tmp_path / "mine")).sample(2).shape == (2, 3)
