"""Events streamed from a file: every one once an epoch, in the order of the shuffle."""

import gc
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from dataclasses import replace
from itertools import chain
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.data.batches import Batches
from ansatz.data.conditions import fit_conditions
from ansatz.data.contents import Rows
from ansatz.data.dataset import Column, Dataset
from ansatz.data.preprocessing import Preprocessing, fit_preprocessing
from ansatz.data.shuffle import Shuffle
from ansatz.data.statistics import gather, survey
from ansatz.data.stored import Stored
from ansatz.data.streamed import Streamed, source_of
from ansatz.protocol.errors import DataError

NOTHING = Preprocessing(())
RANDOM = np.random.default_rng(3)
N = 203
# An event says which it is: its number, and others that depend on it.
EVENTS = np.stack([np.arange(N), np.arange(N) ** 2 % 101, -np.arange(N)], 1).astype(np.float32)
COLUMNS = (Column("kind", categories=("a", "b", "c")), Column("energy"))
CONDITIONS = np.stack([np.arange(N) % 3, np.sqrt(np.arange(N))], 1)
WEIGHTS = np.arange(N) * 0.25 - 1
DATASET = Dataset(EVENTS, CONDITIONS, WEIGHTS, condition_columns=COLUMNS, name="numbers.h5")
INDEX = RANDOM.permutation(N)[:151]
ENCODER = fit_conditions(COLUMNS, CONDITIONS, "float32")
BUFFER = 64 * 12 * 5
"""Room for 64 blocks of five events; windows have 16 of them, a slab room for 80 events."""


STATM = Path("/proc/self/statm")


class Disk:
    """An array as if it lay in a file, which counts its readings and can fail."""

    def __init__(self, values):
        self.values, self.readings = values, []
        self.gate, self.waiting, self.free = threading.Event(), threading.Event(), None

    def gate_after(self, free):
        """After so many readings the others wait until the gate is open."""
        self.free = free

    def fill(self, start, out):
        if self.free is not None and len(self.readings) >= self.free:
            self.waiting.set()
            assert self.gate.wait(60)
        self.readings.append(start)
        out[...] = self.values[start : start + len(out)]

    def dataset(self, buffer=BUFFER, dataset=DATASET):
        values = self.values
        events = Stored("numbers.h5", Rows(self.fill), values.shape, values.dtype, buffer)
        return replace(dataset, events=events)


def streamed(dataset=None, *, index=INDEX, batch=8, seed=1, encoder=ENCODER, **settings):
    dataset = Disk(EVENTS).dataset() if dataset is None else dataset
    settings = {"dtype": "float32", **settings}
    return Streamed(dataset, index, NOTHING, encoder, batch=batch, seed=seed, **settings)


def coming(source):
    """The slab that is being made."""
    return source.prefetch._ahead[1]


def slabs_of(source, epoch=0):
    """The slabs of an epoch, as NumPy arrays."""
    step, end = epoch * source.steps_per_epoch, (epoch + 1) * source.steps_per_epoch
    slabs = []
    while step < end:
        slabs.append(jax.tree.map(np.array, source.load(step)))
        step += source.reach(step)
    assert step == end
    return slabs


def order_of(source, epoch=0):
    """The numbers of the events of an epoch, a list for each batch, without padding."""
    sizes = [len(part) for part in np.array_split(np.arange(len(INDEX)), source.steps_per_epoch)]
    rows = np.concatenate([slab.events for slab in slabs_of(source, epoch)])
    return [step[:size, 0].astype(int).tolist() for step, size in zip(rows, sizes, strict=False)]


def together(batches):
    return list(chain.from_iterable(batches))


@eqx.filter_jit
def draw(source, loaded, step):
    return source.draw(None, loaded, None, step, jax.random.fold_in(jax.random.key(0), step))[0]


def epoch_of(source, epoch=0):
    """The batches of an epoch as NumPy arrays."""
    first = epoch * source.steps_per_epoch
    return [
        jax.device_get(draw(source, source.load(step), jnp.int32(step)))
        for step in range(first, first + source.steps_per_epoch)
    ]


@pytest.mark.parametrize("epoch", [0, 1, 6])
@pytest.mark.parametrize("seed", [1, 12])
def test_the_order_is_that_of_the_shuffle(seed, epoch):
    """Blocks of five, windows of sixteen blocks, and of each the chosen events alone."""
    blocks = [
        [event for event in range(i, min(i + 5, N)) if event in INDEX] for i in range(0, N, 5)
    ]
    shuffle = Shuffle.of(np.array([len(block) for block in blocks]), 16, seed, epoch)
    order = []
    for number, window in enumerate(shuffle.windows):
        pool = [event for block in window for event in blocks[block]]
        shuffled = np.empty(len(pool), int)
        shuffled[shuffle.places(number)] = pool
        order += shuffled.tolist()
    assert len(shuffle.windows) == 3
    found = together(order_of(streamed(seed=seed), epoch))
    assert found == order
    assert sorted(found) == sorted(INDEX)


@pytest.mark.parametrize("batch", [1, 7, 8, 40, 151, 400])
def test_the_order_does_not_depend_on_the_batch(batch):
    source = streamed(batch=batch)
    batches = order_of(source, epoch=2)
    assert together(batches) == together(order_of(streamed(), epoch=2))
    assert source.steps_per_epoch == len(batches) == -(-151 // batch)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1


def test_the_order_of_the_index_does_not_matter():
    assert order_of(streamed(index=np.sort(INDEX))) == order_of(streamed())


def test_orders_differ_between_seeds_and_epochs():
    sources = [streamed(seed=seed) for seed in range(3)]
    orders = {tuple(together(order_of(s, epoch))) for s in sources for epoch in range(3)}
    assert len(orders) == 9


@pytest.mark.parametrize(
    ("buffer", "batch", "devices", "steps"),
    [
        # A quarter has room for 40 events of 12 + 8 + 4 bytes, which are five steps.
        (BUFFER, 8, 1, 5),
        # There is room for eight steps; 19 of them in three slabs are seven in each at most.
        (4 * 24 * 8 * 8, 8, 1, 7),
        (BUFFER, 8, 3, 4),
        (BUFFER, 40, 1, 1),
        # Less than a step has a step all the same.
        (BUFFER // 4, 40, 1, 1),
        (100 * BUFFER, 8, 1, 19),
    ],
)
def test_slabs_have_one_shape_and_as_many_steps_as_there_is_room_for(buffer, batch, devices, steps):
    source = streamed(Disk(EVENTS).dataset(buffer), batch=batch, devices=devices)
    assert source.steps == steps
    per_epoch = source.steps_per_epoch
    assert per_epoch == -(-151 // batch)
    rows = source.epoch.rows
    assert rows % devices == 0
    shapes = {jax.tree.map(np.shape, source.load(step)) for step in (0, per_epoch - 1, per_epoch)}
    assert shapes == {((steps, rows, 3), (steps, rows, 2), (steps, rows))}
    reaches = [source.reach(step) for step in range(2 * per_epoch)]
    expected = [min(steps - step % steps, per_epoch - step) for step in range(per_epoch)]
    assert reaches == 2 * expected


def test_the_same_slab_whatever_was_asked_for_before():
    steps = streamed().steps_per_epoch
    expected = {epoch: slabs_of(streamed(), epoch) for epoch in range(3)}
    source = streamed()
    for step in RANDOM.permutation(3 * steps).tolist():
        epoch, within = divmod(step, steps)
        slab = source.load(step)
        jax.tree.map(np.testing.assert_array_equal, slab, expected[epoch][within // source.steps])
        # Nothing is copied for the steps that follow.
        assert source.load(step).events is slab.events


def test_what_an_event_has_stays_with_it():
    weights = WEIGHTS / WEIGHTS[INDEX].mean()
    for slab in slabs_of(streamed()):
        place = slab.events[..., 0].astype(int)
        np.testing.assert_array_equal(slab.events, EVENTS[place])
        known = slab.events.any(-1)
        np.testing.assert_allclose(slab.conditions[known], CONDITIONS[place][known], rtol=1e-6)
        np.testing.assert_allclose(slab.weights[known], weights[place][known], rtol=1e-6)


@pytest.mark.parametrize("devices", [1, 3])
def test_in_the_order_of_the_file_batches_are_those_of_a_dataset_in_memory(devices):
    index = np.sort(INDEX)
    settings = {"batch": 8, "dtype": "float32", "seed": None, "devices": devices}
    held = epoch_of(Batches(DATASET, index, NOTHING, ENCODER, **settings), 1)
    found = epoch_of(streamed(index=index, seed=None, devices=devices), 1)
    assert len(held) == len(found) == 19
    for one, other in zip(held, found, strict=True):
        real = one.weight != 0
        np.testing.assert_array_equal(other.weight != 0, real)
        assert one.size == other.size
        assert isinstance(one.event, np.ndarray)
        # Padding is another event, and has no weight.
        np.testing.assert_array_equal(one.event[real], other.event[real])
        np.testing.assert_array_equal(one.condition[real], other.condition[real])
        # The mean weight is summed in another order.
        np.testing.assert_allclose(one.weight, other.weight, rtol=1e-6)
        assert np.isin(other.event[:, 0], EVENTS[INDEX, 0]).all()


def test_shuffled_epochs_hold_the_same_as_those_of_a_dataset_in_memory():
    settings = {"batch": 8, "dtype": "float32", "seed": 1}
    sources = Batches(DATASET, INDEX, NOTHING, ENCODER, **settings), streamed()

    def rows(source):
        batches = epoch_of(source, 1)
        table = np.concatenate(
            [np.column_stack([b.event, b.condition, b.weight])[b.weight != 0] for b in batches]
        )
        return table[table[:, 0].argsort()]

    one, other = map(rows, sources)
    assert len(one) == 151 - (WEIGHTS[INDEX] == 0).sum()
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_without_conditions_and_weights():
    plain = Disk(EVENTS).dataset(dataset=Dataset(EVENTS))
    slab = streamed(plain, encoder=None).load(0)
    assert slab.conditions is slab.weights is None
    batch = epoch_of(streamed(plain, encoder=None))[0]
    assert batch.condition is None
    np.testing.assert_array_equal(batch.weight[: int(batch.size)], 1)
    # Conditions that no encoder takes are left out.
    assert streamed(encoder=None).load(0).conditions is None


@pytest.mark.parametrize(
    ("stored", "dtype", "kept"),
    [
        ("uint8", "float32", "uint8"),
        ("bool", "float32", "bool"),
        ("float64", "float32", "float32"),
        ("int64", "float32", "float32"),
        ("float16", "float32", "float32"),
    ],
)
def test_numbers_stay_as_narrow_as_they_were_until_drawn(stored, dtype, kept):
    values = (EVENTS > 50).astype(stored)
    source = streamed(Disk(values).dataset(), seed=None, dtype=dtype)
    slab = source.load(0)
    assert slab.events.dtype == kept
    assert slab.weights.dtype == slab.conditions.dtype == dtype
    np.testing.assert_array_equal(slab.events[0], values[np.sort(INDEX)[:8]])


def test_double_precision(double_precision):
    values = EVENTS / np.float64(3)
    slab = streamed(Disk(values).dataset(), seed=None, dtype="float64").load(0)
    assert slab.events.dtype == slab.weights.dtype == slab.conditions.dtype == np.float64
    np.testing.assert_array_equal(slab.events[0], values[np.sort(INDEX)[:8]])


def test_events_are_preprocessed_with_noise_of_their_own_when_drawn():
    pixels = np.full((40, 8), 200, np.uint8)
    steps = fit_preprocessing(("dequantise", "scale=256"), (8,), "float32", survey(pixels))
    dataset = Disk(pixels).dataset(dataset=Dataset(pixels))
    source = Streamed(dataset, np.arange(40), steps, None, batch=20, dtype="float32", seed=0)
    drawn = np.concatenate([batch.event for batch in epoch_of(source)])
    assert np.floor(drawn * 256).min() == 200 == np.floor(drawn * 256).max()
    assert len(np.unique(drawn)) > 300  # of 320 draws, which rarely meet by chance


def test_statistics_of_stored_events_are_those_in_memory():
    found, expected = (
        survey(events, INDEX).statistics for events in (Disk(EVENTS).dataset().events, EVENTS)
    )
    for name in ("count", "mean", "variance", "minimum", "maximum"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.mean, EVENTS[INDEX].mean(0, dtype=float), rtol=1e-12)


def test_the_mean_over_the_batches_of_an_epoch_is_that_of_the_events():
    batches = epoch_of(streamed())
    total = gather(batch.event[: int(batch.size)].astype(float) for batch in batches)
    np.testing.assert_allclose(total.mean, EVENTS[INDEX].mean(0, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(total.variance, EVENTS[INDEX].var(0, dtype=float), rtol=1e-12)
    weighted = np.sum([batch.weight @ batch.event for batch in batches], 0) / 151
    expected = np.average(EVENTS[INDEX], weights=WEIGHTS[INDEX], axis=0)
    np.testing.assert_allclose(weighted, expected, rtol=1e-5)


def test_each_block_is_read_once_an_epoch():
    disk = Disk(EVENTS)
    source = streamed(disk.dataset())
    for epoch in range(2):
        slabs_of(source, epoch)
        wait([coming(source)])
        # The first slab of the next epoch is made already, of its first window of 16 blocks.
        assert len(disk.readings) == (epoch + 1) * 41 + 16
    assert len(set(disk.readings)) == 41


def test_blocks_without_chosen_events_are_not_read():
    disk = Disk(EVENTS)
    source = streamed(disk.dataset(), index=np.array([3, 4, 60, 190]))
    slabs_of(source)
    wait([coming(source)])
    assert sorted(set(disk.readings)) == [0, 60, 190]


def test_the_next_slab_is_made_while_this_one_is_used():
    disk = Disk(EVENTS)
    source = streamed(disk.dataset())
    # The first slab of 40 events needs the first window of 16 blocks, the second the next one.
    disk.gate_after(16)
    source.load(0)
    ahead = coming(source)
    assert not ahead.done()
    disk.gate.set()
    wait([ahead])
    assert len(disk.readings) == 32


def test_damage_that_is_met_in_the_background_is_said_when_the_slab_is_asked_for():
    disk = Disk(EVENTS.copy())
    source = streamed(disk.dataset())
    expected = slabs_of(source)
    event = int(expected[-1].events[0, 0, 0])
    disk.values[event, 2] += 1
    source.load(0)
    block = event // 5
    place = f"events {5 * block} to {5 * block + 4} .block {block + 1} of 41."
    with pytest.raises(DataError, match=f"numbers.h5 has changed while it was in use: {place}"):
        slabs_of(source)
    with pytest.raises(DataError, match=place):
        source.load(source.steps_per_epoch - 1)
    # Once it is put back, one can go on.
    disk.values[event, 2] -= 1
    jax.tree.map(
        np.testing.assert_array_equal, source.load(source.steps_per_epoch - 1), expected[-1]
    )


def resident():
    """Bytes of memory that this process uses, shared pages and all."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not STATM.exists(), reason="needs to know the memory in use")
def test_all_that_is_held_fits_into_the_buffer():
    """Ten times a buffer of 16 MiB goes through it."""
    buffer, shape = 16 << 20, (160 << 10, 1 << 10)
    disk = Rows(lambda _, out: out.fill(1))
    dataset = Dataset(Stored("large.npy", disk, shape, np.dtype(np.uint8), buffer))
    settings = {"batch": 128, "dtype": "float32", "seed": 0}
    source = Streamed(dataset, np.arange(shape[0]), NOTHING, None, **settings)
    gc.collect()
    before, held = resident(), []
    for step in range(0, source.steps_per_epoch, source.steps):
        assert source.load(step).events.nbytes == buffer // 4
        wait([coming(source)])
        held.append(resident() - before)
    assert len(held) == 40
    # A window, the slab in use and the next one are a quarter each. Other things in this process
    # come and go.
    assert 0.7 * buffer < np.median(held) < 0.95 * buffer
    assert max(held) < 1.3 * buffer


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("slab")]


def test_a_source_that_is_gone_lets_go_of_its_memory():
    before = workers()
    disk = Disk(EVENTS)
    source = streamed(disk.dataset())
    draw(source, source.load(0), jnp.int32(0))
    wait([coming(source)])
    disk.gate_after(len(disk.readings))
    source.load(source.reach(0))
    assert disk.waiting.wait(60)
    prefetch = source.prefetch
    (worker,) = set(workers()) - set(before)
    del source
    gc.collect()
    # Compiled code remembers it, but not what it held.
    assert prefetch._present is prefetch._window is prefetch._ahead is None
    read = len(disk.readings)
    disk.gate.set()
    worker.join(60)
    assert not worker.is_alive()
    # The slab needs many blocks more; the one that was being read was the last.
    assert len(disk.readings) == read + 1
    # It is only memory: a copy that lives on can still load.
    assert prefetch.load(3).events.shape == (5, 8, 3)
    prefetch.forget()


def test_there_is_one_thread_at_most():
    before = workers()
    source = streamed()
    for step in (0, 5, 10, 3, 18, 40, 19, 1, 2):
        source.load(step)
        assert len(set(workers()) - set(before)) == 1
    source.prefetch.forget()
    gc.collect()
    for thread in set(workers()) - set(before):
        thread.join(60)
    assert set(workers()) <= set(before)


ENDING = """
import time
import numpy as np
from ansatz.data.contents import Rows
from ansatz.data.dataset import Dataset
from ansatz.data.preprocessing import Preprocessing
from ansatz.data.stored import Stored
from ansatz.data.streamed import Streamed

def fill(start, out):
    time.sleep(seconds)

seconds = 0
stored = Stored("slow", Rows(fill), (4096, 8), np.dtype(np.uint8), 64 * 8 * 16)
source = Streamed(
    Dataset(stored), np.arange(4096), Preprocessing(()), None, batch=16, dtype="float32", seed=0
)
source.load(0)
seconds = 0.5
source.load(source.reach(0))
print("here", time.time())
raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_the_program_ends_though_a_slab_is_being_made():
    """A slab of 16 blocks would take eight seconds more; a block takes half a one."""
    done = subprocess.run(
        [sys.executable, "-c", ENDING], check=False, capture_output=True, text=True
    )
    waited = time.time() - float(done.stdout.split()[1])
    assert done.returncode == -signal.SIGINT
    assert waited < 4
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert "slab" not in done.stderr


def test_what_cannot_be_streamed():
    with pytest.raises(ValueError, match="Only events that are stored in a file"):
        streamed(DATASET)
    with pytest.raises(ValueError, match="name each of them once"):
        streamed(index=np.array([3, 7, 3]))
    flat = replace(Disk(EVENTS).dataset(), weights=np.zeros(N))
    with pytest.raises(DataError, match=r"weights of numbers.h5 have mean 0; it must be positive"):
        streamed(flat)


def test_the_source_is_one_from_memory_or_from_disk():
    settings = {"batch": 8, "dtype": "float32", "seed": 0}
    assert type(source_of(DATASET, INDEX, NOTHING, None, **settings)) is Batches
    source = source_of(Disk(EVENTS).dataset(), INDEX, NOTHING, ENCODER, devices=4, **settings)
    assert type(source) is Streamed
    assert order_of(source) == order_of(streamed(seed=0))
    assert source.epoch.rows == 8
    assert source.initial() is None
