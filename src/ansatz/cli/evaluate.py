"""`ansatz evaluate`: how good a run is on events it has not seen."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import tyro

from ansatz.cli.arguments import Common, RunPath, parse
from ansatz.cli.output import print_json, print_table
from ansatz.protocol.errors import OptionError
from ansatz.runs.watched import watched

if TYPE_CHECKING:
    from ansatz.protocol.figures import Labels
    from ansatz.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Evaluate(Common):
    """Judge a run on the events held out for testing, or on others."""

    run: RunPath
    """The run's folder."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Other events to judge it on: a file, a folder or a name. Of the run's own data those held
    out are taken."""
    samples: Annotated[int, tyro.conf.arg(aliases=["-K"])] = 100
    """Draws of the code for each event, where only a bound is known."""
    refine: int = 0
    """Steps by which the posterior of every event is improved, to see what the encoder misses."""
    two_sample: bool = False
    """Train a classifier to tell codes of events from codes that the prior draws, or events from
    samples where a model has no codes."""
    classify: bool = False
    """Train classifiers to tell labels that stand beside the events, or conditions, from codes."""
    seed: int = 0
    """Decides the draws."""


def run(words: list[str]) -> int:
    """Parse, evaluate, print."""
    found = parse(Evaluate, words, "ansatz evaluate")
    from ansatz.evaluate.judge import judge
    from ansatz.evaluate.spread import spread
    from ansatz.runs.ensemble import Ensemble
    from ansatz.runs.load import load_all

    fitted = load_all(found.run)
    members = fitted.members if isinstance(fitted, Ensemble) else (fitted,)
    first = members[0]
    watch = partial(watched, quiet=found.quiet)
    dataset = None if found.data is None else first.read(found.data, watch=watch)
    if dataset is None or first.learnt_from(dataset):
        part, dataset = first.held_out(dataset, watch=watch)
        what = f"{len(dataset):,} {part} events of {found.data or first.record.source}"
    else:
        what = f"{len(dataset):,} events of {found.data}"
    labels = _labels(first, found.data) if found.classify else None
    judged = [
        judge(
            run,
            dataset,
            samples=found.samples,
            refine=found.refine,
            two_sample=found.two_sample,
            labels=labels,
            seed=found.seed,
            watch=watch,
        )
        for run in members
    ]
    measures = judged[0] if len(members) == 1 else spread(judged)
    if found.json:
        print_json({"events": what, "measures": [asdict(measure) for measure in measures]})
        return 0
    print(f"{first.record.recipe.name} on {what}\n")
    print_table(
        [(m.name, f"{m.value:.5g} ± {m.error:.2g}", m.unit, m.what) for m in measures],
        ("measure", "value", "unit", "what it is"),
    )
    return 0


def _labels(run: "Run", data: str | None) -> "Labels":
    """What a classifier is to tell."""
    labels = run.labels(data)
    if labels is None:
        raise OptionError(
            f"No labels stand beside the events of {data or run.record.source}: --classify needs a "
            "field or a condition of a few categories."
        )
    return labels
