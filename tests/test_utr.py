"""5' untranslated regions: rules by hand, their alignment, genes in one part, the search, and evolution."""

import numpy as np
import pytest
import torch
from support import CATALOG, parameters_of

from deepbio.core import method, task
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import sequences
from deepbio.domains.rna import utr
from deepbio.learning.search import Found
from deepbio.learning.training import TrainingFailed
from deepbio.learning.tree_search import tree_search
from deepbio.tasks import utr_expression


def region(text):
    return utr_expression.encode([text], "here")


def test_regions_end_at_the_start_codon():
    codes = region("ACG")
    assert codes.shape == (1, 50) and codes[0, -3:].tolist() == [0, 1, 2] and (codes[0, :-3] == sequences.UNKNOWN).all()
    with pytest.raises(BadInput, match="here: a region of 51 bases"):
        region("A" * 51)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ATGC", 1),
        ("ATG", 0),
        ("ATGCCC", 0),
        ("ATGCCCA", 1),
        ("ATGTAAC", 0),
        ("ATGCTAACC", 0),
        ("CATGCCTGAA", 0),
        ("CATGCCTGAAC", 1),
    ],
)
def test_start_codons_out_of_frame_without_a_stop(text, count):
    assert utr.upstream_starts(region(text)).tolist() == [count]


def test_kozak_and_stems_by_hand():
    assert utr.kozak(region("CCACC")).tolist() == [1] and utr.kozak(region("AATAA")).tolist() == [0.5]
    assert utr.kozak(region("AAAAA")).tolist() == [2]
    loops = ["GGACG" + "A" * size + "CGTCC" for size in (3, 4, 10, 11)]
    assert [bool(utr.stem(region(text))[0]) for text in loops] == [False, True, True, False]


def native(folder):
    rng, rows = np.random.default_rng(0), [",UTR_name,UTR,t0,t1,growth_rate"]
    for number in range(200):
        length = 50 if number % 2 else 30
        text = "".join(rng.choice(list("ACGT"), length))
        rows.append(f"{number},Y{number % 50}:{number}:0,{text},{50 + number},{number},{number / 100}")
    (folder / "native.csv").write_text("\n".join(rows) + "\n")
    rows = [",UTR_id,Round,Starting_Seq,Evolved_Seq,Pred_Growth,Round0_Measured_Growth"]
    rows += [f"{i},{i // 3},{i % 3},{'A' * 50},{'C' * 50},{i / 10},0" for i in range(9)]
    (folder / "evolved.csv").write_text("\n".join(rows) + "\n")


def test_fragments_of_a_gene_are_in_one_part_and_few_reads_are_left_out(tmp_path):
    native(tmp_path)
    parameters = {"format": "native", "files": "x", "native": "native.csv", "least": 100, "shortest": 50}
    parameters |= {"valid_fraction": 0.2, "test_fraction": 0.3}
    found = utr_expression.prepare({"x": tmp_path}, parameters, 1)
    assert sum(map(len, found.values())) == 75  # reads above 100, and 50 bases
    genes = [set(split["group"].tolist()) for split in found.values()]
    assert sum(map(len, genes)) == len(set.union(*genes)) == 25
    parameters |= {"format": "evolved", "evolved": "evolved.csv"}
    test = utr_expression.prepare({"x": tmp_path}, parameters, 1)["test"]
    np.testing.assert_allclose(test.y, np.arange(9) / 10)
    assert set(test["group"].tolist()) == {b"evolved0", b"evolved1", b"evolved2"} and (test["codes"] == 1).all()
    assert (
        test["y_round"].tolist() == [0, 1, 2] * 3 and np.isnan(test["y_measured"]).tolist() == [False, True, True] * 3
    )
    assert not {"y_round", "y_measured"} & test.inputs().arrays.keys()


def test_evolution_itself_counts_nothing_within_rounds():
    of_round, rng = np.repeat(np.arange(4), 20), np.random.default_rng(0)
    y, measured = of_round + 0.1 * rng.normal(size=80), np.where(of_round == 0, rng.normal(size=80), np.nan)
    test = Split({"y": y, "y_round": of_round, "y_measured": measured, "group": np.arange(20).astype("S").repeat(4)})
    of_rounds = {"y": of_round + 0.01 * rng.normal(size=80)}
    wanted = ["pearson_squared", "within_rounds", "measured_starts"]
    found = utr_expression.score(test, of_rounds, wanted)
    assert found["pearson_squared"] > 0.9 and found["within_rounds"] < 0.2
    found = utr_expression.score(test, {"y": np.where(of_round == 0, measured, y)}, wanted)
    assert found["measured_starts"] == pytest.approx(1)
    whole = utr_expression.resampled(test, {"y": y}, "within_rounds").function(np.ones((1, 80)))
    assert whole == pytest.approx([1])


def test_deepest_regions_are_tested_and_repeats_left_out(tmp_path):
    rows = ["UTR,t0,t1,growth_rate"] + [
        f"{'ACGT'[i % 4] * 3}{'ACGT'[i // 4 % 4]}{'A' * (i // 16)},{i},1,0.5" for i in range(60)
    ]
    rows += ["TTTGAAA,1,1,0.5"]  # a copy of one of the deepest
    (tmp_path / "random.csv").write_text("\n".join(rows) + "\n")
    parameters = {
        "format": "random",
        "files": "x",
        "library": "x",
        "regions": "random.csv",
        "deepest": 0.1,
        "valid_fraction": 0.2,
    }
    found = utr_expression.prepare({"x": tmp_path}, parameters, 1)
    assert len(found["test"]) == 6 and sum(map(len, found.values())) == 60
    groups = [set(split["group"].tolist()) for split in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_squared_correlation_is_that_of_the_paper():
    test = Split({"y": np.array([1.0, 2, 4, 3])})
    p = {"y": np.array([[-1.0], [-2], [-4], [-2]])}
    found = utr_expression.score(test, p, ["pearson_squared", "r2"])
    assert (
        found["pearson_squared"] == pytest.approx(np.corrcoef([1, 2, 4, 3], [1, 2, 4, 2])[0, 1] ** 2)
        and found["r2"] < 0
    )
    drawn = np.array([[1.0, 1, 1, 1], [2, 1, 1, 0]])
    values = utr_expression.resampled(test, p, "pearson_squared").function(drawn)
    expected = np.corrcoef([1, 1, 2, 4], [1, 1, 2, 4])[0, 1] ** 2
    np.testing.assert_allclose(values, [found["pearson_squared"], expected])


def test_simulated_regions_obey_the_rules():
    facts = CATALOG.dataset("utr_expression", "planted_rules")
    train = task.prepare("utr_expression", "planted_rules", facts, {}, 1)["train"]
    starts = utr.upstream_starts(np.asarray(train["codes"]))
    assert train.y[starts == 0].mean() - train.y[starts == 1].mean() == pytest.approx(1.5, abs=0.2)


def test_the_search_finds_good_settings_and_is_remembered(tmp_path):
    asked = []

    def evaluate(setting, name):
        asked.append(name)
        if setting["width"] == 3:
            raise TrainingFailed("dead")
        return {"loss": (setting["rate"] - 0.3) ** 2 + setting["width"]}

    space = {"rate": {"uniform": [0, 1]}, "width": {"choice": [1, 2, 3]}, "fixed": 7}
    found = tree_search(space, 25, evaluate, Job(1, tmp_path))
    assert (
        isinstance(found, Found) and found.trials == 25 and found.setting["width"] == 1 and found.setting["fixed"] == 7
    )
    assert abs(found.setting["rate"] - 0.3) < 0.2
    again = tree_search(space, 25, evaluate, Job(1, tmp_path))
    assert again == found and len(asked) == 25
    with pytest.raises(TrainingFailed, match="all 2 settings failed"):
        tree_search({"width": 3, "rate": 0}, 2, evaluate, Job(2, tmp_path / "other"))


@pytest.fixture
def model():
    """A network that wants as many A as can be, and a G in the first place most of all."""
    made = method.create("utr5_cnn", "listed", parameters_of("utr5_cnn"))
    made.shape = {"outputs": 1, "kind": "binary", "length": 6}

    class Wanting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, batch):
            return ((batch["codes"] == 0).sum(1) + 5 * (batch["codes"][:, 0] == 2))[:, None].float() / 4 + self.unused

    made.network = Wanting()
    return made


def test_evolution_takes_the_best_substitution_and_ends_when_none_helps(model):
    codes = np.array([[1, 1, 1, 0, 0, 0], [4, 4, 1, 1, 0, 0]], np.uint8)
    steps, values = model.evolve(codes, {"output": "binary"}, 10)
    assert steps[1, 0].tolist() == [2, 1, 1, 0, 0, 0]  # the first place first
    assert steps[-1].tolist() == [[2, 0, 0, 0, 0, 0], [4, 4, 0, 0, 0, 0]]  # unknown bases stay
    assert len(steps) == 4 and (np.diff(values, axis=0) >= 0).all()
    assert ((steps[1:] != steps[:-1]).sum(axis=2) <= 1).all()


def test_unknown_bases_are_empty_columns():
    made = method.create("utr5_cnn", "listed", parameters_of("utr5_cnn"))
    network = made.build(made.parameters, {"outputs": 1, "kind": "regression", "length": 50}).eval()
    hot = network.one_hot(torch.tensor([[4, 0, 3]], dtype=torch.uint8))
    assert hot[0, :, 0].tolist() == [0, 0, 0, 0] and hot[0, 0, 1] == 1
