"""Generative adversarial nets as they are fitted, judged, resumed, and refused."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import ansatz
from ansatz.data.dataset import Dataset
from ansatz.evaluate import told_apart
from ansatz.evaluate.judge import judge
from ansatz.models.gan import GANRecipe
from ansatz.models.gan.collapse import collapses
from ansatz.protocol.errors import NonFiniteError, OptionError
from ansatz.protocol.recipe import Spec

TINY = {"hidden": (8,), "latent": 2, "batch": 32, "quiet": True}


@pytest.fixture(scope="module")
def conditional():
    """Numbers about -3 or 3, as a category says."""
    rng = np.random.default_rng(0)
    c = rng.integers(0, 2, (640, 1))
    x = (6 * c - 3 + rng.normal(size=(640, 1))).astype(np.float32)
    return x, np.eye(2, dtype=np.float32)[c[:, 0]]


@pytest.fixture(scope="module")
def fitted(conditional, tmp_path_factory):
    """A conditional fit in its folder, by margin and spectral norms, two steps to one."""
    out = tmp_path_factory.mktemp("gan") / "run"
    # A rate that does not fall is the same however many epochs there will be.
    steady = {"schedule": "constant", "rate": 5e-3, "average": 0.9}
    settings = {"loss": "hinge", "discriminator_steps": 2, **steady}
    return ansatz.fit("gan", conditional, out=out, epochs=30, **settings, **TINY), settings


def test_a_condition_says_what_is_drawn(fitted, conditional):
    run, _ = fitted
    n = 500
    for label, middle in ((0, -3), (1, 3)):
        rows = np.tile(np.eye(2, dtype=np.float32)[label], (n, 1))
        drawn = run.sample(n, condition=rows, seed=label)
        assert np.mean(np.sign(drawn) == np.sign(middle)) > 0.95
    assert run.can == ("sample",)
    # The last row of the history is of the model that is kept: the last one.
    assert {"validation_distance", "validation_missed", "gap"} <= run.history[-1].keys()
    assert "best_epoch" not in run.history[-1]
    assert [figure.name for figure in run.figures(conditional)][-1] == "discriminator"


def test_it_goes_on_to_the_same_bits(fitted, conditional, tmp_path):
    run, settings = fitted
    with pytest.warns(UserWarning, match="Modes are missed, or --epochs too few"):
        short = ansatz.fit("gan", conditional, out=tmp_path / "r", epochs=3, **settings, **TINY)
    assert len(short.history) == 3
    longer = ansatz.resume(tmp_path / "r", epochs=30, data=conditional, quiet=True)
    assert longer.history == run.history
    weights = [(path / "model.safetensors").read_bytes() for path in (run.path, longer.path)]
    assert weights[0] == weights[1]


def test_it_is_judged_by_its_samples(fitted, conditional, monkeypatch):
    run, _ = fitted
    dataset = run.held_out(conditional)[1]
    found = {measure.name: measure for measure in judge(run, dataset, samples=1)}
    assert set(found) == {"precision", "recall", "density", "coverage"}
    assert "knows no likelihood" in found["precision"].what
    for name in ("precision", "recall", "coverage"):
        assert 0.3 < found[name].value <= 1
    few = {"hidden": (4,), "epochs": 1, "batch": 32, "rate": 1e-3}
    monkeypatch.setattr(told_apart, "SMALL", few)
    test = judge(run, dataset, samples=1, two_sample=True)[-1]
    assert test.name == "two-sample test"
    assert 0 <= test.value <= 1
    assert "classifier of events against samples, 64 of either" in test.what
    with pytest.raises(OptionError, match="neither a density nor a bound"):
        run.log_likelihood(dataset)
    with pytest.raises(OptionError, match="cannot encode; it can sample"):
        run.encode(dataset)


def test_images_in_their_own_range():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 17, (96, 4, 4)).astype(np.uint8)
    run = ansatz.fit(
        "gan",
        images,
        net="conv",
        channels=(3,),
        epochs=1,
        **TINY,
        discriminator_steps=1,
        loss="wasserstein",
    )
    assert run.record.recipe.preprocess == ("dequantise", "scale")
    assert run.model.output == "unit"
    drawn = run.sample(20)
    assert drawn.dtype == np.uint8
    assert drawn.max() <= 16
    # It begins at the mean of the images.
    assert abs(drawn.mean() - images.mean()) < 3
    assert run.history[-1]["penalty"] > 0


class Still(eqx.Module):
    """A generator that makes hardly anything of its noise."""

    middle: jax.Array

    def __call__(self, z):
        return self.middle + 0.1 * z


def test_a_generator_that_collapses_is_called_so():
    events = stats.norm(0, 1).rvs((600, 2), random_state=0).astype(np.float32)
    net = Still(jnp.zeros(2))
    with pytest.warns(UserWarning, match=r"The generator has collapsed: its samples spread 10% as"):
        ansatz.fit("gan", events, epochs=1, generator=net, **{**TINY, "batch": 100})


@pytest.mark.parametrize(
    ("missed", "spread", "gap", "words"),
    [
        (0.05, 0.2, 0.001, None),
        (0.5, 0.2, 0.3, "generator has collapsed: its samples spread 20% as far"),
        (0.5, 0.9, 0.001, "discriminator has collapsed: it scores samples and events alike"),
        (0.5, 0.9, 0.3, "Modes are missed, or --epochs too few: 50% of the events .* none near"),
    ],
)
def test_what_a_collapse_is_called(missed, spread, gap, words):
    row = {"validation_missed": missed, "validation_spread": spread, "gap": gap}
    found = collapses(row)
    if words is None:
        assert found == ()
    else:
        (sentence,) = found
        assert re.search(words, sentence)
    assert collapses({"gap": 0.0}) == ()


def test_a_discriminator_that_runs_away_is_named():
    events = stats.norm(0, 1).rvs((64, 2), random_state=0).astype(np.float32)
    wild = {"discriminator": {"rate": 1e30, "optimiser": "sgd"}}
    with pytest.raises(NonFiniteError, match=r"not finite at step \d+.*discriminator runs away"):
        ansatz.fit("gan", events, epochs=5, groups=wild, **TINY)


def test_negative_weights_are_refused():
    weights = np.ones(50)
    weights[3] = -1
    with pytest.raises(OptionError, match="cannot learn from events with negative weights"):
        ansatz.fit("gan", Dataset(np.ones((50, 2)), weights=weights), **TINY)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preprocess": ("binarise",)}, "'dequantise' in place of 'binarise'"),
        ({"loss": "wasserstein", "constraint": "none"}, "as low as it likes"),
        ({"groups": {"critic": {}}}, "no group of parameters 'critic'"),
        ({"groups": {"generator": {"every": 5}}}, "no setting 'every'"),
        ({"hidden": (0,)}, "hidden must be at least 1"),
        ({"latent": 0}, "latent must be at least 1"),
        ({"penalty": -1.0}, "penalty must not be negative"),
        ({"loss": "minimax", "penalty": 1.0}, "no penalty without a constraint"),
    ],
)
def test_mistakes(settings, words):
    with pytest.raises(OptionError, match=words):
        GANRecipe(**settings).resolve(Spec((4,), levels=(2,)))
