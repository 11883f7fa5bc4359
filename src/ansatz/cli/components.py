"""`ansatz components`: how many components a mixture needs."""

from dataclasses import asdict, dataclass, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansatz.cli.arguments import Common, DataName, parse, say
from ansatz.cli.output import print_json, print_table
from ansatz.data.options import DataOptions

if TYPE_CHECKING:
    from ansatz.evaluate.components import Size


@dataclass(frozen=True, kw_only=True)
class Place(Common):
    """What to compare, and where the runs go."""

    data: DataName
    """The data: a file, a folder or a name."""
    counts: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    """The numbers of components to compare."""
    out: Path | None = None
    """The folder of the runs and the figure; runs/components-DATA if not given."""
    force: bool = False
    """Replace runs that are there already."""


def run(words: list[str]) -> int:
    """Parse, fit one mixture for each number, print."""
    from ansatz.models.mixture import MixtureRecipe

    kind = make_dataclass(
        "components",
        [
            ("place", Place),
            ("columns", DataOptions, DataOptions()),
            ("settings", MixtureRecipe, MixtureRecipe()),
        ],
        frozen=True,
    )
    kind.__doc__ = "Fit mixtures of several sizes, and say how many components are worth it."
    found: Any = parse(kind, words, "ansatz components")
    place: Place = found.place
    from ansatz.evaluate.components import best, curve, sizes
    from ansatz.report.rendering import render
    from ansatz.runs.files import write_atomic

    out = place.out or Path("runs") / f"components-{Path(place.data).name.split('.')[0]}"
    measured = []
    for size in sizes(
        found.settings, place.data, place.counts, found.columns, out=out, force=place.force
    ):
        measured.append(size)
        if not place.quiet:
            say(f"{size.components} components: log p {size.log_likelihood:.4f}")
    rendering = render(curve(measured))
    for form, content in rendering.files.items():
        write_atomic(out / f"components.{form}", content)
    chosen = best(measured)
    if place.json:
        each = [asdict(size) for size in measured]
        print_json({"out": str(out), "best": chosen.components, "sizes": each})
        return 0
    _print(measured)
    by = "smallest BIC" if chosen.elbo is None else "largest ELBO"
    if not place.quiet:
        say(
            f"{chosen.components} components have the {by}: {out}/components-{chosen.components}. "
            f"The curve is {out}/components.png."
        )
    return 0


def _print(measured: "list[Size]") -> None:
    columns = {
        "components": [str(size.components) for size in measured],
        "alive": [str(size.alive) for size in measured],
        "parameters": [str(size.parameters) for size in measured],
        "log p": [f"{size.log_likelihood:.4f}" for size in measured],
        "log p held out": [f"{s.held_out:.4f}" for s in measured if s.held_out is not None],
        "BIC": [f"{size.bic:.1f}" for size in measured],
        "ELBO": [f"{size.elbo:.1f}" for size in measured if size.elbo is not None],
    }
    shown = {name: cells for name, cells in columns.items() if cells}
    print_table(list(zip(*shown.values(), strict=True)), tuple(shown))
