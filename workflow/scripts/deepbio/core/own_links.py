"""Links of a user's own samples that are nearly the same, by the words that they share, however many share a word.

The clusters that part relatives pass over words that very many samples hold: among different sequences these are
repeats or of low complexity. In a library of variants of one sequence, though, every word is in many samples. Here such
words count, but a pair must share a good part of its words.

A kind of input lists words by `compared`: the sample and the number of each word that stands somewhere in it, and how
many words a pair must share at least.
"""

import numpy as np

SHARE = 0.25  # of the words of the one with more, from which two samples are near-duplicates
ORDERS = 5  # of the samples, in which neighbours are compared
BLOCK = 256  # samples that are compared with others at a time


def library(owner: np.ndarray, word: np.ndarray, least: int, samples: int) -> np.ndarray:
    """Number the groups that near-duplicates make, (samples,).

    All pairs would be too many, so each word leads from a sample to the next one that holds it: in the order of the
    file, then in random ones. `least`: words that a pair must share.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    owner, word, sizes = _distinct(owner, word, samples)
    rng, pairs = np.random.default_rng(0), [np.zeros(0, np.int64)]
    for turn in range(ORDERS):
        place = rng.permutation(samples) if turn else np.arange(samples)
        order = np.lexsort((place[owner], word))
        one, other = owner[order][:-1], owner[order][1:]
        follows = word[order][:-1] == word[order][1:]
        pair = (np.minimum(one, other) * samples + np.maximum(one, other))[follows]
        pair, shared = np.unique(pair, return_counts=True)
        more = np.maximum(*sizes[np.array(np.divmod(pair, samples))])
        pairs.append(pair[(shared >= least) & (shared >= SHARE * more)])
    row, column = np.divmod(np.concatenate(pairs), samples)
    graph = coo_matrix((np.ones(len(row), bool), (row, column)), shape=(samples, samples))
    return connected_components(graph, directed=False)[1]


def near(
    owner: np.ndarray, word: np.ndarray, least: int, samples: int, test: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Tell which of the samples `test` (numbers) share SHARE of their words, and at least `least`, with one of
    `others`: (len(test),) bool. All pairs are compared."""
    from scipy.sparse import coo_matrix

    owner, word, sizes = _distinct(owner, word, samples)
    shape = samples, int(word.max(initial=0)) + 1
    matrix = coo_matrix((np.ones(len(owner), np.int32), (owner, word)), shape=shape).tocsr()
    found = np.zeros(len(test), bool)
    for start in range(0, len(others), BLOCK):
        left, block = np.flatnonzero(~found), others[start : start + BLOCK]
        if not len(left):
            break
        shared = (matrix[test[left]] @ matrix[block].T).tocoo()
        row, column = shared.coords
        more = np.maximum(sizes[test[left]][row], sizes[block][column])
        found[left[row[(shared.data >= least) & (shared.data >= SHARE * more)]]] = True
    return found


def _distinct(owner, word, samples):
    """Give each word of a sample once, those left out that stand once in all, with numbers from 0; and the number of
    words of each sample, (samples,), all counted."""
    _, word, counts = np.unique(word, return_inverse=True, return_counts=True)
    alone = counts[word] == 1
    sizes = np.bincount(owner[alone], minlength=samples)
    owner, word = owner[~alone], word[~alone]
    order = np.lexsort((word, owner))
    owner, word = owner[order].astype(np.int64), word[order]
    first = np.ones(len(owner), bool)
    first[1:] = (owner[1:] != owner[:-1]) | (word[1:] != word[:-1])
    return owner[first], word[first], sizes + np.bincount(owner[first], minlength=samples)
