"""What came of a study, and where everything lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansatz.report.page import Grid
from ansatz.studies.claim import Claim, Verdict
from ansatz.studies.study import Study


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """A study that was carried out."""

    study: Study
    out: Path
    quick: bool
    seed: int
    claims: tuple[Claim, ...]
    tables: tuple[Grid, ...] = ()
    runs: tuple[Path, ...]
    figures: dict[str, dict[str, Path]]
    """By the figure's name and the format."""
    page: Path

    def __post_init__(self) -> None:
        if not self.claims:
            raise ValueError(f"The study {self.study.name!r} must claim something.")

    @property
    def holds(self) -> bool:
        """Whether all claims do."""
        return all(claim.verdict == Verdict.HOLDS for claim in self.claims)

    @property
    def summary(self) -> str:
        """How many claims hold, and which do not."""
        words = {Verdict.FAILS: "fails", Verdict.UNDECIDED: "is undecided"}
        unmet = [f"{c.name} {words[c.verdict]}" for c in self.claims if c.verdict in words]
        held = f"{len(self.claims) - len(unmet)} of {len(self.claims)} claims hold"
        return f"{'; '.join([held, *unmet])}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "study": self.study.name,
            "quick": self.quick,
            "seed": self.seed,
            "holds": self.holds,
            "claims": [claim.to_dict() for claim in self.claims],
            "tables": [
                {"title": t.title, "header": list(t.header), "rows": [list(r) for r in t.rows]}
                for t in self.tables
            ],
        }
