"""Selection and demography: statistics, simulations, batches, splits, the scan of a locus."""

import subprocess
import sys

import msprime
import numpy as np
import pytest
from support import ROOT

from deepbio.core import simulation
from deepbio.core.catalog import Catalog
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.variation import coalescent, population_statistics
from deepbio.figures import population as figures
from deepbio.tasks import selection_demography

FACTS = Catalog({"scale": "quick"}).dataset("selection_demography", "small_regions")["simulation"]
SMALL = FACTS["parameters"] | {"demographies": 2, "regions": 8, "haplotypes": 12, "length": 20000}


def sample(seed=1, haplotypes=20, length=50000):
    """Alleles, places and tree sequence of a neutral region."""
    ancestry = msprime.sim_ancestry(
        haplotypes // 2, population_size=1e4, sequence_length=length, recombination_rate=1e-8, random_seed=seed
    )
    mutated = msprime.sim_mutations(ancestry, 2e-8, model=msprime.InfiniteAlleles(), random_seed=seed)
    table = mutated.genotype_matrix()
    once = table.max(axis=1) == 1  # sites that changed once
    return table[once].astype(np.uint8), mutated.tables.sites.position[once], mutated


def one(alleles, places, length, **settings):
    """Name → value of the statistics of one region."""
    found = population_statistics.summarize(alleles, places, np.zeros(len(places), int), 1, length, **settings)[0]
    return dict(zip(population_statistics.names(alleles.shape[1]), found, strict=True))


# ---- statistics


def test_there_are_345_statistics_of_100_haplotypes():
    names = population_statistics.names(100)
    assert len(names) == len(set(names)) == 345
    assert selection_demography.feature_names(345) == names


def test_site_counts_and_tajimas_d_are_those_of_tskit():
    alleles, places, mutated = sample()
    found = one(alleles, places, 50000)
    sub = mutated.delete_sites(np.flatnonzero(mutated.genotype_matrix().max(axis=1) > 1))
    edges = np.array([0, 0.45, 0.55, 1]) * 50000
    assert found["segregating sites, close"] == sub.segregating_sites(windows=edges, span_normalise=False)[1]
    assert found["Tajima's D, close"] == pytest.approx(sub.Tajimas_D(windows=edges)[1], rel=1e-5)
    # All of a region in one part, by a region ten times as long around it.
    whole = one(alleles, places + 475000, 1000000)
    assert whole["Tajima's D, close"] == pytest.approx(sub.Tajimas_D(), rel=1e-5)
    spectrum = sub.allele_frequency_spectrum(polarised=False, span_normalise=False)[1:11]
    shares = [whole[f"spectrum {i + 1}, close"] for i in range(10)]
    np.testing.assert_allclose(shares, spectrum / spectrum.sum(), rtol=1e-5)


def test_tracts_distances_and_homozygosity_are_those_of_a_plain_count():
    alleles, places, _ = sample(seed=3)
    length = 50000
    tracts = np.zeros(population_statistics.TRACTS)
    edges = population_statistics._edges(1e-3, 0.7, population_statistics.TRACTS, length)
    for i in range(alleles.shape[1]):
        differ = places[alleles[:, i] != alleles[:, (i + 1) % alleles.shape[1]]]
        ends = np.concatenate([[0], differ, [length]])
        for start, end in zip(ends[:-1], ends[1:], strict=True):
            if abs((start + end) / 2 / length - 0.5) < 0.05:
                tracts[np.digitize(end - start, edges)] += end - start
    found = one(alleles, places, length)
    predicted = [found[f"identity tract {i + 1}, close"] for i in range(len(tracts))]
    np.testing.assert_allclose(predicted, tracts / tracts.sum(), rtol=1e-4, atol=1e-6)
    close = alleles[np.abs(places / length - 0.5) < 0.05]
    _, counts = np.unique(close, axis=1, return_counts=True)
    share = np.sort(counts / counts.sum())[::-1]
    assert found["H1"] == pytest.approx((share**2).sum(), rel=1e-5)
    assert found["H12"] == pytest.approx(share[:2].sum() ** 2 + (share[2:] ** 2).sum(), rel=1e-5)
    assert found["H2"] == pytest.approx((share[1:] ** 2).sum(), rel=1e-4)
    for what in ("distance", "linkage", "identity tract", "spectrum"):
        for part in population_statistics.PARTS:
            total = sum(value for name, value in found.items() if name.startswith(what) and name.endswith(part))
            assert total == pytest.approx(1, abs=1e-5)


def test_linkage_is_measured_between_common_sites():
    rng = np.random.default_rng(0)
    block = rng.integers(0, 2, 40)
    block[:20], block[20:] = 0, 1
    alleles = np.stack([block] * 5 + [1 - block] * 5)  # all of them tell the same: r² is 1
    found = one(alleles, np.linspace(49600, 50400, 10), 100000)
    assert found["linkage 16, close"] == 1
    alleles[:, 0] ^= 1
    rare = np.zeros((3, 40), int)
    rare[:, 0] = 1
    more = one(np.concatenate([alleles, rare]), np.linspace(49600, 50400, 13), 100000)
    assert more["linkage 16, close"] == 1 and more["segregating sites, close"] == 13
    assert (
        one(np.concatenate([alleles, rare]), np.linspace(49600, 50400, 13), 100000, least=2)["segregating sites, close"]
        == 10
    )


def test_a_table_of_windows_is_that_of_each_window_by_itself():
    """Windows are summarised together; overlapping ones of a chromosome are taken apart first."""
    alleles, places, _ = sample(seed=4)
    centres = np.array([15000, 20000, 32000])
    site, window, distance = population_statistics.windows_of(places, centres, 20000)
    together = population_statistics.summarize(alleles[site], distance, window, 3, 20000)
    for row, centre in zip(together, centres, strict=True):
        inside = (places >= centre - 10000) & (places < centre + 10000)
        alone = population_statistics.summarize(
            alleles[inside], places[inside] - centre + 10000, np.zeros(inside.sum(), int), 1, 20000
        )
        np.testing.assert_allclose(row, alone[0], rtol=1e-4, atol=1e-6)


def test_windows_without_sites_are_finite_and_alleles_may_be_swapped():
    alleles, places, _ = sample(seed=5)
    empty = population_statistics.summarize(alleles, places, np.ones(len(places), int), 3, 50000)
    assert np.isfinite(empty).all() and empty[0, 0] == 0 and empty[1, 0] > 0
    flipped = alleles.copy()
    flipped[::2] ^= 1
    one_way, other = (
        population_statistics.summarize(a, places, np.zeros(len(places), int), 1, 50000) for a in (alleles, flipped)
    )
    np.testing.assert_allclose(one_way, other, rtol=1e-4, atol=1e-6)
    nothing = population_statistics.summarize(np.zeros((0, 20)), np.zeros(0), np.zeros(0, int), 2, 50000)
    assert nothing.shape == (2, len(population_statistics.names(20))) and np.isfinite(nothing).all()


# ---- simulations


def test_a_batch_is_decided_by_its_number(tmp_path):
    first, again, other = (coalescent.simulate(SMALL, batch) for batch in (1, 1, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["x"], other["x"])
    assert first["number"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3] * 2
    assert np.isnan(first["frequency"][first["number"] == 0]).all()
    assert np.isfinite(first["frequency"][first["number"] > 0]).all() and np.isfinite(first["x"]).all()
    assert len(np.unique(first["sizes"][:8], axis=0)) == 1 and len(np.unique(first["sizes"], axis=0)) == 2


def test_a_population_changes_size_where_it_should():
    sizes, times = np.array([1000.0, 100.0, 5000.0]), np.array([50.0, 400.0])
    for since, wanted in ((0, 1000), (50, 100), (60, 100), (400, 5000), (1e5, 5000)):
        assert coalescent.history(sizes, times, since).populations[0].initial_size == wanted
    assert [event.time for event in coalescent.history(sizes, times, 60).events] == [400]


def test_sweeps_take_variation_away_and_balancing_brings_it():
    """Mean Tajima's D near the selected site, in a population of constant size."""
    rng = np.random.default_rng(1)
    parameters = FACTS["parameters"] | {"frequency": [0.9, 1], "selection": [0.05, 0.05], "length": 40000}
    found = {}
    for kind in coalescent.CLASSES:
        values = []
        for _ in range(25):
            alleles, places, frequency, strength = coalescent.region(parameters, [1e4, 1e4, 1e4], kind, rng)
            assert alleles.shape == (len(places), 24) and alleles.max() == 1
            assert np.isnan(strength) == (kind in ("neutral", "balancing selection"))
            predicted = one(alleles, places, 40000)
            values.append([predicted["segregating sites, close"], predicted["Tajima's D, close"], predicted["H12"]])
        found[kind] = np.mean(values, axis=0)
    assert found["hard sweep"][0] < 0.5 * found["neutral"][0]
    assert found["hard sweep"][2] > found["soft sweep"][2] > found["neutral"][2]
    assert found["balancing selection"][1] > found["neutral"][1] + 0.5


def test_two_classes_have_the_times_of_theory():
    """Of alleles linked to the site: 2Np generations within a class, the age and 2N more between; far away 2N."""
    size, age, times = 1000, 6000, np.array([1e8, 2e8])
    sizes, shared, found = np.full(3, float(size)), {"recombination_rate": 2e-7}, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        part = coalescent.two_classes(6, 1e5, 2e-7, sizes, times, 0.5, age, rng)
        assert part.max_time <= age
        whole = coalescent._further(part, sizes, times, age, shared, rng)
        assert all(tree.num_roots == 1 for tree in whole.trees())
        here = whole.at(5e4 + 10)
        within = [here.tmrca(i, j) for i in range(3) for j in range(i)]
        between = [here.tmrca(i, j) for i in range(3) for j in range(3, 6)]
        away = whole.at(10)
        found.append(
            [np.mean(within), np.mean(between), np.mean([away.tmrca(i, j) for i in range(6) for j in range(i)])]
        )
    within, between, away = np.mean(found, axis=0) / size
    assert within == pytest.approx(1, abs=0.25) and between == pytest.approx(8, abs=0.8)
    assert away == pytest.approx(2.2, abs=0.6)


def test_batches_are_files_of_their_own(tmp_path):
    facts = {"by": "variation.coalescent", "batches": 2, "parameters": SMALL}
    with pytest.raises(BadInput, match="no batch of simulated data"):
        simulation.read_batches(tmp_path)
    for batch in (1, 2):
        simulation.write_batch(facts, batch, simulation.batch_file(tmp_path, batch))
    found = simulation.read_batches(tmp_path)
    assert found["batch"].tolist() == [1] * 16 + [2] * 16 and len(found["x"]) == 32
    with pytest.raises(BadInput, match="there is no batch 3"):
        simulation.write_batch(facts, 3, tmp_path / "batch3.npz")
    (tmp_path / "batch2.npz").write_bytes(b"PK broken")
    with pytest.raises(BadInput, match="batch2.npz: damaged batch"):
        simulation.read_batches(tmp_path)


# ---- the task


def fake_batches(folder, demographies=40, regions=8, statistics=213):
    rng = np.random.default_rng(0)
    for batch in (1, 2):
        count = demographies * regions
        np.savez(
            simulation.batch_file(folder, batch),
            x=rng.standard_normal((count, statistics)).astype(np.float32),
            sizes=np.repeat(10 ** rng.uniform(3, 5, (demographies, 3)), regions, axis=0),
            number=np.tile(np.arange(regions) * 4 // regions, demographies),
            frequency=rng.random(count),
            selection=rng.random(count),
            demography=np.repeat(np.arange(demographies), regions),
        )


def test_demographies_stay_together(tmp_path):
    fake_batches(tmp_path)
    parameters = {"valid_fraction": 0.15, "test_fraction": 0.15}
    found = [selection_demography.prepare({"simulation": tmp_path}, parameters, seed) for seed in (1, 1, 2)]
    for splits in found:
        groups = [set(splits[name]["group"].tolist()) for name in ("train", "valid", "test")]
        assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
        assert sum(map(len, groups)) == 80 and 10 <= len(groups[2]) <= 14
        # A demography is known by its sizes: no history is on both sides of a border.
        sizes = [{row.tobytes() for row in splits[name].y[:, 4:]} for name in ("train", "valid", "test")]
        assert not (sizes[0] & sizes[1] or sizes[0] & sizes[2] or sizes[1] & sizes[2])
    assert found[0]["test"].digest() == found[1]["test"].digest() != found[2]["test"].digest()
    assert {"y", "y_frequency", "group"}.isdisjoint(found[0]["test"].inputs().arrays)


@pytest.fixture
def locus(monkeypatch):
    """A made-up locus: two populations of 20 haplotypes and one of 8."""
    alleles, places, _ = sample(seed=6, haplotypes=48)
    population = np.repeat(["AAA", "BBB", "CCC"], [20, 20, 8])
    monkeypatch.setattr(selection_demography, "read_phased", lambda path, name: (alleles.T, places, population))
    return {
        "source": "popgen",
        "file": "x",
        "name": "LCT",
        "haplotypes": 12,
        "length": 20000,
        "least_count": 1,
        "site": 25000,
        "step": 5000,
        "swept": ["AAA"],
        "spared": ["BBB"],
    }


def test_real_windows_join_the_test_split_without_labels(tmp_path, locus):
    fake_batches(tmp_path)
    parameters = {"valid_fraction": 0.15, "test_fraction": 0.15, "scan": locus}
    splits = selection_demography.prepare({"simulation": tmp_path, "popgen": tmp_path}, parameters, 1)
    test, scan = splits["test"], splits["test"].context["scan"]
    assert scan["populations"] == ["AAA", "BBB"] and "population" not in splits["train"]
    real = test["population"] >= 0
    assert np.isnan(test.y[real]).all() and np.isfinite(test.y[~real]).all()
    assert 25000 in test["centre"][real] and (np.diff(np.unique(test["centre"][real])) == 5000).all()
    assert set(test["group"][real].tolist()) == {b"LCT_AAA", b"LCT_BBB"}
    p = np.zeros((len(test), 7))
    p[:, 0], p[:, 4:] = 0.5, 4
    wanted = ["selection_accuracy", "n1_error"]
    assert selection_demography.score(test, {"y": p}, wanted)["known_sweeps"] == 0.5
    p[(test["population"] == 0) & (test["centre"] == 25000), 2] = 0.9
    assert selection_demography.score(test, {"y": p}, wanted)["known_sweeps"] == 1


def test_both_rules_of_calls_at_the_known_site_are_scored(tmp_path, locus):
    fake_batches(tmp_path)
    parameters = {"valid_fraction": 0.15, "test_fraction": 0.15, "scan": locus}
    test = selection_demography.prepare({"simulation": tmp_path, "popgen": tmp_path}, parameters, 1)["test"]
    p = np.zeros((len(test), 7))
    p[:, :4] = 1, 0, 0, 0
    p[:, 4:] = 4
    # Hard and soft sweeps have six tenths together, and each less than a neutral region.
    p[(test["population"] == 0) & (test["centre"] == 25000), :4] = 0.4, 0.3, 0.3, 0
    found = selection_demography.score(test, {"y": p}, ["selection_accuracy"])
    assert found["known_sweeps"] == 1 and found["known_sweeps_likeliest"] == 0.5


def test_scores_are_those_of_demographies():
    y = np.zeros((6, 7))
    y[np.arange(6), [0, 1, 2, 3, 0, 1]] = 1
    y[:, 4:] = np.log10([1000, 2000, 3000])
    y[4:, 4:] = np.log10([500, 500, 500])
    group, p = np.array([b"a"] * 4 + [b"b"] * 2), y.copy()
    p[:4, 4] = np.log10([2000, 2000, 500, 500])  # 1000 in the mean of logarithms
    p[4:, 5] = np.log10(750)
    p[0, 6] = np.log10(6000)  # predicted for the only region of its demography that is called neutral
    test = Split({"y": y, "group": group}, {})
    names = [f"n{i}_error{mark}" for i in (1, 2, 3) for mark in ("", "_neutral")]
    found = selection_demography.score(test, {"y": p}, ["selection_accuracy", "sweep_auroc", *names])
    assert found["selection_accuracy"] == 1 and found["sweep_auroc"] == 1
    assert found["n1_error"] == pytest.approx(0) and found["n2_error"] == pytest.approx(0.25)
    assert found["n1_error_neutral"] == pytest.approx(0.5) and found["n3_error_neutral"] == pytest.approx(0.5)
    assert found["n3_error"] == pytest.approx((2**0.25 - 1) / 2)


# ---- figures and command


def test_figures_of_several_methods(tmp_path):
    rng = np.random.default_rng(0)
    population, centre = np.repeat([-1, 0, 1], [10, 5, 5]), np.tile(np.arange(5) * 1000, 4)
    scan = {"populations": ["AAA", "BBB"], "site": 2000, "name": "LCT", "length": 100}
    context = {"origin": "simulated", "scan": scan | {"swept": ["AAA"], "spared": []}}
    scores = {"selection_accuracy": [0.5, 0.6], "n1_error": [0.2], "n2_error": [0.3], "n3_error": [0.4]}
    runs = {
        name: {"role": role, "scores": scores, "population": population, "centre": centre, "y": rng.random((20, 7))}
        for name, role in (("evoNet", "listed"), ("forest", "baseline"))
    }
    figures.draw_scores(runs, "simulated", tmp_path / "data")
    figures.draw_scans(runs, context, tmp_path / "data")
    rows = (tmp_path / "data_scan.csv").read_text().split("\n")
    assert len(rows) == 2 + 2 * 2 * 5 and rows[1].startswith("evoNet,AAA,0,")
    assert (tmp_path / "data_errors.csv").read_text().count("relative error of N2") == 2
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".svg", ".png"}


def test_a_batch_by_hand_is_the_workflow_s(tmp_path):
    words = ["selection_demography", "small_regions", "--batch", "9", "--output", str(tmp_path / "x.npz")]
    done = subprocess.run(
        [sys.executable, ROOT / "workflow/scripts/simulate.py", *words], capture_output=True, text=True
    )
    assert done.returncode and "error: there is no batch 9" in done.stderr and "Traceback" not in done.stderr
