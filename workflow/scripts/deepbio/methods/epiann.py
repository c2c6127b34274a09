"""EPIANN (Mao, Kostka and Chikina 2017): convolutions over an enhancer and a promoter, attention from each to the
other, and the largest scores of all pairs of places."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.dna import sequences
from deepbio.learning.network import NetworkMethod
from deepbio.learning.sequence_network import shifted

SPREAD = 0.1  # of the first weights; the first biases are as large


class Attention(nn.Module):
    """Additive attention: queries (n, q, features) and keys (n, k, features) -> weights (n, q, k) that sum to 1."""

    def __init__(self, features, hidden):
        super().__init__()
        self.query, self.key = (nn.Linear(features, hidden, bias=False) for _ in range(2))
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, queries, keys):
        both = torch.tanh(self.query(queries)[:, :, None] + self.key(keys)[:, None])
        return self.score(both)[..., 0].softmax(dim=2)


class Network(nn.Module):
    """A batch of pairs -> logits (n, 1); `read` gives the scores of all pairs of places and the guessed places, too."""

    def __init__(self, kernels, width, pool, hidden, top, dense, heads, dropout, shape):
        super().__init__()
        self.pool, self.top, self.dropout = pool, top, dropout
        self.detectors = nn.Conv1d(4, kernels, width, bias=False)
        sizes = [-(-(length - width + 1) // pool) for length in shape["lengths"]]
        self.to_promoter, self.to_enhancer = Attention(kernels, hidden), Attention(kernels, hidden)
        self.bilinear, self.bias = nn.Linear(kernels, kernels, bias=False), nn.Parameter(torch.zeros(1))
        self.dense, self.head = nn.Linear(min(top, sizes[0] * sizes[1]), dense), nn.Linear(dense, 1)
        # The attention towards the enhancer has a row for each place of the promoter, and the other way round.
        self.places = nn.ModuleList(
            nn.Sequential(
                *(nn.Linear(kernels * size, heads[0]), nn.ReLU(), nn.Linear(*heads), nn.ReLU(), nn.Linear(heads[1], 2))
            )
            for size in reversed(sizes)
        )
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.constant_(parameter, SPREAD)
            else:
                nn.init.trunc_normal_(parameter, std=SPREAD, a=-2 * SPREAD, b=2 * SPREAD)

    def convolve(self, codes):
        """Turn codes (n, length) into features (n, places, kernels)."""
        x = F.max_pool1d(F.relu(self.detectors(sequences.one_hot(codes, 0.0))), self.pool, ceil_mode=True)
        return F.dropout(x, self.dropout, self.training).transpose(1, 2)

    def read(self, batch):
        """Compute logits (n, 1), scores (n, promoter places, enhancer places) and guessed ends (n, 4)."""
        enhancer, promoter = self.convolve(batch["enhancer"]), self.convolve(batch["promoter"])
        seen_promoter = self.to_promoter(enhancer, promoter) @ promoter  # for each place of the enhancer
        seen_enhancer = self.to_enhancer(promoter, enhancer) @ enhancer
        scores = self.bilinear(seen_enhancer) @ seen_promoter.transpose(1, 2) + self.bias
        largest = scores.flatten(1).topk(min(self.top, scores[0].numel()), dim=1).values
        x = F.dropout(F.relu(self.dense(largest)), self.dropout, self.training)
        guesses = [
            head(seen.flatten(1)) for head, seen in zip(self.places, (seen_enhancer, seen_promoter), strict=True)
        ]
        return self.head(x), scores, torch.cat(guesses, dim=1)

    def forward(self, batch):
        return self.read(batch)[0]


class Method(NetworkMethod):
    """Parameters: kernels, width, pool, hidden (of the attention), top (largest scores that are kept), dense, heads
    (layers that guess where the elements lie), dropout, cross_weight (of the cross-entropy), place_weight, copies (of
    each linked training pair, each moved by so many `step` bases), step, equal (whether pairs of the smaller class are
    repeated until both are equally large), training, predict_batch."""

    def describe(self, split):
        places = np.asarray(split["places"], np.float64)
        lengths = [int(split[name].shape[1]) for name in ("enhancer", "promoter")]
        std = places.std(axis=0)
        shape = {"lengths": lengths, "mean": places.mean(axis=0).tolist(), "std": np.where(std > 0, std, 1).tolist()}
        return {"kind": "binary", "outputs": 1} | shape

    def build(self, parameters, shape):
        names = ("kernels", "width", "pool", "hidden", "top", "dense", "heads", "dropout")
        return Network(**{name: parameters[name] for name in names}, shape=shape)

    def batch(self, split, index, moved=None):
        """Give the pairs `index`; with `moved` (n,) their elements that many bases further to the right."""
        found = {name: torch.from_numpy(np.array(split[name][index])) for name in ("enhancer", "promoter")}
        places = torch.from_numpy(np.array(split["places"][index], np.float32))
        if moved is not None:
            by = torch.from_numpy(moved)
            found = {name: shifted(codes, by) for name, codes in found.items()}
            places = places + by[:, None]
        mean, std = (torch.tensor(self.shape[key], dtype=torch.float32) for key in ("mean", "std"))
        found["places"] = (places - mean) / std
        return found | ({"y": torch.from_numpy(np.asarray(split.y[index], np.float32))} if "y" in split else {})

    def loss(self, network, batch):
        output, _, places = network.read(batch)
        cross = self.loss_of(output, batch)
        if not network.training:
            return cross
        apart = (places - batch["places"]).square()
        both = apart[:, :2].mean() + apart[:, 2:].mean()
        return self.parameters["cross_weight"] * cross + self.parameters["place_weight"] * both

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        y, copies, step = np.asarray(train.y), self.parameters["copies"], self.parameters["step"]
        linked, others = np.flatnonzero(y == 1), np.flatnonzero(y != 1)
        shifts = step * (np.arange(copies) - copies // 2 + (copies > 1))
        # Only training pairs are copied, and only linked ones.
        classes = [(np.repeat(linked, copies), np.tile(shifts, len(linked))), (others, np.zeros(len(others), int))]
        if self.parameters["equal"] and all(len(rows) for rows, _ in classes):
            size = max(len(rows) for rows, _ in classes)
            classes = [(np.resize(rows, size), np.resize(moves, size)) for rows, moves in classes]
        rows, moves = map(np.concatenate, zip(*classes, strict=True))
        pairs = _Copies(train, rows, moves)
        self.network, _ = self.train_network(self.parameters, pairs, valid, job)

    def train_built(self, network, settings, train, valid, job, name="fit", groups=None, on_epoch=None):
        if not isinstance(train, _Copies):
            return super().train_built(network, settings, train, valid, job, name, groups, on_epoch)
        from deepbio.learning import training

        def batch(index):
            return self.batch(train.split, train.rows[index], train.moves[index])

        check = (lambda: self.validate(network, valid, job.device)) if valid is not None else None
        return training.fit(network, len(train), batch, self.loss, settings, job, name, validate=check)

    def interpret(self, split, folder):
        from deepbio.figures import pairs as figures

        folder, p = Path(folder), self.predict(split)["y"][:, 0]
        y = np.asarray(split.y, float).ravel()
        best = np.argsort(-np.where(y > np.median(y) if y.max() > 1 else y == 1, p, -1), kind="stable")[:2]
        with torch.no_grad():
            _, scores, _ = self.network.eval().read(self.batch(split, best))
        figures.draw_scores(scores.numpy(), split, best, p, self.parameters, folder / "scores")
        active, place = (found.numpy() for found in self.run_batched(split, self.strongest))
        for name, number in (("enhancer", 0), ("promoter", 1)):
            figures.draw_logos(
                np.asarray(split[name]), active[:, number], place[:, number], self.parameters["width"],
                split.context["origin"], folder / f"{name}_kernels",
            )  # fmt: skip

    def strongest(self, batch):
        """Find how strongly each kernel answers in enhancer and promoter, and where: (n, 2, kernels) each."""
        found = [
            self.network.detectors(sequences.one_hot(batch[name], 0.0)).max(2) for name in ("enhancer", "promoter")
        ]
        return torch.stack([values for values, _ in found], 1), torch.stack([places for _, places in found], 1)


class _Copies:
    """Training pairs with moved copies: the rows of a split, and how far each is moved."""

    def __init__(self, split, rows, moves):
        self.split, self.rows, self.moves = split, rows, moves

    def __len__(self):
        return len(self.rows)
