"""5' untranslated regions: what is known to raise or lower translation, and simulated regions that obey it."""

import numpy as np

from deepbio.domains.dna import sequences

AUG = 14  # ATG, as a number of three bases to the base 4


def upstream_starts(codes: np.ndarray) -> np.ndarray:
    """Count the AUGs of each region that are out of frame with its end and have no stop behind them before it: (n,).

    codes : (n, length), whose last base lies before the start codon
    """
    words, length = sequences.kmer_words(codes, 3), codes.shape[1]
    place = np.arange(words.shape[1])
    starts = (words == AUG) & ((length - place) % 3 != 0)
    stops = np.isin(words, (48, 50, 56))
    for start in range(words.shape[1]):
        later = stops[:, start + 3 :: 3].any(axis=1)
        starts[:, start] &= ~later
    return starts.sum(axis=1)


def kozak(codes: np.ndarray) -> np.ndarray:
    """Score the bases before the start codon: 1 for an A three before it, and a quarter for each other A of the last
    five; a U three before it costs a half. (n,)."""
    last = codes[:, -5:]
    return (last[:, 2] == 0) + 0.25 * ((last == 0).sum(axis=1) - (last[:, 2] == 0)) - 0.5 * (last[:, 2] == 3)


def stem(codes: np.ndarray, width: int = 5) -> np.ndarray:
    """Tell which regions hold `width` bases and, four to ten bases further, their reverse complement: (n,) bool."""
    found, length = np.zeros(len(codes), bool), codes.shape[1]
    known = np.where(codes == sequences.UNKNOWN, 9, codes)
    for loop in range(4, 11):
        for start in range(length - 2 * width - loop + 1):
            left, right = known[:, start : start + width], known[:, start + width + loop : start + 2 * width + loop]
            found |= (left + right[:, ::-1] == 3).all(axis=1)
    return found


def simulate(count: int, length: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Simulate regions (count, length) and their log expression (count,) by those rules and noise."""
    codes = rng.choice(4, (count, length), p=[0.32, 0.18, 0.18, 0.32]).astype(np.uint8)
    y = 0.8 * kozak(codes) - 1.5 * np.minimum(upstream_starts(codes), 2) - 0.7 * stem(codes)
    return codes, (y + noise * rng.standard_normal(count)).astype(np.float32)
