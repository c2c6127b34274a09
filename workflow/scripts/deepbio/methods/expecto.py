"""ExPecto (Zhou et al. 2018): gene expression in three steps: a chromatin network over bins around a gene's start,
exponential functions of the bins' distance, and a boosted linear model.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.core.files import atomic
from deepbio.core.labels import columns
from deepbio.domains.dna import sequences
from deepbio.learning.chromatin import ChromatinMethod
from deepbio.learning.network import trained
from deepbio.learning.sequence_network import SequenceNetwork

GENES = 64  # genes whose bins are scored together


class Beluga(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs): DeepSEA's successor, with every convolution twice."""

    def __init__(self, kernels, width, pool, dense, dropout, length, outputs):
        super().__init__()
        self.pool, lost = pool, 2 * (width - 1)  # bases that a pair of convolutions takes off
        self.shortest = ((1 + lost) * pool + lost) * pool + lost
        sizes = [4, *np.repeat(kernels, 2).tolist()]
        layers = [nn.Conv1d(a, b, width) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        self.detectors, self.deeper = layers[0], nn.ModuleList(layers[1:])
        self.dropout = nn.ModuleList(nn.Dropout(share) for share in dropout)
        length = ((max(length, self.shortest) - lost) // pool - lost) // pool - lost
        self.dense = nn.Linear(kernels[-1] * length, dense)
        self.head = nn.Linear(dense, outputs)
        # With torch's own initialization less than half of the signal passes each layer, too little after seven layers.
        for layer in (*layers, self.dense):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def hidden(self, x):
        """Compute the activations of the last hidden layer: (n, dense)."""
        layers = [self.detectors, *self.deeper]
        for block, dropout in enumerate(self.dropout):
            for layer in layers[2 * block : 2 * block + 2]:
                x = F.relu(layer(x))
            x = dropout(x)
            if block < len(self.dropout) - 1:
                x = F.max_pool1d(x, self.pool)
        return F.relu(self.dense(x.flatten(1)))

    def score(self, x):
        return self.head(self.hidden(x))


class Method(ChromatinMethod):
    """Parameters: kernels (each of two convolutions), width, pool, dense, dropout (after each pair), max_norm, l1,
    reverse_complements, both_strands and training of the chromatin network, as DeepSEA's; window (bases that it reads
    around a bin); empty (number of training bins without a mark for each one with a mark); rates and unit (bp) of the
    exponential functions; expression (penalty, rate, rounds, base, patience) of the linear models.

    The network learns from the marks of training genes. The linear models learn from the network's predictions for the
    bins of these genes. Prediction never reads marks.
    """

    def build(self, parameters, shape):
        names = ("kernels", "width", "pool", "dense", "dropout")
        return Beluga(**{n: parameters[n] for n in names}, length=parameters["window"], outputs=shape["outputs"])

    def fit(self, train, valid, job):
        bins, outputs = train["marks"].shape[1:]
        self.shape = {"outputs": int(outputs), "kind": "multilabel", "bins": int(bins)}
        # Needed to predict genes of other regions, beside the facts that the network's form depends on.
        self.shape["length"] = int(train["codes"].shape[1])
        self.shape |= {key: train.context[key] for key in ("tss", "bin", "features")}
        chromatin = [self.chromatin(part, job.rng(name)) for name, part in (("train", train), ("valid", valid))]
        self.network, _ = self.train_network(self.parameters, *chromatin, job)
        labels = [columns(part.y) for part in (train, valid)]
        features = [self.spatial(part).astype(np.float64) for part in (train, valid)]
        self.linear, history = boost(*features, *labels, **self.parameters["expression"])
        job.history += [{"phase": "expression", **row} for row in history]

    # ---- the chromatin network

    def chromatin(self, split, rng):
        """Cut windows and marks of the bins with a mark, and of some without, drawn from the same genes: a split."""
        codes = cut(split, self.parameters["window"], split["marks"].shape[1])
        labels = np.asarray(split["marks"]).reshape(len(codes), -1)
        bound = labels.any(axis=1)
        empty = np.flatnonzero(~bound)
        wanted = min(len(empty), round(self.parameters["empty"] * int(bound.sum())))
        rows = np.sort(np.concatenate([np.flatnonzero(bound), rng.choice(empty, wanted, replace=False)]))
        context = {"output": "multilabel", "metrics": ["auroc"]}
        return Split({"codes": codes[rows], "y": labels[rows].astype(np.float32)}, context)

    def batch(self, split, index):
        """Make a batch; that of a split of genes consists of the windows and marks of their bins."""
        if "marks" in split:
            split = self.chromatin(split.take(index), np.random.default_rng(0))
            index = np.arange(len(split))
        return super().batch(split, index)

    def spatial(self, split):
        """Compute features of genes (n, 10 · marks): predicted marks weighted by exponential functions of distance."""
        weights = exponentials(distances(split, self.shape["bins"]), self.parameters["rates"], self.parameters["unit"])
        found = []
        for start in range(0, len(split), GENES):
            genes = Split({"codes": np.asarray(split["codes"][start : start + GENES])}, split.context)
            windows = cut(genes, self.parameters["window"], self.shape["bins"])
            predicted = super().predict(Split({"codes": windows}))["y"].reshape(len(genes), self.shape["bins"], -1)
            found.append(np.einsum("fb,nbm->nfm", weights, predicted).reshape(len(genes), -1))
        return np.concatenate(found)

    # ---- the contract

    def predict(self, split):
        return {"y": self.spatial(split) @ self.linear["weights"] + self.linear["intercept"]}

    def count_parameters(self):
        return trained(self.network) + sum(array.size for array in self.linear.values())

    def save(self, folder):
        super().save(folder)
        with atomic(Path(folder) / "expression.safetensors") as temporary:
            save_file(self.linear, temporary)

    def load(self, folder):
        super().load(folder)
        self.linear = load_file(Path(folder) / "expression.safetensors")

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import expression as figures

        y, p = columns(split.y), self.predict(split)["y"]
        figures.draw_predictions(y, p, split.context, folder)
        distance = distances(split, self.shape["bins"])
        figures.draw_weights(self.effects(distance, split.context), distance, split.context, folder)
        # Of the upper quarter of the genes the one with the highest prediction: highly expressed, and predicted so.
        high = np.flatnonzero(y[:, 0] >= np.nanquantile(y[:, 0], 0.75))
        figures.draw_promoter(self, split, int(high[p[high, 0].argmax()]), folder)

    def effects(self, distance, context):
        """Sum the weights of each mark's exponential functions at distances (bins,): (conditions, marks, bins)."""
        functions = exponentials(distance, self.parameters["rates"], self.parameters["unit"])
        shape = len(functions), len(context["marks"]), len(context["features"])
        return np.einsum("fb,fmc->cmb", functions, self.linear["weights"].reshape(shape))


def distances(split, bins):
    """Compute distances (bins,) in bp from the start of transcription to each bin's middle, downstream positive."""
    width, region = split.context["bin"], split["codes"].shape[1]
    return (region - bins * width) // 2 + (np.arange(bins) + 0.5) * width - split.context["tss"]


def cut(split, window, bins):
    """Cut windows (genes · bins, window) around the bins of all genes; bases beyond a region are unknown."""
    codes = np.asarray(split["codes"])
    starts = (distances(split, bins) + split.context["tss"]).astype(int) - window // 2
    margin = max(0, -starts.min(), starts.max() + window - codes.shape[1])
    padded = np.pad(codes, ((0, 0), (margin, margin)), constant_values=sequences.UNKNOWN)
    found = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)[:, starts + margin]
    return np.ascontiguousarray(found.reshape(-1, window))


def exponentials(distance, rates, unit):
    """Compute the weights (2 · rates, bins) of bins at a `distance` (bp): exp(-rate · whole units away).

    The upstream functions come first, then the downstream ones. Zhou et al. 2018, Online Methods: rates 0.01 to 0.2 and
    a unit of 200 bp, which is the width of their bins.
    """
    fall = np.exp(-np.asarray(rates)[:, None] * np.floor(np.abs(distance) / unit))
    return np.concatenate([fall * (distance <= 0), fall * (distance >= 0)])


def boost(x, x_valid, y, y_valid, penalty, rate, rounds, base, patience):
    """Fit linear models by boosting, all conditions at once, as XGBoost's `gblinear` does with squared loss.

    Parameters
    ----------
    x, x_valid : (n, features); y, y_valid : (n, conditions), NaN where not known
    penalty : L2 penalty, added to sums over samples
    rate : share of a coordinate's Newton step that is taken
    base : initial prediction; None: the mean training label
    patience : rounds without a smaller validation error after which a condition's model stays at its best

    Returns the weights (features, conditions) and intercept (conditions,), and the losses of every round. One round
    updates the intercept and each feature in turn.
    """
    known = ~np.isnan(y)
    start = np.nanmean(y, axis=0) if base is None else np.full(y.shape[1], float(base))
    residual = np.where(known, y - start, 0)
    columns = np.ascontiguousarray(x.T)
    curvature = columns**2 @ known + penalty
    weights, intercept = np.zeros((x.shape[1], y.shape[1])), start.copy()
    kept, best = [weights.copy(), intercept.copy()], np.full(y.shape[1], np.inf)
    waited, history = np.zeros(y.shape[1], int), []
    for step in range(1, rounds + 1):
        change = rate * residual.sum(0) / known.sum(0)
        intercept += change
        residual -= change * known
        for feature, column in enumerate(columns):
            change = rate * (column @ residual - penalty * weights[feature]) / curvature[feature]
            weights[feature] += change
            residual -= column[:, None] * change * known
        loss = np.nanmean((y_valid - x_valid @ weights - intercept) ** 2, axis=0)
        better = (loss < best) & (waited < patience)
        kept[0][:, better], kept[1][better], best[better] = weights[:, better], intercept[better], loss[better]
        waited = np.where(better, 0, waited + 1)
        losses = {"train_loss": float((residual**2).sum() / known.sum()), "valid_loss": float(np.nanmean(loss))}
        history.append({"step": step, **losses})
        if (waited >= patience).all():
            break
    return {"weights": kept[0], "intercept": kept[1]}, history
