"""How long every family may learn: so many seconds, or so many steps."""

import re
from dataclasses import dataclass, replace

from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Recipe
from ansatz.runs.ready import Fit

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
SHARE = 0.1
"""Of the seconds, in which the pace is taken beforehand."""
FORWARD = 1 / 3
"""Cost of judging a batch, in steps of learning from one."""
ENDLESS = 10**6
"""Epochs of a fit that is only to show its pace."""


@dataclass(frozen=True)
class Budget:
    """Seconds of learning or steps, one of them."""

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def of(cls, text: str) -> "Budget":
        """From '60s', '5min' or '1h'."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)", text.strip())
        if found is None or not float(found[1]) > 0:
            raise OptionError(f"A budget is a time such as 60s, 5min or 1h, not {text!r}.")
        return cls(seconds=float(found[1]) * UNITS[found[2]])

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise OptionError("Give a budget in seconds or in steps, one of them.")
        if self.steps is not None and self.steps < 1:
            raise OptionError(f"steps must be at least 1; they are {self.steps}.")

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.steps:,} steps"
        return f"{self.seconds:g} s of learning"

    def spend(self, recipe: Recipe, fit: Fit) -> Recipe:
        """The recipe with as many epochs as the budget pays for; `fit` shows its pace.

        What learns all there is to learn in one pass has that pass.
        """
        if recipe.one_pass:
            return recipe
        per_epoch = fit.engine.source.steps_per_epoch
        if self.steps is not None:
            epochs = self.steps // per_epoch
            if epochs < 1:
                raise OptionError(
                    f"{self.steps} steps are less than one epoch, which has {per_epoch}: give "
                    f"--steps {per_epoch} or more."
                )
            return replace(recipe, epochs=epochs)
        assert self.seconds is not None
        each = seconds_an_epoch(fit, self.seconds)
        epochs = int(self.seconds / each)
        if epochs < 1:
            raise OptionError(
                f"{self.seconds:g} s are too few for one epoch, which takes about {each:.0f} s: "
                f"give --budget {each * 1.2:.0f}s or more."
            )
        return replace(recipe, epochs=epochs)


def seconds_an_epoch(fit: Fit, budget: float) -> float:
    """The time that an epoch takes, judging on validation events included, compiling left out.

    The first epoch compiles; those after it are timed. Of an epoch that is long for this budget
    only some steps are timed, compiled already.
    """
    per_epoch = fit.engine.source.steps_per_epoch
    validation = fit.engine.validation
    judging = 0.0 if validation is None else FORWARD * validation.steps_per_epoch
    steps, timed, seconds, epochs = 0, 0, 0.0, 0
    for chunk in fit.engine.train(fit.state):
        ended = bool(chunk.rows)
        if epochs == 0:
            if steps and not ended:
                timed, seconds = timed + chunk.steps, seconds + chunk.seconds
            if timed and seconds > SHARE * budget:
                return seconds / timed * (per_epoch + judging)
            steps += chunk.steps
            if ended:
                epochs, seconds = 1, 0.0
            continue
        seconds += chunk.seconds
        epochs += ended
        if ended and seconds > SHARE * budget:
            break
    return seconds / max(epochs - 1, 1)
