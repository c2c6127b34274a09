"""evoNet and ABC on small tables of statistics: both outputs, pre-training, and what each output rests on."""

import numpy as np
import pandas as pd
import pytest
import torch
from support import fit, parameters_of

from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.learning import pretraining
from deepbio.methods import evonet
from deepbio.scoring import metrics


@pytest.fixture(scope="module")
def splits():
    return small_problem("region_statistics", "regression", 400)


def test_evonet_tells_class_and_sizes_together(splits, tmp_path):
    model, _ = fit("evonet", splits, tmp_path)
    p, test = model.predict(splits["test"].inputs())["y"], splits["test"]
    np.testing.assert_allclose(p[:, :4].sum(axis=1), 1, atol=1e-5)
    assert np.mean(p[:, :4].argmax(axis=1) == test.y[:, :4].argmax(axis=1)) > 0.8
    assert metrics.evaluate(["pearson"], test.y[:, 4:], p[:, 4:])["pearson"] > 0.7


def test_pretraining_rebuilds_the_layer_below(splits, tmp_path):
    parameters = parameters_of("evonet")
    model = evonet.Method(parameters)
    model.shape = model.describe(splits["train"])
    torch.manual_seed(1)
    network = model.build(parameters, model.shape)
    before = [layer.weight.detach().clone() for layer in network.hidden]
    job = Job(1, tmp_path)
    x = model.batch(splits["train"], np.arange(len(splits["train"])))["x"]
    settings = parameters["pretraining"]
    pretraining.train_autoencoders(network.hidden, lambda number: network.encode(x, number), settings, job)
    for number, (layer, weight) in enumerate(zip(network.hidden, before, strict=True), 1):
        losses = [row["train_loss"] for row in job.history if row["phase"] == f"pretraining{number}"]
        assert losses[-1] < losses[0] and not torch.equal(layer.weight, weight)


def test_sparsity_is_punished():
    torch.manual_seed(0)
    part, x = pretraining.Autoencoder(torch.nn.Linear(5, 4)), torch.randn(30, 5)
    assert part.loss(x, 0.1, 1.0) > part.loss(x, 0.1, 0.0)  # units of a fresh layer are active half of the time
    with torch.no_grad():
        part.layer.weight.zero_()
        part.layer.bias.fill_(float(np.log(0.1 / 0.9)))
        assert float(part.loss(x, 0.1, 1.0)) == pytest.approx(float(part.loss(x, 0.1, 0.0)), abs=1e-5)


def test_most_informative_statistics_are_the_planted_ones(splits, tmp_path):
    model, _ = fit("evonet", splits, tmp_path)
    model.interpret(splits["valid"], tmp_path)
    table = pd.read_csv(tmp_path / "informative.csv").set_index("statistic")
    assert len(table) == 30 and list(table.columns) == ["selection", "N1", "N2", "N3"]
    assert set(table["selection"].nlargest(6).index) <= {f"statistic {i}" for i in range(8)}
    for i, size in enumerate(("N1", "N2", "N3")):
        assert table[size].idxmax() == f"statistic {10 + i}" and table[size].max() > 0


def test_abc_says_the_mean_of_the_nearest_simulations(splits, tmp_path):
    model, _ = fit("abc_rejection", splits, tmp_path)
    model.parameters["accepted"] = 1 / 600
    again = model.predict(splits["train"].inputs())["y"]
    np.testing.assert_allclose(again, splits["train"].y, atol=1e-6)  # nearest to itself
    model.parameters["accepted"] = 1.0
    both = np.concatenate([splits["train"].y, splits["valid"].y])
    np.testing.assert_allclose(model.predict(splits["test"].inputs())["y"][0], both.mean(axis=0), rtol=1e-5)
