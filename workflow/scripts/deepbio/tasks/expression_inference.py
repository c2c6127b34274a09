"""Expression inference: predict the expression of target genes from that of landmark genes."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.expression import matrices
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SIGNED, Metric

METRICS = {"pearson_within": Metric(True, "Pearson r within a tissue, mean over genes", SIGNED)}


def prepare(sources, parameters, seed):
    """Prepare one split; `parameters["format"]` names the source.

    compendium : PRECISE. Landmarks are the genes nearest to the centres of `landmarks` clusters of the training
        samples' standardised genes, and `targets` others are drawn at random. Samples of a project stay together.
    tumours : two arrays of each tumour, which stay together, in two tissues; landmarks and targets are the paper's
        (less the targets that are landmarks, too), a gene the mean of its probe sets. Log2 of the levels,
        quantile-normalised to the mean profile of the training samples.
    simulated : see matrices.simulate_saturating.

    Arrays: x (n, landmarks) and y (n, targets) float32, standardised by the training samples; group; y_tissue (n,)
    int16, where tissues are known.
    """
    readers = {"compendium": _compendium, "tumours": _tumours, "simulated": _simulated}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 943]))


def _compendium(sources, parameters, rng):
    levels, _, group, genes, _ = matrices.read_compendium(sources["pymodulon"])
    # A sample is most like those of its own project, whatever their condition.
    group = np.array([name.split("/")[0] for name in group])
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    z = _scale(levels, levels[part == 0])
    varied = np.flatnonzero(levels[part == 0].std(axis=0) > 0.3)  # a silent gene has nothing to predict
    landmarks = varied[_centres(z[part == 0][:, varied].T, parameters["landmarks"])]
    rest = np.setdiff1d(varied, landmarks)
    targets = np.sort(rng.choice(rest, parameters["targets"], replace=False))
    return _parts(z, landmarks, targets, genes, group, part)


def _centres(profiles, count):
    """Find the rows of profiles (genes, samples) that are nearest to the centres of `count` clusters."""
    from sklearn.cluster import KMeans

    model = KMeans(count, n_init=1, random_state=0).fit(profiles)
    distance = np.linalg.norm(profiles - model.cluster_centers_[model.labels_], axis=1)
    return np.sort([np.flatnonzero(model.labels_ == k)[distance[model.labels_ == k].argmin()] for k in range(count)])


def _tumours(sources, parameters, rng):
    levels, genes, landmarks, tissue, tumour = matrices.read_tumours(sources["human_expression"])
    names, number = np.unique(tissue, return_inverse=True)
    _, first, member = np.unique(tumour, return_index=True, return_inverse=True)
    held = parameters["valid_fraction"], parameters["test_fraction"]
    # Whole tumours are drawn, within their tissue: a tumour's other array would tell its levels.
    part = tables.stratified(number[first], [1 - sum(held), *held], rng)[member]
    levels = matrices.quantile_normalise(levels, levels[part == 0])
    z, order = _scale(levels, levels[part == 0]), np.arange(len(genes))
    splits = _parts(z, order[:landmarks], order[landmarks:], genes, tumour, part)
    for number_of, name in enumerate(("train", "valid", "test")):
        splits[name].arrays["y_tissue"] = number[part == number_of].astype(np.int16)
        splits[name].context["tissues"] = names.tolist()
    return splits


def _simulated(sources, parameters, rng):
    landmarks, targets = parameters["landmarks"], parameters["targets"]
    samples = parameters["samples"]
    levels = matrices.simulate_saturating(
        samples, landmarks + targets, parameters["states"], parameters["noise"], np.random.default_rng(1)
    )
    group = np.array([f"sample{i}" for i in range(samples)])
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    genes = [f"gene{i}" for i in range(landmarks + targets)]
    order = np.arange(len(genes))
    return _parts(_scale(levels, levels[part == 0]), order[:landmarks], order[landmarks:], genes, group, part)


def _scale(levels, rows):
    """Standardise each gene by the mean and the standard deviation of `rows`; a constant gene becomes 0."""
    std = rows.std(axis=0)
    return (levels - rows.mean(axis=0)) / np.where(std > 0, std, 1)


def _parts(z, landmarks, targets, genes, group, part):
    context = {"genes": [genes[i] for i in landmarks], "features": [genes[i] for i in targets]}
    arrays = {"x": z[:, landmarks].astype(np.float32), "y": z[:, targets].astype(np.float32)}
    whole = Split(arrays | {"group": group.astype("S")}, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def score(test, predictions, wanted, train=None):
    """Score all targets; where tissues are known, also the mean Pearson r within each of them: what is told beyond
    the tissue itself."""
    p = np.asarray(predictions["y"], float)
    found = metrics.evaluate(wanted, test.y, p)
    if "y_tissue" in test:
        tissue = np.asarray(test["y_tissue"])
        inside = [metrics.evaluate(["pearson"], test.y[tissue == k], p[tissue == k]) for k in np.unique(tissue)]
        found["pearson_within"] = float(np.mean([one["pearson"] for one in inside]))
    return found


def interpret(train, runs, path):
    """Draw the error of each gene by each method, and against that of ridge regression."""
    from deepbio.figures import genes as figures

    figures.draw_gene_errors(runs, train, path)
