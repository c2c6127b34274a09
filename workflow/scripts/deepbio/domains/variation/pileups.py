"""Reads of a BAM file, the candidate alleles in them, and images of reads over an allele (Poplin et al. 2018).

An image is uint8 (channels, rows, width), with the allele's position in the middle column. The first REFERENCE_ROWS
rows are the reference; the others are one read each, in the order of their starts. Pixels without a read are 0.
Channels: base, base quality, mapping quality, strand, whether the read shows the allele, whether the base differs from
the reference, and the length of the read's fragment (the seventh, which later releases added). Pixel values are those
of the authors' published code (release 0.4).
"""

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences
from deepbio.domains.variation.variants import is_snp, normal

REFERENCE_ROWS = 5
CHANNELS = ("base", "base quality", "mapping quality", "strand", "shows the allele", "differs", "fragment length")
LEFT_OUT = 0xF04  # flags: not mapped, secondary, failed, duplicate, supplementary
DELETED, NOTHING = 5, 6  # beside the codes of bases
SHADES = np.array([250, 30, 180, 100, 0, 0, 0], np.uint8)  # A, C, G, T, unknown, deleted, no read
FULL, REST, FORWARD, REVERSE, SAME = 254, 152, 70, 240, 50
LONGEST_DELETION = 1000  # a longer one splits a read, as a region skipped by splicing does
MOST_QUALITY, MOST_MAPPING, MOST_FRAGMENT = 40, 60, 1000
FEATURES = (
    *("reads", "reads with the allele", "share of reads", "base quality with", "base quality without"),
    *("mapping quality with", "mapping quality without", "reverse strand with", "reverse strand without"),
    *("distance from the read's end", "bases inserted", "bases deleted", "run of one base after it"),
)


class Reads:
    """Aligned reads (n) of a region.

    start, stop : (n,) 0-based
    mapping, reverse, fragment : (n,) mapping quality, strand, length of the fragment
    base, quality : (n, span) uint8, over positions on the reference from each read's start
    indels : allele → indices of the reads that show it
    """

    def __init__(self, found, indels):
        columns = list(zip(*[one[:5] for one in found], strict=True)) or [()] * 5
        self.start, self.stop = (np.array(column, np.int64) for column in columns[:2])
        self.mapping, self.reverse, self.fragment = (np.array(column, np.int64) for column in columns[2:])
        span = max([1, *(len(one[5]) for one in found)])
        self.base = np.full((len(found), span), NOTHING, np.uint8)
        self.quality = np.zeros((len(found), span), np.uint8)
        for row, one in enumerate(found):
            self.base[row, : len(one[5])] = one[5]
            self.quality[row, : len(one[6])] = one[6]
        self.indels = indels
        self.longest = int((self.stop - self.start).max()) if len(found) else 0
        self.anchors = np.zeros(self.base.shape, bool)  # whether an indel begins behind a read's base
        for (place, _, _), rows in indels.items():
            rows = np.array(rows)
            at = place - self.start[rows]
            good = (at >= 0) & (at < span)
            self.anchors[rows[good], at[good]] = True

    def __len__(self):
        return len(self.start)

    def over(self, start, stop):
        """Return the indices of the reads that overlap a stretch, in the order of their starts."""
        low, high = np.searchsorted(self.start, [start - self.longest, stop])
        return low + np.flatnonzero(self.stop[low:high] > start)

    def at(self, rows, places):
        """Return base, quality and whether an indel is anchored, each (rows, places), of some reads at some
        positions."""
        column = np.asarray(places)[None] - self.start[rows][:, None]
        good = (column >= 0) & (column < self.base.shape[1])
        column = np.where(good, column, 0)
        base = np.where(good, self.base[rows[:, None], column], NOTHING)
        return base, np.where(good, self.quality[rows[:, None], column], 0), good & self.anchors[rows[:, None], column]


def copy_reads(path, contig, start, end, reference, target):
    """Write the reads of a region to the indexed BAM file `target`, in which the contig has the reference's name."""
    import pysam

    with _opened(path, contig) as opened:
        about = opened.header.to_dict()
        facts = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": reference.contig, "LN": reference.length}]}
        header = pysam.AlignmentHeader.from_dict(facts | {"RG": about.get("RG", [])})
        with pysam.AlignmentFile(str(target), "wb", header=header) as handle:
            for read in opened.fetch(contig, max(0, start), end):
                fields = read.to_dict() | {"ref_name": reference.contig}
                fields["next_ref_name"] = "=" if read.next_reference_id == read.reference_id else "*"
                handle.write(pysam.AlignedSegment.from_dict(fields, header))
    pysam.index(str(target))


@contextmanager
def _opened(path, contig, fasta=None, length=None, person=None):
    """Open an indexed BAM or CRAM file that has `contig`; errors in reading it become BadInput.

    An index that is older than its file is made anew in a temporary folder. `fasta` is the reference of a CRAM file.
    Raises BadInput where the contig has another `length` in the file's header, and where the file has reads of several
    people and `person` is none of them.
    """
    import pysam

    path = Path(path)
    with text.readable(path), tempfile.TemporaryDirectory() as scratch:
        with open(path, "rb"):
            pass
        index = _index(path, Path(scratch))
        level = pysam.set_verbosity(0)
        try:
            with pysam.AlignmentFile(
                str(path), index_filename=str(index), reference_filename=str(fasta) if fasta else None
            ) as opened:
                if contig not in opened.references:
                    raise BadInput(f"{path}: no contig '{contig}'; it has {', '.join(opened.references[:25])}")
                if length and opened.get_reference_length(contig) != length:
                    raise BadInput(
                        f"{path}: contig '{contig}' has {opened.get_reference_length(contig)} bases in the header, and "
                        f"{length} in the FASTA file: the reads are aligned to another genome"
                    )
                people = sorted({group.get("SM", "") for group in opened.header.to_dict().get("RG", [])} - {""})
                if len(people) > 1 and person not in people:
                    raise BadInput(f"{path}: reads of {len(people)} people ({', '.join(people)}); name one of them")
                yield opened
        except (OSError, ValueError) as error:
            if isinstance(error, BadInput) or getattr(error, "errno", None) in text.OF_MACHINE:
                raise
            hint = " (a CRAM file needs the FASTA file that it was made with)" if path.suffix == ".cram" else ""
            raise BadInput(f"{path}: not readable as an indexed BAM or CRAM file: {error}{hint}") from None
        finally:
            pysam.set_verbosity(level)


def _index(path, scratch):
    """Find the index beside a BAM or CRAM file, or make one in `scratch` if all are older than the file."""
    import pysam

    made = path.stat().st_mtime_ns
    for name in (f"{path}.bai", f"{path}.csi", f"{path}.crai", path.with_suffix(".bai"), path.with_suffix(".crai")):
        if Path(name).exists() and Path(name).stat().st_mtime_ns >= made:
            return name
    with open(path, "rb") as handle:
        kind = "crai" if handle.read(4) == b"CRAM" else "bai"
    index = scratch / f"reads.{kind}"
    try:
        pysam.index("-o", str(index), str(path))
    except pysam.SamtoolsError as error:
        said = re.sub(r".*stderr=", "", str(error)).strip("'\\n ")
        raise BadInput(
            f"{path}: not readable as a BAM or CRAM file that can be indexed (are the reads sorted by place?): {said}"
        ) from None
    return index


def people(path, fasta=None):
    """Read the names of the people in a BAM or CRAM file from its read groups (SM)."""
    import pysam

    with text.readable(path):
        level = pysam.set_verbosity(0)
        try:
            with pysam.AlignmentFile(
                str(path), reference_filename=str(fasta) if fasta else None, check_sq=False
            ) as opened:
                groups = opened.header.to_dict().get("RG", [])
        except (OSError, ValueError) as error:
            raise BadInput(f"{path}: not readable as a BAM or CRAM file: {error}") from None
        finally:
            pysam.set_verbosity(level)
    return sorted({group.get("SM", "") for group in groups} - {""})


def read_reads(path, contig, start, end, reference, least, fasta=None, person=None, most=None):
    """Read the Reads of a region of a BAM or CRAM file, with indels in their normal form.

    Left out are duplicate, secondary, supplementary and failed reads, reads of a mapping quality below
    least["mapping"], and reads of somebody other than `person`. Indels within bases of a quality below least["base"]
    are not noted. A spliced read is split at skipped regions, so that no read is longer than its bases. Of more than
    `most` reads, `most` are drawn, the same ones each time.
    """
    found, indels, forms = [], {}, {}
    with _opened(path, contig, fasta, reference.length if fasta else None, person) as opened:
        groups = {one["ID"]: one.get("SM") for one in opened.header.to_dict().get("RG", [])}
        several = len(set(groups.values())) > 1
        kept = _sample(opened, contig, start, end, most) if most else None
        for number, read in enumerate(opened.fetch(contig, max(0, start), end), 1):
            if read.flag & LEFT_OUT or read.mapping_quality < least["mapping"] or not read.cigartuples:
                continue
            if kept is not None and number not in kept:
                continue
            if several and person and groups.get(read.get_tag("RG") if read.has_tag("RG") else None) != person:
                continue
            if read.query_sequence is None or read.query_qualities is None:
                raise BadInput(f"{path}: read {number} ('{read.query_name}') has no bases or no qualities")
            for whole, events in _lay(read, reference):
                if whole[1] <= start or whole[0] >= end:
                    continue
                for *event, worst in events:
                    event = tuple(event)
                    if event not in forms:
                        forms[event] = normal(*event, reference)
                    if worst >= least["base"]:
                        indels.setdefault(forms[event], []).append(len(found))
                found.append(whole)
    # Parts of spliced reads may begin behind the reads that follow.
    order = sorted(range(len(found)), key=lambda i: found[i][0])
    place = {old: new for new, old in enumerate(order)}
    return Reads([found[i] for i in order], {key: [place[i] for i in rows] for key, rows in indels.items()})


def _sample(opened, contig, start, end, most):
    """Draw the numbers of `most` random reads of a region; None where there are no more."""
    count = opened.count(contig, max(0, start), end)
    if count <= most:
        return None
    return set((np.random.default_rng(max(0, start)).permutation(count)[:most] + 1).tolist())


def _lay(read, reference):
    """Align one read to positions of the reference, in parts where it skips a region.

    Returns for each part (start, stop, mapping, reverse, fragment, bases, qualities), and its indels as (place, ref,
    alt, lowest base quality).
    """
    codes = sequences.encode([read.query_sequence])[0]
    quality = np.frombuffer(read.query_qualities, np.uint8)
    about = min(read.mapping_quality, 254), read.is_reverse, abs(read.template_length)
    bases, qualities, events = [], [], []
    here, at = 0, read.reference_start
    start, parts = at, []

    def close():
        if bases:
            flat = [np.concatenate(pieces) for pieces in (bases, qualities)]
            parts.append(((start, at, *about, *flat), list(events)))
        for pieces in (bases, qualities, events):
            pieces.clear()

    for kind, size in read.cigartuples:
        if kind in (0, 7, 8):
            bases.append(codes[here : here + size])
            qualities.append(quality[here : here + size])
        elif kind in (1, 2) and bases and reference.first < at < reference.first + len(reference.text) - size:
            # Only behind the first aligned base: an indel at the beginning of a read is uncertain.
            anchor = reference[at - 1]
            worst = quality[here - 1 : here + (size if kind == 1 else 1)].min()
            if kind == 1:
                event = anchor, anchor + read.query_sequence[here : here + size].upper()
            else:
                event = reference.part(at - 1, at + size), anchor
            if not set("".join(event)) - set("ACGT"):
                events.append((at - 1, *event, worst))
        if kind == 3 or (kind == 2 and size > LONGEST_DELETION):
            close()
            start = at + size
        elif kind == 2:
            bases.append(np.full(size, DELETED, np.uint8))
            qualities.append(np.full(size, quality[max(0, here - 1)], np.uint8))
        here += size if kind in (0, 1, 4, 7, 8) else 0
        at += size if kind in (0, 2, 3, 7, 8) else 0
    close()
    return parts


# ---- candidates


def candidates(reads, reference, start, end, least):
    """Return the candidate alleles of a region, in order.

    At least least["reads"] reads show a candidate, and at least the share least["share_snp"] or least["share_indel"] of
    the reads that cover its position. Only bases of a quality of at least least["base"] count.
    """
    codes = sequences.encode([reference.text])[0]
    place = reads.start[:, None] + np.arange(reads.base.shape[1])
    there = place - reference.first
    good = (reads.base <= DELETED) & (reads.quality >= least["base"]) & (there >= 0) & (there < len(codes))
    depth = np.bincount(there[good], minlength=len(codes))
    off = good & (reads.base < 4)
    off[off] = reads.base[off] != codes[there[off]]
    off[off] = codes[there[off]] < 4
    key, count = np.unique(there[off] * 4 + reads.base[off], return_counts=True)
    enough = (count >= least["reads"]) & (count >= least["share_snp"] * depth[key // 4])
    found = [
        (reference.first + int(one // 4), reference.text[one // 4], sequences.BASES[one % 4]) for one in key[enough]
    ]
    for allele, rows in reads.indels.items():
        at = allele[0] - reference.first
        count = len(set(rows))
        if 0 <= at < len(codes) and count >= max(least["reads"], least["share_indel"] * depth[at]):
            found.append(allele)
    return sorted(allele for allele in found if start <= allele[0] < end)


class Site:
    """The reads over one allele: their indices, and which of them show the allele."""

    def __init__(self, allele, reads, reference):
        place, ref, _ = allele
        self.allele, self.reads, self.reference = allele, reads, reference
        self.rows = reads.over(place, place + len(ref))
        base, self.quality, _ = (values[:, 0] for values in reads.at(self.rows, [place]))
        if is_snp(allele):
            self.shows = base == sequences.BASES.index(allele[2])
            self.plain = base == (sequences.BASES + "N").find(ref)
        else:
            self.shows = np.isin(self.rows, reads.indels.get(allele, ()))
            self.plain = (base < 4) & ~self.shows

    def counts(self, least):
        """Count reads that show the reference, the allele, and either, with a base of a quality of at least `least`."""
        sure = self.quality >= least
        return [(self.plain & sure).sum(), (self.shows & sure).sum(), ((self.plain | self.shows) & sure).sum()]

    def features(self):
        """Compute numbers (FEATURES) of a site for methods that do not use images."""
        reads, rows, shows = self.reads, self.rows, self.shows
        place, ref, alt = self.allele
        edge = np.minimum(place - reads.start[rows], reads.stop[rows] - 1 - place)
        after = self.reference.part(place + 1, place + 21)
        values = [len(rows), shows.sum(), shows.mean() if len(rows) else 0]
        for column in (self.quality, reads.mapping[rows], reads.reverse[rows]):
            values += [column[part].mean() if part.any() else -1 for part in (shows, ~shows)]
        values += [edge[shows].mean() if shows.any() else -1, len(alt) - 1, len(ref) - 1]
        return [*values, len(after) - len(after.lstrip(after[0]))]

    def picture(self, rows, width, channels):
        """Draw the image (channels, rows, width) of the site; of more reads than rows, a random sample is drawn."""
        place, most = self.allele[0], rows - REFERENCE_ROWS
        chosen = np.arange(len(self.rows))
        if len(chosen) > most:  # the same reads whenever the site is drawn
            chosen = np.sort(np.random.default_rng(place).choice(len(chosen), most, replace=False))
        reads, numbers = self.reads, self.rows[chosen]
        places = np.arange(place - width // 2, place - width // 2 + width)
        truth = sequences.encode([self.reference.part(places[0], places[-1] + 1)])[0]
        base, quality, anchored = reads.at(numbers, places)
        there = base != NOTHING
        each = (
            SHADES[base],
            FULL * np.minimum(quality, MOST_QUALITY).astype(int) // MOST_QUALITY,
            (FULL * np.minimum(reads.mapping[numbers], MOST_MAPPING) // MOST_MAPPING)[:, None],
            np.where(reads.reverse[numbers], REVERSE, FORWARD)[:, None],
            np.where(self.shows[chosen], FULL, REST)[:, None],
            np.where((base != truth) | anchored, FULL, SAME),
            (FULL * np.minimum(reads.fragment[numbers], MOST_FRAGMENT) // MOST_FRAGMENT)[:, None],
        )
        found = np.zeros((channels, rows, width), np.uint8)
        for channel, (values, above) in enumerate(
            zip(each[:channels], (SHADES[truth], FULL, FULL, FORWARD, REST, SAME, FULL)[:channels], strict=True)
        ):
            found[channel, :REFERENCE_ROWS] = above
            found[channel, REFERENCE_ROWS : REFERENCE_ROWS + len(numbers)] = np.where(there, values, 0)
        return found


def draw(alleles, reads, reference, facts):
    """Draw images (n, channels, rows, width) of some alleles, with counts (n, 3) and features (n, FEATURES).

    `facts`: rows, width, channels, and `least` as in `candidates`.
    """
    shape = facts["channels"], facts["rows"], facts["width"]
    pictures = np.zeros((len(alleles), *shape), np.uint8)
    counts, x = np.zeros((len(alleles), 3), np.int32), np.zeros((len(alleles), len(FEATURES)), np.float32)
    for number, allele in enumerate(alleles):
        site = Site(allele, reads, reference)
        pictures[number] = site.picture(facts["rows"], facts["width"], facts["channels"])
        counts[number], x[number] = site.counts(facts["least"]["base"]), site.features()
    return pictures, counts, x
