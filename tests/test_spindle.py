"""What is special to SPINDLE: devices, folding and mapping of trained networks, the cost model, figures."""

import numpy as np
import pytest
import torch
from support import fit, parameters_of
from torch import nn

from deepbio.core import method
from deepbio.core.catalog import Catalog
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.hardware import crossbar
from deepbio.figures import crossbar as figures
from deepbio.learning import network
from deepbio.scoring import metrics
from deepbio.tasks import neuromorphic_inference

COSTS = {"read": 1, "drive": 10, "neuron": 100, "bit": 1000, "mac8": 64, "settle": 7, "lanes": 4, "cycle": 2}


@pytest.fixture(scope="module")
def splits():
    return small_problem("table", "multiclass")


def mapped(layer, weight_bits=8, input_bits=8, **device):
    return crossbar.Crossbar(layer, weight_bits, input_bits, **device)


# ---- devices


@pytest.mark.parametrize(("bits", "count"), [(1, 2), (2, 3), (3, 7), (4, 15)])
def test_a_weight_has_as_many_levels_as_its_bits_allow(bits, count):
    torch.manual_seed(0)
    one = mapped(nn.Linear(500, 3), bits, floor=0.1)
    scale = one.scale()
    assert scale.shape == (3, 1)
    for column in (one.weight() / scale).detach():
        assert len(torch.unique(column.round(decimals=4))) == count
    pair = one.conductances().detach()
    assert float(pair.min()) >= 0.1 and float(pair.max()) <= 1
    # One device of each pair is at the lowest level; what is read is the difference.
    assert torch.allclose(pair.min(0).values, torch.tensor(0.1))


def test_more_bits_lose_less_and_the_scale_is_the_column_s():
    torch.manual_seed(0)
    layer = nn.Linear(64, 10)
    with torch.no_grad():
        layer.weight[0] *= 50
    lost = []
    for bits in (1, 2, 3, 4, 8):
        gap = (mapped(layer, bits).weight() - layer.weight).detach().square()
        lost.append(float(gap[1:].mean()))
    assert lost == sorted(lost, reverse=True) and lost[-1] < 1e-6
    # A column of large weights changes no other column's levels.
    other = nn.Linear(64, 10)
    other.load_state_dict(layer.state_dict())
    with torch.no_grad():
        other.weight[0] /= 50
    torch.testing.assert_close(mapped(layer, 3).weight()[1:], mapped(other, 3).weight()[1:])


def test_neurons_are_saturating_staircases_with_a_gradient_inside_alone():
    x = torch.tensor([-1.0, 0.1, 0.4, 0.9, 3.0], requires_grad=True)
    y = crossbar.staircase(x, 2, torch.tensor(0.0), torch.tensor(1.0))
    torch.testing.assert_close(y.detach(), torch.tensor([0, 0, 1 / 3, 1, 1]))
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    grid = torch.linspace(-0.5, 1.5, 400)
    for bits in (1, 2, 3, 4):
        step = crossbar.staircase(grid, bits, torch.tensor(0.0), torch.tensor(1.0))
        assert len(torch.unique(step)) == 2**bits and (step.diff() >= 0).all()


def test_chips_vary_as_told_and_can_be_made_perfect_again():
    torch.manual_seed(0)
    one = mapped(nn.Linear(400, 50), 3, floor=0.1)
    meant = one.conductances().detach()
    before = one.weight().detach()
    crossbar.program(one, 0.1, 0.0, torch.Generator().manual_seed(1))
    factor, dead, _ = one.errors
    assert float(factor.std()) == pytest.approx(0.1, rel=0.05) and float(factor.mean()) == pytest.approx(1, abs=0.01)
    assert not dead.any() and not torch.equal(one.weight(), before)
    crossbar.program(one, 0.0, 0.25, torch.Generator().manual_seed(1))
    _, dead, value = one.errors
    assert float(dead.float().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.unique(value[dead]).tolist() == pytest.approx([0.1, 1.0])
    assert torch.equal(one.conductances(), meant)
    crossbar.perfect(one)
    assert torch.equal(one.weight(), before)


def test_noise_of_training_is_drawn_anew_and_only_in_training():
    one = mapped(nn.Linear(20, 5), 3, noise=0.2).train()
    x = torch.rand(4, 20)
    assert not torch.equal(one(x), one(x))
    one.eval()
    assert torch.equal(one(x), one(x))


# ---- mapping


def settle(model):
    """A network with statistics of normalisation that are not those of its first moment."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.eval()


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)), (8,)),
        (nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3)), (8,)),
        (nn.Sequential(nn.Conv1d(2, 4, 3, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.Conv1d(4, 2, 3)), (2, 12)),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.BatchNorm1d(4), nn.Conv1d(4, 2, 3)), (2, 12)),
        (nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)), (1, 8, 8)),
    ],
)
def test_normalisation_is_folded_without_a_change(model, size):
    settle(model)
    x = torch.rand(5, *size)
    wanted = model(x)
    spin = crossbar.map(model, 8, 8, 8)
    assert not [one for one in spin.modules() if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for one in crossbar.crossbars(spin):
        one.exact = True
    torch.testing.assert_close(spin(x), wanted, rtol=1e-4, atol=1e-5)
    assert [one for one in model.modules() if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d))]  # a copy was changed


def test_normalisation_before_a_padded_convolution_stays():
    model = settle(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3, padding=1)))
    spin = crossbar.map(model, 8, 8)
    assert isinstance(spin[1], nn.BatchNorm2d)
    spin[2].exact = True
    x = torch.rand(2, 1, 6, 6)
    torch.testing.assert_close(spin(x), model(x))


def test_nothing_to_map_is_an_error():
    with pytest.raises(ValueError, match="no dense and no convolutional layer"):
        crossbar.map(nn.Sequential(nn.ReLU()), 3, 3)


# Classifiers of the project with dense layers and with convolutions, and what their quantised twins are asked for.
OTHERS = [("neuroimaging_dbn", "table", "binary"), ("diet_networks", "genotype", "multiclass")]
OTHERS += [("deepsea", "sequence", "binary"), ("primer_cnn", "sequence", "binary")]


@pytest.mark.parametrize(("name", "kind", "output"), OTHERS)
def test_any_trained_classifier_can_be_mapped(tmp_path, name, kind, output):
    """Eight bits change its answers hardly, one bit changes them much."""
    small = small_problem(kind, output)
    model, _ = fit(name, small, tmp_path)
    test = small["test"]
    wanted = model.predict(test.inputs())["y"]
    plain, gaps = model.network, {}
    train = model.batch(small["train"], np.arange(len(small["train"])))
    for bits in (8, 1):
        spin = crossbar.map(plain.eval(), bits, bits)
        crossbar.calibrate(spin, lambda spin=spin: spin(train), share=1.0)
        model.network = spin
        gaps[bits] = np.abs(model.predict(test.inputs())["y"] - wanted).mean()
    model.network = plain
    assert crossbar.crossbars(spin) and gaps[8] < 0.02 and gaps[8] < gaps[1]


def test_ranges_are_those_of_the_float_network_s_inputs():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    x = torch.rand(1000, 4)
    spin = crossbar.map(model, 2, 2, 4)
    crossbar.calibrate(spin, lambda: spin(x), share=1.0)
    first, second, third = crossbar.crossbars(spin)
    assert [one.input_bits for one in (first, second, third)] == [4, 2, 2]
    hidden = torch.relu(model[0](x)).detach()
    assert float(first.high) == pytest.approx(float(x.max())) and float(first.low) == 0
    assert float(second.high) == pytest.approx(float(hidden.max()), rel=1e-5) and float(second.low) == 0
    assert float(third.low) == pytest.approx(float(torch.tanh(model[2](hidden)).detach().min()), rel=1e-4)
    assert not first.exact


# ---- training


def test_retraining_wins_back_what_rounding_costs(splits, tmp_path):
    loss = {}
    for retrain in (False, True):
        parameters = parameters_of("spindle") | {"weight_bits": 2, "output_bits": 1, "retrain": retrain}
        model = method.create("spindle", "listed", parameters)
        folder = tmp_path / str(retrain)
        folder.mkdir()
        model.fit(splits["train"], splits["valid"], Job(1, folder))
        p = model.predict(splits["valid"].inputs())["y"]
        loss[retrain] = metrics.evaluate(["log_loss"], splits["valid"].y, p)["log_loss"]
    assert loss[True] < loss[False]


def test_float_weights_are_trained_through_the_rounding(splits, tmp_path):
    model, job = fit("spindle", splits, tmp_path)
    assert {row["phase"] for row in job.history} == {"float", "retrain"}
    layers = [one.layer for one in crossbar.crossbars(model.network)]
    assert all(len(torch.unique(layer.weight)) > 100 for layer in layers)
    assert model.count_parameters() == network.trained(model.network) == 20 * 100 + 100 + 100 * 4 + 4
    found = model.predict(splits["test"].inputs())
    sweep = model.parameters["sweep"]
    assert found["y_chips"].shape == (len(sweep["noise"]), sweep["draws"], len(splits["test"]))
    assert (found["y_chips"][0] == found["y"].argmax(1)).all()  # without noise all chips are alike
    again = model.predict(splits["test"].inputs())["y_chips"]
    np.testing.assert_array_equal(found["y_chips"], again)


def test_convolutional_form_has_no_normalisation_left(splits, tmp_path):
    model, _ = fit("spindle-conv", splits, tmp_path)
    assert len(crossbar.crossbars(model.network)) == 3
    assert not [one for one in model.network.modules() if isinstance(one, nn.BatchNorm2d)]


# ---- the cost model


def test_costs_are_counted_by_hand():
    layers = [(3, 2, 1), (2, 4, 5)]  # rows, columns, uses
    found = crossbar.cost(layers, 3, 2, 4, COSTS, digital=False)
    assert found["compute"] == 2 * (3 * 2 + 2 * 4 * 5) * 1
    assert found["conversion"] == (3 * 4 * 10 + 2 * 3 * 100) + 5 * (2 * 2 * 10 + 4 * 3 * 100)
    assert found["memory"] == ((3 * 4 + 2 * 2) + 5 * (2 * 2 + 4 * 2)) * 1000
    assert found["delay"] == 6 * 7
    logic = crossbar.cost(layers, 8, 8, 8, COSTS, digital=True)
    assert logic["compute"] == (6 + 40) * 64 and logic["conversion"] == 0
    assert logic["memory"] == ((3 * 8 + 2 * 8 + 6 * 8) + (5 * (2 * 8 + 4 * 8) + 8 * 8)) * 1000
    assert logic["delay"] == 46 / 4 * 2
    found = crossbar.ratios(layers, (3, 2, 4), COSTS)
    assert found["energy_ratio_low"] < found["energy_ratio"] < found["energy_ratio_high"]


def test_layers_are_seen_as_arrays_and_their_uses():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).eval()
    wanted = [(9, 4, 36), (144, 5, 1)]
    assert crossbar.shapes(model, torch.rand(1, 1, 6, 6)) == wanted
    assert crossbar.shapes(crossbar.map(model, 3, 3), torch.rand(1, 1, 6, 6)) == wanted


def test_published_factors_are_no_result():
    facts = Catalog({"scale": "quick"}).methods["spindle"]["published"]
    assert {(one["metric"], one["value"], one["comparable"]) for one in facts} == {
        ("energy_ratio", 14.4, False),
        ("energy_delay_ratio", 20.4, False),
    }
    assert figures.PUBLISHED == 14.4


# ---- task and figures


def test_score_tells_chips_and_energy(splits):
    y = np.asarray(splits["test"].y).astype(int)
    p = np.eye(4)[y]
    chips = np.stack([[y, y], [y, (y + 1) % 4]]).astype(np.uint8)
    made = {"y": p, "y_chips": chips, "noise": np.array([0, 0.2])}
    made |= {"energy": np.array([1.0, 2.0, 3.0]), "ratios": np.array([4.0, 5.0])}
    found = neuromorphic_inference.score(splits["test"], made, ["accuracy"])
    assert found == {
        "accuracy": 1.0,
        "noisy_accuracy": 0.5,
        "noisy_accuracy_sd": 0.5,
        "energy": 6.0,
        "energy_ratio": 4.0,
        "energy_delay_ratio": 5.0,
    }


def test_energies_stand_side_by_side(splits, tmp_path):
    runs = {
        "crossbar": {"energy": np.array([1.0, 2, 3]), "delay": np.float64(4), "ratios": np.array([9.0, 10, 8, 11])},
        "digital": {"energy": np.array([30.0, 0, 24]), "delay": np.float64(40), "ratios": np.array([1.0, 1])},
        "rule": {"y": 0},
    }
    neuromorphic_inference.interpret(splits["train"], runs, tmp_path / "digits")
    table = (tmp_path / "digits_energy.csv").read_text().split()
    assert table[1:] == ["digital,30,0,24,40,1,1,,", "crossbar,1,2,3,4,9,10,8,11"]
    assert (tmp_path / "digits_energy.png").stat().st_size > 1000
