"""Starts of transcription counted base by base, nucleosomes, and tracks along genes' windows."""

from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput


def read_starts(path: Path, samples: list[str]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Read counts of starts of an R list of GRanges (.RDS), summed over some of its samples.

    Returns strand → chromosome → positions (0-based) and counts. Raises BadInput for another file, a sample that is not
    there, and a range of more than one base.
    """
    import warnings

    import rdata

    try:
        with text.readable(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes of Bioconductor, which are read field by field here
            whole = rdata.read_rds(path)
    except (ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise BadInput(f"{path}: not an R object: {type(error).__name__}: {error}") from None
    lacking = [name for name in samples if not isinstance(whole, dict) or name not in whole]
    if lacking:
        raise BadInput(f"{path}: no sample '{lacking[0]}'; a list of GRanges by sample is expected")
    found: dict[str, dict] = {"+": {}, "-": {}}
    parts = []
    for name in samples:
        try:
            ranges = whole[name]
            chromosome, strand = (_runs(getattr(ranges, field)) for field in ("seqnames", "strand"))
            start, width = (np.asarray(getattr(ranges.ranges, field)) for field in ("start", "width"))
            score = np.asarray(ranges.elementMetadata.listData["score"], float)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadInput(f"{path}: sample '{name}': no GRanges with a score: {error}") from None
        wide = np.flatnonzero(width != 1)
        if len(wide):
            raise BadInput(
                f"{path}: sample '{name}', range {wide[0] + 1}: {width[wide[0]]} bases where a start has one"
            )
        parts.append((chromosome, strand, start - 1, score))
    chromosome, strand, start, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    for one in found:
        for name in np.unique(chromosome):
            here = (strand == one) & (chromosome == name)
            positions, which = np.unique(start[here], return_inverse=True)
            found[one][str(name)] = positions, np.bincount(which, score[here], len(positions))
    return found


def _runs(rle) -> np.ndarray:
    """Write out a run-length encoded factor as text."""
    return np.repeat(np.asarray(rle.values, str), np.asarray(rle.lengths))


def read_dyads(path: Path, names: dict[str, str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read nucleosome dyads (Brogaard et al. 2012): chromosome → positions (0-based) and scores. `names`: name of a
    chromosome in the file → name to use; others are left out. Raises BadInput with file and line."""
    rows: dict[str, list] = {name: [] for name in names.values()}
    for number, line in text.lines(path):
        fields = line.split()
        if not fields:
            continue
        try:
            chromosome, position, score = fields[0], int(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            raise BadInput(f"{path}:{number}: chromosome, position and score are wanted, not {line[:40]!r}") from None
        if chromosome in names:
            rows[names[chromosome]].append((position - 1, score))
    if not any(rows.values()):
        raise BadInput(f"{path}: no dyad lies on {', '.join(list(names)[:5])}, …")
    return {name: tuple(np.array(found, float).reshape(-1, 2).T) for name, found in rows.items()}


def smoothed(points: dict[str, tuple[np.ndarray, np.ndarray]], sizes: dict[str, int], width: float) -> dict:
    """Smooth weighted points of each chromosome by a Gaussian of standard deviation `width` bases: chromosome → signal
    (length,) float32, in weights at a point."""
    from scipy.ndimage import gaussian_filter1d

    found = {}
    for name, size in sizes.items():
        signal = np.zeros(size)
        if name in points:
            place, weight = points[name]
            inside = (place >= 0) & (place < size)
            np.add.at(signal, np.asarray(place)[inside].astype(int), np.asarray(weight, float)[inside])
        scale = np.sqrt(2 * np.pi) * width  # a lone point of weight 1 has height 1
        found[name] = (gaussian_filter1d(signal, width, mode="constant") * scale).astype(np.float32)
    return found


def counts_along(points: dict[str, tuple[np.ndarray, np.ndarray]], sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Put weighted points on their chromosomes: chromosome → counts (length,) float32."""
    found = {name: np.zeros(size, np.float32) for name, size in sizes.items()}
    for name in found.keys() & points.keys():
        place, weight = points[name]
        found[name][place.astype(int)] = weight
    return found


def windows_along(signal: dict[str, np.ndarray], chromosome: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Cut windows (n, length) of a signal from their first base on; 0 beyond the ends of a chromosome."""
    found = np.zeros((len(starts), length), np.float32)
    for name in np.unique(chromosome):
        here = chromosome == name
        padded = np.pad(signal[str(name)], length)
        found[here] = padded[starts[here][:, None] + length + np.arange(length)]
    return found
