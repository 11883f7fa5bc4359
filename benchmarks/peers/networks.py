"""The nets of the autoencoder that all contenders learn."""

from torch.nn import Linear, ReLU, Sequential

EVENT = 784


def encoder(width: int, latent: int) -> Sequential:
    """An event to the two numbers for each of its code's."""
    return Sequential(
        Linear(EVENT, width), ReLU(), Linear(width, width), ReLU(), Linear(width, 2 * latent)
    )


def decoder(width: int, latent: int) -> Sequential:
    """A code to the logits of an event."""
    return Sequential(
        Linear(latent, width), ReLU(), Linear(width, width), ReLU(), Linear(width, EVENT)
    )
