"""`ansatz.fit` and `ansatz.resume`: the commands of the same names, for Python."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from ansatz.data.options import DataOptions
from ansatz.models import recipe_class
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.recipe import Recipe
from ansatz.runs import fit as fitting
from ansatz.runs.ensemble import Ensemble
from ansatz.runs.progress import Watcher
from ansatz.runs.record import read_toml
from ansatz.runs.run import Run


def fit(
    recipe: str | Path | Recipe,
    data: Any,
    *,
    out: str | Path | None = None,
    force: bool = False,
    start: str | Path | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run | Ensemble:
    """Fit a recipe to data: `ansatz.fit("vae", "digits", latent=16, out="runs/digits")`.

    `recipe` is a name, a `recipe.toml`, or a recipe. `data` is a path, a name, an array, an
    (events, conditions) pair, or a `Dataset`. The settings are the recipe's own, the names of
    columns (`events`, `conditions`, `weights`, `drop`) and nets of your own (`encoder=...`).
    Without `out` the run stays in memory. `start` is a run from whose weights to begin. With
    `seeds` above one the result is an `Ensemble` of that many runs.
    """
    recipe = find_recipe(recipe)
    columns = {field.name for field in fields(DataOptions)}
    chosen = {name: value for name, value in settings.items() if name in columns}
    # A prior is a word among the settings, or a model of one's own.
    nets = {n: v for n, v in settings.items() if n in recipe.nets and not isinstance(v, str)}
    own = {n: v for n, v in settings.items() if n not in columns and n not in nets}
    known = [*recipe.nets, *(field.name for field in fields(recipe))]
    for name in own:
        if name not in known:
            raise OptionError(f"{recipe.kind} has no setting {name!r}. {nearest(name, known)}")
    return fitting.fit(
        recipe.with_settings(own),
        data,
        DataOptions.of(chosen),
        out=None if out is None else Path(out),
        force=force,
        start=None if start is None else Path(start),
        nets=nets,
        watcher=None if quiet else Watcher(),
    )


def resume(
    run: str | Path,
    *,
    epochs: int | None = None,
    data: Any = None,
    quiet: bool = False,
    **nets: Any,
) -> Run | Ensemble:
    """Go on with a run that was stopped, or for more `epochs` with one that was not.

    Its `data` are named where they have moved since, or were an array in memory.
    """
    return fitting.resume(
        Path(run), epochs=epochs, data=data, nets=nets, watcher=None if quiet else Watcher()
    )


def find_recipe(recipe: str | Path | Recipe) -> Recipe:
    """A recipe by its name, from a `recipe.toml`, or as it is."""
    if isinstance(recipe, Recipe):
        return recipe
    if not str(recipe).endswith(".toml"):
        return recipe_class(str(recipe))()
    content = read_toml(Path(recipe))
    name, settings = content.get("recipe"), content.get("settings", {})
    if not isinstance(name, str):
        raise OptionError(f"{recipe} does not name a recipe: begin it with recipe = 'vae'.")
    if not isinstance(settings, dict):
        raise OptionError(f"The settings of {recipe} must be a table, [settings].")
    return recipe_class(name).of(settings)
