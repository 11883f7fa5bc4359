"""What is sent to a sampler of Ocean's, and what is made of its answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ansatz.protocol.errors import SamplerError

ROUNDS = 10
"""How often a sampler is asked again after it gave nothing of use."""

Spins = Float[np.ndarray, "node chain"]


@dataclass(frozen=True, eq=False)
class Request:
    """Chains of a model of spins, some of which are held alike in all of them."""

    bqm: Any
    labels: tuple[Any, ...]
    """The variables in the order of a chain."""
    held: dict[Any, int]
    flux: float
    """What holds them in place; with 0 they are fixed and not sent at all."""
    sweeps: int
    options: dict[str, Any]

    def submit(self, sampler: Any, begin: Spins, generator: np.random.Generator) -> "Answer":
        """As many reads as there are chains to begin from, in as many submissions as it takes."""
        sent = self.bqm
        if not self.flux:
            sent = self.bqm.copy()
            sent.fix_variables(self.held)
        place = {label: i for i, label in enumerate(self.labels)}
        rows = np.array([place[name] for name in sent.variables], int)
        found = Answer(np.array(begin), None, 0, 0)
        for name, spin in self.held.items():
            found.spins[place[name]] = spin
        missing = np.arange(begin.shape[1] if len(rows) else 0)
        most = int(getattr(sampler, "properties", {}).get("num_reads_range", [1, 10**9])[1])
        fruitless = 0
        while len(missing):
            some = missing[:most]
            told = self._told(sampler, sent, begin[np.ix_(rows, some)], generator)
            ups, broken = self._read(sampler, sent, told, begin.shape[1] - len(missing))
            found.submissions += 1
            if "initial_states" not in told:
                # Reads may come sorted by their energy, and chains are alike.
                order = generator.permutation(len(ups))
                ups, broken = ups[order], None if broken is None else broken[order]
            good = self._in_place(ups, list(sent.variables))
            found.slipped += int((~good).sum())
            kept = some[: int(good.sum())]
            found.spins[np.ix_(rows, kept)] = np.where(ups[good][: len(kept)], 1, -1).T
            if broken is not None:
                found.note(broken[good][: len(kept)], kept)
            missing = missing[len(kept) :]
            fruitless = 0 if len(kept) else fruitless + 1
            if fruitless == ROUNDS:
                why = (
                    "held units slip in every read: give the device a larger `flux`."
                    if found.slipped
                    else "it returns no reads."
                )
                raise SamplerError(
                    f"{type(sampler).__name__} gave nothing of use in {ROUNDS} submissions: {why}"
                )
        return found

    def _told(
        self, sampler: Any, sent: Any, begin: Spins, generator: np.random.Generator
    ) -> dict[str, Any]:
        """What the sampler is told, of what it can be told."""
        names = list(sent.variables)
        own: dict[str, Any] = {
            "num_reads": begin.shape[1],
            "num_sweeps": self.sweeps,
            # Annealing would end in states of low energy: the temperature stays what it is.
            "beta_range": [1.0, 1.0],
            "proposal_acceptance_criteria": "Gibbs",
            "initial_states": (np.where(begin.T > 0, 1, -1).astype(np.int8), names),
            "seed": int(generator.integers(2**31)),
            # A device that fills its ranges would change the temperature unasked.
            "auto_scale": False,
            "answer_mode": "raw",
        }
        if self.flux:
            fluxes = np.zeros(int(sampler.properties["num_qubits"]))
            for node, spin in self.held.items():
                # Flux counts against h: a positive one pulls up.
                fluxes[node] = self.flux * spin
            own["flux_biases"] = fluxes.tolist()
        known = {name: value for name, value in own.items() if name in sampler.parameters}
        return {**known, **self.options}

    def _read(
        self, sampler: Any, sent: Any, told: dict[str, Any], done: int
    ) -> tuple[Bool[np.ndarray, "read variable"], np.ndarray | None]:
        """Which variables are up in every read, and the fraction of its chains that were broken."""
        name = type(sampler).__name__
        try:
            found = sampler.sample(sent, **told)
            # A sample set may still be on its way, and fail when it is looked at.
            record, variables = found.record, list(found.variables)
        except Exception as error:
            raise SamplerError(f"{name} failed, {done} reads having come: {error}") from error
        wanted = list(sent.variables)
        if set(variables) != set(wanted):
            strange, lost = set(variables) - set(wanted), set(wanted) - set(variables)
            parts = [
                f"{what} {', '.join(sorted(map(repr, some))[:3])}{' ...' if len(some) > 3 else ''}"
                for what, some in (("gave", strange), ("left out", lost))
                if some
            ]
            raise SamplerError(
                f"{name} returned other variables than it was sent: it {' and '.join(parts)}."
            )
        columns = [variables.index(variable) for variable in wanted]
        times = np.asarray(record.num_occurrences, int)
        ups = np.repeat(np.asarray(record.sample)[:, columns] > 0, times, axis=0)
        if "chain_break_fraction" not in record.dtype.names:
            return ups, None
        return ups, np.repeat(np.asarray(record.chain_break_fraction, float), times)

    def _in_place(
        self, ups: Bool[np.ndarray, "read variable"], names: list[Any]
    ) -> Bool[np.ndarray, " read"]:
        """In which reads all held units are where they should be."""
        good = np.ones(len(ups), bool)
        if self.flux:
            for name, spin in self.held.items():
                good &= ups[:, names.index(name)] == (spin > 0)
        return good


@dataclass(eq=False)
class Answer:
    """Chains as they were read, and what happened on the way."""

    spins: Spins
    broken: Float[np.ndarray, " chain"] | None
    """The fraction of each read's chains of qubits that were broken, where a sampler says so."""
    slipped: int
    """Reads in which a unit that flux held was found elsewhere; they were read again."""
    submissions: int

    def note(self, broken: Float[np.ndarray, " read"] | None, chains: np.ndarray | slice) -> None:
        """Keep in mind what was broken in these chains."""
        if broken is not None:
            if self.broken is None:
                self.broken = np.zeros(self.spins.shape[1])
            self.broken[chains] = broken

    def take(self, other: "Answer", chains: np.ndarray) -> None:
        """Put in what was found of these chains."""
        self.spins[:, chains] = other.spins
        self.note(other.broken, chains)
        self.slipped += other.slipped
        self.submissions += other.submissions
