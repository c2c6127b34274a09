"""Genotypes: copies of the counted allele (0, 1, 2) at sites of each person, -1 where unknown."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "genotypes"
ARRAYS = {"x": Array("int8", ("site",), "copies of the counted allele, -1 where unknown")}
CONTEXT = {"classes": "names of the populations"}
OUTPUTS = ("binary", "multiclass")
READS = ("binary", "multiclass")
SPLIT = "random"
LEAST = 0.05  # frequency of the rarer allele among training people
MOST = 20_000  # sites


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw 200 sites of people of four populations, two on each of two continents (as a class: the continent); one
    genotype in fifty is unknown."""
    y = rng.integers(0, 4, n)
    fixed = np.random.default_rng(11)
    frequency = fixed.uniform(0.1, 0.9, (1, 200)) + fixed.normal(0, 0.2, (2, 200)).repeat(2, 0)
    frequency = np.clip(frequency + fixed.normal(0, 0.1, (4, 200)), 0.02, 0.98)
    x = rng.binomial(2, frequency[y]).astype(np.int8)
    x[rng.random(x.shape) < 0.02] = -1
    context = {"classes": ["north", "east", "south", "west"], "continents": ["one", "two"]}
    context["continent_of"] = [0, 0, 1, 1]
    return {"x": x, "y": (y >= 2 if output == "binary" else y).astype(np.float32)}, context


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give counts of alleles (n, sites) float32, NaN where one is unknown."""
    x = np.asarray(split["x"], dtype=np.float32)
    x[x < 0] = np.nan
    return x


def read(given, known=None):
    """Yield a record for each person of VCF files: copies of the second allele at the biallelic SNPs, or at those of
    `known["sites"]`, whichever allele the file counts; a site that the file lacks is unknown."""
    from deepbio.core import records
    from deepbio.domains.variation import own_genotypes

    table, sites, people, left = own_genotypes.read(list(given.files.values()), known and known["sites"])
    name = next(iter(given.files))
    path = given.files[name]
    for row, person in enumerate(people):
        record = records.Record(person, f"{path.name}:person {row + 1}", {records.FILE: name}, {"x": table[row]})
        if known is None:
            record.arrays |= {"sites": sites, "left": left}
        elif (table[row] < 0).all():
            record.problem = "none of the model's sites is known of this person"
        yield record


def settle(found, given):
    """Take the names of the sites from the records: (context, notes)."""
    sites, left = (found[0].arrays[key] for key in ("sites", "left"))
    for record in found:
        record.arrays = {"x": record.arrays["x"]}
    return {"sites": sites}, [f"{len(sites)} biallelic SNPs; {left} other records are left out"]


def traits(arrays):
    """Measure what should not tell the population of a person: unknown genotypes."""
    return {"share of unknown genotypes": (np.asarray(arrays["x"]) < 0).mean(axis=1)}


def learn(arrays, context, train, given):
    """Keep the sites at which training people differ: the rarer allele has a frequency of 0.05 or more; of more than
    20,000 as many, evenly spread."""
    x = np.asarray(arrays["x"])
    seen = np.where(x[train] < 0, np.nan, x[train].astype(np.float32))
    known = (~np.isnan(seen)).sum(axis=0)
    share = np.nansum(seen, axis=0) / (2 * np.maximum(known, 1))
    kept = np.flatnonzero(np.minimum(share, 1 - share) >= LEAST)
    if not len(kept):
        from deepbio.core.files import BadInput

        raise BadInput(f"no site at which the rarer allele has a frequency of {LEAST} in training")
    if len(kept) > MOST:
        kept = kept[np.arange(MOST) * len(kept) // MOST]
    arrays = arrays | {"x": np.ascontiguousarray(x[:, kept])}
    notes = [f"{len(kept)} sites, chosen by training people"]
    return arrays, {"sites": [context["sites"][place] for place in kept]}, notes, np.ones(len(x), bool)


def same(arrays, context):
    """Name each person by the genotypes, (n,) byte strings."""
    import hashlib

    return np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in np.asarray(arrays["x"])]).astype("S")
