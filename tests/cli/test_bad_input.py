"""Every mistake is a sentence that names it, and nothing that existed has changed."""

import gzip
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref

import h5py
import numpy as np
import pytest

from ansatz.cli.main import _interrupted, main, run
from ansatz.protocol.errors import AnsatzError


def digest(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def broken(workshop):
    """The workshop with one file broken in each way, and some folders that are no runs."""
    events = np.load(workshop / "events.npy")
    (workshop / "empty.npy").touch()
    np.save(workshop / "one.npy", events)
    whole = (workshop / "one.npy").read_bytes()
    (workshop / "cut.npy").write_bytes(whole[: len(whole) // 2])
    (workshop / "cut.npy.gz").write_bytes(gzip.compress(whole)[:-40])
    idx = b"\0\0\x08\3" + b"".join(n.to_bytes(4, "big") for n in (9, 4, 4)) + bytes(9 * 16)
    (workshop / "cut-images-idx3-ubyte").write_bytes(idx[:-5])
    hdf = (workshop / "showers.h5").read_bytes()
    (workshop / "cut.h5").write_bytes(hdf[: len(hdf) // 2])
    np.savez(workshop / "objects.npz", events=np.array([{}, []], object))
    for name, value in [("nan", np.nan), ("infinite", np.inf)]:
        bad = events.copy()
        bad[[31, 60], 1] = value
        np.save(workshop / f"{name}.npy", bad)
    with h5py.File(workshop / "several.h5", "w") as file:
        file["showers"], file["tracks"] = events, events
    (workshop / "no-run").mkdir()
    (workshop / "no-run" / "precious.txt").write_text("keep me")
    (workshop / "unrecorded" / "checkpoints").mkdir(parents=True)
    (workshop / "misrecorded").mkdir()
    (workshop / "misrecorded" / "recipe.toml").write_text("recipe = vae\n")
    (workshop / "unknown.toml").write_text('recipe = "vea"\n')
    (workshop / "nameless.toml").write_text("[settings]\nlatent = 2\n")
    (workshop / "numbered.toml").write_text("recipe = 3\n")
    (workshop / "listed.toml").write_text('recipe = "vae"\nsettings = [1]\n')
    (workshop / "typed.toml").write_text('recipe = "vae"\n[settings]\nlatent = "two"\n')
    (workshop / "misspelt.toml").write_text('recipe = "vae"\n[settings]\nlatnet = 2\n')
    (workshop / "binary.toml").write_bytes(b"\xff\xfe\0")
    (workshop / "taken.npy").write_bytes(b"precious")
    np.save(workshop / "huge.npy", np.full((9, 3), 1e308))
    np.save(workshop / "no-conditions.npy", np.empty((0, 2)))
    np.save(workshop / "no-numbers.npy", np.empty((9, 2, 0)))
    os.mkfifo(workshop / "pipe.csv")
    (workshop / "angles.csv").write_text("angle\n1\n2\n")
    return workshop


FIT = "fit vae events.npy --out new"
CASES = {
    # The command line.
    "unknown command": ("smaple plain", ["no command 'smaple'", "'sample'"]),
    "a part of a command": ("simulate", ["no command 'simulate'", "'calo simulate'"]),
    "data without a word": ("data digits", ["ansatz data info digits"]),
    "unknown data command": ("data ifno digits", ["'data ifno'", "'info'"]),
    "unknown recipe": ("fit vea events.npy", ["no recipe 'vea'", "'vae'"]),
    "unknown option": (f"{FIT} --latnet 3", ["'--latnet'", "'--latent'", "`ansatz fit vae -h`"]),
    "unknown option before data": ("fit vae --latnet 3 events.npy", ["'--latnet'", "'--latent'"]),
    "unknown option with another name": (f"{FIT} --form plain", ["'--form'", "'--from'"]),
    "unknown option of a resume": ("fit --resume plain --rate 1", ["'--rate'", "ansatz fit -h"]),
    "unknown short option": ("sample plain -m 3", ["'-m'", "`ansatz sample -h`"]),
    "option before the recipe": ("fit --out new vae digits", ["RECIPE and DATA", "--out"]),
    "one argument too many": ("sample plain pca", ["'pca'", "too many"]),
    "no data": ("fit vae", ["needs DATA", "`ansatz fit vae -h`"]),
    "no run": ("sample", ["needs RUN", "`ansatz sample -h`"]),
    "no data to score": ("score plain", ["needs RUN and DATA"]),
    "no codes": (f"{FIT} --samples 0", ["samples must be at least 1; it is 0"]),
    "estimator of other codes": (
        f"{FIT} --estimator relaxed",
        ["'relaxed' does not apply to the posterior 'normal'", "reparameterised"],
    ),
    "prior without a number": (f"{FIT} --prior vamp", ["vamp:10"]),
    "nothing to refine": (
        "evaluate pca --refine 3",
        ["The recipe 'pca' has no posterior to refine"],
    ),
    "no labels to tell": ("evaluate plain --classify", ["events.npy", "--classify", "categories"]),
    "slopes that jump": (
        "fit autoencoder events.npy --contract 1 --activation relu --out new",
        ["'relu'", "smooth"],
    ),
    "no value": (f"{FIT} --latent", ["--latent must be followed by a whole number"]),
    "too large a number": (f"{FIT} --rate 1e308", ["'rate'", "below 3.4e+38, not 1e+308"]),
    "word for a whole number": (f"{FIT} --latent abc", ["--latent", "whole number", "'abc'"]),
    "number for a whole number": (f"{FIT} --epochs=1.5", ["--epochs", "whole number", "'1.5'"]),
    "word for a number": (f"{FIT} --rate quick", ["--rate", "a number", "'quick'"]),
    "words for whole numbers": (f"{FIT} --hidden 8 x", ["--hidden", "whole numbers", "'8 x'"]),
    "word for an optional number": (f"{FIT} --clip x", ["--clip", "a number", "'x'"]),
    "underscore in an option": (f"{FIT} --prior_scale x", ["--prior_scale", "numbers", "'x'"]),
    "none of the choices": (
        f"{FIT} --optimiser adm",
        ["--optimiser", "adam, adamw, sgd", "'adm'", "Did you mean 'adam'"],
    ),
    "alias with a wrong value": ("sample plain -n many", ["-n", "whole number", "'many'"]),
    "group without a value": (f"{FIT} --group encoder", ["part.setting=value", "'encoder'"]),
    "unknown group": (f"{FIT} --group encodr.rate=1", ["'encodr'", "'encoder'"]),
    "unknown setting of a group": (f"{FIT} --group encoder.rat=1", ["'rat'", "'rate'"]),
    "wrong type in a group": (f"{FIT} --group encoder.rate=fast", ["'rate'", "'fast'"]),
    # Settings.
    "latent of zero": (f"{FIT} --latent 0", ["latent must be at least 1", "0"]),
    "latent beyond 32 bits": (f"{FIT} --latent 9999999999", ["latent must be below 2147483648"]),
    "name of no file": (f"fit pca digits --out {'x' * 300}", ["No file can be called", "too long"]),
    "no epochs": (f"{FIT} --epochs 0", ["epochs must be at least 1"]),
    "negative rate": (f"{FIT} --rate -1", ["rate must be positive", "-1"]),
    "fractions": (f"{FIT} --validation 0.6 --test 0.5", ["validation and test", "1.1"]),
    "negative seed": (f"{FIT} --seed -1", ["seed", "-1"]),
    "unknown step": (f"{FIT} --preprocess standardize", ["'standardize'", "'standardise'"]),
    "binarised and normal": (
        "fit vae digits --preprocess scale binarise --likelihood normal --out new",
        ["Bernoulli", "'normal'", "'binarise'"],
    ),
    "bernoulli of real numbers": (
        f"{FIT} --likelihood bernoulli --preprocess standardise",
        ["zeros and ones", "binarise"],
    ),
    "too many components": (
        "fit pca events.npy --latent 4 --out new",
        ["latent is 4", "3 numbers", "from 1 to 3"],
    ),
    "binarised pca": ("fit pca digits --preprocess scale binarise --out new", ["'binarise'"]),
    # Recipe files.
    "missing recipe file": ("fit vea.toml events.npy", ["no file vea.toml"]),
    "unknown recipe in a file": ("fit unknown.toml events.npy", ["'vea'", "'vae'"]),
    "recipe file without a name": ("fit nameless.toml events.npy", ["nameless.toml", "recipe ="]),
    "recipe file with a number": ("fit numbered.toml events.npy", ["numbered.toml", "recipe ="]),
    "recipe file with a list": ("fit listed.toml events.npy", ["listed.toml", "[settings]"]),
    "wrong type in a file": ("fit typed.toml events.npy", ["'latent'", "whole number", "'two'"]),
    "unknown setting in a file": ("fit misspelt.toml events.npy", ["'latnet'", "'latent'"]),
    "recipe file of bytes": ("fit binary.toml events.npy", ["binary.toml", "not a TOML file"]),
    # Data.
    "missing file": ("fit vae event.npy --out new", ["no file event.npy", "events.npy"]),
    "missing folder": ("fit vae data/event.npy --out new", ["no folder data"]),
    "empty file": ("fit vae empty.npy --out new", ["empty.npy is empty"]),
    "truncated npy": ("fit vae cut.npy --out new", ["cut.npy", "cut short"]),
    "truncated gzip": ("fit vae cut.npy.gz --out new", ["cut.npy.gz", "cut short"]),
    "truncated idx": ("fit vae cut-images-idx3-ubyte --out new", ["cut-images", "cut short"]),
    "truncated HDF5": ("fit vae cut.h5 --out new", ["cut.h5", "cut short"]),
    "wrong key": ("fit vae showers.h5 --events shower --out new", ["'shower'", "'showers'"]),
    "keys to choose from": ("fit vae several.h5 --out new", ["--events", "showers", "tracks"]),
    "objects": ("fit vae objects.npz --out new", ["objects.npz", "'events'", "never unpickled"]),
    "NaN": ("fit vae nan.npy --out new", ["nan.npy", "2 of 100", "index 31"]),
    "infinity": ("fit vae infinite.npy --out new", ["infinite.npy", "2 of 100", "index 31"]),
    "NaN to score": ("score plain nan.npy --out new.npy", ["nan.npy", "index 31"]),
    "numbers beyond the precision": ("fit pca huge.npy --out new", ["1e+308", "float32"]),
    "numbers beyond that of a run": ("score plain huge.npy --out new.npy", ["huge.npy", "1e+308"]),
    "events without numbers": ("fit vae no-numbers.npy --out new", ["no-numbers.npy", "(2, 0)"]),
    "pipe": ("fit vae pipe.csv --out new", ["pipe.csv is a pipe or a device"]),
    "text among events": ("fit vae table.csv --out new", ["'particle'", "--conditions", "--drop"]),
    "unknown column": (
        "fit vae table.csv --conditions partcle --out new",
        ["no column 'partcle'", "'particle'", "energy"],
    ),
    "wrong shape": ("score plain wide.npy --out new.npy", ["wide.npy", "(4,)", "(3,)"]),
    "wrong shape to encode": ("encode plain digits --out new.npy", ["(8, 8)", "(3,)"]),
    "wrong shape to evaluate": ("evaluate pca events.npy", ["events.npy", "(3,)", "(8, 8)"]),
    "missing conditions to score": ("score conditional events.npy", ["'particle'", "events.npy"]),
    # Conditions.
    "unknown category": (
        "sample conditional --condition particle=poin angle=1",
        ["particle", "'poin'", "'pion'"],
    ),
    "word for a condition": (
        "sample conditional --condition particle=pion angle=steep",
        ["angle is a number", "'steep'"],
    ),
    "unknown condition": ("sample conditional --condition angel=1", ["'angel'", "'angle'"]),
    "no value of a condition": ("sample conditional --condition angle", ["name=value", "'angle'"]),
    "missing condition": (
        "sample conditional",
        ["particle, angle", "particle=electron|photon|pion", "angle=..."],
    ),
    "one condition missing": (
        "sample conditional --condition angle=1",
        ["give also particle=electron|photon|pion."],
    ),
    "condition of an unconditional run": (
        "sample plain --condition angle=1",
        ["not conditional"],
    ),
    "condition file of an unconditional run": (
        "sample plain --condition-file angles.csv",
        ["not conditional"],
    ),
    "missing column of a condition file": (
        "sample conditional --condition-file angles.csv",
        ["particle"],
    ),
    "condition and a file of them": (
        "sample conditional --condition angle=1 --condition-file angles.csv",
        ["--condition or --condition-file"],
    ),
    "file without conditions": (
        "sample conditional --condition-file no-conditions.npy",
        ["no-conditions.npy holds no conditions"],
    ),
    # Runs.
    "missing run": ("sample plian", ["no run plian"]),
    "folder that is no run": ("sample no-run", ["no-run is not a run", "recipe.toml"]),
    "run without a record": ("evaluate unrecorded", ["unrecorded", "recipe.toml"]),
    "run with a broken record": ("sample misrecorded", ["misrecorded/recipe.toml", "not a TOML"]),
    "missing run to resume": ("fit --resume plian", ["no run plian"]),
    "no run to resume": ("fit --resume no-run", ["no-run is not a run"]),
    "missing run to begin from": (f"{FIT} --from plian", ["no run plian"]),
    "run of another recipe to begin from": (f"{FIT} --from pca", ["pca", "same recipe"]),
    "fewer epochs": ("fit --resume plain --epochs 1", ["plain has done 2 epochs", "--epochs 2"]),
    # Outputs.
    "existing run": (
        "fit vae events.npy --out plain",
        ["plain exists", "--force", "--resume plain"],
    ),
    "force on a folder that is no run": (
        "fit vae events.npy --out no-run --force",
        ["no-run exists and is not a run"],
    ),
    "force on a file": ("fit vae events.npy --out one.npy --force", ["one.npy", "not a run"]),
    "run below a file": ("fit pca digits --latent 2 --quiet --out one.npy/run", ["one.npy/run"]),
    "existing output": ("sample plain --out taken.npy", ["taken.npy exists", "--force"]),
    "unknown suffix": ("sample plain --out new.txt", ["new.txt", ".npy, .npz, .csv, .h5"]),
    "folder for an output": ("sample plain --out no-run.npy/", ["no-run.npy"]),
    "folder as an output": ("encode plain events.npy --out no-run", ["no-run"]),
    "fewer than one sample": ("sample plain -n -3 --out new.npy", ["at least 1", "-3"]),
    "no samples": ("sample plain -n 0 --out new.npy", ["at least 1", "0"]),
    "no draws": ("score plain events.npy --samples 0 --out new.npy", ["at least 1", "0"]),
    "no draws to evaluate": ("evaluate plain -K 0", ["at least 1", "0"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_a_sentence(broken, here, capsys, name):
    command, fragments = CASES[name]
    if name == "folder for an output":
        (broken / "no-run.npy").mkdir(exist_ok=True)
    before = digest(broken)
    with pytest.raises(AnsatzError) as refused:
        run(command.split())
    message = str(refused.value)
    for fragment in fragments:
        assert fragment in message
    assert "\n" not in message
    assert message == message.strip()
    assert "  " not in message
    assert 1 <= len(re.findall(r"[.?:](?= [A-Z`]|$)", message)) <= 3, message
    assert digest(broken) == before
    assert capsys.readouterr().out.partition("usage")[0] == ""


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        (["fit", "vae", "nowhere.npy"], 2, "ansatz: There is no file nowhere.npy"),
        (["fit", "vae", "digits", "--latent", "abc"], 2, "ansatz: --latent takes a whole number"),
        (["sample", "nowhere"], 2, "ansatz: There is no run nowhere."),
    ],
)
def test_the_program_prints_it_and_ends_with_2(tmp_path, words, code, err):
    command = [sys.executable, "-m", "ansatz", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith(err)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "There is not enough memory: ask"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore"),
            "There is not enough memory (Out of memory allocating 9 bytes): ask",
        ),
    ],
)
def test_too_little_memory_is_a_sentence(monkeypatch, capsys, error, words):
    """As NumPy says it, and as JAX does of the memory of a device."""
    monkeypatch.setattr(sys, "argv", ["ansatz"])
    monkeypatch.setattr("ansatz.cli.main.run", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in said
    assert said.count("\n") == 1


def test_another_error_of_the_runtime_is_a_bug(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ansatz"])
    error = RuntimeError("INTERNAL: something else")
    monkeypatch.setattr("ansatz.cli.main.run", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(RuntimeError, match="something else"):
        main()


def test_ctrl_c_is_heard_where_python_forgets_what_is_raised(monkeypatch, capsys):
    """As when a block of an HDF5 file has been read, and what was in its way is let go of."""
    held, asked, begun = weakref.WeakValueDictionary(), [], []

    class Way:
        pass

    def ask(frame, event, _):
        if event == "call" and frame.f_code.co_filename == weakref.__file__ and not asked:
            asked.append(os.kill(os.getpid(), signal.SIGINT))

    def reading(_):
        way = held[0] = Way()
        sys.setprofile(ask)
        del way
        sys.setprofile(None)
        assert asked
        begun.append(time.monotonic())
        time.sleep(20)

    monkeypatch.setattr(sys, "argv", ["ansatz"])
    monkeypatch.setattr("ansatz.cli.main.run", reading)
    # The tests may have been started where a shell ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""
    # It wakes who waits, and is not left until the wait is over.
    assert time.monotonic() - begun[0] < 10


def test_ctrl_c_is_heard_again_where_python_would_forget_it(monkeypatch):
    """Within the code of weak references an exception is printed and dropped: it comes later."""
    heard, sent = threading.Event(), []
    monkeypatch.setattr(signal, "pthread_kill", lambda *to: (sent.append(to), heard.set()))

    def interrupt():
        _interrupted(signal.SIGINT, sys._getframe())

    within = {"interrupt": interrupt}
    exec(compile("def let_go():\n    interrupt()", weakref.__file__, "exec"), within)
    within["let_go"]()
    assert heard.wait(10)
    assert sent == [(threading.main_thread().ident, signal.SIGINT)]
    with pytest.raises(KeyboardInterrupt):
        interrupt()
