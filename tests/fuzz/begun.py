"""Fits that end where they would begin to learn, and reports where they would be drawn.

Only what is refused before that is of interest, and compiling costs more than all the rest.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import equinox as eqx
import jax
from promise import Accepted

from ansatz.calo import report as of_showers
from ansatz.report import anomaly, comparison, write
from ansatz.runs import fit as fitting
from ansatz.runs import prepare
from ansatz.studies import carry_out


@contextlib.contextmanager
def only_begun() -> Iterator[None]:
    """A new fit ends when its model can be built in shapes, a resumed one when it is read."""

    def first_batch(record: Any, *_: Any) -> None:
        eqx.filter_eval_shape(record.recipe.build, record.spec, jax.random.key(0))
        raise Accepted

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(prepare, "batches_of", first_batch))
        stack.enter_context(mock.patch.object(fitting, "_train", _accept))
        yield


@contextlib.contextmanager
def nothing_drawn() -> Iterator[None]:
    """What would draw a figure ends there."""
    with contextlib.ExitStack() as stack:
        for module in (write, anomaly, comparison, of_showers, carry_out):
            stack.enter_context(mock.patch.object(module, "render", _accept))
        yield


def _accept(*_: Any, **__: Any) -> None:
    raise Accepted
