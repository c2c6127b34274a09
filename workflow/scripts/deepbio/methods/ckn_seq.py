"""CKN-seq (Chen, Jacob and Mairal 2019): a convolutional kernel network, whose layer approximates a kernel.

A Gaussian kernel on the sphere compares each k-mer with anchor k-mers (the filters). Multiplication with the inverse
square root of the anchors' own kernel matrix projects the k-mer onto the anchors (Nyström; section 2.2). The mean over
positions then approximates a continuous relaxation of the mismatch kernel.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split, concatenate
from deepbio.domains.dna import sequences
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork

TRUSTED = 64  # anchors drawn as logos, those with the largest weights; the others hardly change the prediction
SMALLEST = 1e-4  # smaller eigenvalues of the anchors' kernel matrix are raised to this


class InverseRoot(torch.autograd.Function):
    """K^(-1/2) of a symmetric positive matrix. Its gradient never divides by a difference of eigenvalues."""

    @staticmethod
    def forward(context, kernel):
        values, vectors = torch.linalg.eigh(kernel.double())
        roots = values.clamp(min=SMALLEST).sqrt()
        context.save_for_backward(roots, vectors)
        return ((vectors / roots) @ vectors.T).to(kernel.dtype)

    @staticmethod
    def backward(context, gradient):
        roots, vectors = context.saved_tensors
        # Daleckii and Krein: (f(a) - f(b)) / (a - b) for f(x) = x^(-1/2), written with the roots of a and b.
        quotient = -1 / (roots[:, None] * roots * (roots[:, None] + roots))
        inner = vectors.T @ gradient.double() @ vectors
        return (vectors @ (quotient * inner) @ vectors.T).to(gradient.dtype)


class CKN(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs): kernel layer, mean over positions, linear; the larger strand's score
    counts.
    """

    def __init__(self, filters, width, sigma, outputs):
        super().__init__()
        self.width, self.sigma, self.shortest = width, sigma, width
        self.anchors = nn.Parameter(F.normalize(torch.randn(filters, 4 * width)))
        self.linear = nn.Linear(filters, outputs)
        self.register_buffer("fitted_epoch", torch.tensor(-1))
        self.projected = None  # anchors and their projection, kept where no gradient is computed

    def kernel(self, cosine):
        """Compute the dot-product kernel exp((u - 1) / sigma²) of cosines u on the sphere."""
        return torch.exp((cosine - 1) / self.sigma**2)

    def unit(self):
        """Return the anchors, scaled onto the unit sphere: (filters, 4 · width)."""
        return F.normalize(self.anchors)

    def responses(self, x):
        """Compute kernel values between every k-mer of x and the anchors, and the k-mers' norms.

        Returns tensors (n, positions, filters) and (n, positions). The values are to be weighted by the norms.
        """
        words = x.unfold(2, self.width, 1).transpose(1, 2).flatten(2)
        norms = words.square().sum(2).clamp(min=1e-6).sqrt()
        words = (words / norms[:, :, None]).flatten(0, 1)
        return self.kernel(words @ self.unit().T).unflatten(0, norms.shape), norms

    def strongest(self, x):
        """Find each anchor's largest kernel value in a window, times the k-mer's norm, and where that k-mer begins.

        Returns two tensors (n, filters).
        """
        values, norms = self.responses(x)
        return (values * norms[:, :, None]).max(1)

    def projection(self):
        """Compute the anchors' kernel matrix to the power of -1/2: (filters, filters).

        Without gradients it is computed once and kept until the anchors change.
        """
        unit, kept, learning = self.unit(), self.projected, torch.is_grad_enabled()
        if not learning and kept is not None and kept[0].device == unit.device and torch.equal(kept[0], unit):
            return kept[1]
        root = InverseRoot.apply(self.kernel(unit @ unit.T))
        self.projected = None if learning else (unit, root)
        return root

    def embed(self, x):
        """Average the projected k-mers over positions, for both strands: (n, 2, filters)."""
        root, found = self.projection(), []
        for strand in (x, x.flip(1, 2)):
            values, norms = self.responses(strand)
            mean = norms[:, None, :] / norms.shape[1] @ values
            found.append(mean.squeeze(1) @ root)
        return torch.stack(found, dim=1)

    def score(self, x):
        return self.linear(self.embed(x)).amax(1)


class Method(SequenceMethod):
    """Parameters: mode (supervised, unsupervised or hybrid), filters, width, sigma, patches, penalties, training,
    and for hybrid: `students` (filters of the student), `extra` (unlabelled copies of each window) and `weight`."""

    def build(self, parameters, shape):
        return CKN(parameters["filters"], parameters["width"], parameters["sigma"], shape["outputs"])

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        mode = self.parameters["mode"]
        network = self.initial(self.parameters, train, job, "init")
        self.parameters = {**self.parameters, "penalty": self.choose_penalty(network, train, valid, job)}
        if mode == "unsupervised":
            self.network, features = network, self.embedded(network, train)
            self.fit_linear(network, features, self.standardised(train), self.parameters["penalty"])
            return
        self.network = self.supervised(network, train, valid, job)
        if mode == "hybrid":
            teacher, self.parameters = self.network, {**self.parameters, "filters": self.parameters["students"]}
            self.network = self.student(teacher, train, job)

    # ---- the kernel layer without labels

    def initial(self, parameters, train, job, name):
        """Build a network whose anchors are the centres of spherical k-means over the training k-mers."""
        job.seed_torch(name)
        network = self.build(parameters, self.shape).to(job.device)
        with torch.no_grad():
            network.anchors.copy_(
                spherical_kmeans(self.patches(train, parameters, job.rng(name)), parameters["filters"], job.device)
            )
        return network.eval()

    def patches(self, split, parameters, rng):
        """Draw random k-mers of a split as unit vectors (patches, 4 · width)."""
        codes, width = np.asarray(split["codes"]), parameters["width"]
        positions = codes.shape[1] - width + 1
        chosen = rng.choice(len(codes) * positions, min(parameters["patches"], len(codes) * positions), replace=False)
        rows, starts = np.divmod(chosen, positions)
        words = torch.from_numpy(codes[rows[:, None], starts[:, None] + np.arange(width)])
        return F.normalize(sequences.one_hot(words).flatten(1))

    def embedded(self, network, split):
        """Compute both strands' features of every window, (n, 2, filters), on the network's device."""

        def run(batch):
            return network.embed(network.one_hot(batch["codes"]))

        return self.run_batched(split, run, network, size=128, where=network.anchors.device)

    # ---- the linear layer

    def standardised(self, split):
        """Return labels (n, outputs) in the form that the loss takes: those of a regression are standardised."""
        y = np.asarray(split.y, float).reshape(len(split), -1)
        if self.shape["kind"] == "regression":
            y = (y - self.shape["mean"]) / self.shape["spread"]
        return y

    def fit_linear(self, network, features, y, penalty, weight=None):
        """Fit the linear layer over features (n, 2, filters) by L-BFGS, from its present weights.

        The loss is the mean loss plus penalty / 2 · |w|². It is computed for the larger of the two strands' scores.
        `weight` (n,) are weights of the samples; None: all are equal.
        """
        features = features.double()
        y = torch.as_tensor(y, dtype=torch.float64, device=features.device)
        known = ~torch.isnan(y)
        weight = torch.ones(len(y), 1, dtype=y.dtype) if weight is None else torch.as_tensor(weight)[:, None]
        weight = (weight.to(y) * known).div(known.sum())
        linear = nn.Linear(features.shape[2], y.shape[1]).double().to(features.device)
        linear.load_state_dict(network.linear.state_dict())
        optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=200, line_search_fn="strong_wolfe")
        distance = F.mse_loss if self.shape["kind"] == "regression" else F.binary_cross_entropy_with_logits

        def closure():
            optimizer.zero_grad()
            score = linear(features).amax(1)
            each = distance(score, y, reduction="none")
            value = (each.nan_to_num() * weight).sum() + penalty / 2 * linear.weight.square().sum()
            value.backward()
            return value

        optimizer.step(closure)
        network.linear.load_state_dict({key: value.float() for key, value in linear.state_dict().items()})

    def choose_penalty(self, initial, train, valid, job):
        """Choose the penalty with the lowest validation loss of a linear layer over the unsupervised features."""

        def compute():
            network, losses = copy.deepcopy(initial), []
            learned, judged = self.embedded(initial, train), self.embedded(initial, valid)
            y, asked = self.standardised(train), {"y": torch.from_numpy(np.asarray(valid.y)).to(judged.device)}
            for penalty in self.parameters["penalties"]:
                self.fit_linear(network, learned, y, penalty)
                with torch.no_grad():
                    losses.append(float(self.loss_of(network.linear(judged).amax(1), asked)))
            return {"penalty": self.parameters["penalties"][int(np.argmin(losses))], "losses": losses}

        return job.remember("penalty", compute)["penalty"]

    # ---- supervised training and its student

    def supervised(self, network, train, valid, job):
        """Train the network: each epoch fits the linear layer to its optimum, then takes steps on the anchors alone."""
        y = self.standardised(train)

        def refit(epoch):
            # A resumed epoch keeps the linear layer that it began with.
            if int(network.fitted_epoch) != epoch:
                self.fit_linear(network, self.embedded(network, train), y, self.parameters["penalty"])
                network.fitted_epoch.fill_(epoch)

        def anchors(network):
            return [{"params": [network.anchors]}]

        self.train_built(network, self.parameters["training"], train, valid, job, groups=anchors, on_epoch=refit)
        self.fit_linear(network, self.embedded(network, train), y, self.parameters["penalty"])
        return network

    def student(self, teacher, train, job):
        """Train an unsupervised network with more filters, also on the teacher's predictions for unlabelled windows."""
        copies = [mutated(train["codes"], job.rng("mutations", i)) for i in range(self.parameters["extra"])]
        for i in range(1, len(copies), 2):
            copies[i] = sequences.dinucleotide_shuffle(copies[i], job.number("extra", i))
        unlabelled = Split({"codes": np.concatenate(copies)}, train.context)
        self.network = teacher
        predicted = self.predict(unlabelled)["y"]
        network = self.initial(self.parameters, train, job, "student")
        weight = np.concatenate([np.ones(len(train)), np.full(len(unlabelled), self.parameters["weight"])])
        y = np.asarray(train.y, predicted.dtype).reshape(len(train), -1)
        own = Split({"codes": np.asarray(train["codes"]), "y": y}, train.context)
        both = concatenate(own, Split({**unlabelled.arrays, "y": predicted}, train.context))
        features = self.embedded(network, both)
        self.fit_linear(network, features, self.standardised(both), self.parameters["penalty"], weight)
        return network

    def activations(self, split):
        """Compute the activations as SequenceMethod does, on both strands, for the anchors with the largest weights."""
        trusted = self.network.linear.weight[0].detach().abs().argsort(descending=True, stable=True)[:TRUSTED]

        def run(batch):
            x = self.network.one_hot(batch["codes"])
            forward, reverse = (self.network.strongest(strand) for strand in (x, x.flip(1, 2)))
            strand = reverse.values > forward.values
            position = torch.where(strand, x.shape[2] - self.network.width - reverse.indices, forward.indices)
            return tuple(part[:, trusted] for part in (torch.maximum(forward.values, reverse.values), position, strand))

        active, position, strand = (part.numpy() for part in self.run_batched(split, run, size=256))
        return active, position, strand.astype(int), self.network.width


def mutated(codes, rng, rate=0.1):
    """Copy codes and draw a share `rate` of the bases anew."""
    codes = np.array(codes)
    change = (rng.random(codes.shape) < rate) & (codes != sequences.UNKNOWN)
    codes[change] = rng.integers(0, 4, int(change.sum()))
    return codes


def spherical_kmeans(points, count, device="cpu", rounds=20):
    """Cluster unit points by the cosine to the nearest centre: unit centres (count, dimensions).

    The algorithm is that of Dhillon and Modha (2001). The initial centres are distinct random points. A centre that
    loses all its points moves to the worst-fitted point.
    """
    points = torch.unique(points, dim=0)
    points = points[torch.randperm(len(points))].to(device)
    count = min(count, len(points))
    centres = points[:count].clone()
    for _ in range(rounds):
        fits, nearest = zip(*((part @ centres.T).max(1) for part in points.split(8192)), strict=True)
        fits, nearest = torch.cat(fits), torch.cat(nearest)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        empty = torch.bincount(nearest, minlength=count) == 0
        sums[empty] = points[fits.argsort()[: int(empty.sum())]]
        moved = F.normalize(sums)
        if (moved - centres).abs().max() < 1e-4:
            break
        centres = moved
    return centres
