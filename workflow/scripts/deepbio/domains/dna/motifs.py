"""Motifs: JASPAR matrices, scanning, logos, and the comparison of a learned motif with known ones (Tomtom)."""

import warnings
from functools import cache

import numpy as np

from deepbio.domains.dna.sequences import UNKNOWN, encode

BACKGROUND = 0.25
LEAST_BITS = 6  # over all positions; a motif with less resembles the flat columns of every long motif
RELEASE = "JASPAR2024"


@cache
def jaspar(groups=("vertebrates",), release=RELEASE):
    """Read the core motifs of JASPAR for some taxonomic groups: a list of (matrix id, name, probabilities (4,
    width))."""
    from pyjaspar import jaspardb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = jaspardb(release=release).fetch_motifs(collection="CORE", tax_group=list(groups))
    return [(motif.matrix_id, motif.name, probabilities([motif.counts[base] for base in "ACGT"])) for motif in found]


def probabilities(counts, pseudocount=0.8):
    """Convert counts (4, width) to probabilities, with a pseudocount shared by the four bases."""
    counts = np.asarray(counts, dtype=float)
    return (counts + pseudocount / 4) / (counts.sum(axis=0) + pseudocount)


def log_odds(motif):
    """Compute log2 odds (4, width) of probabilities against a uniform background."""
    return np.log2(motif / BACKGROUND)


def information(motif):
    """Compute the information content of each position in bits, (width,)."""
    return 2 + (motif * np.log2(np.maximum(motif, 1e-12))).sum(axis=0)


def count_matrix(windows):
    """Count bases (4, width) of aligned windows of codes (n, width); unknown bases are not counted."""
    return np.stack([(windows == code).sum(axis=0) for code in range(4)])


def best_scores(codes, matrices, batch=256):
    """Compute the best log-odds score of each matrix in each sequence, on either strand: (n, matrices) float32."""
    import torch
    from torch.nn import functional as F

    from deepbio.domains.dna.sequences import one_hot

    width = max(matrix.shape[1] for matrix in matrices)
    # A shorter matrix is padded with zero columns, and so are the sequences' ends: both add nothing to a score.
    filters = np.zeros((2 * len(matrices), 4, width), np.float32)
    for i, matrix in enumerate(matrices):
        filters[i, :, : matrix.shape[1]] = matrix
        filters[len(matrices) + i, :, : matrix.shape[1]] = matrix[::-1, ::-1]
    filters = torch.from_numpy(filters)
    scores = []
    for start in range(0, len(codes), batch):
        x = one_hot(torch.from_numpy(np.array(codes[start : start + batch])), unknown=0.0)
        both = F.conv1d(F.pad(x, (0, width - 1)), filters).amax(2)
        scores.append(torch.maximum(both[:, : len(matrices)], both[:, len(matrices) :]))
    return torch.cat(scores).numpy()


def match(motifs, groups=("vertebrates",), planted=""):
    """Find the most similar JASPAR motif for each of `motifs` (4, width): dicts with bits, id, name, p and q.

    A word that was planted in the data is compared beside JASPAR's motifs. p-values are Tomtom's, by memelite; q-values
    by Benjamini and Hochberg over all comparisons. A motif of fewer than LEAST_BITS bits is not compared, and without
    groups none is: its id and name are empty, its p and q are 1.
    """
    import torch
    from memelite import tomtom
    from scipy.stats import false_discovery_control

    bits = [float(information(motif).sum()) for motif in motifs]
    rows = [{"bits": round(one, 2), "id": "", "name": "", "p": 1.0, "q": 1.0} for one in bits]
    compared = [i for i, one in enumerate(bits) if one >= LEAST_BITS]
    if not compared or not groups:
        return rows
    known, threads = jaspar(tuple(groups)), torch.get_num_threads()
    if planted:
        known = [*known, (planted, "planted", probabilities(count_matrix(encode([planted])), 0.01))]
    p = tomtom([motifs[i] for i in compared], [matrix for _, _, matrix in known], n_jobs=1)[0]
    p = np.clip(p, 1e-14, 1)  # it subtracts probabilities from one, so smaller ones are rounding
    torch.set_num_threads(threads)  # tomtom sets the number of OpenMP threads, and torch's is the same
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    for row, i in enumerate(compared):
        best = int(p[row].argmin())
        rows[i] |= {"id": known[best][0], "name": known[best][1], "p": float(p[row, best]), "q": float(q[row, best])}
    return rows


def trim(motif, bits=0.3):
    """Trim uninformative ends of a motif; at least four positions remain."""
    strong = np.flatnonzero(information(motif) >= bits)
    if len(strong) == 0:
        return motif
    first, last = strong[0], strong[-1] + 1
    if last - first < 4:
        first = max(0, min(first, motif.shape[1] - 4))
        last = first + 4
    return motif[:, first:last]


def logo(axis, motif, title=""):
    """Draw an information-content logo of probabilities (4, width)."""
    import logomaker
    import pandas as pd

    frame = pd.DataFrame((motif * information(motif)).T, columns=list("ACGT"))
    logomaker.Logo(frame, ax=axis, color_scheme="colorblind_safe", show_spines=False)
    axis.set(ylim=(0, 2), yticks=[0, 1, 2], xticks=[], ylabel="bits")
    axis.spines["left"].set_visible(True)
    axis.set_title(title, fontsize=9)


def windows(codes, starts, width):
    """Cut windows (n, width) of codes that begin at `starts` (n,); beyond an end there are unknown bases."""
    padded = np.pad(codes, ((0, 0), (0, width)), constant_values=UNKNOWN)
    return padded[np.arange(len(codes))[:, None], starts[:, None] + np.arange(width)]
