"""What is known of the pairs of a protein's residues from its family: coupling scores at several depths, and a profile.

A depth keeps the homologues whose identity with the query is at least a bound, as a stricter search would find them.
"""

import numpy as np

from deepbio.domains.protein import alignments
from deepbio.domains.protein.alignments import GAP, STATES

LEAST = 20  # sequences of which couplings can be estimated at all
STEPS, BATCH = 120, 128  # of the pseudo-likelihood, whose ranks of pairs settle before its weights do


def _pseudo_likelihood(number, weights, steps):
    batch = min(BATCH, len(number))
    epochs = max(2, round(steps * batch / len(number)))
    return alignments.pseudo_likelihood(number, weights, epochs=epochs, batch=batch).scores()


SCORES = {
    "mi": lambda number, weights, steps: alignments.mutual_information(number, weights),
    "mean_field": lambda number, weights, steps: alignments.mean_field(number, weights),
    "sparse": lambda number, weights, steps: alignments.sparse_inverse(number, weights),
    "plm": _pseudo_likelihood,
}


def names(methods: list[str], depths: list[float]) -> list[str]:
    """Name the scores in their order: those of each method from the deepest alignment to the strictest."""
    return [f"{method} at {depth:g}" for method in methods for depth in depths]


def of_family(
    codes: np.ndarray,
    methods: list[str],
    depths: list[float],
    most_rows: int | None = None,
    steps: int = STEPS,
    identity: float = 0.8,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the scores of all pairs and the profile of a family.

    Parameters
    ----------
    codes : (rows, columns) the alignment, the query first and without gaps
    methods, depths : see SCORES; a depth is the least identity with the query (0: all sequences)
    most_rows : sequences that are drawn at random from more; default: all
    steps : of the pseudo-likelihood
    identity : share of equal columns from which two sequences count as one

    Returns scores (columns, columns, methods x depths) float32, each standardised over the pairs i < j; 0 where fewer
    than 20 sequences are left. And the profile (columns, 21) float32: the natural logarithm of each state's frequency
    over its frequency in the whole alignment, 0.1 counted where it is never seen.
    """
    codes = codes[alignments.gap_shares(codes, "row") < 0.5]
    like = ((codes == codes[0]) & (codes != GAP)).sum(axis=1) / np.maximum((codes != GAP).sum(axis=1), 1)
    columns = codes.shape[1]
    found = np.zeros((columns, columns, len(methods) * len(depths)), np.float32)
    for at, depth in enumerate(depths):
        chosen = codes[like >= depth]
        if most_rows and len(chosen) > most_rows:
            drawn = np.random.default_rng(0).choice(np.arange(1, len(chosen)), most_rows - 1, replace=False)
            chosen = chosen[np.r_[0, np.sort(drawn)]]
        if len(chosen) < LEAST:
            continue
        number, weights = alignments.states(chosen), alignments.sequence_weights(chosen, identity)
        for place, method in enumerate(methods):
            found[:, :, place * len(depths) + at] = standardised(SCORES[method](number, weights, steps))
    return found, profile(codes)


def standardised(table: np.ndarray) -> np.ndarray:
    """Bring a symmetric map (columns, columns) to mean 0 and standard deviation 1 over its known pairs i < j; 0 on the
    diagonal and where it is NaN."""
    values = table[np.triu_indices(len(table), 1)]
    values = values[~np.isnan(values)]
    if not len(values):
        return np.zeros_like(table)
    found = (table - values.mean()) / max(float(values.std()), 1e-9)
    np.fill_diagonal(found, 0)
    return np.nan_to_num(found)


def profile(codes: np.ndarray) -> np.ndarray:
    """Compute the logarithm of how often each state stands in a column over how often in all columns: (columns, 21)."""
    count = alignments.one_hot(alignments.states(codes)).sum(axis=0).reshape(-1, STATES)
    share = np.maximum(count, 0.1) / len(codes)
    background = np.maximum(count.sum(axis=0), 0.1) / count.sum()
    return np.log(share / background).astype(np.float32)
