"""The engine that trains any update on any source."""

from ansatz.training.engine import ChunkEnd, Engine, Row, Standing, TrainingState, stack

__all__ = ["ChunkEnd", "Engine", "Row", "Standing", "TrainingState", "stack"]
