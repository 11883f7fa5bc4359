"""From a run's folder back to a model."""

from pathlib import Path

import equinox as eqx

from ansatz.protocol.errors import RunError
from ansatz.runs.arrays import fill
from ansatz.runs.ensemble import Ensemble
from ansatz.runs.folder import RunFolder
from ansatz.runs.precision import precision
from ansatz.runs.record import Record
from ansatz.runs.run import Run
from ansatz.runs.structure import empty_pipeline


def load(path: str | Path, **nets: eqx.Module) -> Run:
    """The run at `path`, ready to use.

    Nets of your own that were given to the fit must be given again: `load(run, encoder=...)`.
    A run that has not finished is loaded as its last good checkpoint has it.
    """
    found = load_all(path, **nets)
    if isinstance(found, Ensemble):
        raise RunError(
            f"{path} is an ensemble of {len(found.members)} fits: name one of them, such as "
            f"{found.members[0].path}."
        )
    return found


def load_all(path: str | Path, **nets: eqx.Module) -> Run | Ensemble:
    """The run at `path`, or all runs of an ensemble."""
    folder = RunFolder(Path(path))
    record = Record.load(folder.path)
    if record.members > 1:
        return Ensemble(
            tuple(load(member.path, **nets) for member in folder.members(record)), folder.path
        )
    with precision(record.recipe.dtype):
        pipeline = empty_pipeline(record, nets)
        file, arrays = folder.saved_pipeline()
        pipeline = eqx.nn.inference_mode(fill(pipeline, arrays, str(file)))
    return Run(record, pipeline, folder.history(), folder.path, folder.finished)
