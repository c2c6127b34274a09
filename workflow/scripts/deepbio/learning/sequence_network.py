"""What networks over one-hot sequences share: their batches, their padding, and figures of what they look for."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.dna import sequences
from deepbio.learning.network import NetworkMethod


class SequenceNetwork(nn.Module):
    """A module whose subclass says `score`: one-hot x (n, letters, length) -> (n, outputs).

    `shortest` is the least length that its layers can take; shorter windows get unknown bases at both ends.
    `detectors` names its first convolution, from which logos are drawn.
    """

    shortest = 1
    letters = 4  # of the alphabet; the code of that number is an unknown letter

    def score(self, x: Tensor) -> Tensor:
        """Score one-hot windows (n, letters, length): (n, outputs)."""
        raise TypeError(f"{type(self).__name__} does not say how a sequence is scored")

    def forward(self, batch):
        return self.score(self.one_hot(batch["codes"]))

    def one_hot(self, codes: Tensor) -> Tensor:
        """Turn codes (n, length) into x (n, letters, length or `shortest`)."""
        missing = max(0, self.shortest - codes.shape[1])
        if missing:
            codes = F.pad(codes, (missing // 2, missing - missing // 2), value=self.letters)
        return one_hot(codes, self.letters)


def one_hot(codes: Tensor, letters: int) -> Tensor:
    """Turn codes (n, length) of an alphabet of any size into (n, letters, length) float32; an unknown letter, the code
    `letters`, has an equal share in each."""
    table = torch.eye(letters + 1, letters, device=codes.device)
    table[letters] = 1 / letters
    return table[codes.long()].transpose(1, 2).contiguous()


class BothStrands(Split):
    """A split of n windows as one of 2n: the sample n + i is the other strand of the sample i, made when it is asked
    for by `SequenceMethod.batch`. Its arrays are those of the split."""

    def __len__(self):
        return 2 * super().__len__()


def shifted(codes: Tensor, by: Tensor) -> Tensor:
    """Move each window of codes (n, length) to the right by its number in `by` (n,); unknown bases come in."""
    length = codes.shape[1]
    place = torch.arange(length, device=codes.device) - by[:, None]
    found = codes.gather(1, place.clamp(0, length - 1))
    return found.masked_fill((place < 0) | (place >= length), sequences.UNKNOWN)


def moved(codes: Tensor, most: int) -> Tensor:
    """Move each window of codes (n, length) by up to `most` bases either way, to augment training.

    The draws come from torch's CPU generator, whose state a checkpoint holds.
    """
    if not most:
        return codes
    return shifted(codes, torch.randint(-most, most + 1, (len(codes),)).to(codes.device))


class SequenceMethod(NetworkMethod):
    """A network method whose input is `codes` (n, length).

    Parameters that all of them take: `reverse_complements` (training windows are learned on both strands) and
    `both_strands` (a prediction is the mean over both).
    """

    by_row = True

    def describe(self, split):
        known = {"features": split.context["features"]} if "features" in split.context else {}
        return {**super().describe(split), "length": int(split["codes"].shape[1]), **known}

    def batch(self, split, index):
        # Numbers beyond the arrays' rows are there in BothStrands only.
        other, index = np.divmod(index, len(split["codes"]))
        codes = np.array(split["codes"][index])
        if other.any():
            codes[other == 1] = sequences.reverse_complement(codes[other == 1])
        tensors = {"codes": torch.from_numpy(codes)}
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y[index], np.float32))} if "y" in split else {})

    def train_network(self, parameters, train, *others, **named):
        if parameters.get("reverse_complements"):
            train = BothStrands(train.arrays, train.context)
        return super().train_network(parameters, train, *others, **named)

    def predict(self, split):
        found = super().predict(split)["y"]
        if self.parameters.get("both_strands"):
            other = super().predict(BothStrands(split.arrays, split.context), first=len(split))["y"]
            found = (found + self.turned(other)) / 2
        return {"y": found}

    def turned(self, found: np.ndarray) -> np.ndarray:
        """Give predictions of the other strand as the first one has them: the same, where they are of whole windows."""
        return found

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        positive = interpretation.positives(split)
        codes = np.asarray(positive["codes"])
        interpretation.detector_logos(codes, *self.activations(positive), split.context, folder)
        best = int(self.predict(positive)["y"][:, 0].argmax())
        interpretation.mutation_map(self, positive, best, folder)
        interpretation.saliency_map(self.network, positive, best, folder)

    def activations(self, split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Give the largest activations of the first layer, as detector_activations does."""
        return detector_activations(self, self.network.detectors, split)


def detector_activations(
    method: NetworkMethod, layer: nn.Conv1d, split: Split
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Give the largest activation of every filter of a first layer in every window (n, filters), where it begins, its
    strand (0: the one that is read), and the filters' width."""
    left = 0
    if layer.padding == "same":
        left = (layer.kernel_size[0] - 1) // 2
    elif layer.padding[0]:
        left = layer.padding[0]

    def best(batch):
        values, places = F.relu(layer(sequences.one_hot(batch["codes"]))).max(2)
        return values, places - left

    active, place = (found.numpy() for found in method.run_batched(split, best))
    return active, place, np.zeros(active.shape, int), layer.kernel_size[0]
