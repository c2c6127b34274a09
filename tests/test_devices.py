"""What networks owe to a GPU and to half precision, as far as a machine without a GPU can show it.

Stand-ins: torch's device `meta`, whose tensors have no values and refuse to meet others, mixed precision on a CPU, and
a GPU's generator that is a list.
"""

import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import CATALOG, SHORT, cases, fit, home_of, parameters_of, splits_for

import train
from deepbio.core import kind, method
from deepbio.core.data import save_dataset
from deepbio.core.job import Job
from deepbio.domains.protein import surfaces
from deepbio.learning import checkpoint, device, pretraining, training
from deepbio.learning.recurrent import GatedUnits
from deepbio.learning.smiles_network import LanguageModel
from deepbio.methods import dgex, evovae, mrnn, neural_fingerprint, pedla, yeast_sae


def half():
    return torch.autocast("cpu", torch.bfloat16)


# ---- draws


@pytest.fixture
def generator(monkeypatch):
    """A list with the state of a GPU's generator."""
    state = [torch.tensor([5])]
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda *_: state[0])
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda given, *_: state.__setitem__(0, given))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: state.__setitem__(0, torch.tensor([seed])))
    return state


def test_draws_of_a_validation_leave_the_training_s_alone(generator, monkeypatch):
    inside = []
    model = evovae.Method({})
    monkeypatch.setattr(model, "mean_loss", lambda *_: inside.append(int(generator[0])))
    before = torch.get_rng_state()
    model.validate(None, None, "cuda")
    assert inside == [0] and int(generator[0]) == 5 and torch.get_rng_state().equal(before)


def test_draws_on_a_cpu_leave_a_gpu_s_alone(generator):
    splits = [neural_fingerprint.graph_split(splits_for("neural_fingerprint", "molecule", "binary")["test"])]
    first, again = (neural_fingerprint.random_fingerprints(splits, {"depth": 1, "width": 4}, 1, 8, 3) for _ in range(2))
    assert np.array_equal(first, again) and int(generator[0]) == 5


# ---- half precision


def test_gated_units_compute_in_single_precision():
    torch.manual_seed(0)
    units, x = GatedUnits(4, 6, first=True), torch.randn(3, 5, 4)
    plain = units(x)
    with half():
        assert units(x).equal(plain) and units(x.bfloat16()).dtype == torch.float32
        made = mrnn.Network(4, 6, 0.1)(
            {"codes": torch.zeros(3, 5, dtype=torch.uint8), "padded": torch.tensor([0, 1, 2])}
        )
    assert made.isfinite().all()


def test_a_saturated_unit_has_a_finite_divergence():
    layer, x = torch.nn.Linear(10, 5), torch.randn(64, 10)
    network, model = yeast_sae.Network(10, [5]), yeast_sae.Method({"sparsity": 0.1, "penalty": 0.1})
    with torch.no_grad():
        layer.bias[0] = network.up[0].bias[0] = 30
    with half():
        assert pretraining.Autoencoder(layer).loss(x, 0.1, 0.01).isfinite()
        assert model.loss(network, {"x": x}).isfinite()


def test_targets_are_not_rounded_with_the_outputs():
    model = dgex.Method({})
    model.shape = {"mean": [7.97, 12.1], "spread": [0.3, 0.3]}
    loss = model.loss_of(torch.zeros(1, 2, dtype=torch.bfloat16), {"y": torch.tensor([[7.97, 12.1]])})
    assert loss < 1e-9


@pytest.mark.parametrize(("settings", "used"), [({}, {"float32"}), ({"precision": "bfloat16"}, {"bfloat16"})])
def test_a_job_knows_in_which_precision_it_trained(tmp_path, settings, used):
    job, network = Job(1, tmp_path, precision="bfloat16"), torch.nn.Linear(3, 1)
    batch = lambda index: {"x": torch.ones(len(index), 3)}  # noqa: E731
    training.fit(network, 8, batch, lambda net, b: net(b["x"]).float().mean(), {"steps": 2, **settings}, job)
    assert job.precisions == used
    training.play({"network": network}, lambda _: {"train_loss": torch.zeros(())}, 1, job, "played")
    assert job.precisions == used | {"float32"}


def test_a_run_says_in_which_precision_it_trained(tmp_path):
    home, parameters = home_of("mlp"), parameters_of("mlp")
    parameters["training"] |= {"precision": "bfloat16", "epochs": 1}
    facts = {"task": home, "dataset": CATALOG.datasets(home)[0], "scale": "quick", "split": 1, "origin": "simulated"}
    save_dataset(tmp_path / "data", kind.small_problem("table", "binary", 40), facts)
    given = SimpleNamespace(
        data=tmp_path / "data",
        facts={"title": "t", "metrics": ["auroc"]},
        checkpoint_seconds=30,
        **{"seed": 1, "threads": 1, "device": "cpu", "precision": "auto", "deterministic": False},
    )
    identity = facts | {"method": "mlp", "role": "baseline", "seed": 1, "parameters": parameters}
    found = train.fit_and_predict(given, identity, tmp_path / "scratch", tmp_path / "run")
    assert (found["device"], found["precision"]) == ("cpu", "bfloat16")


# ---- what is on the way to a GPU


def test_an_optimiser_s_count_of_steps_is_resumed_on_the_cpu(tmp_path):
    def state(place):
        weight = torch.nn.Parameter(torch.zeros(3))
        optimizer = torch.optim.Adam([weight])
        return checkpoint.State(tmp_path / "fit.pt", {"optimizer": optimizer}, Job(1, tmp_path, place)), weight

    first, weight = state("cpu")
    weight.grad = torch.ones(3)
    first.parts["optimizer"].step()
    first.save()
    again, weight = state("meta")
    assert again.resume() and again.parts["optimizer"].state[weight]["step"].device.type == "cpu"


QUESTIONS = {
    "active_segmentation": lambda model, split: model.wanted(split, model.network[0], None),
    "cellcnn": lambda model, split: model.respond(split, 0, 0),
    "deepcytof": lambda model, split: model.called(split),
    "esm": lambda model, split: model.attention(split.take([0])["residues"]),
    "mrnn": lambda model, split: model.network[0].trajectory(torch.zeros(5, dtype=torch.uint8)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_are_asked_where_the_network_is(tmp_path, monkeypatch, name):
    (case,) = [case for case in cases(outputs=1) if case.values[0] == name]
    splits = splits_for(*case.values)
    model, _ = fit(name, splits, tmp_path, limits=SHORT)
    model.network.to("meta")
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no device `meta`
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):  # the way back
        QUESTIONS[name](model, splits["test"])


@pytest.mark.parametrize("machine", ["machine", "belief"])
def test_states_are_drawn_where_the_machine_is(machine):
    layer, data = torch.nn.Linear(5, 3), torch.rand(4, 5, device="meta")
    if machine == "machine":
        found = pretraining.Machine(layer, gaussian=False).to("meta").diverge(data, 0.1)
    else:
        found = pedla.Belief(layer).to("meta").step(data, 0.1)
    assert found.device.type == "meta"


def test_a_batch_of_kmers_needs_no_way_back():
    splits = splits_for("genomic_ulmfit", "sequence", "binary")
    model = method.create("genomic_ulmfit", "listed", parameters_of("genomic_ulmfit"))
    model.shape = model.describe(splits["train"])
    network = model.build(model.parameters, model.shape).to("meta")
    batch = model.batch(splits["train"], np.arange(4))
    assert network(device.to("meta", batch)).device.type == "meta"


def test_lengths_of_strings_are_asked_for_at_once(monkeypatch):
    torch.manual_seed(1)
    network, codes = LanguageModel(5, 4, 6, 1), torch.randint(1, 6, (150, 9))
    codes[torch.arange(150), torch.randint(2, 9, (150,))] = 0
    asked = []
    for name in ("__int__", "tolist"):
        old = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, old=old: asked.append(1) or old(self))
    network(codes)
    assert len(asked) == 1


def test_proteins_are_projected_once_an_epoch(tmp_path, monkeypatch):
    splits, seen, views = splits_for("tsg_og_cnn", "protein_structure", "binary"), [], surfaces.views
    monkeypatch.setattr(surfaces, "views", lambda *given: seen.append(1) or views(*given))
    fit("tsg_og_cnn", splits, tmp_path, limits={"epochs": 1})
    assert len(seen) == len(splits["train"]) + len(splits["valid"])


# ---- torch's switches


@pytest.mark.parametrize(("deterministic", "wanted"), [(True, ":4096:8"), (False, None)])
def test_determinism_on_a_gpu_fixes_the_workspace_of_its_products(monkeypatch, deterministic, wanted):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    try:
        device.configure(torch.get_num_threads(), "cuda", "float32", deterministic)
        assert device.os.environ.get("CUBLAS_WORKSPACE_CONFIG") == wanted
    finally:
        monkeypatch.undo()
        device.configure(torch.get_num_threads(), "cpu")


@pytest.mark.parametrize("name", sorted({case.values[0] for case in cases()}))
def test_what_trains_networks_has_torch_set_up(tmp_path, monkeypatch, name):
    model, asked = method.create(name, CATALOG.roles[name], {}), []
    monkeypatch.setattr(device, "configure", lambda *_: asked.append(1) or ("cpu", "float32"))
    given = SimpleNamespace(
        seed=1, checkpoint_seconds=30, precision="auto", threads=1, device="cpu", deterministic=False
    )
    train.make_job(given, model, tmp_path)
    used = {vars(sys.modules[base.__module__]).get("training") for base in type(model).__mro__}
    assert bool(asked) == (training in used), name
