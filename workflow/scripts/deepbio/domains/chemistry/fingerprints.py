"""MACCS fingerprints, compounds near to one, and how hidden places lie against a normal distribution.

Fingerprints are arrays (n, bits) of 0 and 1.
"""

import numpy as np

BITS = 166  # RDKit's first of 167 bits is never set and left out
ROWS = 1000  # fingerprints that are compared with a library at a time
TOP = 0.05  # share of the compounds that a screen would take


def maccs(found):
    """Compute MACCS fingerprints (n, BITS) uint8 of RDKit molecules."""
    from rdkit.Chem.rdMolDescriptors import GetMACCSKeysFingerprint
    from rdkit.DataStructs import ConvertToNumpyArray

    bits = np.zeros((len(found), BITS + 1), np.uint8)
    for row, molecule in zip(bits, found, strict=True):
        ConvertToNumpyArray(GetMACCSKeysFingerprint(molecule), row)
    return bits[:, 1:]


def tanimoto(one, other):
    """Compute the Tanimoto similarity (n,) of the rows of two sets of fingerprints; that of two empty ones is 1."""
    one, other = np.asarray(one) > 0.5, np.asarray(other) > 0.5
    both, either = (one & other).sum(axis=1), (one | other).sum(axis=1)
    return np.divide(both, either, out=np.ones(len(one)), where=either > 0)


def nearest(made, library):
    """Place in `library` of the most similar fingerprint to each of `made` (n,), and the similarity."""
    from deepbio.domains.chemistry.molecule_sets import similarity

    made, library = (np.packbits(np.asarray(bits) > 0.5, axis=1) for bits in (made, library))
    place, most = np.empty(len(made), int), np.empty(len(made))
    for start in range(0, len(made), ROWS):
        rows = slice(start, start + ROWS)
        similar = similarity(made[rows], library)
        place[rows], most[rows] = similar.argmax(axis=1), similar.max(axis=1)
    return place, most


def top_enrichment(active, score, share=TOP):
    """Compute the share of actives among the samples of the highest score, over that among all; equal scores share a
    place."""
    count = max(1, round(share * len(active)))
    least = np.sort(score)[-count]
    above, tied = score > least, score == least
    hits = active[above].sum() + active[tied].mean() * (count - above.sum())
    return float(hits / count / active.mean())


def retrieved(made, wanted, library, y, active):
    """Measure the compounds nearest to fingerprints that were generated for an activity.

    made : (m, bits); wanted (m,), the activity that each was made for; library (n, bits) with activities y (n,) and
        active (n,), of compounds that the maker has not seen.

    neighbour_enrichment : share of actives among the distinct nearest compounds of the fingerprints made for the
        highest activity, over the share among all compounds; neighbours : how many those are.
    neighbour_spearman : rank correlation of the activity wanted and that of the nearest compound.
    neighbour_similarity : mean Tanimoto similarity to the nearest compound.
    """
    from scipy.stats import spearmanr

    place, similar = nearest(made, library)
    found = np.unique(place[wanted == wanted.max()])
    varies = np.ptp(y[place]) > 0
    return {
        "neighbour_enrichment": float(active[found].mean() / active.mean()),
        "neighbours": float(len(found)),
        "neighbour_spearman": float(spearmanr(wanted, y[place])[0]) if varies else 0.0,
        "neighbour_similarity": float(similar.mean()),
    }


def rebuilt(x, p, known):
    """Measure how well fingerprints x (n, bits) are rebuilt, p being the probability that each bit is set.

    bit_error : share of wrong bits; bit_error_saved : 1 - its ratio to that of saying for each bit what most of the
        training fingerprints `known` have; bit_cross_entropy : mean, in nats; rebuilt_similarity : mean Tanimoto.
    """
    x, p = np.asarray(x, float), np.clip(np.asarray(p, float), 1e-6, 1 - 1e-6)
    error = np.mean((p > 0.5) != x)
    usual = np.mean((np.mean(known, axis=0) > 0.5) != x)
    return {
        "bit_error": float(error),
        "bit_error_saved": float(1 - error / usual),
        "bit_cross_entropy": float(-np.mean(x * np.log(p) + (1 - x) * np.log1p(-p))),
        "rebuilt_similarity": float(tanimoto(x, p).mean()),
    }


def prior_match(places):
    """Measure how far latent codes (n, units) are from a standard normal distribution.

    prior_mmd : maximum mean discrepancy with a Gaussian kernel whose squared width is the number of units. Its
        expectations over the normal distribution have a closed form, so that nothing is drawn; the estimate is the
        unbiased one, and 0 where that is negative.
    prior_ks : Kolmogorov-Smirnov distance of a unit from the normal distribution, mean over units.
    """
    from scipy.stats import kstest  # slow to import, and not needed to train

    places = np.asarray(places, float)
    count, units = places.shape
    width = units
    square = (places**2).sum(axis=1)
    within = np.exp(-np.maximum(square[:, None] + square - 2 * places @ places.T, 0) / (2 * width))
    among = (within.sum() - count) / (count * (count - 1))
    across = (width / (width + 1)) ** (units / 2) * np.exp(-square / (2 * (width + 1))).mean()
    normal = (width / (width + 2)) ** (units / 2)
    return {
        "prior_mmd": float(np.sqrt(max(among - 2 * across + normal, 0))),
        "prior_ks": float(np.mean([kstest(unit, "norm").statistic for unit in places.T])),
    }
