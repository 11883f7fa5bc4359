"""A machine that knows forty physicists, and how much such memories hold."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.classes import log_classes
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.sampling import anneal, sample, start
from ansatz.protocol.figures import Curve, Curves, Matrix, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.hopfield import kept
from ansatz.studies.physicists import answers, physicists, questions
from ansatz.studies.study import Context, Findings, Study

COPIES = 50
CHAINS = 40
"""For each physicist."""
SWEEPS = 300
GIVEN = 10
"""Answers that are clamped."""
COLDEST = 20.0
CAPACITY = 0.138
LOADS = np.array([0.12, 0.14, 0.16, 0.18])
WHOLE = 0.9
"""The overlap above which a pattern has stayed where it was put."""


@dataclass(frozen=True)
class Size:
    """How much is asked, and how large the memories are."""

    sets: int
    """Of questions whose answers are clamped."""
    small: int
    large: int
    """Spins of the memories."""
    networks: int
    """Of the small size, for one of the large."""
    repeats: int


QUICK = Size(8, 250, 1000, 3, 8)
FULL = Size(40, 500, 2000, 4, 12)


class GuessAPhysicistStudy(Study):
    """A restricted machine learns forty physicists and 26 answers about each, together with their
    names. To clamp some answers and to read the rest off the chains is to ask it: it should say
    what the table itself says, the share of the physicists with these answers of whom the rest is
    true. Cooled to zero temperature it falls into one of them. That is a Hopfield memory (1982),
    whose couplings are not learnt but written down; with random patterns it holds 0.138 N of them
    in N spins (Amit, Gutfreund and Sompolinsky, 1985). The larger the memory, the sharper the
    loss: where the shares of patterns that stay cross for two sizes is an estimate of the
    capacity. Answers about what somebody is known for are a judgement.
    """

    name: ClassVar[str] = "guess-a-physicist"
    title: ClassVar[str] = "A memory of physicists, and how much memories hold"

    def run(self, context: Context) -> Findings:
        size = QUICK if context.quick else FULL
        (run,) = context.fit(
            "run",
            "rbm",
            table(context.folder / "physicists.csv"),
            conditions=("name",),
            hidden=32,
            method="pcd",
            gibbs=5,
            spread=0.1,
            validation=0.0,
            test=0.0,
            batch=100,
            epochs=150 if context.quick else 600,
            optimiser="adam",
            rate=0.005,
            schedule="cosine",
            patience=0,
        )
        counts = (2, 5, GIVEN, 15)
        found = {count: asked(run.model, count, size.sets, context.seed) for count in counts}
        shares, crossings = capacity(size, context.seed)
        return Findings(
            (
                names_claim(run),
                answers_claim(found[GIVEN]),
                cold_claim(run.model, context.seed),
                capacity_claim(crossings, size),
            ),
            (
                hits(found),
                guesses(run, context.seed),
                memories(shares, size),
            ),
        )


def table(path: Path) -> Path:
    """The table as a file, each physicist many times."""
    rows = [[who.name, *row] for who, row in zip(physicists(), answers().tolist(), strict=True)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", *questions()], *(rows * COPIES)])
    return path


def begun(machine: AbstractMachine, asked: np.ndarray, key: jax.Array) -> State:
    """Chains for every physicist, with their answers to these questions clamped."""
    rows = answers()[:, asked]
    state = start(key, machine, len(rows) * CHAINS)
    return machine.clamp(state, asked, np.repeat(rows, CHAINS, axis=0).T)


def read(state: State) -> Float[np.ndarray, "physicist chain question"]:
    """The answers in chains."""
    count = len(questions())
    shown = np.asarray(state[:count]).T
    return shown.reshape(len(physicists()), CHAINS, count)


def by_table(asked: np.ndarray) -> Float[np.ndarray, "physicist question"]:
    """Of the physicists with the same answers to these questions, the share of every answer."""
    rows = answers()
    same = (rows[:, None, asked] == rows[None][:, :, asked]).all(2).astype(float)
    return same @ rows / same.sum(1, keepdims=True)


def right(guess: np.ndarray, open_: np.ndarray) -> float:
    """How often the likelier answer is right, of the questions that are open; one half at a tie."""
    rows = answers()[:, open_]
    given = guess[:, open_]
    return float(np.where(given == 0.5, 0.5, (given > 0.5) == rows).mean())


def asked(
    machine: AbstractMachine, count: int, sets: int, seed: int
) -> Float[np.ndarray, "set both"]:
    """How often the machine is right, and the table, with so many random answers clamped."""
    generator = np.random.Generator(np.random.Philox([seed, count]))
    found = []
    for _ in range(sets):
        given = generator.choice(len(questions()), count, replace=False)
        key_start, key = jax.random.split(jax.random.key(int(generator.integers(2**31))))
        state = begun(machine, given, key_start)
        state = sample(key, machine, state, SWEEPS, clamped=given.tolist())
        left = np.setdiff1d(np.arange(len(questions())), given)
        found.append((right(read(state).mean(1), left), right(by_table(given), left)))
    return np.array(found)


def capacity(size: Size, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The shares of patterns that stay, (repeat, size, load), and where those of sizes cross."""
    generator = np.random.Generator(np.random.Philox([seed, size.large]))
    shares = np.array(
        [
            [stay(generator, size.small, size.networks), stay(generator, size.large, 1)]
            for _ in range(size.repeats)
        ]
    )
    return shares, np.array([crossing(*each) for each in shares])


def stay(generator: np.random.Generator, spins: int, networks: int) -> Float[np.ndarray, " load"]:
    """The share of the patterns that stay, at each load; one more of each, so that none is sure."""
    found = []
    for load in LOADS:
        overlaps = [kept(generator, spins, load, spins, 50) for _ in range(networks)]
        whole = np.concatenate(overlaps) > WHOLE
        found.append((whole.sum() + 0.5) / (len(whole) + 1))
    return np.array(found)


def crossing(small: Float[np.ndarray, " load"], large: Float[np.ndarray, " load"]) -> float:
    """The load at which straight lines through the log-odds of both meet."""
    (a, b), (c, d) = (np.polyfit(LOADS, np.log(p / (1 - p)), 1) for p in (small, large))
    return float((d - b) / (a - c))


def names_claim(run: Run) -> Claim:
    """That all answers tell the name."""
    (column,) = run.record.condition_columns
    said = np.asarray(log_classes(run.model, jnp.asarray(answers(), run.model.dtype))).argmax(1)
    hit = np.array([column.categories[k] for k in said]) == [who.name for who in physicists()]
    return Claim(
        name="names",
        sentence="Given all answers about somebody, the likeliest of forty names is theirs.",
        expected=1.0,
        source="no two physicists have the same answers",
        measured=Measured(float(hit.mean())),
        tolerance=0.05,
        why="two of forty; some differ in one answer alone",
    )


def answers_claim(found: Float[np.ndarray, "set both"]) -> Claim:
    """That the machine says what the table says."""
    return Claim(
        name="answers",
        sentence=f"With {GIVEN} of {len(questions())} answers clamped the likelier of each other "
        f"answer is right as often as by the table itself: {found[:, 0].mean():.1%}, by the table "
        f"{found[:, 1].mean():.1%}.",
        expected=0.0,
        source="the share of the physicists with these answers",
        measured=Measured.over(found[:, 0] - found[:, 1]),
        tolerance=0.03,
        why="one answer in thirty",
    )


def cold_claim(machine: AbstractMachine, seed: int) -> Claim:
    """That cooled chains fall into memories."""
    generator = np.random.Generator(np.random.Philox([seed, 1]))
    given = generator.choice(len(questions()), GIVEN, replace=False)
    key_start, key_warm, key_cold = jax.random.split(jax.random.key(seed), 3)
    warm = begun(machine, given, key_start)
    warm = sample(key_warm, machine, warm, SWEEPS, clamped=given.tolist())
    betas = np.geomspace(1.0, COLDEST, SWEEPS)
    cold = anneal(key_cold, machine, warm, betas, clamped=given.tolist())
    before, after = (known(read(state)) for state in (warm, cold))
    # Chains of one physicist end in few states: each physicist counts once.
    return Claim(
        name="zero temperature",
        sentence=f"Cooled to an inverse temperature of {COLDEST:g} with {GIVEN} answers clamped, "
        f"chains end at all 26 answers of somebody. Before, at 1, {before.mean():.1%} are there.",
        expected=0.9,
        source="the states of lowest energy are what was learnt",
        measured=Measured.over(after.mean(1)),
        tolerance=0.0,
        why="nine of ten are the least for something to be called a memory",
        side="at least",
    )


def known(shown: Float[np.ndarray, "physicist chain question"]) -> np.ndarray:
    """Which chains show all answers of somebody."""
    return (shown[:, :, None] == answers()[None, None]).all(3).any(2)


def capacity_claim(crossings: np.ndarray, size: Size) -> Claim:
    """That memories hold as much as is known."""
    return Claim(
        name="capacity",
        sentence="The shares of random patterns that stay where they were put, with an overlap of "
        f"{WHOLE}, cross for memories of {size.small} and {size.large} spins at the capacity.",
        expected=CAPACITY,
        source="0.138 patterns a spin (Amit, Gutfreund and Sompolinsky, 1985)",
        measured=Measured.over(crossings),
        unit="patterns per spin",
        tolerance=0.015,
        why="at these sizes the loss is still spread over a range of loads three times as wide",
    )


def hits(found: dict[int, Float[np.ndarray, "set both"]]) -> Curves:
    """How often answers are right, against how many are given."""
    counts = np.array(list(found))
    both = np.array([each.mean(0) for each in found.values()])
    return Curves(
        name="answers",
        title="The more is clamped, the more is known",
        caption="How often the likelier of each open answer is right, over all physicists and "
        "random sets of questions: by the machine's chains, and by the table itself. They use "
        "what the given answers say and nothing else.",
        panels=(
            Panel(
                "share of right answers",
                (Curve("machine", counts, both[:, 0]), Curve("table", counts, both[:, 1])),
            ),
        ),
        x_label="answers clamped",
    )


def guesses(run: Run, seed: int) -> Matrix:
    """What the machine says of some, with ten answers clamped, less what is true."""
    generator = np.random.Generator(np.random.Philox([seed, 1]))
    given = generator.choice(len(questions()), GIVEN, replace=False)
    key_start, key = jax.random.split(jax.random.key(seed))
    state = begun(run.model, given, key_start)
    state = sample(key, run.model, state, SWEEPS, clamped=given.tolist())
    means = read(state).mean(1)
    everybody = [who.name for who in physicists()]
    shown = [everybody.index(name) for name in ("Newton", "Curie", "Einstein", "Fermi", "Wu")]
    left = np.setdiff1d(np.arange(len(questions())), given)
    truth = 2.0 * answers() - 1
    return Matrix(
        name="guesses",
        title="What it says of some",
        caption=f"The share of chains that say yes, less the share that say no, of the answers "
        f"that are open while {GIVEN} others are clamped; below each physicist what is true.",
        values=np.stack([row for k in shown for row in (2 * means[k, left] - 1, truth[k, left])]),
        row_labels=tuple(label for k in shown for label in (everybody[k], "true")),
        column_labels=tuple(questions()[k] for k in left),
    )


def memories(shares: np.ndarray, size: Size) -> Curves:
    """How many patterns stay, against how many there are."""
    mean = shares.mean(0)
    return Curves(
        name="capacity",
        title="How much a memory holds",
        caption="The share of random patterns that stay where they were put, for two sizes of "
        f"Hopfield's memory. The curves cross near {CAPACITY}, and steepen with the size.",
        panels=(
            Panel(
                "share that stays",
                tuple(
                    Curve(f"{spins} spins", LOADS, row)
                    for spins, row in zip((size.small, size.large), mean, strict=True)
                ),
            ),
        ),
        x_label="patterns per spin",
        mark=CAPACITY,
        mark_label=str(CAPACITY),
    )
