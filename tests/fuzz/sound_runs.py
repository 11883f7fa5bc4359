"""Tiny runs to use and to damage."""

from pathlib import Path

import sound_files

import ansatz

TINY = {"latent": 1, "hidden": (4,), "epochs": 1, "batch": 20, "quiet": True}


def made(folder: Path) -> dict[str, Path]:
    """Runs below a folder: of plain events, of conditional ones, several fits of one recipe."""
    runs = {name.upper(): folder / name for name in ("plain", "conditional", "several", "pca")}
    if all((run / "recipe.toml").exists() for run in runs.values()):
        return runs
    events, table = folder / "plain.npy", folder / "table.csv"
    events.write_bytes(sound_files.sound()[events.name])
    table.write_bytes(sound_files.sound()[table.name])
    ansatz.fit("vae", events, out=runs["PLAIN"], **TINY)
    ansatz.fit("vae", table, conditions="particle", out=runs["CONDITIONAL"], **TINY)
    ansatz.fit("vae", events, out=runs["SEVERAL"], seeds=2, **TINY)
    ansatz.fit("pca", events, out=runs["PCA"], latent=1, quiet=True)
    return runs
