"""What the study of priors claims, of numbers whose verdicts are known."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.evaluate.estimate import Estimate
from ansatz.models.vae.machine_prior import Known
from ansatz.studies.claim import Verdict
from ansatz.studies.rbm_prior import Fitted, claims, together

SPREAD = np.tile([-1.0, 1.0], 200)


def fitted(gain, auc, other, high):
    """Two fits whose bounds differ by `gain` on the mean, and whose log Z is 2 to `high`."""
    known = Known(*(jnp.array([x]) for x in (2.0, high, 0.01, 1.0)))
    run = SimpleNamespace(model=SimpleNamespace(prior=SimpleNamespace(known=known)))
    return {
        "boltzmann": Fitted(run, gain + 0.1 * SPREAD, Estimate(auc, 0.01)),
        "bernoulli": Fitted(run, 0.0 * SPREAD, Estimate(other, 0.01)),
    }


@pytest.mark.parametrize(
    ("numbers", "mnist", "verdicts"),
    [
        ((1.5, 0.55, 0.9, 2.5), True, "holds holds holds"),
        ((0.5, 0.55, 0.9, 2.5), True, "fails holds holds"),
        ((1.5, 0.70, 0.9, 2.5), True, "holds fails holds"),
        ((1.5, 0.59, 0.9, 2.5), True, "holds undecided holds"),
        ((1.5, 0.55, 0.9, 4.0), True, "holds holds fails"),
        ((0.5, 0.70, 0.9, 2.0), False, "holds holds holds"),
        ((-0.5, 0.90, 0.7, 2.0), False, "fails fails holds"),
    ],
)
def test_verdicts(numbers, mnist, verdicts):
    found = [Verdict(claim.verdict) for claim in claims(fitted(*numbers), mnist)]
    assert [str(verdict) for verdict in found] == verdicts.split()


@pytest.mark.parametrize("mnist", [True, False])
def test_both_priors_have_the_same_nets_and_steps(mnist):
    machine, coins = (together(prior, mnist) for prior in ("boltzmann", "bernoulli"))
    differ = {name for name in machine if machine[name] != coins[name]}
    assert differ == {"prior"}
    # The prior goes on alone for some of the epochs, and not for all.
    assert 0 < machine["prior_epochs"] < machine["epochs"]
