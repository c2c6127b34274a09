"""Active segmentation (Chowdhury et al. 2017): a network names a pixel as exterior, interior or boundary of a cell from
the patch around it, and the pixels that it is least sure of are labelled next."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.files import read_json
from deepbio.domains.cells import segmentation
from deepbio.learning import device, pixels, training
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod, load_network, trained

WINDOW = 32  # pixels along a side of a patch; the pixel that is named is the 17th
STEP = 4  # pixels between the windows of two neighbouring outputs
BEFORE, AFTER = WINDOW // 2, WINDOW - WINDOW // 2 - 1


class Network(nn.Module):
    """{"x": (n, rows, columns)} -> scores (n, 3, outputs down, outputs across), one output for each window of WINDOW
    pixels, every STEP pixels: convolutions without padding, so that a patch and a whole image give the same."""

    def __init__(self, filters, dense, dropout):
        super().__init__()
        first, second, third = filters
        self.layers = glorot(
            nn.Sequential(
                *(nn.Conv2d(1, first, 5), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(second, third, 3), nn.ReLU()),
                *(nn.Conv2d(third, dense, 4), nn.ReLU(), nn.Dropout(dropout)),
                nn.Conv2d(dense, len(segmentation.CLASSES), 1),
            )
        )

    def forward(self, batch):
        return self.layers(batch["x"][:, None])


def padded(image):
    """Scale images (n, rows, columns) and mirror them at their edges, so that every pixel has a window: a tensor
    (n, rows + WINDOW - 1, columns + WINDOW - 1)."""
    x = np.pad(segmentation.scaled(image), ((0, 0), (BEFORE, AFTER), (BEFORE, AFTER)), mode="symmetric")
    return torch.from_numpy(x)


class Method(NetworkMethod):
    """Parameters: filters, dense, dropout (of the network), first (labelled pixels of each class at the beginning),
    query (which pixels are labelled next: entropy, margin or confidence, of the network before; random; or all, at
    once), count (pixels a round), rounds, apart (least distance in pixels between two of them), jitter (of brightness
    and contrast in training), stride (pixels between two outputs before they are interpolated), training (of the
    network, which begins anew each round and takes as many steps).
    """

    def describe(self, split):
        return {"kind": split.context["output"], "least": segmentation.smallest_object(split.y)}

    def build(self, parameters, shape):
        return Network(parameters["filters"], parameters["dense"], parameters["dropout"])

    def batch(self, split, index):
        """Give whole images, mirrored at their edges, and the classes of the pixels that outputs stand for."""
        part = split.take(index)
        found = {"x": padded(part["image"])}
        if "y" in split:
            found["y"] = torch.from_numpy(pixels.classes_of(part)[:, ::STEP, ::STEP].astype(np.int64))
        return found

    def loss(self, network, batch):
        """Compute the cross-entropy of the classes; patches are turned, mirrored and changed in brightness."""
        x = (
            pixels.turned(batch["x"], self.parameters["jitter"])
            if network.training and "patch" in batch
            else batch["x"]
        )
        return F.cross_entropy(network({"x": x}).float(), batch["y"])

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        image, classes = padded(train["image"]), pixels.classes_of(train)
        asked, networks, thresholds = self.parameters["query"], [], []
        if asked == "all":
            grid = np.zeros(classes.shape, bool)
            grid[:, ::STEP, ::STEP] = True
            places, rounds = np.argwhere(grid), 0
        else:
            places = pixels.first_labels(classes, self.parameters["first"], job.rng("first"))
            rounds = self.parameters["rounds"]
        sizes = [len(places)]
        for number in range(rounds + 1):
            network = self.train_round(image, classes, places, valid, job, f"round{number}-")
            networks.append(network.eval())
            thresholds.append(segmentation.best_threshold(1 - self.maps(valid, network)[:, 0], valid.y))
            if number < rounds:
                score = self.wanted(train, network, job.rng("query", number))
                apart, count = self.parameters["apart"], self.parameters["count"]
                places = np.concatenate([places, pixels.choose(score, places, count, apart)])
                sizes.append(len(places))
        self.network = nn.ModuleList(networks)
        self.shape |= {"thresholds": thresholds, "labels": sizes}
        self.shape["places"] = places.tolist() if asked != "all" else []

    def train_round(self, image, classes, places, valid, job, name):
        """Train a new network on the labelled pixels (pixels, 3)."""
        job.seed_torch("fit", "build", name)
        network = self.build(self.parameters, self.shape)
        where = torch.from_numpy(places)
        y = torch.from_numpy(classes[tuple(places.T)].astype(np.int64))

        def batch(index):
            index = torch.from_numpy(index)
            return {"x": pixels.windows(image, where[index], WINDOW), "y": y[index, None, None], "patch": index}

        held = self.batch(valid, np.arange(len(valid)))

        def validate():
            losses = [
                float(
                    self.loss(network, device.to(job.device, {key: values[i : i + 1] for key, values in held.items()}))
                )
                for i in range(len(valid))
            ]
            return {"loss": float(np.mean(losses))}

        training.fit(network, len(places), batch, self.loss, self.parameters["training"], job, name, validate=validate)
        return network

    def wanted(self, split, network, rng):
        """Score the pixels of the grid of outputs by how much their label is wanted, (n, rows, columns); -inf
        elsewhere."""
        asked = self.parameters["query"]
        score = np.full(np.shape(split["image"]), -np.inf)
        grid = score[:, ::STEP, ::STEP]
        if asked == "random":
            grid[:] = rng.random(grid.shape)
            return score
        here = device.of(network)
        for i in range(len(split)):
            x = device.to(here, self.batch(split.take([i]).inputs(), [0]))
            with torch.no_grad():
                p = network(x).float().softmax(dim=1)[0].cpu().numpy()
            ordered = np.sort(p, axis=0)
            grid[i] = {
                "entropy": lambda p=p: -(p * np.log(p.clip(1e-9))).sum(axis=0),
                "margin": lambda o=ordered: o[-2] - o[-1],
                "confidence": lambda o=ordered: -o[-1],
            }[asked]()
        return score

    @torch.no_grad()
    def maps(self, split, network):
        """Compute the probability of each class at every pixel, (n, 3, rows, columns)."""
        stride, found, here = self.parameters["stride"], [], device.of(network)
        for i in range(len(split)):
            image = np.asarray(split["image"][i : i + 1])
            x = padded(image).to(here)
            size = image.shape[1:]
            coarse = [-(-side // stride) for side in size]
            scores = torch.empty(1, len(segmentation.CLASSES), *coarse)
            every = STEP // stride
            for down in range(every):
                for across in range(every):
                    made = network({"x": x[:, stride * down :, stride * across :]}).float().cpu()
                    place = scores[:, :, down::every, across::every]
                    place.copy_(made[:, :, : place.shape[2], : place.shape[3]])
            found.append(pixels.enlarged(scores, stride, size).softmax(dim=1).numpy())
        return np.concatenate(found)

    def predict(self, split):
        """Give masks `y` (n, rows, columns); `foreground`, that of each round's network, a bit a pixel (n, rounds,
        bytes); and `labels` (rounds,), how many pixels were labelled."""
        bits = []
        for network, threshold in zip(self.network, self.shape["thresholds"], strict=True):
            p = self.maps(split, network)
            bits.append(np.packbits((1 - p[:, 0] > threshold).reshape(len(split), -1), axis=1))
        y = segmentation.objects(p, self.shape["thresholds"][-1], self.shape["least"])
        return {"y": y, "foreground": np.stack(bits, axis=1), "labels": np.array(self.shape["labels"])}

    def count_parameters(self):
        """Count the weights of one network; there is one each round."""
        return trained(self.network[-1])

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        networks = [self.build(self.parameters, self.shape) for _ in self.shape["labels"]]
        self.network = load_network(nn.ModuleList(networks), folder)

    def interpret(self, split, folder, train):
        from deepbio.figures import micrographs as figures

        folder = Path(folder)
        first, last = (self.maps(split, network) for network in (self.network[0], self.network[-1]))
        thresholds, least = self.shape["thresholds"], self.shape["least"]
        masks = [segmentation.objects(first, thresholds[0], least), segmentation.objects(last, thresholds[-1], least)]
        figures.draw_overlays(split, masks, self.shape["labels"], folder / "overlays")
        figures.draw_maps(split, last, folder / "maps")
        if self.shape["places"]:
            places, classes = np.array(self.shape["places"]), pixels.classes_of(train)
            figures.draw_queries(train, places, classes, self.shape["labels"], WINDOW, folder / "queries")
            figures.draw_composition(classes, places, self.shape["labels"], train.context, folder / "composition")
