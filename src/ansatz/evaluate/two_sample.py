"""The classifier two-sample test: how well a net tells two kinds of events apart.

Lopez-Paz and Oquab (2017).
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from scipy.sparse import csr_array

from ansatz.data.epoch import Epoch
from ansatz.evaluate.estimate import Estimate, weighted_mean
from ansatz.evaluate.ranking import area_under_curve
from ansatz.nets.mlp import MLP
from ansatz.protocol.gradient import gradient
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.source import AbstractSource, Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step
from ansatz.protocol.watch import Watch, unseen
from ansatz.training import Engine

Events: TypeAlias = np.ndarray | csr_array
"""(events, numbers), perhaps with the zeros left out."""

HIDDEN, RATE, BATCH, EPOCHS = (2048, 2048, 2048), 2e-4, 1000, 50
TRAIN, VALIDATION = 0.6, 0.2
"""Shares of the events; the rest is for the test."""
NEVER = 1e-6
"""The least probability that a calibrated classifier gives."""


class TwoSample(NamedTuple):
    """What a classifier comes to on events it has not seen, the same number of either kind."""

    auc: Estimate
    """Area under the ROC curve: 0.5 where it cannot tell them apart, 1 where it always can."""
    jsd: Estimate
    """1 - cross entropy in bits, a lower bound on the Jensen-Shannon divergence: 0 to 1."""
    train: int
    """Of either kind, to learn from; then to choose the epoch and calibrate with; then to test."""
    validation: int
    test: int


def classifier_test(
    reference: Events,
    generated: Events,
    *,
    seed: int,
    epochs: int = EPOCHS,
    hidden: tuple[int, ...] = HIDDEN,
    batch: int = BATCH,
    rate: float = RATE,
    watch: Watch = unseen,
) -> TwoSample:
    """Train a net of these hidden layers, keep its best epoch, calibrate it, test it.

    As many events of one kind as of the other are used, in an order of the seed's. Scores are
    calibrated by isotonic regression.
    """
    events = min(reference.shape[0], generated.shape[0])
    shuffled = np.random.Generator(np.random.Philox(key=[seed, events])).permutation(events)
    first, second = int(TRAIN * events), int((TRAIN + VALIDATION) * events)
    parts = np.split(shuffled, [first, second])
    train, validation, test = (_Mixture(reference, generated, part) for part in parts)
    model = _fit(train, validation, seed, epochs, hidden, batch, rate, watch)
    held, scores = (_probabilities(model, part, batch) for part in (validation, test))
    calibrated = _calibrated(held, validation.labels, scores)
    label = test.labels
    right = np.where(label == 1, calibrated, 1 - calibrated)
    return TwoSample(
        area_under_curve(calibrated[label == 0], calibrated[label == 1]),
        weighted_mean(1 + np.log2(right)),
        *map(len, parts),
    )


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The reference events at `index`, label 0, and then the generated ones, label 1."""

    reference: Events
    generated: Events
    index: Int[np.ndarray, " events"]

    def __len__(self) -> int:
        return 2 * len(self.index)

    @property
    def labels(self) -> Int[np.ndarray, " both"]:
        return np.repeat([0, 1], len(self.index))

    def rows(self, places: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows numbers"]:
        """The events at these places, in single precision."""
        of, place = np.divmod(places, len(self.index))
        found = np.empty((len(places), self.reference.shape[1]), np.float32)
        for kind, events in enumerate((self.reference, self.generated)):
            chosen = events[self.index[place[of == kind]]]
            found[of == kind] = chosen if isinstance(chosen, np.ndarray) else chosen.toarray()
        return found


class _Away:
    """Events on the host, of which compiled code knows nothing and keeps none alive.

    Any are like any others to it, so that one classifier is compiled for all.
    """

    def __init__(self, mixture: _Mixture) -> None:
        self.mixture = weakref.ref(mixture)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Away)

    def __hash__(self) -> int:
        return hash(_Away)


class _Batches(AbstractSource):
    """Batches put together on the host, a step at a time: all events never lie there densely."""

    epoch: Epoch
    away: _Away = eqx.field(static=True)
    seed: int | None = eqx.field(static=True)

    def __init__(self, mixture: _Mixture, batch: int, seed: int | None) -> None:
        self.epoch = Epoch(len(mixture), batch)
        self.away = _Away(mixture)
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        return self.epoch.steps

    def initial(self) -> None:
        return None

    def reach(self, step: int) -> int:
        return 1

    def load(self, step: int) -> Batch:
        """The batch itself; without a seed events come in their order."""
        mixture = self.away.mixture()
        assert mixture is not None
        epoch = step // self.epoch.steps
        order = np.arange(len(mixture))
        if self.seed is not None:
            order = np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(order)
        within = step % self.epoch.steps
        chosen = order[self.epoch.start(within) : self.epoch.start(within + 1)]
        real = np.arange(self.epoch.rows) < len(chosen)
        padded = np.pad(chosen, (0, self.epoch.rows - len(chosen)), mode="edge")
        label = mixture.labels[padded]
        return Batch(
            jnp.asarray(mixture.rows(padded)),
            jnp.asarray(label[:, None], jnp.float32),
            jnp.asarray(real, jnp.float32),
            jnp.float32(len(chosen)),
        )

    def draw(
        self, state: PyTree, loaded: Batch, model: Any, step: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[Batch, PyTree]:
        return loaded, state


class _CrossEntropy(AbstractObjective):
    """-log p(label | event) with p(1 | x) = sigmoid(net(x))."""

    @property
    def score(self) -> Score:
        return Score("loss")

    def initial(self, model: Any) -> None:
        return None

    def __call__(
        self, model: Any, batch: Batch, carry: PyTree, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree, Metrics]:
        assert batch.condition is not None
        sign = 1 - 2 * batch.condition[:, 0]
        loss = batch.mean(jax.nn.softplus(sign * _logits(model, batch.event)))
        return loss, carry, {"loss": loss}


@eqx.filter_jit
def _untrained(numbers: int, hidden: tuple[int, ...], key: PRNGKeyArray) -> MLP:
    return MLP(numbers, hidden, 1, activation="leaky_relu", key=key)


@eqx.filter_jit
def _scores(model: MLP, events: Float[Array, "rows numbers"]) -> Float[Array, " rows"]:
    return jax.nn.sigmoid(_logits(model, events))


def _logits(model: MLP, events: Float[Array, "rows numbers"]) -> Float[Array, " rows"]:
    return jax.vmap(model)(events)[:, 0]


def _fit(
    train: _Mixture,
    validation: _Mixture,
    seed: int,
    epochs: int,
    hidden: tuple[int, ...],
    batch: int,
    rate: float,
    watch: Watch,
) -> MLP:
    source = _Batches(train, batch, seed)
    steps = epochs * source.steps_per_epoch
    engine = Engine(
        update=gradient(_CrossEntropy(), Optimiser(rate=rate), steps=steps),
        source=source,
        validation=_Batches(validation, batch, None),
        seed=seed,
        epochs=epochs,
        patience=0,
    )
    numbers = train.reference.shape[1]
    key = stream(seed, Stream.PARAMETERS)
    model = _untrained(numbers, hidden, key)
    state = engine.initial(model)

    def chunks() -> Iterator[np.ndarray]:
        nonlocal state
        for chunk in engine.train(state):
            state = chunk.state
            yield np.zeros(chunk.steps)

    for _ in watch(chunks(), steps, "Training a classifier"):
        pass
    return engine.result(state)


def _probabilities(model: MLP, mixture: _Mixture, batch: int) -> Float[np.ndarray, " events"]:
    """sigmoid(net(x)) of all events, in their order."""
    source = _Batches(mixture, batch, None)
    found = []
    for step in range(source.steps_per_epoch):
        loaded = source.load(step)
        found.append(np.asarray(_scores(model, loaded.event), float)[: int(loaded.size)])
    return np.concatenate(found)


def _calibrated(
    held: Float[np.ndarray, " held"],
    labels: Int[np.ndarray, " held"],
    scores: Float[np.ndarray, " events"],
) -> Float[np.ndarray, " events"]:
    """Probabilities that grow with the scores and are right on average over events held out."""
    from sklearn.isotonic import IsotonicRegression

    regression = IsotonicRegression(y_min=NEVER, y_max=1 - NEVER, out_of_bounds="clip")
    return regression.fit(held, labels).predict(scores)
