"""The shower generator: its nets, what it says of voxels, and generation block by block."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

import ansatz
from ansatz.calo import generate as generating
from ansatz.calo.generate import Chains, check_generator, generate
from ansatz.calo.geometry import Geometry, to_xml
from ansatz.calo.heads import MaskedHead
from ansatz.calo.layers import Layout
from ansatz.calo.nets import REST, ShowerDecoder, logits, shares
from ansatz.calo.unfinished import Unfinished, generated
from ansatz.protocol.errors import DataError, OptionError, RunError
from ansatz.protocol.keys import Stream, stream
from ansatz.runs.load import load

UNEVEN = Geometry(
    "uneven", "photon", ((0.0, 1.0, 2.0), (0.0, 1.0, 2.0, 4.0), (0.0, 3.0, 6.0)), (1, 4, 2),
    (0, 1, 2), 1e-3,
)  # fmt: skip
SMALL = {
    "geometry": to_xml(UNEVEN), "latent": 8, "graph": "bipartite:4x4", "features": 6, "depth": 1,
    "width": 10, "annealing": 20, "chains": 8, "batch": 20, "epochs": 2, "quiet": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def showers():
    """Energies in MeV and showers that have half of them, a third of the voxels empty."""
    rng = np.random.default_rng(0)
    energies = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 120))
    share = rng.exponential(size=(120, UNEVEN.voxels)) * (rng.random((120, UNEVEN.voxels)) > 0.3)
    share /= 2 * share.sum(1, keepdims=True)
    return energies, (share * energies[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def run(showers, tmp_path_factory):
    energies, events = showers
    folder = tmp_path_factory.mktemp("generator")
    return ansatz.fit("calo-qvae", (events, energies[:, None]), out=folder / "run", **SMALL)


def test_logits_of_shares_are_those_of_the_formula_and_back():
    share = np.array([0.0, 1e-9, 1e-6, 0.01, 0.3, 0.99, 1.0])
    x = REST + (1 - 2 * REST) * share
    wanted = special.logit(x) - special.logit(REST)
    found = np.asarray(logits(jnp.asarray(share, jnp.float32)), float)
    # Of shares near the ends float32 keeps fewer digits.
    np.testing.assert_allclose(found[:-2], wanted[:-2], atol=2e-4)
    assert found[0] == 0
    assert found[-1] == pytest.approx(32.24, abs=0.6)
    np.testing.assert_allclose(shares(jnp.asarray(wanted[2:6])), share[2:6], rtol=2e-2)
    assert shares(jnp.array(-3.0)) == 0


def test_a_table_of_layers_is_the_row_again():
    layout = Layout.of(UNEVEN)
    assert layout.sizes == (2, 12, 4)
    row = jnp.arange(1.0, 19.0)
    table = np.asarray(layout.table(row))
    np.testing.assert_array_equal(table[0], [1, 2, *[0] * 10])
    np.testing.assert_array_equal(table[2], [15, 16, 17, 18, *[0] * 8])
    np.testing.assert_array_equal(layout.row(jnp.asarray(table)), row)


def test_a_decoder_starts_where_it_is_told():
    layout = Layout.of(UNEVEN)
    net = ShowerDecoder.drawn(layout, 8, 6, 1, 10, (3, 2), "float32", jax.random.key(0))
    raw = jnp.arange(3 * 18 + 2 * 3 + 1.0)
    quiet = net.with_output_bias(raw)
    quiet = eqx.tree_at(lambda net: net.out.weight, quiet, replace_fn=jnp.zeros_like)
    found = quiet(jnp.ones(8), jnp.array([7.0]))
    np.testing.assert_allclose(found[:-1], raw[:-1], atol=1e-5)
    assert found[-1] == 7.0


@pytest.mark.parametrize("mask", ["true", "predicted"])
def test_the_loss_of_the_field_is_squares_and_weighted_entropies(mask):
    rng = np.random.default_rng(2)
    hit, activation = rng.normal(size=4), 10 + rng.normal(size=4)
    energy, share = 5e4, np.array([0.02, 0.0, 0.1, 0.0])
    u = np.asarray(logits(jnp.asarray(share, jnp.float32)), float)
    theta = (share > 0).astype(float)
    masked = activation * (theta if mask == "true" else special.expit(hit))
    entropy = -theta * special.log_expit(hit) - (1 - theta) * special.log_expit(-hit)
    wanted = -((u - masked) ** 2).sum() - ((1 + u) ** 0.5 * entropy).sum()
    head = MaskedHead((4,), mask, 0.5)
    p = head(jnp.asarray(np.concatenate([hit, activation, [np.log(energy)]]), jnp.float32))
    found = float(p.log_prob(jnp.asarray(share * energy, jnp.float32)))
    assert found == pytest.approx(wanted, rel=1e-4)


def test_the_fields_heads_start_at_what_showers_are_like():
    rng = np.random.default_rng(3)
    share = np.where(rng.random((50, 4)) < 0.4, rng.random((50, 4)) / 10, 0.0)
    raw = np.asarray(MaskedHead((4,), "true", 0.0).initial(jnp.asarray(share, jnp.float32)), float)
    hits = share > 0
    np.testing.assert_allclose(raw[:4], special.logit(hits.mean(0)), rtol=1e-4)
    u = special.logit(REST + (1 - 2 * REST) * share) - special.logit(REST)
    np.testing.assert_allclose(raw[4:8], (u * hits).sum(0) / hits.sum(0), rtol=1e-4)
    assert raw[8] == 0


def test_samples_of_the_fields_heads_are_hit_as_often_as_they_say():
    head = MaskedHead((2,), "true", 0.0)
    p = head(jnp.array([0.5, -2.0, 12.0, -1.0, np.log(1e4)]))
    drawn = np.asarray(jax.vmap(p.sample)(jax.random.split(jax.random.key(0), 20_000)), float)
    odds = special.expit(0.5)
    assert abs((drawn[:, 0] > 0).mean() - odds) < 4 * (odds * (1 - odds) / 20_000) ** 0.5
    # What an activation below zero says is nothing.
    assert not drawn[:, 1].any()
    x = special.expit(12 + special.logit(REST))
    wanted = 1e4 * (x - REST) / (1 - 2 * REST)
    np.testing.assert_allclose(drawn[drawn[:, 0] > 0, 0], wanted, rtol=1e-3)


def test_a_generator_knows_its_energies_and_is_loaded_again(run, showers, tmp_path):
    energies, events = showers
    assert run.record.recipe.voxels.same_voxels(UNEVEN)
    again = load(run.path)
    np.testing.assert_array_equal(
        again.log_likelihood((events[:5], energies[:5, None])),
        run.log_likelihood((events[:5], energies[:5, None])),
    )
    low, high = (run.sample(400, condition=np.full((400, 1), e)).sum(1) for e in (1e3, 1e5))
    assert np.median(high) > 20 * np.median(low)


def test_showers_are_the_same_whether_or_not_generation_was_stopped(run, tmp_path, monkeypatch):
    monkeypatch.setattr(generating, "TOGETHER", 16)
    energies = np.geomspace(1e3, 1e5, 40)
    blocks = [showers for showers, _ in generate(run, energies, seed=3)]
    assert [len(block) for block in blocks] == [16, 16, 8]
    unfinished = Unfinished.of(tmp_path / "showers.h5")
    asked = {"seed": 3}
    begun = generated(run, energies, unfinished, asked, seed=3)
    np.testing.assert_array_equal(next(begun), blocks[0])
    begun.close()
    rest = list(generated(run, energies, unfinished, asked, seed=3))
    for block, wanted in zip(rest, blocks, strict=True):
        np.testing.assert_array_equal(block, wanted)
    other = [showers for showers, _ in generate(run, energies, seed=4)]
    assert not np.array_equal(other[0], blocks[0])
    with pytest.raises(DataError, match="seed = 3, and now it is 5"):
        unfinished.begin({"seed": 5})
    unfinished.clear()
    assert not unfinished.path.exists()


def test_chains_have_the_moments_of_the_prior_under_their_own_energy(run, monkeypatch):
    """All 256 states of the bits, summed, under either of two energies in turn."""
    monkeypatch.setattr(generating, "TOGETHER", 4000)
    prior = run.model.prior
    energies = jnp.log(jnp.array([2e3, 8e4]))[:, None]
    units = jax.vmap(prior.shown)(energies)
    assert list(units.sum(1)) == [4, 10]
    # Weights as large as those of a prior that has learnt, which this one has not.
    weight = jnp.asarray(np.random.default_rng(3).normal(size=len(prior.machine.weight)))
    machine = eqx.tree_at(lambda m: m.weight, prior.machine, weight.astype(jnp.float32) / 2)
    of = np.arange(4000) % 2
    chains = Chains.heated(stream(0, Stream.USE), machine, None, units[1 - of].T)
    codes = np.asarray(chains.then(jax.random.key(1), units[of].T).codes, float)
    assert codes.shape == (4000, 8)
    states = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    for which, own in enumerate(units):
        joined = np.concatenate([states, np.tile(np.asarray(own), (256, 1))], axis=1)
        minus = -np.asarray(jax.vmap(machine.free_energy)(jnp.asarray(joined)), float)
        mean = np.exp(minus - special.logsumexp(minus)) @ states
        error = np.sqrt(mean * (1 - mean) / 2000)
        assert np.all(np.abs(codes[of == which].mean(0) - mean) < 4.5 * error)


def test_what_generates_no_showers_is_refused(showers, tmp_path):
    energies, events = showers
    run = ansatz.fit("pca", events, latent=2, quiet=True, out=tmp_path / "pca")
    with pytest.raises(RunError, match="'pca', which generates no showers"):
        check_generator(run)
    with pytest.raises(OptionError, match=r"18 voxels, and the showers have shape \(17,\)"):
        ansatz.fit("calo-qvae", (events[:, 1:], energies[:, None]), **SMALL)
    with pytest.raises(OptionError, match="under its incident energy"):
        ansatz.fit("calo-qvae", events, **SMALL)
    with pytest.raises(DataError, match="have to be positive"):
        ansatz.fit("calo-qvae", (events, energies[:, None] - 5e3), **SMALL)
