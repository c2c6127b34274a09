"""MMD-ResNet (Shaham et al. 2017): a residual network that maps the cells of one batch onto another's distribution."""

from pathlib import Path

import numpy as np
import torch

from deepbio.domains.cells.mmd import neighbour_distance
from deepbio.kinds.cells import is_source
from deepbio.learning import alignment
from deepbio.learning.distribution_matching import ResidualMap, match, matching_loss
from deepbio.learning.network import NetworkMethod


class Method(NetworkMethod):
    """Parameters: map (hidden, blocks, initial_std, skip, momentum: see ResidualMap), penalty (of the squared
    weights), neighbours (see mmd.neighbour_distance), denoising (settings that differ from denoising.SETTINGS),
    training."""

    def build(self, parameters, shape):
        return ResidualMap(shape["markers"], **parameters["map"])

    def batch(self, split, index):
        part = split.take(index)
        target = torch.from_numpy(~is_source(part))
        return {"x": torch.from_numpy(alignment.into_space(part, self.shape["space"])), "target": target}

    def loss(self, network, batch):
        x, target = batch["x"], batch["target"]
        return matching_loss(network, x[~target], x[target], self.shape["distance"], self.parameters["penalty"])

    def fit(self, train, valid, job):
        space = alignment.learn_space(train, valid, self.parameters["denoising"], job)
        cells = []
        for split in (train, valid):
            x, source = alignment.into_space(split, space), is_source(split)
            cells += [x[source], x[~source]]
        distance = neighbour_distance(cells[1], job.rng("distance"), self.parameters["neighbours"])
        self.shape = {"markers": cells[0].shape[1], "space": space, "distance": distance}
        job.seed_torch("fit", "build")
        self.network = self.build(self.parameters, self.shape)
        how = distance, self.parameters["penalty"], self.parameters["training"], job
        match(self.network, cells[0], cells[1], (cells[2], cells[3]), *how)

    def predict(self, split):
        """Map the source's cells and leave the target's; `before` holds all cells as they were in that space."""

        def run(batch):
            mapped = self.network(batch["x"])
            return torch.where(batch["target"][:, None], batch["x"], mapped), batch["x"]

        found, before = self.run_batched(split, run)
        return {"y": found.numpy(), "before": before.numpy()}

    def interpret(self, split, folder):
        from deepbio.figures import cells as figures

        found, source, folder = self.predict(split), is_source(split), Path(folder)
        before, after, target = found["before"][source], found["y"][source], found["y"][~source]
        figures.draw_components(before, after, target, split.context, folder / "components")
        figures.draw_markers(before, after, target, split.context, folder / "markers")
        figures.draw_correlations(before, after, target, split.context, folder / "correlations")
        if "y_type" in split:
            labels = np.asarray(split["y_type"])
            figures.draw_types(before, after, target, labels[source], labels[~source], split.context, folder / "types")
