"""A variational autoencoder learnt by pythae's own trainer."""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from networks import EVENT, decoder, encoder
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback


class Encoder(BaseEncoder):
    """The mean of a code and the logarithm of its variance."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.net = encoder(width, latent)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mean, log_variance = self.net(x).chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """The probabilities of an event's ones, which pythae's cross-entropy takes."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.net = decoder(width, latent)

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.net(z).sigmoid())


class Clock(TrainingCallback):
    """Notes when epochs end, and the loss of the last."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.loss = float("nan")

    def on_epoch_end(self, training_config: BaseTrainerConfig, **kwargs: Any) -> None:
        self.ends.append(time.perf_counter())

    def on_log(self, training_config: BaseTrainerConfig, logs: dict, **kwargs: Any) -> None:
        self.loss = logs["train_epoch_loss"]


def learn(work: dict) -> dict[str, float]:
    """One fit: its rate from the end of the first epoch on, and the loss it ended with."""
    width, latent = work["width"], work["latent"]
    events = torch.from_numpy(np.load(work["data"])).float()
    config = VAEConfig(input_dim=(EVENT,), latent_dim=latent, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(width, latent), decoder=Decoder(width, latent))
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        BaseTrainer(
            model=model,
            train_dataset=BaseDataset(events, torch.ones(len(events))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=work["epochs"],
                per_device_train_batch_size=work["batch"],
                learning_rate=1e-3,
            ),
            callbacks=[clock],
        ).train()
    seconds = clock.ends[-1] - clock.ends[0]
    return {"rate": len(events) * (len(clock.ends) - 1) / seconds, "loss": clock.loss}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"pythae": version("pythae")}}))
