"""The graph convolution network of Altae-Tran et al. 2017, trained anew on each episode's support alone."""

import torch
from torch.nn import functional as F

from deepbio.domains.chemistry.molecules import graphs
from deepbio.learning.graph_network import GraphConvolution, convmol_batch, embed
from deepbio.learning.layers import ClassPair
from deepbio.learning.support import SupportMethod


class Method(SupportMethod):
    """Parameters: widths, vector (of GraphConvolution), epochs, learning_rate. A batch is the whole support."""

    def prepare(self, smiles):
        return graphs(smiles, "convmol")

    def rank(self, known, support, labels, query, seed):
        torch.manual_seed(seed)
        vectors = GraphConvolution(self.parameters["widths"], self.parameters["vector"])
        head = ClassPair(self.parameters["vector"])
        weights = [*vectors.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(weights, lr=self.parameters["learning_rate"], fused=True)
        batch, y = convmol_batch(known, support), torch.from_numpy(labels)
        balance = torch.where(y > 0, (y == 0).sum() / y.sum(), 1.0)
        for _ in range(self.parameters["epochs"]):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(head(vectors(batch))[:, 0], y, balance).backward()
            optimizer.step()
        with torch.no_grad():
            return torch.sigmoid(head(embed(vectors, known, query))[:, 0]).numpy()
