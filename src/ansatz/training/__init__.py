"""The engine that trains any update on any source."""

from ansatz.training.engine import Engine
from ansatz.training.state import ChunkEnd, Row, Standing, TrainingState, stack

__all__ = ["ChunkEnd", "Engine", "Row", "Standing", "TrainingState", "stack"]
