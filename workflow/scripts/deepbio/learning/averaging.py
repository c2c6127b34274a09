"""The moving average of a network's weights over the steps of its training."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from deepbio.core.job import Job
from deepbio.learning import device

SAMPLES = 5120  # on which the normalisations of averaged weights are measured


class Average:
    """The exponential moving average of a network's weights (Polyak and Juditsky 1992).

    Batch normalisation has its statistics measured anew for the averaged weights, on `batches()`: those of the steps
    are of other weights.
    """

    def __init__(self, network: nn.Module, decay: float, batches: Callable[[], Iterable[dict]], job: Job):
        self.network, self.batches, self.job = network, batches, job
        self.model = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def put_in(self) -> None:
        """Put the average into the network; torch's generators are left as they were."""
        self.network.load_state_dict(self.model.module.state_dict())
        with device.drawn(self.job.number("statistics"), self.job.device):
            update_bn(self.batches(), self.network)

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """Give the network the average's weights inside, and its own again afterwards."""
        own = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.put_in()
        yield
        self.network.load_state_dict(own)
