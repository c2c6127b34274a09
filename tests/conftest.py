"""Small datasets with a known answer for each kind of input, and a copy of the project to run snakemake in."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

from deepbio.core.data import Split
from deepbio.domains.chemistry.molecule_sets import describe
from deepbio.domains.chemistry.smiles import Vocabulary
from deepbio.learning import training

torch.set_num_threads(1)  # small networks lose more to waiting threads than they gain, above all beside other jobs
ROOT = Path(__file__).resolve().parent.parent
METRICS = {
    "binary": ["auroc", "accuracy"],
    "regression": ["spearman", "mse"],
    "multiclass": ["accuracy", "balanced_accuracy", "log_loss"],
    "ranking": ["auroc"],
    "generated": ["forest_auroc"],
}

# Kinds of input whose builders make classes; of others, classes are quarters of the numbers.
OWN_CLASSES = ("genotype", "pileup", "region_statistics")

SYMBOLS = Vocabulary(["#", "(", ")", "-", "1", "2", "3", "=", "C", "N", "O", "S", "c", "n"])

# Real drug-like fragments; the number of oxygens makes the regression label, so the answer is in the graph.
PARTS = ["C", "CC", "CCC", "c1ccccc1", "C1CCCCC1", "CN", "c1ccncc1", "CC=C", "CSC", "C(C)C"]
TAILS = ["O", "CO", "CCO", "C(=O)O", "OCCO", "N", "CN", "Cl", "C", "CC"]

# Molecules of episodes; an assay asks for one of these atoms.
EPISODE_MOLECULES = np.array([f"{one}{part}{other}" for part in PARTS for one in TAILS for other in TAILS[::3]])
WANTED = ("O", "N", "Cl", "c")


@contextmanager
def killed(monkeypatch, saves):
    """Dies when a training inside saves its state for the time `saves`."""
    saved, left = training._State.save, [saves]

    def save_and_die(self):
        saved(self)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training._State, "save", save_and_die)
        yield


def sequence_split(rng, samples, output):
    """Windows of 60 random bases; a planted TGACTCA makes the label."""
    codes = rng.integers(0, 4, (samples, 60)).astype(np.uint8)
    y = (np.arange(samples) % 2).astype(np.float32)
    for row in np.flatnonzero(y):
        start = rng.integers(0, 53)
        codes[row, start : start + 7] = [3, 2, 0, 1, 3, 1, 0]
    return {"codes": codes, "y": y if output == "binary" else (2 * y + 0.1 * rng.standard_normal(samples)).astype("f4")}


def table_split(rng, samples, output):
    """Twenty columns of noise, three of which carry the label."""
    x = rng.standard_normal((samples, 20)).astype(np.float32)
    score = x[:, 0] + x[:, 1] - x[:, 2]
    return {"x": x, "y": (score > 0).astype(np.float32) if output == "binary" else score.astype(np.float32)}


def molecule_split(rng, samples, output):
    """Two joined fragments; the label counts oxygens."""
    smiles = [
        TAILS[rng.integers(len(TAILS))] + PARTS[rng.integers(len(PARTS))] + TAILS[rng.integers(len(TAILS))]
        for _ in range(samples)
    ]
    count = np.array([s.count("O") for s in smiles], np.float32)
    y = (count > 0).astype(np.float32) if output == "binary" else count + 0.1 * rng.standard_normal(samples)
    return {"smiles": np.array(smiles).astype("S"), "y": y.astype(np.float32)}


def site_split(rng, samples, output):
    """Windows with or without the planted word in four samples; a site with it is open where the first gene is on."""
    arrays = sequence_split(rng, samples, output)
    holds = arrays["y"] > 0.5
    arrays["sample"] = np.arange(samples) // 2 % 4
    arrays["open_in"] = np.where(np.arange(4) == arrays["sample"][:, None], np.nan, 0.2 + 0.6 * holds[:, None])
    arrays["y"] = (holds & (arrays["sample"] > 0)).astype(np.float32)
    return arrays


def long_split(rng, samples, output):
    """AT-rich windows of 12 bins of 32 bases, the middle 8 with coverage; a planted word, mostly in the first of them,
    makes a peak."""
    codes = rng.choice(4, (samples, 384), p=[0.35, 0.15, 0.15, 0.35]).astype(np.uint8)
    place = np.where(rng.random(samples) < 0.8, 0, rng.integers(0, 8, samples))
    starts = (2 + place) * 32 + rng.integers(0, 20, samples)
    codes[np.arange(samples)[:, None], starts[:, None] + np.arange(12)] = [2, 1, 2, 1, 0, 3, 2, 1, 2, 1, 1, 2]
    rate = np.full((samples, 8, 1), 0.1)
    rate[np.arange(samples), place] = 20
    return {"codes": codes, "y": rng.poisson(rate).astype(np.float32)}


def gene_split(rng, samples, output):
    """Regions of four bins of 30 bases around a start; the planted words upstream of it are counted in the label."""
    codes = rng.integers(0, 4, (samples, 160)).astype(np.uint8)
    marks = rng.random((samples, 4, 1)) < 0.4
    for row, place in zip(*np.nonzero(marks[:, :, 0]), strict=True):
        start = 20 + 30 * place + rng.integers(0, 24)
        codes[row, start : start + 7] = [3, 2, 0, 1, 3, 1, 0]
    y = 2 * marks[:, :2, 0].sum(axis=1) + 0.1 * rng.standard_normal(samples)
    return {"codes": codes, "marks": marks, "y": y.astype(np.float32)}


def frame_split(rng, samples, output):
    """Noisy frames of 22 by 26 pixels with a bright and a fainter spot, the second to the lower right of the first in
    the mean; some labels are missing."""
    y = np.stack([rng.uniform(3, 13, (samples, 2)), rng.uniform(8, 18, (samples, 2)) + [4, 0]], axis=1)
    x, down = np.arange(26)[None, None], np.arange(22)[None, :, None]
    image = rng.normal(30, 8, (samples, 22, 26))
    for place, height in zip(y.transpose(1, 2, 0)[..., None, None], (200, 90), strict=True):
        image += height * np.exp(-((x - place[0]) ** 2 + (down - place[1]) ** 2) / 6)
    y[rng.random((samples, 2)) < 0.1] = np.nan
    return {"image": image.clip(0, 255).astype(np.uint8), "y": y.astype(np.float32)}


def arm_split(rng, samples, output):
    """Two variables at three visits of people of two arms, whose levels and first variable are told apart."""
    arm = np.arange(samples) % 2
    level = rng.standard_normal((samples, 1, 1))
    y = 100 + 10 * level + 5 * rng.standard_normal((samples, 2, 3))
    y[:, 0] -= 20 * arm[:, None]
    return {"arm": arm.astype(np.uint8), "y": y.reshape(samples, 6).astype(np.float32)}


def molecule_set_split(rng, samples, output):
    """Chains of fragments, of which half a hundred differ; labels are their codes."""
    parts = ["C", "CC", "CO", "CN", "c1ccccc1", "C(=O)", "CS"]
    texts = [Chem.CanonSmiles("".join(rng.choice(parts, rng.integers(1, 4))) + "O") for _ in range(samples)]
    properties = np.array([known_properties(text) for text in texts], np.float32)
    return {"smiles": np.array(texts).astype("S"), "y": SYMBOLS.encode(texts, 32), "y_properties": properties}


def fingerprint_split(rng, samples, output):
    """24 bits, in blocks of four that mostly go together; two blocks and a third carry the label."""
    block = rng.random((samples, 6)) < 0.5
    x = np.repeat(block, 4, axis=1) ^ (rng.random((samples, 24)) < 0.05)
    y = 1.0 * block[:, 0] + block[:, 1] - block[:, 2] + 0.1 * rng.standard_normal(samples)
    texts = [TAILS[a % 10] + PARTS[b % 10] + TAILS[c % 10] for a, b, c in rng.integers(0, 10, (samples, 3))]
    y = y > 0.5 if output == "binary" else y
    return {"x": x.astype(np.uint8), "y": y.astype(np.float32), "smiles": np.array(texts).astype("S")}


def genotype_split(rng, samples, output):
    """200 sites of people of four populations, two on each of two continents (as a class: the continent); one genotype
    in fifty is unknown."""
    y = rng.integers(0, 4, samples)
    fixed = np.random.default_rng(11)
    frequency = fixed.uniform(0.1, 0.9, (1, 200)) + fixed.normal(0, 0.2, (2, 200)).repeat(2, 0)
    frequency = np.clip(frequency + fixed.normal(0, 0.1, (4, 200)), 0.02, 0.98)
    x = rng.binomial(2, frequency[y]).astype(np.int8)
    x[rng.random(x.shape) < 0.02] = -1
    return {"x": x, "y": (y >= 2 if output == "binary" else y).astype(np.float32)}


def deletions_split(rng, samples, output):
    """Deletions of two of 16 genes in four pathways of two complexes; two in one complex but not in one pathway are
    lethal, and one gene acts by itself. As a class: whether the first pathway is hit, but for one mistake in ten."""
    chosen = np.argsort(rng.random((samples, 16)), axis=1)[:, :2]
    one, other = np.sort(chosen // 4, axis=1).T
    x = np.zeros((samples, 16), np.uint8)
    np.put_along_axis(x, chosen, 1, axis=1)
    y = -0.5 * ((one // 2 == other // 2) & (one != other)) + 0.5 * x[:, 0] + 0.02 * rng.standard_normal(samples)
    y = x[:, :4].any(axis=1) ^ (rng.random(samples) < 0.1) if output == "binary" else y
    return {"x": x, "y": y.astype(np.float32)}


def pileup_split(rng, samples, output):
    """Pictures of up to 21 reads over a place; the share that shows the allele is the genotype, but for a mistake in
    twenty. Half of the false alleles are shown by three in four reads of one strand."""
    y = rng.integers(0, 3, samples)
    rows = np.arange(21)[None] < rng.integers(9, 22, samples)[:, None]
    shows = rng.random((samples, 21)) < np.array([0.05, 0.5, 0.95])[y][:, None]
    reverse = rng.random((samples, 21)) < 0.5
    false = (y == 0) & (rng.random(samples) < 0.5)
    shows = np.where(false[:, None], reverse & (rng.random((samples, 21)) < 0.75), shows) & rows
    picture = np.zeros((samples, 7, 26, 31), np.uint8)
    picture[:, :, :5] = np.array([250, 254, 254, 70, 152, 50, 254])[:, None, None]
    read = np.ones((samples, 7, 21, 31))
    read *= np.array([100, 200, 254, 70, 152, 50, 90])[:, None, None]
    read[:, 3] = np.where(reverse, 240, 70)[..., None]
    read[:, 4] = np.where(shows, 254, 152)[..., None]
    read[:, 0, :, 15], read[:, 5, :, 15] = np.where(shows, 30, 100), np.where(shows, 254, 50)
    picture[:, :, 5:] = read * rows[:, None, :, None]
    counts = np.stack([(rows & ~shows).sum(1), shows.sum(1), rows.sum(1)], axis=1).astype(np.int32)
    x = np.concatenate([counts, (shows & reverse).sum(1)[:, None]], axis=1).astype(np.float32)
    called = (np.eye(3) * 0.97 + 0.01)[np.where(false, 1, y)].astype(np.float32)
    arrays = {"pileup": picture, "counts": counts, "x": x, "called": called, "y": y.astype(np.float32)}
    arrays |= {"place": 1000 + 20 * np.arange(samples), "candidate": np.ones(samples, np.uint8)}
    arrays |= {"ref": np.full(samples, "A", "S1"), "alt": np.full(samples, "C", "S1")}
    arrays |= {"simulated": np.ones(samples, np.uint8), "y_confident": np.ones(samples, np.uint8)}
    return arrays | {"y_missed": np.zeros((samples, 2, 2), np.int16)}


def region_split(rng, samples, output):
    """Thirty statistics; each of four classes raises two of them, and each of three sizes one."""
    number, sizes = np.arange(samples) % 4, rng.uniform(4, 5, (samples, 3))
    x = rng.standard_normal((samples, 30)).astype(np.float32)
    x[np.arange(samples), 2 * number] += 3
    x[np.arange(samples), 2 * number + 1] += 3
    x[:, 10:13] += 8 * (sizes - 4.5)
    y = np.concatenate([number[:, None] == np.arange(4), sizes], axis=1)
    frequency = np.where(number == 0, np.nan, rng.uniform(0.3, 1, samples)).astype(np.float32)
    labels = {"regression": y, "multiclass": number, "binary": number == 1}
    return {"x": x, "y": labels[output].astype(np.float32), "y_frequency": frequency}


@cache
def known_properties(text):
    return describe([text]).properties[0]


def episode_split(rng, samples, output):
    """Five molecules with an atom and five without, and twelve that are to be told apart."""
    holds = np.array([[atom in text for text in EPISODE_MOLECULES] for atom in WANTED])
    found = []
    for number in range(samples):
        active = holds[number % len(WANTED)]
        groups = [rng.permutation(np.flatnonzero(active == value)) for value in (True, False)]
        found.append(
            (groups[0][:5], groups[1][:5], rng.permutation(np.concatenate([groups[0][5:11], groups[1][5:11]])))
        )
    names = ("actives", "inactives", "query")
    arrays = {key: np.array(v, np.int32) for key, v in zip(names, zip(*found, strict=True), strict=True)}
    y = holds[np.arange(samples)[:, None] % len(WANTED), arrays["query"]].astype(np.float32)
    return arrays | {"y": y, "y_balance": np.ones(samples, np.float32)}


KINDS = {
    "molecule_episode": episode_split,
    "molecule_set": molecule_set_split,
    "animal_frame": frame_split,
    "arm": arm_split,
    "fingerprint": fingerprint_split,
    "gene_region": gene_split,
    "genotype": genotype_split,
    "deletions": deletions_split,
    "long_sequence": long_split,
    "pileup": pileup_split,
    "sequence": sequence_split,
    "region_statistics": region_split,
    "site_in_sample": site_split,
    "table": table_split,
    "molecule": molecule_split,
}


def make_splits(kind, output, samples=160):
    """train, valid and test of a small problem."""
    rng = np.random.default_rng(7)
    context = {"input": kind, "output": output, "metrics": METRICS[output], "title": "small", "origin": "simulated"}
    context |= {"features": [f"column {i}" for i in range(20)]} if kind == "table" else {}
    context |= {"bin": 32, "strand_pair": [0]} if kind == "long_sequence" else {}
    if kind == "arm":
        facts = {"unit": "mmHg", "centre": 95, "spread": 15, "low": 0, "high": 300, "whole": False}
        context |= {"classes": ["control", "treated"], "visits": ["0", "6", "12"]}
        context |= {"variables": [{"name": name, **facts} for name in ("systolic", "diastolic")]}
    if kind == "molecule_episode":
        context |= {"smiles": EPISODE_MOLECULES.astype("S")}
    if kind == "molecule_set":
        context |= {"symbols": SYMBOLS.symbols, "length": 32, "metrics": ["validity"]}
    if kind == "fingerprint":
        context |= {"features": [f"bit {i}" for i in range(24)], "active": 1.5}
    quarters = output == "multiclass" and kind not in OWN_CLASSES
    if quarters:
        context |= {"classes": ["low", "below", "above", "high"]}
    if kind == "genotype":
        context |= {"classes": ["north", "east", "south", "west"], "continents": ["one", "two"]}
        context["continent_of"] = [0, 0, 1, 1]
    if kind == "region_statistics":
        context |= {"classes": ["neutral", "hard", "soft", "balancing"], "sizes": ["N1", "N2", "N3"]}
        context |= {"features": [f"statistic {i}" for i in range(30)]}
    if kind == "deletions":
        edges = np.array([[0, 1], [0, 2], [1, 3], [1, 4], [2, 5], [2, 6]])
        genes = np.stack([3 + np.arange(16) // 4, np.arange(16)], axis=1)
        context |= {"features": [f"gene {i}" for i in range(16)], "term_edges": edges, "term_genes": genes}
        context |= {"terms": ["cell", "complex 1", "complex 2", *(f"pathway {i}" for i in range(4))]}
    if kind == "pileup":
        least = {"mapping": 5, "base": 10, "reads": 2, "share_snp": 0.12, "share_indel": 0.12}
        context |= {"pileup": {"rows": 26, "width": 31, "channels": 7, "least": least}}
        context |= {"classes": ["hom-ref", "het", "hom-alt"], "contig": "one", "contig_length": 100000}
    if kind == "gene_region":
        context |= {"features": ["growth"], "marks": ["word"], "bin": 30, "tss": 80}
    if kind == "animal_frame":
        context |= {"features": ["bright", "faint"], "skeleton": [[0, 1]], "mirrored": [0, 1]}
    if kind == "site_in_sample":
        context["expression"] = np.array([[-1.5, 0, 1], [1, 1, 0], [1, -1, 0], [1, 0, -1]], np.float32)
    splits = {}
    for name, count in (("train", samples), ("valid", samples // 2), ("test", samples)):
        arrays = KINDS[kind](rng, count, "regression" if quarters else output)
        if quarters:
            arrays["y"] = (np.argsort(np.argsort(arrays["y"])) * 4 // count).astype(np.float32)
        arrays["group"] = np.array([f"{name}{i}" for i in range(count)]).astype("S")
        splits[name] = Split(arrays, context)
    return splits


class Project:
    """A copy of the project in a temporary folder, and snakemake in it."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("config", "workflow", "profiles", "envs", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", folder)
        (ROOT / "resources").mkdir(exist_ok=True)
        (folder / "resources").symlink_to(ROOT / "resources")

    def snakemake(self, *words, check=True, cores=2):
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *map(str, words)]
        environment = {key: value for key, value in os.environ.items() if key != "DEEPBIO_MIRROR"}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
        return done

    def planned(self, *words):
        """Rules of a dry run with the outputs of their jobs: list of (rule, outputs)."""
        text = self.snakemake("-n", *words).stdout
        jobs, rule = [], None
        for line in text.splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
            elif line.strip().startswith("output:") and rule:
                jobs.append((rule, line.split("output:")[1].strip()))
        return jobs


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in which one task has been run to the end with its report; tests must leave its files as they are."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.snakemake("--config", "tasks=estrogen_receptor", "seeds=1")
    return project
