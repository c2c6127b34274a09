"""Simulated reads of a diploid genome over a known reference, in a BAM file, and the variants in that genome."""

from array import array
from pathlib import Path

import numpy as np

from deepbio.domains.dna.reference import Reference
from deepbio.domains.dna.sequences import BASES
from deepbio.domains.variation.variants import normal

STRETCH = 300  # bases of a stretch that occurs twice in the genome
GAP = -1  # the position on the reference of an inserted base


def random_reference(contig, length, rng):
    """Simulate a Reference of random bases; a tenth of it are runs of one or two bases, where indels are ambiguous."""
    codes = rng.integers(0, 4, length)
    for start in rng.integers(0, length - 20, length // 120):
        size = rng.integers(4, 13)
        codes[start : start + size] = np.resize(rng.integers(0, 4, rng.integers(1, 3)), size)
    return Reference(contig, "".join(BASES[code] for code in codes))


def plant(reference, facts, rng):
    """Draw variants of a diploid genome: allele → mask of the two haplotypes that have it.

    Variants are not close to each other.

    facts : spacing (mean bases between two), snps (their share), hets (share with one copy)
    """
    found, place, end = {}, reference.first + 150, reference.first + len(reference.text) - 150
    while True:
        place += 20 + int(rng.exponential(max(1, facts["spacing"] - 20)))
        if place >= end:
            return found
        base = reference[place]
        if rng.random() < facts["snps"]:
            # Two of three substitutions are transitions, as in people.
            pair = {"A": "G", "G": "A", "C": "T", "T": "C"}.get(base, "A")
            other = pair if rng.random() < 2 / 3 else BASES[rng.integers(4)]
            ref, alt = base, other
        else:
            size = int(min(12, rng.geometric(0.45)))
            if rng.random() < 0.5:
                # An insertion repeats the bases after it, more often than not.
                new = reference.part(place + 1, place + 1 + size)
                new = new if rng.random() < 0.6 else "".join(BASES[i] for i in rng.integers(0, 4, size))
                ref, alt = base, base + new
            else:
                ref, alt = reference.part(place, place + 1 + size), base
        if ref == alt or set(ref + alt) - set(BASES):
            continue
        allele = normal(place, ref, alt, reference)
        if all(abs(allele[0] - other[0]) > 14 for other in list(found)[-2:]):
            both = rng.random() >= facts["hets"]
            found[allele] = (True, True) if both else ((True, False) if rng.random() < 0.5 else (False, True))


def haplotype(reference, variants, which):
    """Return the codes of one haplotype, and the position on the reference of each of its bases (GAP: inserted)."""
    codes, places, here = [], [], 0
    whole = np.array(
        [BASES.find(base) % 5 for base in reference.text], np.uint8
    )  # a letter that is not a base becomes 4
    for (place, ref, alt), held in sorted(variants.items()):
        if not held[which]:
            continue
        at = place - reference.first
        codes.append(whole[here:at])
        places.append(np.arange(here, at))
        codes.append(np.array([BASES.index(base) for base in alt], np.uint8))
        kept = min(len(ref), len(alt))
        places.append(np.r_[np.arange(at, at + kept), np.full(len(alt) - kept, GAP)])
        here = at + len(ref)
    codes.append(whole[here:])
    places.append(np.arange(here, len(whole)))
    places = np.concatenate(places)
    return np.concatenate(codes), np.where(places == GAP, GAP, places + reference.first)


def write_reads(path, reference, variants, facts, rng):
    """Write a sorted and indexed BAM file of reads of both haplotypes.

    `facts` has these keys:

    depth, length : mean depth, and length of a read.
    quality : mean base quality; a base is wrong with the probability that its quality states.
    low_mapping : share of reads that belong elsewhere; their mapping quality is low, and one base in forty is wrong.
    systematic : share of positions where reads of one strand tend to show the same wrong base, of low quality.
    copied : share of stretches of 300 bases with a copy elsewhere, which differs in one base in forty. Some of the
        reads there come from the copy, and mapping qualities are low.
    """
    import pysam

    length, kept, span = facts["length"], [], len(reference.text)
    # For each position: whether its reads of one strand tend to show a wrong base, which strand and base, how often.
    strange = rng.random(span) < facts["systematic"]
    on_reverse, other = rng.random(span) < 0.5, rng.integers(0, 4, span)
    share = np.where(strange, rng.uniform(0.1, 0.6, span), 0)
    copied = np.repeat(rng.random(span // STRETCH + 1) < facts["copied"], STRETCH)[:span]
    twin = np.where(copied & (rng.random(span) < 0.025), rng.integers(1, 4, span), 0)  # added to a base's code
    for which in (0, 1):
        codes, places = haplotype(reference, variants, which)
        count = rng.poisson(facts["depth"] / 2 * span / length)
        starts = np.sort(rng.integers(0, len(codes) - length, count))
        window = starts[:, None] + np.arange(length)
        bases, place = codes[window], places[window]
        reverse, elsewhere = rng.random(count) < 0.5, rng.random(count) < facts["low_mapping"]
        on = np.where(place == GAP, 0, place - reference.first)
        unsure = copied[on].any(axis=1)
        misplaced = unsure & (rng.random(count) < 0.35)
        bases = np.where(misplaced[:, None] & (place != GAP) & (bases < 4), (bases + twin[on]) % 4, bases)
        cycle = np.where(reverse[:, None], np.arange(length)[::-1], np.arange(length)) / length
        # Qualities fall towards the end of a read and now and then for a stretch of bases.
        mean = facts["quality"] - 12 * cycle**3 + 2 * rng.standard_normal((count, 1))
        quality = mean + 2 * rng.standard_normal((count, length)) - 18 * (rng.random((count, length)) < 0.03)
        quality = np.clip(np.round(quality), 2, 41).astype(np.uint8)
        chance = 10.0 ** (quality / -10.0) + 0.025 * elsewhere[:, None]
        hit = (place != GAP) & (rng.random(place.shape) < share[on]) & (on_reverse[on] == reverse[:, None])
        bases = np.where(hit, other[on], bases)
        quality = np.where(hit, rng.integers(8, 26, place.shape), quality).astype(np.uint8)
        bases = np.where(rng.random(place.shape) < chance, (bases + rng.integers(1, 4, place.shape)) % 4, bases)
        mapping = np.where(rng.random(count) < 0.9, 60, 37)
        mapping = np.where(unsure, rng.integers(20, 61, count), mapping)
        mapping = np.where(elsewhere | misplaced, rng.integers(0, 50, count), mapping)
        fragment = np.clip(rng.normal(350, 60, count), length, None).astype(int)
        for row in range(count):
            laid = _cigar(place[row])
            if laid:
                kept.append((laid[0], bases[row], quality[row], laid[1], reverse[row], mapping[row], fragment[row]))
    kept.sort(key=lambda one: one[0])
    names = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": reference.contig, "LN": reference.length}]}
    header = pysam.AlignmentHeader.from_dict(names | {"RG": [{"ID": "1", "SM": "simulated"}]})
    letters = np.frombuffer((BASES + "N").encode(), np.uint8)
    with pysam.AlignmentFile(str(path), "wb", header=header) as handle:
        for number, (start, bases, quality, cigar, reverse, mapping, fragment) in enumerate(kept):
            read = pysam.AlignedSegment(header)
            read.query_name, read.flag = f"read{number}", 16 if reverse else 0
            read.reference_id, read.reference_start, read.mapping_quality = 0, int(start), int(mapping)
            read.cigartuples = cigar
            read.query_sequence = letters[np.minimum(bases, 4)].tobytes().decode()
            read.query_qualities = array("B", quality.tobytes())
            read.template_length = int(-fragment if reverse else fragment)
            read.set_tag("RG", "1")
            handle.write(read)
    pysam.index(str(path))


def _cigar(place, edge=5):
    """Return start on the reference and CIGAR tuples of a read whose bases have these positions.

    Blocks of fewer than `edge` bases outside the outermost indels are clipped, because an aligner would not find them.
    The result is None where no block remains.
    """
    cuts = np.flatnonzero(np.diff(place) != 1) + 1
    blocks = [block for block in np.split(np.arange(len(place)), cuts) if place[block[0]] != GAP]
    while blocks and len(blocks[0]) < edge:
        blocks.pop(0)
    while blocks and len(blocks[-1]) < edge:
        blocks.pop()
    if not blocks:
        return None
    cigar = [(4, blocks[0][0]), (0, len(blocks[0]))]
    for before, block in zip(blocks[:-1], blocks[1:], strict=True):
        cigar += [(1, block[0] - before[-1] - 1), (2, place[block[0]] - place[before[-1]] - 1), (0, len(block))]
    cigar.append((4, len(place) - 1 - blocks[-1][-1]))
    return int(place[blocks[0][0]]), [(kind, int(size)) for kind, size in cigar if size]


def simulate(reference, facts, folder, rng):
    """Simulate reads: path of a BAM file, and the variants in them as allele → number of copies."""
    variants = plant(reference, facts, rng)
    path = Path(folder) / "simulated.bam"
    write_reads(path, reference, variants, facts, rng)
    return path, {allele: int(sum(held)) for allele, held in variants.items()}
