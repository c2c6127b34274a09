"""Small variants: a normal form for alleles, reading and writing VCF files, and bcftools' calls from the same reads.

An allele is (place, ref, alt): the 0-based position of the first base of `ref`, in upper case, left-aligned and as
short as possible (Tan, Abecasis and Kang 2015). So alleles are equal if two callers write one change in two ways.
"""

import os
import tempfile
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput, atomic
from deepbio.domains.dna.sequences import AMBIGUOUS

GENOTYPES = ("hom-ref", "het", "hom-alt")
MOST_PHRED = 99  # qualities above this are written as this
ABSENT = (1.0, 0.0, 0.0)  # genotype probabilities of an allele that a caller does not report


def normal(place, ref, alt, reference):
    """Return an allele in its normal form."""
    ref, alt = ref.upper(), alt.upper()
    while True:
        if ref and alt and ref[-1] == alt[-1] and max(len(ref), len(alt)) > 1:
            ref, alt = ref[:-1], alt[:-1]
        elif not (ref and alt):
            if place == reference.first:  # there is no base before it for an anchor
                base = reference[place + len(ref)]
                return place, ref + base, alt + base
            place -= 1
            ref, alt = reference[place] + ref, reference[place] + alt
        else:
            break
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        place, ref, alt = place + 1, ref[1:], alt[1:]
    return place, ref, alt


def is_snp(allele):
    """Tell whether an allele is a SNP."""
    return len(allele[1]) == len(allele[2]) == 1


# ---- VCF files


def records(path, start=None, end=None, contig=None, whole=True):
    """Yield the number and the record of each line of a VCF file, packed or not, or of a BCF file.

    With `whole` each record is checked to be text. Who reads thousands of people and skips most records checks those
    that are read; of the others only position, names and alleles are checked.

    Raises BadInput where the file cannot be read, or has no record on `contig`.
    """
    import pysam

    number, seen = 0, False
    with text.readable(path), tempfile.TemporaryDirectory() as scratch:
        plain = _for_htslib(path, scratch)
        level = pysam.set_verbosity(0)  # htslib's warnings about a header's types do not help our users
        try:
            with pysam.VariantFile(str(plain)) as variants:
                list(variants.header.samples)  # names that are no text are found before the records are read
                for number, record in enumerate(variants, 1):
                    if whole:
                        str(record)  # a record that cannot be written as text cannot be used either
                    else:
                        _ = record.chrom, record.id, record.alleles
                    if contig is not None and record.chrom != contig:
                        continue
                    seen = True
                    if (start is None or record.start >= start) and (end is None or record.start < end):
                        yield number, record
        except (OSError, ValueError, UnicodeDecodeError) as error:
            if isinstance(error, BadInput) or getattr(error, "errno", None) in text.OF_MACHINE:
                raise
            said = _htslib_says(plain) or str(error).replace(str(plain), "the file")
            raise BadInput(f"{path}: record {number + 1}: not readable as VCF: {said}") from None
        finally:
            pysam.set_verbosity(level)
    if contig is not None and not seen:
        raise BadInput(f"{path}: no record on '{contig}'; are its contigs named in another way?")


def _htslib_says(path):
    """Return htslib's own message about a VCF file that it cannot read; pysam has one message for all errors.

    htslib writes it to the standard error. The result is empty where there is no message. Raises nothing.
    """
    import pysam

    with tempfile.TemporaryFile() as handle:
        kept = os.dup(2)
        os.dup2(handle.fileno(), 2)
        level = pysam.set_verbosity(3)
        try:
            with pysam.VariantFile(str(path)) as variants:
                for record in variants:
                    str(record)
        except (OSError, ValueError):
            pass
        finally:
            pysam.set_verbosity(level)
            os.dup2(kept, 2)
            os.close(kept)
        handle.seek(0)
        lines = handle.read().decode("utf-8", "replace").splitlines()
    errors = [line.partition("] ")[2] for line in lines if line.startswith("[E::")]
    return errors[0].replace(str(path), "the file") if errors else ""


def _for_htslib(path, scratch):
    """Return the file itself, or an unpacked copy where htslib cannot read it.

    It cannot read gzip other than bgzip, zstd, xz, and text with a byte-order mark.
    """
    with open(path, "rb") as handle:
        head = handle.read(16)
    if head.startswith((b"##fileformat", b"BCF")) or (head[:2] == b"\x1f\x8b" and head[12:14] == b"BC"):
        text.open_bytes(path).close()  # a file of bgzip that lacks its end was cut
        return path
    plain = Path(scratch) / "variants.vcf"
    text.copy_plain(path, plain)
    return plain


def same_reference(there, wanted):
    """Tell whether a record's reference allele is the sequence of the genome.

    VCF 4.3 (section 1.6.1) requires the alphabetically first base where the genome has an ambiguous letter. N in either
    is any base.
    """
    there, wanted = there.upper(), wanted.upper()
    return len(there) == len(wanted) and all(
        one == other or "N" in (one, other) or other in AMBIGUOUS.get(one, "") or one in AMBIGUOUS.get(other, "")
        for one, other in zip(there, wanted, strict=True)
    )


def copies(record, where):
    """Count the copies of each alternative allele in the file's only sample.

    Raises BadInput for several samples, and for a genotype without two known alleles.
    """
    if len(record.samples) != 1:
        raise BadInput(f"{where}: {len(record.samples)} samples; one is expected")
    genotype = record.samples[0].get("GT")
    if genotype is None or len(genotype) != 2 or None in genotype:
        raise BadInput(f"{where}: a genotype (GT) with two known alleles is expected")
    return [genotype.count(number) for number in range(1, len(record.alleles))]


def read_truth(path, contig, reference, start, end):
    """Read allele → number of copies (1 or 2) of all records that passed the filters in a region of a VCF file.

    The file has one sample. Raises BadInput where a record's reference allele is not that of the genome.
    """
    found = {}
    for number, record in records(path, start, end, contig):
        where = f"{path}: record {number} ({record.chrom}:{record.pos})"
        if set(record.filter.keys()) - {"PASS"}:
            continue
        if not same_reference(reference.part(record.start, record.stop), record.ref):
            holds = reference.part(record.start, record.stop)
            raise BadInput(f"{where}: the genome holds '{holds}' there, not '{record.ref}'")
        for alternative, count in zip(record.alts or (), copies(record, where), strict=True):
            if count and not set(alternative.upper()) - set("ACGT"):
                allele = normal(record.start, record.ref, alternative, reference)
                found[allele] = min(2, found.get(allele, 0) + count)
    return found


def read_intervals(path, contig):
    """Read start and end (n, 2) of the intervals of a BED file on one contig."""
    from deepbio.domains.dna.genome import read_bed

    frame = read_bed(path)
    frame = frame[frame["chrom"] == contig]
    return frame[["start", "end"]].to_numpy(int)


def inside(places, intervals):
    """Return for each position (n,) whether it lies in one of the intervals (k, 2): uint8."""
    places, intervals = np.asarray(places, int), np.asarray(intervals, int).reshape(-1, 2)
    if not len(places):
        return np.zeros(0, np.uint8)
    return ((places[:, None] >= intervals[:, 0]) & (places[:, None] < intervals[:, 1])).any(axis=1).astype(np.uint8)


def bcftools_calls(bam, fasta, reference, start, end, folder):
    """Call variants in a region with `bcftools mpileup | bcftools call -m`.

    Returns allele → probabilities of 0, 1 and 2 copies. The commands are those of pysam, with their defaults; `bam`
    names its contig as `fasta` does. The probabilities are bcftools' own posterior ones (GP); for a record with several
    alleles they are summed for each allele.
    """
    from pysam import bcftools

    piled, called = str(Path(folder) / "piled.bcf"), str(Path(folder) / "called.bcf")
    region = f"{reference.contig}:{start + 1}-{end}"
    bcftools.mpileup("-f", str(fasta), "-r", region, "-Ou", "-o", piled, str(bam), catch_stdout=False)
    bcftools.call("-mv", "-a", "GQ,GP", "-Ob", "-o", called, piled, catch_stdout=False)
    found = {}
    for number, record in records(called, start, end):
        count = copies(record, f"bcftools: record {number} ({record.chrom}:{record.pos})")
        p = np.array(record.samples[0]["GP"], float)
        # The order of VCF: 00, 01, 11, 02, 12, 22, …
        pairs = [(i, j) for j in range(len(record.alleles)) for i in range(j + 1)]
        for allele, alternative in enumerate(record.alts, 1):
            if count[allele - 1]:
                share = [sum(q for q, pair in zip(p, pairs, strict=True) if pair.count(allele) == n) for n in range(3)]
                key = normal(record.start, record.ref, alternative, reference)
                found[key] = np.array(share) / sum(share)
    return found


# ---- calls


def phred(error):
    """Compute -10 log10 of an error probability, at most MOST_PHRED."""
    return np.minimum(-10 * np.log10(np.maximum(np.asarray(error, float), 1e-30)), MOST_PHRED)


def quality(p):
    """Compute GQ of each row of genotype probabilities (n, 3): -10 log10 (1 - the largest).

    1 - the largest is computed as the sum of the others, which is exact where the largest is close to 1.
    """
    p = np.sort(np.asarray(p, float), axis=1)
    return phred(p[:, :-1].sum(axis=1) / p.sum(axis=1))


def precision_recall(y, p, missed=0):
    """Compute recall and precision of the alleles called, (calls,) each, in the order of decreasing genotype
    quality."""
    gq, made = quality(p), np.asarray(p).argmax(axis=1)
    order = np.argsort(-gq, kind="stable")
    order = order[made[order] > 0]
    right = np.cumsum(y[order] > 0)
    # Calls of one quality come together.
    last = np.r_[gq[order][1:] != gq[order][:-1], True][: len(order)]
    total = max((y > 0).sum() + missed, 1)
    return (right / total)[last], (right / np.arange(1, len(order) + 1))[last]


def merge(alleles, p):
    """Merge alleles that begin at one position into one record: (place, ref, alts, genotypes, probabilities).

    `p` (alleles, 3): probabilities of 0, 1 and 2 copies of each. A genotype's probability is the product of the
    alleles' probabilities of their numbers of copies in it, normalised to a sum of 1. Genotypes are in the order of
    VCF.
    """
    place = alleles[0][0]
    ref = max((one[1] for one in alleles), key=len)
    alts = [alt + ref[len(short) :] for _, short, alt in alleles]
    pairs = sorted(combinations_with_replacement(range(len(alts) + 1), 2), key=lambda pair: pair[::-1])
    weight = [np.prod([p[a][pair.count(a + 1)] for a in range(len(alts))]) for pair in pairs]
    return place, ref, alts, pairs, np.array(weight) / max(sum(weight), 1e-300)


def plain(allele):
    """Write an allele in A, C, G, T and N, as VCF requires.

    An ambiguous letter becomes the alphabetically first base that it stands for.
    """
    return "".join(base if base == "N" else AMBIGUOUS.get(base, "N")[0] for base in allele)


HEADER = """##fileformat=VCFv4.2
##source=deepbio-bench
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=RefCall,Description="The most probable genotype is the reference">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="-10 log10 of the probability that the genotype is wrong">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads that cover the place">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">
##FORMAT=<ID=VAF,Number=A,Type=Float,Description="Share of reads of each alternative allele">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled probabilities of the genotypes, the best one 0">
"""


def write_vcf(path, contigs, sample, alleles, p, counts):
    """Write VCF 4.2 of a method's predictions for some alleles, packed where the name ends in .gz; records are sorted.

    contigs : name → length
    alleles : list of (contig, place, ref, alt)
    p : (n, 3) genotype probabilities
    counts : (n, 3) reads of the reference, of the alternative allele, and of any allele

    Alleles at one position become one record. QUAL is the phred-scaled probability that nothing varies; sites where
    this is most likely are RefCall.
    """
    order = {name: number for number, name in enumerate(contigs)}
    sites = {}
    for number, (contig, place, _, _) in enumerate(alleles):
        sites.setdefault((order[contig], place), []).append(number)
    lines = [HEADER]
    lines += [f"##contig=<ID={name},length={length}>\n" for name, length in contigs.items()]
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n")
    for (_, place), members in sorted(sites.items()):
        contig = alleles[members[0]][0]
        _, ref, alts, pairs, found = merge([alleles[i][1:] for i in members], np.asarray(p)[members])
        ref, alts = plain(ref), [plain(alt) for alt in alts]
        best = int(found.argmax())
        scaled = phred(found)
        depth = max(int(counts[i][2]) for i in members)
        own = [int(counts[i][1]) for i in members]
        total = max(depth, 1)
        fields = [
            "/".join(map(str, pairs[best])),
            f"{quality(found[None])[0]:.0f}",
            str(depth),
            ",".join(map(str, [max(0, min(int(counts[i][0]) for i in members)), *own])),
            ",".join(f"{one / total:.4g}" for one in own),
            ",".join(f"{one:.0f}" for one in scaled - scaled[best]),
        ]
        verdict = "PASS" if best else "RefCall"
        line = [contig, place + 1, ".", ref, ",".join(alts), f"{phred(found[0]):.1f}", verdict, "."]
        lines.append("\t".join(map(str, [*line, "GT:GQ:DP:AD:VAF:PL", ":".join(fields)])) + "\n")
    with atomic(path) as temporary:
        if str(path).endswith(".gz"):
            import pysam

            with pysam.BGZFile(str(temporary), "w") as handle:
                handle.write("".join(lines).encode())
        else:
            temporary.write_text("".join(lines))
