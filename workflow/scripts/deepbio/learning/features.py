"""Design matrices for methods that take numbers only: one way for each kind of input."""

import numpy as np


def matrix(split, parameters):
    """(samples, features) of a split: tables, statistics, fingerprints, deletions and the numbers of a pile-up as they
    are, molecules as circular fingerprints, sequences as counts of k-mers on both strands (of a site in a sample, the
    site's alone), genotypes as counts of alleles with NaN where one is unknown.

    `parameters` may say `fingerprint` (radius, bits, counts) or `k`.
    """
    kind = split.context["input"]
    if kind in ("table", "region_statistics", "fingerprint", "deletions", "pileup"):
        return np.asarray(split["x"], dtype=np.float64)
    if kind == "genotype":
        x = np.asarray(split["x"], dtype=np.float32)
        x[x < 0] = np.nan
        return x
    if kind == "molecule":
        from deepbio.domains.chemistry.molecules import circular_fingerprints

        return circular_fingerprints(split["smiles"], **parameters.get("fingerprint", {}))
    if kind in ("sequence", "site_in_sample"):
        from deepbio.domains.dna.sequences import kmer_counts

        return kmer_counts(np.asarray(split["codes"]), parameters.get("k", 5))
    raise ValueError(f"no design matrix is known for input '{kind}'")
