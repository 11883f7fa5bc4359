"""Showers that are being generated: kept apart block by block, until all are there."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy

from ansatz.calo.generate import Chains, check_generator, generate
from ansatz.calo.generator import ShowerRecipe
from ansatz.calo.writing import ShowerWriter
from ansatz.data.contents import DAMAGE
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.diagnostics import Mixing
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.protocol.errors import DataError
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.files import alone, make_folder, write_atomic
from ansatz.runs.run import Run

ASKED, STATE = "asked.json", "state.npz"


@dataclass(frozen=True)
class Unfinished:
    """A folder beside the file that is to be, with what has been generated of it."""

    path: Path

    @classmethod
    def of(cls, out: Path) -> "Unfinished":
        return cls(out.with_name(f"{out.name}.unfinished"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The folder, made if it is not there, and no other process that generates into it."""
        make_folder(self.path)
        with alone(self.path):
            yield

    def begin(self, asked: dict[str, Any]) -> int:
        """The number of the block to go on with, 0 for a new folder.

        Refuses to go on with showers that were asked for in another way.
        """
        if not (self.path / ASKED).exists():
            make_folder(self.path)
            write_atomic(self.path / ASKED, json.dumps(asked).encode())
            return 0
        try:
            before = dict(json.loads((self.path / ASKED).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            raise self._damaged(self.path / ASKED) from None
        for name, value in asked.items():
            if before.get(name) != value:
                raise DataError(
                    f"{self.path} holds showers that were asked for with {name} = "
                    f"{before.get(name)}, and now it is {value}: ask as before to go on with "
                    "them, or remove the folder."
                )
        return self._done()

    def _done(self) -> int:
        """How many blocks are there whose chains are known too."""
        if not (self.path / STATE).exists():
            return 0
        try:
            return int(self._state()["blocks"])
        except (TypeError, ValueError):
            raise self._damaged(self.path / STATE) from None

    def _state(self) -> dict[str, np.ndarray]:
        try:
            with (self.path / STATE).open("rb") as stream, np.load(stream) as state:
                return {"blocks": state["blocks"], **state}
        except DAMAGE:
            raise self._damaged(self.path / STATE) from None

    def _damaged(self, path: Path) -> DataError:
        return DataError(
            f"{path} is damaged: remove the folder {self.path}, and showers are generated anew."
        )

    def keep(self, block: int, showers: np.ndarray, chains: Chains | None) -> None:
        """One block more, and the chains as it leaves them."""
        write_atomic(self._block(block), _packed(np.save, showers))
        kept: dict[str, Any] = {"blocks": block + 1}
        if chains is not None:
            own = chains.mixing
            kept["states"] = np.asarray(chains.states).astype(np.int8)
            kept["mixing"] = [own.autocorrelation_time, own.effective_samples, own.r_hat]
        write_atomic(self.path / STATE, _packed(np.savez, **kept))

    def chains(self, run: Run, device: Device | None) -> Chains | None:
        """The chains as the last block has left them."""
        prior = run.model.prior
        if not isinstance(prior, MachinePrior):
            return None
        state = self._state()
        try:
            states = jnp.asarray(state["states"], prior.machine.dtype)
            mixing = Mixing(*(float(value) for value in state["mixing"]))
        except (KeyError, TypeError, ValueError):
            raise self._damaged(self.path / STATE) from None
        return Chains(prior.machine, states, mixing, device)

    def blocks(self, number: int, voxels: int) -> Iterator[Float[np.ndarray, "block voxels"]]:
        """All of them, in their order."""
        for block in range(number):
            try:
                with self._block(block).open("rb") as stream:
                    found = npy.read_array(stream)
            except DAMAGE:
                raise self._damaged(self._block(block)) from None
            if found.shape[1:] != (voxels,):
                raise self._damaged(self._block(block))
            yield found

    def clear(self) -> None:
        """Nothing is left."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _block(self, block: int) -> Path:
        return self.path / f"block-{block:06d}.npy"


def generated(
    run: Run,
    energies: Float[np.ndarray, " showers"],
    unfinished: Unfinished,
    asked: dict[str, Any],
    *,
    seed: int = 0,
    device: Device | None = None,
) -> Iterator[Float[np.ndarray, "block voxels"]]:
    """The showers, those first that are there already; every other is kept as it comes."""
    first = unfinished.begin(asked)
    yield from unfinished.blocks(first, run.record.spec.size)
    chains = unfinished.chains(run, device) if first else None
    rest = generate(run, energies, seed=seed, device=device, chains=chains, first=first)
    for block, (showers, left) in enumerate(rest, first):
        unfinished.keep(block, showers, left)
        yield showers


def _packed(save: Callable[..., None], *values: Any, **named: Any) -> bytes:
    """What NumPy would write to a file."""
    stream = BytesIO()
    save(stream, *values, **named)
    return stream.getvalue()


def write(
    run: Run,
    energies: Float[np.ndarray, " showers"],
    out: Path,
    asked: dict[str, Any],
    *,
    seed: int = 0,
    device: Callable[[], Device | None] = lambda: None,
    force: bool = False,
    watch: Watch = unseen,
) -> None:
    """Generate a file of showers, or go on with it; it says that it was generated.

    `asked` tells the showers from others that were asked for under the same name. The `device` is
    made ready only when the file can be written.
    """
    check_generator(run)
    recipe = run.record.recipe
    assert isinstance(recipe, ShowerRecipe)
    said = {
        "synthetic": True,
        "generator": f"ansatz {recipe.name}",
        "energies_of": asked["energies"],
        "seed": seed,
    }
    unfinished = Unfinished.of(out)
    with ShowerWriter(out, recipe.voxels, said, force=force) as writer, unfinished.alone():
        blocks = generated(run, energies, unfinished, asked, seed=seed, device=device())
        first = 0
        for showers in watch(blocks, len(energies), "Generating"):
            writer.append(energies[first : first + len(showers)], showers)
            first += len(showers)
    unfinished.clear()
