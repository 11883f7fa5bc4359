"""A fit that is stopped, killed or given more to do ends in the bits of one left alone."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tiny import CONDITIONAL, EPOCHS, TINY, Watch, content, digest, interrupted, start

import ansatz
from ansatz.protocol.errors import OptionError, RunError
from ansatz.runs.interrupt import SIGNALS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 15])
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, array, plain_run, capsys, number, at):
    out = tmp_path / "run"
    handlers = [signal.getsignal(n) for n in SIGNALS]
    run = start(array, out, interrupted(at, number))
    assert not run.finished
    assert "Stopping after this chunk" in capsys.readouterr().err
    assert [signal.getsignal(n) for n in SIGNALS] == handlers
    assert not (out / "model.safetensors").exists()
    unfinished = ansatz.load(out)
    assert not unfinished.finished
    assert unfinished.history == run.history
    again = ansatz.resume(out, quiet=True)
    assert again.finished
    assert content(out) == content(plain_run)


def test_dropout_averages_and_conditions_go_on_too(tmp_path, table, conditional_run):
    out = tmp_path / "run"
    assert not start(table, out, interrupted(15), **CONDITIONAL).finished
    ansatz.resume(out, quiet=True)
    assert content(out) == content(conditional_run)


def test_the_second_signal_insists(tmp_path, array):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        start(array, tmp_path / "run", Watch(15, twice))
    assert not ansatz.load(tmp_path / "run").finished


@pytest.mark.slow
def test_more_epochs_are_the_fit_of_so_many(tmp_path, array, plain_run):
    out = tmp_path / "run"
    start(array, out, epochs=2)
    assert len(ansatz.load(out).history) == 2
    ansatz.resume(out, epochs=EPOCHS, quiet=True)
    assert content(out) == content(plain_run)
    assert (out / "recipe.toml").read_bytes() == (plain_run / "recipe.toml").read_bytes()


def test_a_finished_run_stays_as_it_is(plain):
    before = digest(plain)
    run = ansatz.resume(plain, quiet=True)
    assert run.finished
    assert digest(plain) == before


def test_fewer_epochs_than_are_done_are_refused(plain):
    before = digest(plain)
    with pytest.raises(OptionError, match="done 4 epochs already"):
        ansatz.resume(plain, epochs=3, quiet=True)
    with pytest.raises(OptionError, match="epochs must be at least 1"):
        ansatz.resume(plain, epochs=0, quiet=True)
    assert digest(plain) == before


def test_changed_data_are_refused(tmp_path, array):
    data, out = tmp_path / "data.npy", tmp_path / "run"
    shutil.copy(array, data)
    start(data, out, interrupted(10))
    before = digest(out)
    events = np.load(data)
    events[17, 1] = np.nextafter(events[17, 1], np.float32(np.inf))
    np.save(data, events)
    with pytest.raises(RunError, match=r"data\.npy has changed since .*run was fitted"):
        ansatz.resume(out, quiet=True)
    assert digest(out) == before


def test_a_run_without_its_checkpoints_says_so(plain):
    shutil.rmtree(plain / "checkpoints")
    with pytest.raises(RunError, match="holds no checkpoint: fit again"):
        ansatz.resume(plain, quiet=True)


def test_other_versions_are_warned_of(plain):
    record = plain / "recipe.toml"
    text = record.read_text()
    line = next(line for line in text.splitlines() if line.startswith("optax = "))
    record.write_text(text.replace(line, 'optax = "0.0.1"'))
    with pytest.warns(RuntimeWarning, match=r"optax 0\.0\.1 is now .*not to the same last bits"):
        ansatz.resume(plain, quiet=True)


def test_a_torn_last_line_of_the_history_is_mended(stopped, plain_run):
    path = stopped / "history.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"epoch": 9, "st')
    ansatz.resume(stopped, quiet=True)
    assert content(stopped) == content(plain_run)


@pytest.mark.parametrize("line", [b"{", b"3", b"\xff\xfe", b'{"epoch": 1}'])
def test_a_damaged_history_names_its_line(stopped, line):
    path = stopped / "history.jsonl"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([line, *lines[1:], lines[-1]]) + b"\n")
    with pytest.raises(RunError, match=r"history\.jsonl, line 1, is damaged"):
        ansatz.resume(stopped, quiet=True)


@pytest.mark.slow
def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path, array):
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    command = [sys.executable, "-m", "ansatz", "fit"]
    settings = ["vae", str(array), "--latent", "2", "--hidden", "8", "--batch", "4"]
    settings += ["--epochs", "120", "--patience", "0", "--dropout", "0.1", "--quiet"]
    settings += ["--no-report", "--out"]
    reference, out = tmp_path / "reference", tmp_path / "run"
    subprocess.run([*command, *settings, str(reference)], check=True, env=environment)

    def newest():
        return max((p.name for p in out.glob("checkpoints/step-*")), default="")

    def kill(arguments):
        process = subprocess.Popen([*command, *arguments], env=environment)
        before = newest() or f"step-{0:012d}.safetensors"
        while newest() <= before and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        return process.wait()

    assert kill([*settings, str(out)]) == -signal.SIGKILL
    assert not (out / "model.safetensors").exists()
    assert kill(["--resume", str(out), "--quiet", "--no-report"]) == -signal.SIGKILL
    subprocess.run(
        [*command, "--resume", str(out), "--quiet", "--no-report"], check=True, env=environment
    )
    assert content(out) == content(reference)


@pytest.mark.slow
def test_an_early_stop_is_kept(tmp_path, array):
    settings = {**TINY, "patience": 1, "epochs": 200, "rate": 0.5}
    run = ansatz.fit("vae", array, out=tmp_path / "run", quiet=True, **settings)
    last = run.history[-1]
    assert last["epoch"] < 200
    losses = [row["validation_loss"] for row in run.history]
    assert last["best_epoch"] == 1 + int(np.argmin(losses))
    before = digest(tmp_path / "run")
    assert ansatz.resume(tmp_path / "run", quiet=True).finished
    assert digest(tmp_path / "run") == before


@pytest.mark.parametrize("name", ["history.jsonl", "timing.jsonl"])
def test_a_run_whose_rows_are_damaged_stays_as_it_is(plain, name):
    """Refused before anything is changed: it was finished, and has its model."""
    path = plain / name
    path.write_text("half a row\n" + path.read_text())
    before = digest(plain)
    with pytest.raises(RunError, match=rf"{name}, line 1, is damaged"):
        ansatz.resume(plain, epochs=9, quiet=True)
    assert digest(plain) == before
