"""Flows between the states of a small machine, counted."""

from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.exact import exact_samples
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import sample
from ansatz.protocol.figures import Cloud, Matrix, Scatter
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

VISIBLE, HIDDEN = 3, 2

Flow = Float[np.ndarray, "from to"]


class DetailedBalanceStudy(Study):
    """A sweep that draws the hidden units given the visible ones and then those given the hidden
    ones keeps the distribution of a restricted machine. Seen on the visible units alone it does
    so in detail: between any two states v and v' as much probability flows one way as the other,
    p(v) T(v, v') = p(v') T(v', v). Seen on all units it does not: probability goes round in
    circles, and only what flows into a state is what flows out of it. Chains start at exact
    samples of the machine and make one sweep, so that all of them are independent, and the flows
    are known by enumeration. Claims are of χ² divergences between flows, less what chance adds.
    """

    name: ClassVar[str] = "detailed-balance"
    title: ClassVar[str] = "Detailed balance, flow by flow"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        machine = RestrictedMachine.of(
            generator.normal(0, 0.5, VISIBLE),
            generator.normal(0, 0.5, HIDDEN),
            generator.normal(0, 2.0, (VISIBLE, HIDDEN)),
        )
        chains = 400_000 if context.quick else 4_000_000
        key_start, key = jax.random.split(jax.random.key(context.seed))
        before = exact_samples(key_start, machine, chains)
        after = sample(key, machine, before, 1)
        first, last = (numbered(np.asarray(state)) for state in (before, after))
        states = 2 ** (VISIBLE + HIDDEN)
        whole = np.bincount(first * states + last, minlength=states**2).reshape(states, states)
        shown = marginal(whole)
        exact = flows(machine)
        return Findings(
            (
                occupation(whole.sum(1), exact.sum(1)),
                stationary(whole),
                balanced(shown),
                as_enumerated(shown, marginal(exact)),
                circling(whole, exact),
            ),
            (matrix(shown), against(whole, shown)),
        )


def numbered(state: Float[np.ndarray, "node chain"]) -> np.ndarray:
    """The number of each chain's state, the first node its highest bit."""
    return (2 ** np.arange(len(state))[::-1]) @ state.astype(np.int64)


def marginal(flow: np.ndarray) -> np.ndarray:
    """The flow between the visible units' states."""
    v, h = 2**VISIBLE, 2**HIDDEN
    return flow.reshape(v, h, v, h).sum((1, 3))


def flows(machine: RestrictedMachine) -> Flow:
    """p(s) T(s, s') of a sweep, written out over all states in double precision."""
    b, c, w = (
        np.asarray(part, np.float64)
        for part in (machine.visible_bias, machine.hidden_bias, machine.weight)
    )
    bits = [
        np.array(np.meshgrid(*[[0, 1]] * count, indexing="ij")).reshape(count, -1).T
        for count in (VISIBLE, HIDDEN)
    ]
    v, h = bits
    joint = np.exp((v @ b)[:, None] + (h @ c)[None] + v @ w @ h.T)
    joint /= joint.sum()
    hidden_given = joint / joint.sum(1, keepdims=True)
    visible_given = joint / joint.sum(0, keepdims=True)
    # From (v, h) by way of h' given v to v' given h': what h was before makes no difference.
    step = hidden_given[:, None, :] * visible_given[None, :, :]
    flow = joint[:, :, None, None] * step[:, None, :, :]
    size = joint.size
    return flow.reshape(size, size)


def divergence(counts: np.ndarray, expected: np.ndarray, freedom: int) -> Measured:
    """(sum (n - e)^2 / e - freedom) / N: what is left of χ² / N without what chance adds."""
    total = counts.sum()
    square = float(np.sum((counts - expected) ** 2 / expected))
    return Measured((square - freedom) / total, (2 * freedom) ** 0.5 / total)


def asymmetry(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """n(a, b) - n(b, a) and n(a, b) + n(b, a), over the pairs a < b with any flow."""
    a, b = np.triu_indices(len(flow), 1)
    difference, both = flow[a, b] - flow[b, a], flow[a, b] + flow[b, a]
    return difference[both > 0], both[both > 0]


def occupation(counts: np.ndarray, p: np.ndarray) -> Claim:
    """That chains start where they should."""
    return Claim(
        name="occupation",
        sentence="Exact samples are in every state as often as its energy says.",
        expected=0.0,
        source="p(s) = exp(−E(s)) / Z by enumeration",
        measured=divergence(counts, p * counts.sum(), len(p) - 1),
        tolerance=1e-3,
        why="a thousandth of the flow is far below what would be seen in any use of the chains",
    )


def stationary(flow: np.ndarray) -> Claim:
    """That a sweep keeps the distribution."""
    before, after = flow.sum(1), flow.sum(0)
    change = after - before
    moved = before + after - 2 * np.diag(flow)
    square = float(np.sum(change**2 / moved))
    freedom, total = len(flow) - 1, flow.sum()
    return Claim(
        name="global balance",
        sentence="As much flows into every state as out of it.",
        expected=0.0,
        source="sum over s of p(s) T(s, s') = p(s')",
        measured=Measured((square - freedom) / total, (2 * freedom) ** 0.5 / total),
        tolerance=1e-3,
        why="as for the occupation",
    )


def balanced(flow: np.ndarray) -> Claim:
    """That flows between visible states are the same both ways."""
    difference, both = asymmetry(flow)
    square = float(np.sum(difference**2 / both))
    freedom, total = len(both), flow.sum()
    return Claim(
        name="detailed balance",
        sentence="Between each two states of the visible units as much flows one way as the "
        f"other: over {freedom} pairs the flows differ by nothing but chance.",
        expected=0.0,
        source="p(v) T(v, v') = sum over h of p(v, h) p(v', h) / p(h), which is symmetric",
        measured=Measured((square - freedom) / total, (2 * freedom) ** 0.5 / total),
        tolerance=1e-3,
        why="as for the occupation",
    )


def as_enumerated(flow: np.ndarray, exact: np.ndarray) -> Claim:
    """That each flow is that of enumeration."""
    return Claim(
        name="flows",
        sentence="Every flow between states of the visible units is that of enumeration.",
        expected=0.0,
        source="p(v) T(v, v') over all states",
        measured=divergence(flow, exact * flow.sum(), flow.size - 1),
        tolerance=1e-3,
        why="as for the occupation",
    )


def circling(flow: np.ndarray, exact: np.ndarray) -> Claim:
    """That on all units flows are not the same both ways, by as much as they should differ."""
    difference, both = asymmetry(flow)
    total = flow.sum()
    square = float(np.sum(difference**2 / both))
    own, sums = asymmetry(exact)
    expected = float(np.sum(own**2 / sums))
    # Each term's (n - m)^2 / (n + m) has the variance 4 (n - m)^2 / (n + m) + 2, about.
    error = float(np.sqrt(4 * square + 2 * len(both)) / total)
    return Claim(
        name="circulation",
        sentence="On all units the sweep is not reversible: flows there and back differ, by as "
        "much as enumeration says.",
        expected=expected,
        source="sum over pairs of (f − f')² / (f + f'), f = p(s) T(s, s')",
        measured=Measured((square - len(both)) / total, error),
        tolerance=0.05 * expected,
        why="a twentieth of an effect that detailed balance would have at zero",
    )


def matrix(flow: np.ndarray) -> Matrix:
    """The net flows between visible states in units of their error."""
    both = flow + flow.T
    net = (flow - flow.T) / np.sqrt(np.where(both > 0, both, 1))
    labels = tuple(f"{k:0{VISIBLE}b}" for k in range(len(flow)))
    return Matrix(
        name="net-flow",
        title="Net flow between states of the visible units",
        caption="From the state of each row to that of each column, what flows there less what "
        "flows back, in standard errors: nothing beyond three or four.",
        values=net,
        row_labels=labels,
        column_labels=labels,
    )


def against(whole: np.ndarray, shown: np.ndarray) -> Scatter:
    """Flows there against flows back."""
    clouds = []
    for label, flow in (("visible units", shown), ("all units", whole)):
        a, b = np.triu_indices(len(flow), 1)
        points = np.stack([flow[a, b], flow[b, a]], 1) / flow.sum()
        clouds.append(Cloud(label, points))
    return Scatter(
        name="there-and-back",
        title="Flows there and back",
        caption="A point for each pair of states: the flow from the first to the second, and "
        "back. On the visible units they lie on the diagonal; on all units they do not.",
        clouds=tuple(clouds),
        x_label="flow there",
        y_label="flow back",
    )
