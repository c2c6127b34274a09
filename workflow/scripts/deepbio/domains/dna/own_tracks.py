"""Windows of a user's own files with signals along them: intervals over a genome, and a file for each track."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records
from deepbio.core.files import BadInput
from deepbio.core.records import FILE, Given, Record
from deepbio.domains.dna import own_windows, signals

PEAKS = (".bed", ".narrowpeak", ".broadpeak")


def windows(given: Given, known: dict | None) -> Iterator[Record]:
    """Yield a record for each interval of BED files, in their order: bases and tracks of the window around it, on the
    strand of the interval.

    Signals are the other files and the option `signals`, each under the name of its track. `known`: the context of a
    trained model, whose length and tracks are made. Without it the tracks that `columns.label` names are the label: one
    of both strands, or that of the plus and that of the minus strand; and a record holds `tracks_of` (names), too.
    """
    peaks = {name: path for name, path in given.files.items() if records.suffix(path) in PEAKS}
    of_track = {name: path for name, path in given.files.items() if name not in peaks}
    of_track |= {name: Path(path) for name, path in given.options.get("signals", {}).items()}
    if not peaks:
        raise BadInput(f"{', '.join(map(str, given.files.values()))}: no file of intervals ({', '.join(PEAKS)})")
    wrong = [path for path in of_track.values() if records.suffix(path) not in signals.SUFFIXES]
    if wrong:
        raise BadInput(f"{wrong[0]}: no intervals and no signal; signals end in {', '.join(signals.SUFFIXES)}")
    labels = [] if known else _labels(given, of_track)
    names = list(known["tracks"]) if known else [name for name in of_track if name not in labels]
    lacking = [name for name in names if name not in of_track]
    if lacking:
        raise BadInput(
            f"{next(iter(peaks.values()))}: no signal for the tracks {', '.join(lacking)}; given are: "
            f"{', '.join(of_track) or 'none'}"
        )
    length = known["length"] if known else given.options.get("length") or own_windows.usual_width(peaks)
    with own_windows.genome_of(given.files, given.options) as (opened, sizes):
        read = {name: _signal(of_track[name], sizes) for name in [*names, *labels]}
        for name, path in peaks.items():
            for record, found in own_windows.lines(path):
                record.fields[FILE] = name
                if not record.problem:
                    own_windows.fill(record, found, opened, sizes, length)
                if not record.problem:
                    _add(record, found, read, names, labels, length)
                yield record


def _labels(given: Given, of_track: dict) -> list[str]:
    """Name the tracks that are the label; BadInput where none is said, or it has no file."""
    there = f"tracks are: {', '.join(of_track) or 'none'}"
    if not 1 <= len(given.labels) <= 2:
        raise BadInput(f"columns: which track holds the label? say columns: {{label: NAME}}, or [PLUS, MINUS]; {there}")
    lacking = [name for name in given.labels if name not in of_track]
    if lacking:
        raise BadInput(f"columns.label: no track '{lacking[0]}'; {there}")
    return given.labels


def _signal(path: Path, sizes: dict) -> signals.Signal | signals.BigWig:
    """Read a signal; BadInput where it lies on other chromosomes than those of the genome."""
    signal = signals.read(path)
    if not set(signal.chromosomes) & sizes.keys():
        raise BadInput(f"{path}: none of its chromosomes ({', '.join(signal.chromosomes[:5])}) is in the genome")
    return signal


def _add(record: Record, found: tuple, read: dict, names: list[str], labels: list[str], length: int) -> None:
    """Put the tracks of a window into its record, and its label; a window without a label has a problem."""
    chromosome, middle, _, strand = found
    turn = slice(None, None, -1 if strand == "-" else 1)

    def cut(name: str) -> np.ndarray:
        return read[name].along(chromosome, middle - length // 2, length)[turn]

    record.arrays["tracks"] = np.array([cut(name) for name in names], np.float32).reshape(-1, length)
    if labels:
        y = cut(labels[-1] if strand == "-" else labels[0])
        if (y < 0).any() or not y.any():
            record.problem = "a label is negative" if (y < 0).any() else "the label has no read in the window"
        record.arrays |= {"y": y, "tracks_of": names}


def settled(found: list[Record]) -> list[str]:
    """Take the names of the tracks out of the records."""
    return [record.arrays.pop("tracks_of") for record in found][0]
