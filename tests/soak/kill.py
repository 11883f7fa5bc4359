"""Kill fits with SIGKILL at random moments; each must resume to the same bits.

Every case is fitted once undisturbed. Then it is fitted again and again, killed at a moment
drawn uniformly over most of the undisturbed fit's time, or just when a checkpoint's temporary file
appears, resumed, and compared byte by byte: weights, history and last checkpoint. There is a case
for every recipe; one reads its events from a file six times larger than the buffer, and one is an
ensemble.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ansatz.calo.geometry import Geometry, to_xml
from ansatz.calo.writing import ShowerWriter
from ansatz.models import recipe_names

GEOMETRY = Geometry("small", "photon", ((0.0, 1.0, 2.0), (0.0, 3.0)), (2, 1), (0, 1), 1e-3)
COMMON = "--patience 0 --quiet --no-report"
VAE = "vae digits --latent 4"
SMALL = f"{VAE} --hidden 64 --epochs 60 --batch 32"
UNITS = "digits --preprocess scale threshold --chains 32"
SHOWERS = "showers.h5 --events showers --conditions incident_energies --geometry small.xml"
CASES = {
    "vae": SMALL,
    "vae, dropout": f"{SMALL} --dropout 0.2",
    "vae, averaged": f"{SMALL} --average 0.99",
    "vae, conditional": f"{SMALL} --conditions label --schedule cosine --warmup 50",
    "vae, large checkpoint": f"{VAE} --hidden 800 800 --batch 64 --epochs 6 --average 0.99 "
    "--dropout 0.1",
    "vae, streamed": "vae events.npy --latent 4 --hidden 64 --epochs 4 --buffer 1",
    "vae, ensemble": f"{VAE} --hidden 32 --epochs 20 --seeds 3 --dropout 0.1",
    "autoencoder": "autoencoder digits --latent 4 --hidden 64 --epochs 80 --batch 32",
    "pca": "pca digits --latent 8",
    "mixture": "mixture digits --components 12 --epochs 30 --preprocess scale",
    "kmeans": "kmeans digits --clusters 40 --epochs 40",
    "flow": "flow moons --hidden 32 --epochs 12",
    "gan": "gan moons --latent 4 --hidden 32 --epochs 15",
    "rbm": f"rbm {UNITS} --hidden 32 --epochs 20",
    "deep-rbm": f"deep-rbm {UNITS} --layers 24 12 --epochs 12",
    "boltzmann": f"boltzmann {UNITS} --epochs 10",
    "qvae": "qvae digits --latent 12 --hidden 32 --chains 16 --epochs 12 --batch 64",
    "calo-qvae": f"calo-qvae {SHOWERS} --latent 12 --features 8 --depth 1 --width 12 --chains 16 "
    "--annealing 20 --batch 64 --epochs 8",
}


def main() -> int:
    """Run all trials and say how they went; 0 if every one ended in the same bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    missing = set(recipe_names()) - {words.split()[0] for words in CASES.values()}
    assert not missing, f"No case fits {missing}."
    chance = random.Random(arguments.seed)
    wrong = killed_writing = afresh = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = np.random.default_rng(0).integers(0, 256, (8000, 784), np.uint8)
        np.save(folder / "events.npy", events)
        write_showers(folder / "showers.h5")
        reference, seconds = {}, {}
        for case in arguments.case:
            started = time.monotonic()
            run_to_end(folder / "reference", case)
            seconds[case] = time.monotonic() - started
            reference[case] = content(folder / "reference")
            shutil.rmtree(folder / "reference")
            print(f"{case}: undisturbed in {seconds[case]:.1f} s", flush=True)
        for trial in range(arguments.trials):
            case = arguments.case[trial % len(arguments.case)]
            out = folder / "run"
            while_writing = case == "vae, large checkpoint"
            at = chance.uniform(0.2, 0.95) * seconds[case]
            early = chance.random() < 0.1
            died = None
            while died is None:
                shutil.rmtree(out, ignore_errors=True)
                process = start(out, case)
                died = wait_and_kill(process, out, at, early=early, while_writing=while_writing)
                # What is compiled already is done sooner.
                at *= 0.6
            step = last_step(out)
            left = list(out.glob("**/.*.part"))
            killed_writing += bool(left)
            afresh += not out.exists()
            run_to_end(out, case)
            same = content(out) == reference[case]
            wrong += not same
            print(
                f"trial {trial + 1:2}, {case}: "
                f"killed after {died:.2f} s"
                f"{f' at checkpoint {step}' if out.exists() and step is not None else ''}"
                f"{', half a checkpoint left behind' if left else ''}: "
                f"{'the same bits' if same else 'DIFFERENT'}",
                flush=True,
            )
            shutil.rmtree(out)
    print(
        f"{arguments.trials - wrong} of {arguments.trials} the same to the last bit; "
        f"{killed_writing} killed while writing a checkpoint, {afresh} before the run existed."
    )
    return 1 if wrong else 0


def start(out: Path, case: str) -> subprocess.Popen[bytes]:
    """A fit in a process of its own: a new one, or on from the last good checkpoint."""
    words = f"--resume {out.name} --quiet --no-report"
    if not out.exists():
        words = f"{CASES[case]} {COMMON} --out {out.name}"
    # What was compiled is kept, so that most of the time is training.
    kept = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(out.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-m", "ansatz", "fit", *words.split()]
    return subprocess.Popen(command, cwd=out.parent, env=kept)


def write_showers(path: Path) -> None:
    """Showers of a small calorimeter: a third of the voxels empty, half the energy seen."""
    rng = np.random.default_rng(1)
    energies = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 2000))
    share = rng.exponential(size=(2000, GEOMETRY.voxels))
    share *= rng.random(share.shape) > 1 / 3
    share /= np.maximum(2 * share.sum(1, keepdims=True), 1e-9)
    path.with_name("small.xml").write_text(to_xml(GEOMETRY))
    with ShowerWriter(path, GEOMETRY, {"synthetic": True}) as writer:
        writer.append(energies, share * energies[:, None])


def run_to_end(out: Path, case: str) -> None:
    """Fit or resume, and insist that it works."""
    if start(out, case).wait() != 0:
        raise SystemExit(f"The fit {out} failed.")


def wait_and_kill(
    process: subprocess.Popen[bytes], out: Path, at: float, *, early: bool, while_writing: bool
) -> float | None:
    """Kill at the moment drawn, or at the first checkpoint being written after it.

    Unless it is to be `early`, there is a run when it is killed.
    """
    started = time.monotonic()
    while process.poll() is None:
        now = time.monotonic() - started
        there = early or (out / "recipe.toml").exists()
        writing = not while_writing or any(out.glob("**/checkpoints/.*.part"))
        if now >= at and there and writing:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return now
        time.sleep(0.0005)
    return None


def last_step(out: Path) -> int | None:
    """The step of the newest checkpoint."""
    steps = sorted(out.glob("**/checkpoints/step-*"), key=lambda path: path.name)
    return int(steps[-1].stem.split("-")[1]) if steps else None


def content(out: Path) -> dict[str, bytes]:
    """What must be the same of each run: weights, history, and the last checkpoint."""
    paths = []
    for checkpoints in out.glob("**/checkpoints"):
        last = sorted(checkpoints.glob("step-*"))[-1]
        paths += [checkpoints.parent / "model.safetensors", checkpoints.parent / "history.jsonl"]
        paths.append(last)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


if __name__ == "__main__":
    sys.exit(main())
