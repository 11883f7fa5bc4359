"""The engine that trains any update on any source."""

from ansatz.training.engine import ChunkEnd, Engine, TrainingState

__all__ = ["ChunkEnd", "Engine", "TrainingState"]
