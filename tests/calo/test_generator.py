"""The shower generator: its nets, what it says of voxels, and generation block by block."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

import ansatz
from ansatz.calo import generate as generating
from ansatz.calo.generate import Chains, check_energies, check_generator, generate
from ansatz.calo.geometry import Geometry, to_xml
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


def test_chains_under_several_energies_are_not_mistaken_for_slow_ones(run):
    """Couplings are as good as nothing: states are independent after a sweep."""
    prior = run.model.prior
    units = jax.vmap(prior.shown)(jnp.log(jnp.array([2e3, 8e4]))[:, None])
    # A field that differs by so much between the two makes their mean energies differ.
    nothing = jnp.zeros_like(prior.machine.weight)
    i, j = prior.machine.graph.edges.T
    weight = jnp.where((j >= 8) & (i < 8), 2.0, nothing)
    machine = eqx.tree_at(lambda m: m.weight, prior.machine, weight)
    chains = Chains.heated(jax.random.key(0), machine, 100, None, units[np.arange(100) % 2].T)
    assert chains.mixing.autocorrelation_time < 1.5
    assert chains.mixing.r_hat < 1.01


def test_a_single_shower_takes_a_single_chain(run):
    ((shower, chains),) = generate(run, np.array([5e3]), seed=1)
    assert shower.shape == (1, 18)
    assert chains.states.shape[1] == 1


def test_chains_have_the_moments_of_the_prior_under_their_own_energy(run):
    """All 256 states of the bits, summed, under either of two energies in turn."""
    prior = run.model.prior
    energies = jnp.log(jnp.array([2e3, 8e4]))[:, None]
    units = jax.vmap(prior.shown)(energies)
    assert list(units.sum(1)) == [0, 3]
    # Weights as large as those of a prior that has learnt, which this one has not.
    weight = jnp.asarray(np.random.default_rng(3).normal(size=len(prior.machine.weight)))
    machine = eqx.tree_at(lambda m: m.weight, prior.machine, weight.astype(jnp.float32) / 2)
    of = np.arange(4000) % 2
    chains = Chains.heated(stream(0, Stream.USE), machine, 4000, None, units[1 - of].T)
    codes = np.asarray(chains.then(jax.random.key(1), units[of].T).codes, float)
    assert codes.shape == (4000, 8)
    states = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    for which, own in enumerate(units):
        joined = np.concatenate([states, np.tile(np.asarray(own), (256, 1))], axis=1)
        minus = -np.asarray(jax.vmap(machine.free_energy)(jnp.asarray(joined)), float)
        mean = np.exp(minus - special.logsumexp(minus)) @ states
        error = np.sqrt(mean * (1 - mean) / 2000)
        assert np.all(np.abs(codes[of == which].mean(0) - mean) < 4.5 * error)


def test_energies_that_were_not_learnt_from_are_warned_of(run, showers):
    low, high = showers[0].min(), showers[0].max()
    check_energies(run, np.array([1.1 * low, high / 1.1]))
    with pytest.warns(UserWarning, match=r"1 of 2 energies lie outside 1,0\d\d to 9\d,\d+ MeV"):
        check_energies(run, np.array([1.1 * low, 2 * high]))


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


def test_a_fit_shows_showers_held_out_decoded_and_generated(run, showers):
    """Each kind at the same energies; what is counted is what NumPy counts."""
    # A half of the energy is where two bins meet.
    energies, events = showers[0], np.float32(0.97) * showers[1]
    found = {figure.name: figure for figure in run.figures((events, energies[:, None]))}
    names = {"shower", "response", "profiles", "hits", "voxels", "energies", "moments"}
    assert names <= found.keys()
    assert found["shower"].row_labels == ("held out", "decoded", "generated")
    cut = run.record.recipe.voxels.cut
    events = np.where(events < cut, 0, events)
    share = events.sum(1) / energies
    for k, panel in enumerate(found["response"].panels):
        own = (energies >= 10 ** (3 + k)) & (energies < 10 ** (4 + k))
        wanted = np.histogram(share[own], panel.edges)[0]
        np.testing.assert_array_equal(panel.counts["held out"], wanted)
        # After two epochs some have more than 1.5 times their energy, where bins end.
        assert 0.5 * own.sum() < panel.counts["generated"].sum() <= own.sum()
    whole = found["hits"].panels[0]
    assert all(counts.sum() == len(events) for counts in whole.counts.values())
    hits = (events > 0).sum(1)
    wanted = np.histogram(np.maximum(hits, 0.5), whole.edges)[0]
    np.testing.assert_array_equal(whole.counts["held out"], wanted)
    (profile, *_), low = found["profiles"].panels, energies < 1e4
    layer = events[low][:, UNEVEN.layers[1]].sum(1) / energies[low]
    assert profile.curves[0].y[1] == pytest.approx(100 * layer.mean(), rel=1e-5)
    assert "log Z is exact." in found["energies"].caption
    assert not {figure.name for figure in run.figures_without_data()} & names


@pytest.mark.parametrize("name", ["asked.json", "state.npz", "block-000000.npy"])
@pytest.mark.parametrize("content", [b"", b"[1", b"PK\3\4 half of an archive"])
def test_showers_that_were_damaged_are_not_gone_on_with(tmp_path, name, content):
    unfinished = Unfinished.of(tmp_path / "showers.h5")
    unfinished.begin({"seed": 4})
    unfinished.keep(0, np.zeros((3, 2), np.float32), None)
    assert unfinished.begin({"seed": 4}) == 1
    assert len(list(unfinished.blocks(1, 2))) == 1
    (unfinished.path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} is damaged: remove the folder"):
        list(unfinished.blocks(unfinished.begin({"seed": 4}), 2))


def test_showers_are_generated_by_one_process_at_a_time(tmp_path):
    unfinished = Unfinished.of(tmp_path / "showers.h5")
    with (
        unfinished.alone(),
        pytest.raises(RunError, match="being written by another process"),
        unfinished.alone(),
    ):
        raise AssertionError
