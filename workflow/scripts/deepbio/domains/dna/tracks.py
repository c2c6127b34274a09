"""Tracks along a genome: starts of transcription, nucleosomes and peaks, cut in windows on the strand that is read."""

import warnings
from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.files import BadInput

TATA = (3, 0, 3, 0, 0, 0)


def read_starts(path: Path, samples: list[str]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Read counts of starts of an R list of GRanges, summed over some of its samples: (chromosome, strand) → positions
    from 0, sorted, and counts.

    BadInput where the file is none, or lacks a sample.
    """
    import rdata

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the classes are read as plain lists of their slots
            whole = rdata.read_rds(path)
        whole = {str(name): one for name, one in whole.items()}
    except (ValueError, EOFError, AttributeError, NotImplementedError) as error:
        raise BadInput(f"{path}: no R list of ranges: {type(error).__name__}: {error}") from None
    found: dict = {}
    for sample in samples:
        if sample not in whole:
            raise BadInput(f"{path}: no sample '{sample}'; it has {', '.join(whole)}")
        one = whole[sample]
        names, strands = (
            np.repeat(np.asarray(run.values).astype(str), run.lengths) for run in (one.seqnames, one.strand)
        )
        scores = {str(key): value for key, value in one.elementMetadata.listData.items()}["score"]
        for name in np.unique(names):
            for strand in "+-":
                here = (names == name) & (strands == strand)
                if here.any():
                    parts = found.setdefault((name, strand), [])
                    parts.append((np.asarray(one.ranges.start)[here] - 1, np.asarray(scores)[here]))
    summed = {}
    for key, parts in found.items():
        positions, member = np.unique(np.concatenate([place for place, _ in parts]), return_inverse=True)
        summed[key] = positions, np.bincount(member, np.concatenate([score for _, score in parts]))
    return summed


def read_dyads(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read dyads of nucleosomes, whose columns are chromosome, position from 1, score and score over noise: chromosome
    (without chr) → positions from 0 and scores. BadInput names a line that is none."""
    found: dict = {}
    for number, line in text.lines(path):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 3:
            raise BadInput(f"{path}:{number}: {len(fields)} columns where chromosome, position and score are wanted")
        place, score = (
            tables.number(fields[i], name, f"{path}:{number}") for i, name in ((1, "position"), (2, "score"))
        )
        found.setdefault(fields[0].removeprefix("chr"), []).append((int(place) - 1, score))
    return {name: tuple(np.array(sorted(sites)).T) for name, sites in found.items()}


def smoothed(length: int, positions: np.ndarray, weights: np.ndarray, width: float) -> np.ndarray:
    """Spread weights at positions over a chromosome as bells of a standard deviation of `width` bases: (length,)."""
    from scipy.ndimage import gaussian_filter1d

    found = np.zeros(length, np.float32)
    inside = (positions >= 0) & (positions < length)
    np.add.at(found, positions[inside].astype(int), weights[inside])
    return gaussian_filter1d(found, width, truncate=4.0) * np.float32(width * np.sqrt(2 * np.pi))


def cut(track: np.ndarray, starts: np.ndarray, minus: np.ndarray, length: int) -> np.ndarray:
    """Cut windows (n, length) of a track (positions,) that begin at `starts`; those of the minus strand are turned."""
    found = track[np.asarray(starts)[:, None] + np.arange(length)]
    found[minus] = found[minus, ::-1]
    return found


def dense(length: int, positions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Put counts at positions of a chromosome, (length,) float32."""
    found = np.zeros(length, np.float32)
    found[positions.astype(int)] = counts
    return found


def simulate(count: int, length: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Simulate windows: arrays codes, tracks (n, 2, length) and y (n, length), counts of starts.

    Transcription begins around one place, a fixed way behind a TATAAA; there is a second TATAAA elsewhere. Nucleosomes
    (the first track) leave a wide gap around the place, and factors (the second) have a noisy peak there and others
    elsewhere, so that no input alone tells the place but all together do.
    """
    place = np.arange(length)
    start = rng.integers(length // 4, length - length // 8, count)
    codes = rng.integers(0, 4, (count, length)).astype(np.uint8)
    decoy = (start + rng.integers(length // 3, 2 * length // 3, count)) % length
    for centre in (start, decoy):
        first = np.clip(centre - length // 5, 0, length - len(TATA))
        codes[np.arange(count)[:, None], first[:, None] + np.arange(len(TATA))] = TATA
    gap = start + rng.integers(-length // 8, length // 8 + 1, count)
    nucleosomes = 1 - np.exp(-0.5 * ((place - gap[:, None]) / (length / 8)) ** 2)
    peaks = np.stack([start + rng.integers(-3, 4, count), *(rng.integers(0, length, count) for _ in range(2))])
    factors = np.exp(-0.5 * ((place - peaks[:, :, None]) / 2.5) ** 2).sum(axis=0)
    tracks = np.stack([nucleosomes, factors], axis=1) + 0.1 * rng.standard_normal((count, 2, length))
    shape = np.exp(-0.5 * ((place - start[:, None]) / 1.5) ** 2)
    y = rng.poisson(30 * shape / shape.sum(axis=1, keepdims=True))
    y[np.arange(count), start] += 1
    return {"codes": codes, "tracks": tracks.astype(np.float32), "y": y.astype(np.float32)}
