"""From a run's folder back to a model."""

from pathlib import Path

import equinox as eqx

from ansatz.runs.arrays import fill
from ansatz.runs.folder import RunFolder
from ansatz.runs.prepare import empty_pipeline
from ansatz.runs.record import Record
from ansatz.runs.run import Run


def load(path: str | Path, **nets: eqx.Module) -> Run:
    """The run at `path`, ready to use.

    Nets of your own that were given to the fit must be given again: `load(run, encoder=...)`.
    A run that has not finished is loaded as its last good checkpoint has it.
    """
    folder = RunFolder(Path(path))
    record = Record.load(folder.path)
    pipeline = empty_pipeline(record, nets)
    file, arrays = folder.saved_pipeline()
    pipeline = eqx.nn.inference_mode(fill(pipeline, arrays, str(file)))
    return Run(record, pipeline, folder.history(), folder.path, folder.finished)
