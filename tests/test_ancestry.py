"""What is special to Diet Networks and genetic ancestry: embeddings, predicted weights, folds, readers, classes."""

import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_splits
from test_methods import fit, parameters_of

from deepbio import ancestry_figures, genotypes, method, metrics, task
from deepbio.data import NAMES
from deepbio.files import BadInput
from deepbio.job import Job
from deepbio.methods import diet_networks
from deepbio.network import trained
from deepbio.tasks import genetic_ancestry

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}


@pytest.fixture(scope="module")
def splits():
    return make_splits("genotype", "multiclass")


def untrained(splits, name="diet_networks"):
    """A method at its network's first weights."""
    role = "variant" if "-" in name else "listed"
    model = method.create(name, role, parameters_of(name))
    model.shape = model.describe(splits["train"])
    model.known = model.learn(splits["train"])
    torch.manual_seed(1)
    model.network = model.build(model.parameters, model.shape).train()
    return model


# ---- embeddings and predicted weights


def test_moments_and_histogram_are_those_of_the_known_genotypes():
    x = np.array([[0, 2, -1], [1, 2, -1], [2, 2, 0], [1, 2, 1]], np.int8)
    counts = genotypes.class_counts(x, np.array([0, 0, 1, 1]), 2)
    np.testing.assert_array_equal(counts[:, :, 0], [[1, 1, 0], [0, 1, 1]])
    centre, scale = diet_networks.moments(counts)
    np.testing.assert_allclose(centre, [1, 2, 0.5])
    np.testing.assert_allclose(scale, [1 / np.std([0, 1, 2, 1]), 0, 2], rtol=1e-6)
    found = diet_networks.histogram(counts)
    assert found.shape == (3, 6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0)[[0, 1, 2, 3, 4, 5]], 1, rtol=1e-6)
    # Shares of 0, 1, 2 copies in the first class; nobody of it is known at the third site.
    np.testing.assert_allclose(found[:, 2] * np.linalg.norm([0, 1, 0]), [0, 1, 0])
    np.testing.assert_allclose(found[:, 1], [1, 0, 0])


@pytest.mark.parametrize("name", ["diet_networks", "diet_networks-raw"])
def test_held_out_people_change_no_embedding_and_no_weight(splits, tmp_path, name):
    """The test people are not even at hand; other genotypes of validation people change what is kept, not what an
    epoch makes of the training people."""
    model = untrained(splits, name)
    other = {key: split.take(np.arange(len(split))) for key, split in splits.items()}
    for part in ("valid", "test"):
        other[part].arrays["x"] = 2 - np.abs(other[part]["x"])
        other[part].arrays["y"] = np.roll(other[part].y, 1)
    again = untrained(other, name)
    for one, two in zip(model.known, again.known, strict=True):
        np.testing.assert_array_equal(one, two)
    found = []
    for number, these in enumerate((splits, other)):
        parameters = parameters_of(name)
        parameters["training"] |= {"epochs": 2, "keep": "last", "patience": None}
        one = method.create(name, "listed" if "-" not in name else "variant", parameters)
        folder = tmp_path / str(number)
        folder.mkdir()
        one.fit(these["train"], these["valid"], Job(1, folder))
        found.append(one.network.state_dict())
    assert all(found[0][key].equal(found[1][key]) for key in found[0])
    changed = splits["train"].take(np.arange(len(splits["train"])))
    changed.arrays["x"][:30] = 0
    assert not np.array_equal(untrained({**splits, "train": changed}, name).known[2], model.known[2])


@pytest.mark.parametrize("name", ["diet_networks", "diet_networks-raw"])
def test_fat_weights_are_predicted_and_none_is_free(splits, name):
    model = untrained(splits, name)
    network, train = model.network, splits["train"]
    sites = train["x"].shape[1]
    assert not any(sites in parameter.shape for parameter in network.parameters())
    model.loss(network, model.batch(train, np.arange(len(train)))).backward()
    for part in (network.encode, network.decode):
        assert all(parameter.grad.abs().sum() > 0 for parameter in part.parameters())
    # Another embedding of one SNP makes another row of weights, and leaves the other rows as they are.
    before = network.weights()[0].detach().clone()
    network.embedding[3] += 1
    after = network.weights()[0].detach()
    assert (before != after).any(dim=1).nonzero().flatten().tolist() == [3]


def test_number_of_free_weights_does_not_grow_with_sites():
    shape = {"outputs": 26, "people": 1502}
    count = {}
    for name in ("diet_networks", "diet_networks-no_reconstruction", "diet_networks-raw"):
        model = method.create(name, "variant" if "-" in name else "listed", parameters_of(name))
        count[name] = {trained(model.build(model.parameters, shape | {"sites": n})) for n in (50, 500)}
    assert count["diet_networks"] == {49226} and count["diet_networks-no_reconstruction"] == {31226}
    assert count["diet_networks-raw"] == {1502 * 100 + 100 + 2 * 10100 + 13226}
    mlp = method.create("mlp", "baseline", parameters_of("mlp"))
    assert [trained(mlp.build(mlp.parameters, shape | {"sites": n})) for n in (50, 500)] == [18226, 63226]


def test_settled_weights_predict_what_the_auxiliary_network_did(splits):
    model = untrained(splits)
    model.network.eval()
    before = model.predict(splits["test"].inputs())["y"]
    model.network.settle()
    assert model.network.embedding is None
    np.testing.assert_array_equal(model.predict(splits["test"].inputs())["y"], before)


def test_reconstruction_is_counted_over_all_sites(splits):
    model = untrained(splits)
    model.network.eval()
    batch = model.batch(splits["train"], np.arange(20))
    with torch.no_grad():
        x = model.network.standardise(batch["x"])
        assert (x[batch["x"] < 0] == 0).all()
        encode, decode = model.network.weights()
        rebuilt = torch.relu(x @ encode + model.network.bias) @ decode.T
        wanted = model.loss_of(model.network(batch), batch) + 10 * (rebuilt - x).square().mean()
        assert float(model.loss(model.network, batch)) == pytest.approx(float(wanted), rel=1e-5)


def test_diet_tells_populations(splits, tmp_path):
    model, _ = fit("diet_networks", splits, tmp_path)
    p = model.predict(splits["test"].inputs())["y"]
    assert metrics.evaluate(["accuracy"], splits["test"].y, p)["accuracy"] > 0.5
    assert genetic_ancestry.continent_accuracy(splits["test"].y, p, [0, 0, 1, 1]) > 0.7


# ---- classes


def test_metrics_of_classes_with_known_answers():
    y = np.array([0, 0, 0, 1, 2, np.nan])
    p = np.eye(3)[[0, 0, 1, 1, 0, 2]] * 0.8 + 0.2 / 3
    found = metrics.evaluate(["accuracy", "balanced_accuracy", "log_loss"], y, p)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["log_loss"] == pytest.approx(-(3 * np.log(0.8 + 0.2 / 3) + 2 * np.log(0.2 / 3)) / 5)
    assert genetic_ancestry.continent_accuracy(y, p, [0, 0, 1]) == pytest.approx(4 / 5)
    with pytest.raises(ValueError, match="classes 0 to 2, predictions of 2"):
        metrics.evaluate(["accuracy"], y, p[:, :2])
    with pytest.raises(ValueError, match="shape"):
        metrics.evaluate(["auroc"], y, p)


def test_controls_of_classes_prove_the_metrics():
    rng = np.random.default_rng(2)
    y = rng.choice(4, 800, p=[0.4, 0.3, 0.2, 0.1]).astype(float)
    guess = {c: metrics.control("multiclass", c, y, y, rng) for c in ("perfect", "random", "constant")}
    names = ["accuracy", "balanced_accuracy", "log_loss"]
    found = {c: metrics.evaluate(names, y, p) for c, p in guess.items()}
    assert all(np.allclose(p.sum(axis=1), 1) for p in guess.values())
    assert found["perfect"] == pytest.approx({"accuracy": 1, "balanced_accuracy": 1, "log_loss": 0}, abs=1e-5)
    assert found["constant"]["accuracy"] == np.mean(y == 0) and found["constant"]["balanced_accuracy"] == 0.25
    assert found["random"]["accuracy"] == pytest.approx(0.25, abs=0.06)
    low, high = metrics.bootstrap("accuracy", y, guess["random"], rng)
    assert low < found["random"]["accuracy"] < high and high - low < 0.1
    name, x, height = metrics.curve("multiclass", y, guess["perfect"])
    assert name == "roc" and height[1:].min() == 1 and len(x) == len(height)


def test_a_class_that_no_training_person_has_is_never_predicted(splits, tmp_path):
    few = {name: split.take(np.asarray(split.y) != 2) for name, split in splits.items()}
    model, _ = fit("pca_logistic", few, tmp_path)
    p = model.predict(splits["test"].inputs())["y"]
    assert p.shape[1] == 4 and (p[:, 2] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


# ---- folds


def test_folds_are_stratified_and_hold_whole_groups():
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])
    group = np.arange(600)
    group[label == "a"] //= 3  # families of up to three
    fold = genotypes.deal(group, label, 5, np.random.default_rng(1))
    assert all(len(set(fold[group == one])) == 1 for one in np.unique(group))
    for value in "abc":
        sizes = np.bincount(fold[label == value], minlength=5)
        assert np.ptp(sizes) <= 3
    assert np.ptp(np.bincount(fold)) <= 4


def make_matrix(folder, people=60, sites=40, **changed):
    """Files of a small matrix of bytes; the last two people have equal genotypes."""
    rng = np.random.default_rng(5)
    names = [f"P{i:03d}" for i in range(people)]
    homes = [list(POPULATIONS)[i % 4] for i in range(people)]
    homes[-1] = homes[-2]
    table = rng.integers(0, 3, (sites, people)).astype(np.uint8)
    table[:, -1] = table[:, -2]
    rows = [f"{n},{h},{POPULATIONS[h]},female" for n, h in zip(names, homes, strict=True)]
    (folder / "people.csv").write_text("\n".join(["sample,population,superpopulation,gender", *rows]) + "\n")
    (folder / "sites").write_text("".join(f"1:{i}:A:T\n" for i in range(sites)))
    with gzip.open(folder / "genotypes.gz", "wb") as handle:
        handle.write(changed.get("table", table).tobytes())
    parameters = {"format": "matrix", "genotypes": "genotypes.gz", "sites": "sites", "people": "people.csv"}
    return table, parameters | {"folds": 5, "shuffle": 23}


def test_splits_go_round_the_folds(tmp_path):
    table, parameters = make_matrix(tmp_path)
    found = [genetic_ancestry.prepare({"s": tmp_path}, parameters, seed) for seed in range(1, 6)]
    tests = [set(one["test"]["group"].tolist()) for one in found]
    assert sum(map(len, tests)) == len(set.union(*tests)) == 59  # two people of equal genotypes are one group
    for one, before in zip(found, [found[-1], *found], strict=False):
        task.check(one, "test")
        assert sum(map(len, one.values())) == 60 and one["train"]["x"].dtype == np.int8
        assert set(one["valid"]["group"].tolist()) == set(before["test"]["group"].tolist())
        for split in one.values():
            assert np.ptp(np.bincount(split.y.astype(int), minlength=4)) <= 3
    context = found[0]["train"].context
    assert context["classes"] == ["YRI", "CHB", "GBR", "TSI"] and context["continents"] == ["AFR", "EAS", "EUR"]
    assert context["continent_of"] == [0, 1, 2, 2]
    every = genetic_ancestry.prepare({"s": tmp_path}, parameters | {"every": 8}, 1)
    whole = {row.tobytes() for row in table[::8].T.astype(np.int8)}
    assert every["test"]["x"].shape[1] == 5 and {row.tobytes() for row in every["test"]["x"]} <= whole


# ---- readers


def test_wrong_matrices_and_panels_are_named(tmp_path):
    table, parameters = make_matrix(tmp_path)
    wrong = table.copy()
    wrong[7, 4] = 9
    make_matrix(tmp_path, table=wrong)
    with pytest.raises(BadInput, match=r"genotypes.gz: site 1:7:A:T \(record 8\), person 5: 9"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    make_matrix(tmp_path, table=table[:-1])
    with pytest.raises(BadInput, match="genotypes.gz: 2340 genotypes in place of 40 sites x 60 people"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    (tmp_path / "genotypes.gz").write_bytes(b"no gzip")
    with pytest.raises(BadInput, match="genotypes.gz: damaged file"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    make_matrix(tmp_path)
    text = (tmp_path / "people.csv").read_text()
    for old, new, message in (
        ("P003,", "P002,", "person P002 stands twice"),
        ("P005,TSI,EUR", "P005,TSI,EAS", "person P005: population TSI lies in EUR and in EAS"),
        ("P005,TSI,EUR", "P005,,EUR", "person P005 has no population"),
        ("superpopulation", "continent", "people.csv:1: no column 'superpopulation'"),
    ):
        (tmp_path / "people.csv").write_text(text.replace(old, new))
        with pytest.raises(BadInput, match=message):
            genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)


def test_letters_are_counted_and_wrong_ones_named(tmp_path):
    path = tmp_path / "panel.csv"
    path.write_text("sample,rs1,rs2,population\na,CT,AA,GBR\nb,TT,AA,GBR\nc,CC,AA,TSI\n")
    x, sites = genotypes.read_letters(path, ("sample", "population"))
    assert sites == ["rs1", "rs2"] and x.T.tolist() == [[1, 2, 0], [0, 0, 0]]
    path.write_text("sample,rs1\na,CT\nb,C-\n")
    with pytest.raises(BadInput, match="panel.csv:3: column 'rs1': 'C-' is no pair of bases"):
        genotypes.read_letters(path, ("sample",))
    path.write_text("sample,rs1\na,CT\nb,GG\n")
    with pytest.raises(BadInput, match="panel.csv: column 'rs1' has the alleles C, G, T"):
        genotypes.read_letters(path, ("sample",))


def test_haplotypes_are_added_by_person():
    alleles = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], np.int8)
    rows = pd.DataFrame({"sample": list("aabb"), "population": ["GBR"] * 2 + ["YRI"] * 2})
    rows["super.population"] = ["EUR"] * 2 + ["AFR"] * 2
    x, people = genotypes.pair("file", alleles, rows)
    assert x.tolist() == [[1, 2], [1, 0]] and people.names.tolist() == ["a", "b"]
    with pytest.raises(BadInput, match="file: haplotypes 1 and 2 are of two people"):
        genotypes.pair("file", alleles, rows.assign(sample=list("abab")))
    with pytest.raises(BadInput, match="file: haplotype 2, site 1: an allele that is neither 0 nor 1"):
        genotypes.pair("file", alleles + np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int8), rows)
    with pytest.raises(BadInput, match="not an R data file"):
        genotypes.read_haplotypes(__file__, "LCT")


HEADER = (
    '##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)
HEADER += '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'


def write_vcf(path, names, records):
    """`records`: (chromosome, place, ref, alt, info, genotypes (people,) 0 to 2 or None, or texts)."""
    calls = {0: "0|0", 1: "0|1", 2: "1|1", -1: ".|."}
    lines = ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    for where, place, ref, alt, info, row in records:
        texts = [calls.get(one, one) for one in row]
        lines.append("\t".join([where, str(place), ".", ref, alt, ".", "PASS", info, "GT", *texts]))
    path.write_text(HEADER + "\n".join(lines) + "\n")


def make_vcf(folder, people=40):
    """A VCF file, a panel and a pedigree; of each three neighbouring sites two are equal."""
    rng = np.random.default_rng(3)
    names = [f"P{i:03d}" for i in range(people)]
    records = []
    for i in range(60):
        row = rng.integers(0, 3, people).tolist() if i % 3 != 1 else records[-1][-1]
        records.append((str(1 + i // 30), 100 + 10 * (i % 30), "A", "C", "AF=0.5", row))
    records[4][-1][7] = -1
    write_vcf(folder / "all.vcf", names, records)
    homes = [list(POPULATIONS)[i % 4] for i in range(people)]
    panel = [f"{n}\t{h}\t{POPULATIONS[h]}\tmale" for n, h in zip(names, homes, strict=True)]
    (folder / "panel").write_text("\n".join(["sample\tpop\tsuper_pop\tgender\t\t", *panel]) + "\n")
    tree = [f"F{i}\t{n}\t0\t0\t0\tnone" for i, n in enumerate(names)]
    tree[4] = "F4\tP004\tP000\tP008\t0\tnone"  # a child of two others
    tree[9] = "F9\tP009\t0\t0\tP013, P017\tnone"
    tree.append("F4\tX1\t0\t0\t0\tnone")  # a relative who was not genotyped
    header = "Family ID\tIndividual ID\tPaternal ID\tMaternal ID\tSiblings\tOther Comments"
    (folder / "tree").write_text("\n".join([header, *tree]) + "\n")
    rules = {"minor": 0.05, "spacing": 5, "r2": 0.9, "window": 5, "most": 30}
    parameters = {"format": "vcf", "files": ["all.vcf"], "people": "panel", "pedigree": "tree", "sites": rules}
    return names, records, parameters | {"folds": 5, "shuffle": 23}


def test_vcf_is_read_pruned_and_relatives_stay_together(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    found = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    assert found["train"]["x"].shape[1] == 30  # of the forty sites that differ
    table = np.array([row for *_, row in records]).T
    whole = genotypes.read_vcf([tmp_path / "all.vcf"], names, np.ones(40, bool), parameters["sites"] | {"most": None})
    np.testing.assert_array_equal(whole, table[:, [i for i in range(60) if i % 3 != 1]])
    families = genotypes.read_families(tmp_path / "tree", names)
    assert families[4] == families[0] == families[8] and families[9] == families[13] == families[17]
    assert len(set(families)) == 36
    task.check(found, "test")
    held = {name: set(split["group"].tolist()) for name, split in found.items()}
    assert not held["train"] & held["test"] and not held["valid"] & held["train"]
    assert sum(map(len, found.values())) == 40


def test_sites_are_chosen_by_training_people_alone(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    before = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    kept = {name.decode() for part in ("train",) for name in before[part]["group"].tolist()}
    families = genotypes.read_families(tmp_path / "tree", names)
    learn = np.array([family in kept for family in families])
    assert learn.sum() == len(before["train"])
    rng = np.random.default_rng(9)
    for *_, row in records:
        for person in np.flatnonzero(~learn):
            row[person] = int(rng.integers(0, 3))
    write_vcf(tmp_path / "all.vcf", names, records)
    after = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    np.testing.assert_array_equal(before["train"]["x"], after["train"]["x"])
    assert not np.array_equal(before["test"]["x"], after["test"]["x"])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("1", 5000, "A", "C", "AF=0.5", ["0|2"] + [0] * 39), r"record 1 \(1:5000\), person 1: genotype '0\|2'"),
        (("1", 5000, "A", "C", "AF=0.5", [0] * 12 + ["1"] + [0] * 27), r"record 1 \(1:5000\), person 13: genotype '1'"),
        (("1", 5000, "A", "C", "AF=0.5", [0] * 39), "record 1: not readable as VCF"),
        (("1", 5000, "A", "C", "AF=0.001", [0] * 40), "no site passes"),
        (("1", 5000, "A", "CT", ".", [0, 1] * 20), "no site passes"),
    ],
)
def test_wrong_vcf_is_named(tmp_path, record, message):
    names, _, parameters = make_vcf(tmp_path)
    write_vcf(tmp_path / "all.vcf", names, [record])
    with pytest.raises(BadInput, match=message) as caught:
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    assert "all.vcf" in str(caught.value)


def test_people_that_a_file_lacks_are_named(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    write_vcf(tmp_path / "all.vcf", [*names[:-1], "other"], records)
    with pytest.raises(BadInput, match=r"all.vcf: 1 people have no column, such as P039"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    text = (tmp_path / "tree").read_text()
    (tmp_path / "tree").write_text(text.replace("F3\tP003", "F3\tP103"))
    with pytest.raises(BadInput, match="tree: person P003 has no row"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    (tmp_path / "all.vcf").write_text("no VCF")
    (tmp_path / "tree").write_text(text)
    with pytest.raises(BadInput, match="all.vcf: record 1: not readable as VCF"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)


# ---- figures


def test_components_are_those_of_the_fitted_people(splits):
    x = np.random.default_rng(0).standard_normal((50, 300))
    place, share = ancestry_figures.components(x, x[:7])
    _, values, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(place), np.abs((x[:7] - x.mean(axis=0)) @ axes[:2].T), atol=1e-6)
    np.testing.assert_allclose(share, values[:2] ** 2 / (values**2).sum())


def test_weights_stand_beside_accuracy(tmp_path):
    runs = {
        "diet": {"role": "listed", "weights": 500, "scores": {"accuracy": [0.5, 0.7]}},
        "plain": {"role": "baseline", "weights": 50000, "scores": {"accuracy": [0.6]}},
        "rule": {"role": "baseline", "weights": None, "scores": {"accuracy": [0.1]}},
    }
    ancestry_figures.weights_and_scores(runs, "accuracy", "simulated", tmp_path / "data")
    table = (tmp_path / "data_weights.csv").read_text().split()
    assert table == ["method,role,weights,accuracy", "diet,listed,500,0.6", "plain,baseline,50000,0.6"]
    assert (tmp_path / "data_weights.png").stat().st_size > 1000 and len(NAMES) == 3
