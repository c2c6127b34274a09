"""Variants of one person, called by a trained model of this project from aligned reads: a VCF file.

Candidates and pictures are made as in the model's training, and every candidate gets a record: genotype, quality, and
depths. Records whose likeliest genotype is the reference have the filter RefCall. The BAM or CRAM file must be
indexed, and the FASTA file, where it is packed, by bgzip.
"""

import argparse
import re
from pathlib import Path

import numpy as np

from deepbio.core import command, predicting
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna.reference import read_reference
from deepbio.domains.variation import pileups, variants

PIECE = 20_000  # bases of a region whose reads and pictures are in memory at a time
MOST_READS = 50_000  # of more reads in a piece as many are drawn
PICTURES = 512  # drawn and predicted at a time
MARGIN = 1000  # bases on either side of a piece that its windows and indels may reach to


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("run", help="folder of a run, or of a model alone")
    arguments.add_argument("--bam", required=True, help="aligned reads: .bam or .cram, with its index")
    arguments.add_argument("--fasta", required=True, help="the genome that the reads are aligned to")
    arguments.add_argument("--region", required=True, help="a contig, or CONTIG:START-END as samtools counts (from 1)")
    arguments.add_argument("--bam-contig", help="the contig's name in the BAM file, where it is another one")
    arguments.add_argument(
        "--sample", help="the person, of a file with reads of several; else a name for the one in the VCF file"
    )
    arguments.add_argument("--output", required=True, help="VCF file to write; packed where it ends in .gz")
    given = arguments.parse_args()
    model, facts = load(Path(given.run))
    contig, start, end = parse(given.region)
    whole = read_reference(given.fasta, contig, start, end)
    start, end = whole.first, whole.first + len(whole.text)
    known = pileups.people(given.bam, given.fasta)
    sample = given.sample or (known[0] if len(known) == 1 else None if known else "sample")
    alleles, p, counts = [], [], []
    for low in range(start, end, PIECE):
        high = min(low + PIECE, end)
        reference = read_reference(given.fasta, contig, low - MARGIN, high + MARGIN)
        there = given.bam, given.bam_contig or contig, low - MARGIN, high + MARGIN
        reads = pileups.read_reads(*there, reference, facts["least"], given.fasta, sample, MOST_READS)
        found = pileups.candidates(reads, reference, low, high, facts["least"])
        for first in range(0, len(found), PICTURES):
            some = found[first : first + PICTURES]
            pictures, count, _ = pileups.draw(some, reads, reference, facts)
            asked = {"pileup": pictures, "candidate": np.ones(len(some), np.uint8)}
            p.append(model.predict(Split(asked))["y"])
            alleles += [(contig, *one) for one in some]
            counts.append(count)
    none = np.zeros((0, 3))
    p, counts = (np.concatenate(parts) if parts else none for parts in (p, counts))
    variants.write_vcf(given.output, {contig: whole.length}, sample, alleles, p, counts)


def load(folder):
    """Load the model of a run, and how its pictures are made."""
    name, model = predicting.fitted(folder)
    if "pileup" not in getattr(model, "shape", {}):
        raise BadInput(f"{folder}: {name} does not read pictures of aligned reads")
    return model, model.shape["pileup"]


def parse(region):
    """Parse contig, start and end, 0-based, of a region as samtools reads it: a contig, contig:start-end, or
    contig:start and contig:start- for all from there to the contig's end."""
    found = re.fullmatch(r"(.+?)(?::([\d,]+)(-?)([\d,]*))?", region)
    contig, *edges = found.groups()
    if edges[0] is None:
        return contig, 0, 2**40
    start = int(edges[0].replace(",", "") or 0)
    end = int(edges[2].replace(",", "")) if edges[2].strip(",") else 2**40
    if not 1 <= start <= end:
        raise BadInput(f"--region {region}: {start} to {end} is no region; places count from 1")
    return contig, start - 1, end


if __name__ == "__main__":
    command.run(main)
