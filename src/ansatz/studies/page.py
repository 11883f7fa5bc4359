"""The page of a study: its verdicts, its figures, and each claim with its reasons."""

import inspect

from ansatz.report.facts import Fact
from ansatz.report.page import Page
from ansatz.report.rendering import Rendering
from ansatz.runs.record import current_versions
from ansatz.studies.claim import Claim
from ansatz.studies.outcome import Outcome


def page(outcome: Outcome, figures: tuple[Rendering, ...], folder: str) -> str:
    """The whole file; the figures' own files are in `folder`."""
    study = outcome.study
    about = " ".join(inspect.cleandoc(study.__doc__ or "").split())
    size = "quick" if outcome.quick else "full"
    facts = [
        Fact("study", study.name),
        Fact("size", size),
        Fact("seed", str(outcome.seed)),
        *(Fact("run", path.name) for path in outcome.runs),
        *(Fact(name, version) for name, version in current_versions().items()),
    ]
    return Page(
        title=study.title,
        about=about,
        missing=() if outcome.holds else (outcome.summary,),
        merits=[_merit(claim) for claim in outcome.claims],
        figures=figures,
        folder=folder,
        grids=outcome.tables,
        tables={
            **{f"{k}. {c.sentence}": _reasons(c) for k, c in enumerate(outcome.claims, 1)},
            "How it was found": facts,
        },
    ).html()


def _merit(claim: Claim) -> Fact:
    return Fact(claim.name, claim.verdict, f"{_typeset(claim.result)} {claim.unit}".rstrip())


def _reasons(claim: Claim) -> list[Fact]:
    return [
        Fact("verdict", claim.verdict, own=True),
        Fact("expected", _typeset(claim.wanted)),
        Fact("measured", _typeset(claim.result)),
        Fact("tolerance", claim.write(claim.tolerance)),
        Fact("unit", claim.unit or "none"),
        Fact("source", claim.source),
        Fact("why this tolerance", claim.why),
    ]


def _typeset(number: str) -> str:
    """A number with a true minus."""
    return number.replace("-", "−")
