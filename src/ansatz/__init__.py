"""Learn probability distributions from scientific data, and use them.

    run = ansatz.fit("vae", "digits", latent=16, out="runs/digits")
    run.sample(100)

Nothing heavy is imported before it is used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("ansatz-learn")

_PUBLIC = {
    "fit": "ansatz.api",
    "resume": "ansatz.api",
    "load": "ansatz.runs.load",
    "read": "ansatz.data.read",
    "Run": "ansatz.runs.run",
    "Dataset": "ansatz.data.dataset",
    "AnsatzError": "ansatz.protocol.errors",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ansatz' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
