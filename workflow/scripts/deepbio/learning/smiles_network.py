"""A recurrent language model of SMILES, and what its methods share: likelihoods and samples."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepbio.domains.chemistry.smiles import END, Vocabulary
from deepbio.learning import device
from deepbio.learning.network import NetworkMethod

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}
BATCH = 512  # strings drawn at a time
READ = 64  # strings read together, of a batch in the order of their lengths


class LanguageModel(nn.Module):
    """Codes (n, length) -> log probability (n, length) of each symbol, from those before it.

    `symbols` counts the vocabulary without the end; the code `symbols + 1` is read before the first symbol.
    """

    def __init__(self, symbols, embedding, units, layers, cell="gru"):
        super().__init__()
        self.start = symbols + 1
        self.embedding = nn.Embedding(symbols + 2, embedding)
        self.recurrent = CELLS[cell](embedding, units, layers, batch_first=True)
        self.head = nn.Linear(units, symbols + 1)

    def forward(self, codes):
        """Compute the log probability (n, length) of each symbol from those before it; 0 after a string's first end.

        Strings of like length are read together, so that little is spent on the places after their ends.
        """
        first = torch.full_like(codes[:, :1], self.start)
        before = torch.cat([first, codes[:, :-1]], dim=1)
        lengths = counted(codes).sum(1)
        found = torch.zeros(codes.shape, device=codes.device)
        alike = lengths.argsort().split(READ)
        widths = lengths[torch.stack([rows[-1] for rows in alike])].tolist()  # a GPU is waited for once
        for rows, width in zip(alike, widths, strict=True):
            logits = self.head(self.recurrent(self.embedding(before[rows, :width]))[0]).float()
            each = -F.cross_entropy(logits.transpose(1, 2), codes[rows, :width], reduction="none")
            found[rows, :width] = each * counted(codes[rows, :width])
        return found

    def log_likelihood(self, codes: Tensor) -> Tensor:
        """Compute the log probability (n,) of each string, its end included where there is room for it."""
        return self(codes).sum(1)

    @torch.no_grad()
    def write(self, count, length, forced=None, given=None):
        """Draw `count` strings symbol by symbol, as codes (count, length); torch's generator draws them.

        Of the codes `forced` (count, length) the first `given` (count,) symbols of each row are taken as they are, so
        that strings are finished which others began.
        """
        codes = torch.zeros(count, length, dtype=torch.long, device=self.head.weight.device)
        last = torch.full_like(codes[:, :1], self.start)
        state, writing = None, torch.ones_like(last, dtype=torch.bool)
        for place in range(length):
            output, state = self.recurrent(self.embedding(last), state)
            last = torch.multinomial(F.softmax(self.head(output[:, 0]).float(), dim=1), 1)
            if forced is not None:
                last = torch.where((place < given)[:, None], forced[:, place : place + 1], last)
            last = last * writing
            writing = last != END
            if not writing.any():
                break
            codes[:, place] = last[:, 0]
        return codes


def counted(codes: Tensor) -> Tensor:
    """Tell which positions (n, length) of codes were drawn: a string's symbols and its first end."""
    ended = (codes == END).cumsum(1) > 0
    return ~F.pad(ended[:, :-1], (1, 0))


class SmilesMethod(NetworkMethod):
    """A method whose network is a language model over the task's vocabulary: labels `y` are the codes of molecules."""

    by_row = True

    def describe(self, split):
        return {"symbols": list(split.context["symbols"]), "length": int(split.y.shape[1])}

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.shape["symbols"])

    def batch(self, split, index):
        return {"codes": torch.from_numpy(np.array(split.y[index], np.int64))}

    def loss(self, network, batch):
        """Compute the mean negative log likelihood of a molecule."""
        return -network.log_likelihood(batch["codes"]).mean()

    def validate(self, network, valid, where, monitor="loss"):
        return self.mean_loss(network, valid, where)

    def samples(self, network: nn.Module, count: int, seed: int) -> np.ndarray:
        """Draw `count` strings of a network as codes (count, length) uint8: the same for the same seed, and the first
        ones however many are asked for."""
        where = next(network.parameters()).device
        with device.drawn(seed, where):
            parts = [network.write(BATCH, self.shape["length"]) for _ in range(0, count, BATCH)]
        return torch.cat(parts)[:count].cpu().numpy().astype(np.uint8)
