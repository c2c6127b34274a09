"""Pictures of the reads over a candidate variant, and the counts behind them."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "pile-ups of reads"
ARRAYS = {
    "pileup": Array("uint8", ("channel", "row", "column"), "what the reads show, from 0 to 254"),
    "counts": Array("integer", ("allele",), "reads of the reference allele, of the other, and in all"),
    "x": Array("float", ("feature",), "numbers for methods without pictures"),
    "place": Array("integer", (), "0-based position of the variant"),
    "ref": Array("text", (), "reference allele"),
    "alt": Array("text", (), "alternative allele"),
}
CONTEXT = {
    "classes": "names of the genotypes",
    "pileup": "rows, width, channels of a picture and the least evidence of a candidate",
    "contig": "name of the contig",
    "contig_length": "its length",
}
OUTPUTS = ("multiclass",)
matrix = table.matrix


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw pictures of up to 21 reads over a place; the share that shows the allele is the genotype, but for a mistake
    in twenty. Half of the false alleles are shown by three in four reads of one strand."""
    y = rng.integers(0, 3, n)
    rows = np.arange(21)[None] < rng.integers(9, 22, n)[:, None]
    shows = rng.random((n, 21)) < np.array([0.05, 0.5, 0.95])[y][:, None]
    reverse = rng.random((n, 21)) < 0.5
    false = (y == 0) & (rng.random(n) < 0.5)
    shows = np.where(false[:, None], reverse & (rng.random((n, 21)) < 0.75), shows) & rows
    picture = np.zeros((n, 7, 26, 31), np.uint8)
    picture[:, :, :5] = np.array([250, 254, 254, 70, 152, 50, 254])[:, None, None]
    read = np.ones((n, 7, 21, 31))
    read *= np.array([100, 200, 254, 70, 152, 50, 90])[:, None, None]
    read[:, 3] = np.where(reverse, 240, 70)[..., None]
    read[:, 4] = np.where(shows, 254, 152)[..., None]
    read[:, 0, :, 15], read[:, 5, :, 15] = np.where(shows, 30, 100), np.where(shows, 254, 50)
    picture[:, :, 5:] = read * rows[:, None, :, None]
    counts = np.stack([(rows & ~shows).sum(1), shows.sum(1), rows.sum(1)], axis=1).astype(np.int32)
    x = np.concatenate([counts, (shows & reverse).sum(1)[:, None]], axis=1).astype(np.float32)
    called = (np.eye(3) * 0.97 + 0.01)[np.where(false, 1, y)].astype(np.float32)
    arrays = {"pileup": picture, "counts": counts, "x": x, "called": called, "y": y.astype(np.float32)}
    arrays |= {"place": 1000 + 20 * np.arange(n), "candidate": np.ones(n, np.uint8)}
    arrays |= {"ref": np.full(n, "A", "S1"), "alt": np.full(n, "C", "S1")}
    arrays |= {"simulated": np.ones(n, np.uint8), "y_confident": np.ones(n, np.uint8)}
    arrays |= {"y_missed": np.zeros((n, 2, 2), np.int16)}
    least = {"mapping": 5, "base": 10, "reads": 2, "share_snp": 0.12, "share_indel": 0.12}
    context = {"pileup": {"rows": 26, "width": 31, "channels": 7, "least": least}}
    context |= {"classes": ["hom-ref", "het", "hom-alt"], "contig": "one", "contig_length": 100000}
    return arrays, context
