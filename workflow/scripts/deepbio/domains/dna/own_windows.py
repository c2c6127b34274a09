"""Windows of a user's own files: FASTA records one at a time, intervals of a genome, and windows without peaks."""

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deepbio.core import records, text
from deepbio.core.files import BadInput
from deepbio.core.records import Record
from deepbio.domains.dna import genome, sequences

SUMMIT = 9  # column of narrowPeak with the distance of the summit from the start
TRIES = 60  # windows that are looked at for one negative
CLOSE = 0.02  # difference in GC content that is a match
UNKNOWN = 0.1  # share of unknown bases that a negative may have
BIN = 200


def fasta(path: Path) -> Iterator[tuple[Record, str]]:
    """Yield records of a FASTA file with their sequences, one in memory at a time.

    The id is the first word of the header; words `name=value` are fields, and so is every other word, as word2, ….
    """
    record, parts = None, []
    for number, line in text.lines(path):
        line = line.strip()
        if line.startswith(">"):
            if record is not None:
                yield record, "".join(parts)
            words = line[1:].split()
            fields = {f"word{place}": word for place, word in enumerate(words[1:], 2) if "=" not in word}
            fields |= dict(word.split("=", 1) for word in words[1:] if "=" in word)
            record, parts = Record(words[0] if words else str(number), f"{path.name}:{number}", fields), []
        elif line and record is None:
            raise BadInput(f"{path}:{number}: a FASTA file begins with a '>' line, not with {line[:30]!r}")
        elif line:
            parts.append(line)
    if record is None:
        raise BadInput(f"{path}: no FASTA record")
    yield record, "".join(parts)


def fasta_or_tables(
    given: records.Given, suffixes: Container[str], columns: Iterable[str], value: Callable[[str], dict]
) -> Iterator[Record]:
    """Yield records of FASTA files, which end in one of `suffixes`, and of tables with a column of sequences, known by
    the names `columns`; `value(text)` makes arrays of a sequence and raises BadInput for one that it cannot read."""
    for name, path in given.files.items():
        if records.suffix(path) in suffixes:
            for record, sequence in fasta(path):
                record.fields[records.FILE] = name
                records.attempt(record, value, sequence, "sequence")
                yield record
        else:
            one = records.Given({name: path}, given.columns, given.options, given.output)
            yield from records.table(one, "sequence", columns, value)


def place(record: Record) -> str | None:
    """Give the chromosome that the id of a window names (chr1:100-200), or None."""
    try:
        return sequences.place(record.id)[0]
    except BadInput:
        return None


def conform(record: Record, length: int) -> None:
    """Bring the codes of a record to `length`: cut to their middle, or padded with unknown bases; a note says so."""
    here = len(record.arrays["codes"])
    record.arrays["codes"], _ = fitted(record.arrays["codes"], length)
    if here > length:
        record.note = f"cut from {here} to {length} bases around the middle"
    elif here < length:
        record.note = f"padded from {here} to {length} bases"


def fitted(codes: np.ndarray, length: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Put codes into the middle of a window of unknown bases, cut to it where they are longer: codes (length,), and the
    first and last of the given bases there."""
    codes = codes[max(0, (len(codes) - length) // 2) :][:length]
    first = (length - len(codes)) // 2
    spare = length - first - len(codes)
    return np.pad(codes, (first, spare), constant_values=sequences.UNKNOWN), (first, first + len(codes) - 1)


# ---- intervals


@contextmanager
def genome_of(files: dict[str, Path], options: dict) -> Iterator[tuple]:
    """Open the genome that the places in `files` refer to: its sequences by name, and their lengths; BadInput where the
    options name none."""
    if "genome" not in options:
        raise BadInput(f"{next(iter(files.values()))}: places alone are no sequence; say genome: FILE as well")
    with genome.open_genome(options["genome"]) as opened:
        yield opened, {name: len(opened[name]) for name in opened.keys()}  # noqa: SIM118


def lines(path: Path) -> Iterator[tuple[Record, tuple[str, int, int, str] | None]]:
    """Yield records of a BED or narrowPeak file, in the order of its lines, and (chromosome, middle, end, strand).

    The middle is the summit where the file has one. A line that is no interval has a problem.
    """
    peaks = path.name.lower().removesuffix(".gz").endswith(".narrowpeak")
    for number, line in text.lines(path):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        record, found = Record(str(number), f"{path.name}:{number}"), None
        digits = [cell.strip() for cell in fields[1:3]]
        if len(fields) < 3 or not all(cell.isascii() and cell.isdigit() for cell in digits):
            record.problem = "no interval: chromosome, start and end are wanted"
        else:
            start, end = map(int, digits)
            record.id = f"{fields[0]}:{start}-{end}"
            record.fields = dict(zip(("name", "score", "strand"), fields[3:6], strict=False)) | {
                "chromosome": fields[0]
            }
            if start >= end:
                record.problem = f"{start} to {end} is no interval"
            summit = fields[SUMMIT].strip() if peaks and len(fields) > SUMMIT else ""
            middle = start + int(summit) if summit.isdigit() else (start + end) // 2
            found = fields[0], middle, end, fields[5] if len(fields) > 5 else "."
        yield record, found


def usual_width(peaks: dict[str, Path]) -> int:
    """Give the median width of all intervals, of at most 1,000 bases."""
    widths = []
    for path in peaks.values():
        for record, found in lines(path):
            if not record.problem:
                start = int(record.id.rsplit(":", 1)[1].split("-")[0])
                widths.append(found[2] - start)
    if not widths:
        raise BadInput(f"{', '.join(map(str, peaks.values()))}: no interval")
    return int(min(np.median(widths), 1000))


def intervals(peaks: dict[str, Path], options: dict, length: int, negatives: bool) -> Iterator[Record]:
    """Yield the windows of `length` bases around the intervals of BED files; with `negatives` they are labelled 1, and
    windows of the same chromosome without a peak follow, labelled 0, of like GC content."""
    from deepbio.core.records import FILE

    positive: dict[str, list] = {}
    with genome_of(peaks, options) as (opened, sizes):
        for name, path in peaks.items():
            for record, found in lines(path):
                record.fields[FILE] = name
                if not record.problem:
                    fill(record, found, opened, sizes, length)
                    if negatives and not record.problem:
                        record.fields["label"] = "1"
                        positive.setdefault(found[0], []).append((record, found))
                yield record
        wanted = options.get("negatives", {})
        if negatives and wanted.get("kind", "matched") == "matched":
            rng = np.random.default_rng([length, len(positive)])
            for chromosome, members in positive.items():
                codes = genome.chromosome_codes(opened, chromosome)
                yield from matched(chromosome, codes, members, length, wanted.get("per_positive", 1), rng)


def fill(record: Record, found: tuple, opened, sizes: dict, length: int) -> None:
    """Cut the window of an interval; unknown bases stand beyond the ends of the chromosome."""
    chromosome, middle, end, strand = found
    if chromosome not in sizes:
        record.problem = f"the genome has no sequence '{chromosome}'; it has {', '.join(list(sizes)[:5])}"
    elif end > sizes[chromosome]:
        record.problem = f"ends at {end}, but '{chromosome}' has {sizes[chromosome]} bases"
    else:
        start = middle - length // 2
        low, high = max(0, start), min(sizes[chromosome], start + length)
        codes = sequences.encode([str(opened[chromosome][low:high])])[0]
        if len(codes) != high - low:  # other ends of lines within a sequence than pyfaidx counts with
            record.problem = (
                f"'{chromosome}': {len(codes)} bases are read in place of {high - low}; is the genome damaged?"
            )
            return
        if len(codes) < length:
            codes = np.pad(codes, (low - start, start + length - high), constant_values=sequences.UNKNOWN)
            record.note = f"reaches beyond the end of '{chromosome}': unknown bases there"
        record.arrays = {"codes": sequences.reverse_complement(codes) if strand == "-" else codes}


def matched(chromosome, codes, members, length, per_positive, rng) -> Iterator[Record]:
    """Yield windows of a chromosome that overlap no interval, each of the GC content of one that has a peak."""
    taken = np.zeros(len(codes) + 1, np.int32)
    for record, (_, middle, end, _) in members:
        start = int(record.id.rsplit(":", 1)[1].split("-")[0])
        # The middle of a negative is farther than half a window from the interval, and a whole one from its window.
        taken[max(0, min(start - length // 2, middle - length))] += 1
        taken[min(len(codes), max(end + length // 2, middle + length))] -= 1
    free = np.cumsum(taken[:-1]) == 0
    gc, known = np.cumsum(np.isin(codes, (1, 2))), np.cumsum(codes != sequences.UNKNOWN)
    if len(codes) <= length:
        return
    for number in range(round(len(members) * per_positive)):
        record, _ = members[number % len(members)]
        here = record.arrays["codes"]
        share = np.isin(here, (1, 2)).sum() / max(1, (here != sequences.UNKNOWN).sum())
        starts = rng.integers(0, len(codes) - length, TRIES)
        bases = known[starts + length] - known[starts]
        good = free[starts + length // 2] & (bases >= (1 - UNKNOWN) * length)
        if not good.any():
            continue
        off = np.abs((gc[starts + length] - gc[starts]) / np.maximum(bases, 1) - share)[good]
        # The sums up to `starts` hold its own base, so the window begins behind it.
        start = 1 + int(starts[good][np.argmax(off <= CLOSE) if (off <= CLOSE).any() else off.argmin()])
        fields = {"chromosome": chromosome, "label": "0", "file": "without a peak"}
        name = f"{chromosome}:{start}-{start + length}"
        window = codes[start : start + length].copy()
        yield Record(name, f"matched to {record.where}", fields, {"codes": window})


def bins(peaks: dict[str, Path], options: dict) -> Iterator[Record]:
    """Yield windows around the bins of a genome that a peak of at least one track covers by half; a field for each
    track says whether it does (Zhou and Troyanskaya 2015)."""
    width = options.get("bin", BIN)
    length = options.get("length", 1000)
    with genome_of(peaks, options) as (opened, sizes):
        covered = {name: np.zeros((len(peaks), size // width), np.int32) for name, size in sizes.items()}
        for track, path in enumerate(peaks.values()):
            depth: dict[str, np.ndarray] = {}
            for record, found in lines(path):
                if record.problem or found[0] not in sizes or found[2] > sizes[found[0]]:
                    record.problem = record.problem or f"lies outside the genome: {record.id}"
                    yield record
                    continue
                start = int(record.id.rsplit(":", 1)[1].split("-")[0])
                here = depth.setdefault(found[0], np.zeros(sizes[found[0]] + 1, np.int32))
                here[start] += 1
                here[found[2]] -= 1
            for name, steps in depth.items():
                on = np.cumsum(steps[:-1]) > 0
                whole = sizes[name] // width
                covered[name][track] = on[: whole * width].reshape(whole, width).sum(axis=1)
        for name, counts in covered.items():
            holds = counts * 2 >= width
            chosen = np.flatnonzero(holds.any(axis=0))
            if not len(chosen):
                continue
            windows = genome.windows(genome.chromosome_codes(opened, name), chosen * width + width // 2, length)
            for place, codes in zip(chosen, windows, strict=True):
                fields = {track: str(int(one)) for track, one in zip(peaks, holds[:, place], strict=True)}
                fields["chromosome"] = name
                ident = f"{name}:{place * width}-{(place + 1) * width}"
                yield Record(ident, f"bin {ident}", fields, {"codes": codes})


# ---- shuffles


def wants_shuffled(given) -> bool:
    return given.options.get("negatives", {}).get("kind") == "shuffled"


def shuffled(found: list[Record], per_positive: float) -> list[Record]:
    """Make dinucleotide shuffles of windows, labelled 0; the windows themselves are labelled 1."""
    for record in found:
        record.fields["label"] = "1"
    count = round(len(found) * per_positive)
    codes = np.stack([found[number % len(found)].arrays["codes"] for number in range(count)])
    made = sequences.dinucleotide_shuffle(codes, len(found))
    return [
        Record(f"{one.id}_shuffled", one.where, one.fields | {"label": "0"}, {"codes": row})
        for row, one in zip(made, (found[number % len(found)] for number in range(count)), strict=True)
    ]
