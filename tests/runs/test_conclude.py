"""What a recipe is given once a fit is done."""

import jax
import numpy as np
from tiny import start

from ansatz.models.vae.recipe import VAERecipe
from ansatz.runs.fit import _held


def test_a_recipe_ends_on_the_events_that_were_held_out(array, monkeypatch):
    batches = []

    def conclude(self, model, key, held=()):
        batches.extend(held)
        return model

    monkeypatch.setattr(VAERecipe, "conclude", conclude)
    run = start(array, None, epochs=1, validation=0.2)
    # Forty of 200 events in batches of 16 at most; what fills them up weighs nothing.
    assert sum(float(batch.size) for batch in batches) == 40
    events = np.concatenate([batch.event[batch.weight > 0] for batch in batches])
    np.testing.assert_allclose(events, run.as_learnt(run.validation(array)), rtol=1e-6)


def test_where_nothing_was_held_out_there_is_nothing():
    assert list(_held(None, jax.random.key(0))) == []
