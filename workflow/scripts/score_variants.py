"""Effects of the variants of a VCF file, as a trained sequence model of this project sees them.

For every alternative allele the window around the variant is predicted with the reference and with the alternative
sequence, on both strands, and each output's change is written: the change of log odds for probabilities (Zhou and
Troyanskaya 2015, "log fold change of odds"), the difference for numbers. The window keeps its length around an
insertion or deletion. Alleles without a sequence (<DEL>, *) get a row that says so. A reference allele that is not
what the genome holds is an error which names the record.

A model of expression reads the region around a gene's start on the gene's strand: with --genes there is a row for
every gene whose region the variant lies in, with its distance from the start, and the change of log expression
(Zhou et al. 2018).
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy.special import logit

from deepbio.core import command, predicting, text
from deepbio.core.data import Split
from deepbio.core.files import BadInput, atomic
from deepbio.domains.dna import genome, sequences
from deepbio.domains.variation import variants

BATCH = 1024  # windows predicted at a time
SURE = 1e-6  # probabilities nearer to 0 or 1 than this count as this


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("run", help="folder of a run, or of a model alone")
    arguments.add_argument("--vcf", required=True, help="variants: .vcf, .vcf.gz or .bcf")
    arguments.add_argument("--fasta", required=True, help="the genome that the variants refer to, plain or .gz")
    arguments.add_argument("--genes", help="BED file of transcripts with name and strand, for a model of expression")
    arguments.add_argument("--output", required=True, help="tab-separated table to write")
    given = arguments.parse_args()
    model, shape, names = load(Path(given.run))
    if ("tss" in shape) != bool(given.genes):
        wants = "reads regions around genes: say where they start by --genes" if "tss" in shape else "knows no genes"
        raise BadInput(f"{given.run}: this model {wants}")
    with (
        genome.open_genome(given.fasta) as opened,
        atomic(given.output) as temporary,
        text.writing(temporary) as handle,
    ):
        places = Genes(given.genes, shape, opened) if given.genes else Windows(shape["length"])
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["chrom", "pos", "id", "ref", "alt", *places.columns, "note", *names])
        for rows, codes in batches(alleles(given.vcf, opened, places)):
            effects = iter(places.effects(model, codes, shape)) if len(codes) else iter(())
            for row in rows:
                values = [""] * len(names) if row[-1] else [f"{value:.6g}" for value in next(effects)]
                writer.writerow([*row, *values])


def load(folder):
    """Load the model of a run, the shape of its data, and the names of its outputs."""
    name, model = predicting.fitted(folder)
    shape = getattr(model, "shape", {})
    if "length" not in shape:
        raise BadInput(f"{folder}: {name} is no network over DNA")
    if "genes" in shape:
        raise BadInput(f"{folder}: {name} reads a sample's expression too, which no VCF file holds")
    names = shape.get("features") or [f"output{i + 1}" for i in range(shape["outputs"])]
    return model, shape, names


class Windows:
    """One window for every variant, whose first base stands in the middle."""

    columns = ()

    def __init__(self, length):
        self.length = length

    def of(self, record):
        """List (fields of the table, centre, whether it is read on the other strand) of all positions a record is seen
        from."""
        return [((), record.start, False)]

    def effects(self, model, codes, shape):
        """Compute the effects (alleles, outputs) of windows that come in pairs, reference first; the mean over both
        strands.

        Of a model of coverage, whose outputs are tracks along bins, the sum over the bins (Kelley et al. 2018).
        """
        both = np.concatenate([codes, sequences.reverse_complement(codes)])
        predicted = model.predict(Split({"codes": both}, {"input": "sequence"}))["y"].astype(float)
        if shape["kind"] != "regression":
            predicted = logit(np.clip(predicted, SURE, 1 - SURE))
        predicted = (predicted[: len(codes)] + model.turned(predicted[len(codes) :])) / 2
        change = predicted[1::2] - predicted[0::2]
        return change.sum(axis=1) if change.ndim == 3 else change


class Genes:
    """One region for every gene that a variant lies near, as tasks/expression_from_sequence.py cuts them."""

    columns = ("gene", "distance")

    def __init__(self, path, shape, opened):
        self.length, self.tss = shape["length"], shape["tss"]
        self.context = {key: shape[key] for key in ("tss", "bin")}
        self.known = dict(list(genome.read_genes(path).groupby("chrom")))
        if not self.known.keys() & set(opened.keys()):
            one, other = next(iter(self.known)), next(iter(opened.keys()))
            raise BadInput(f"{path}: no transcript lies on a sequence of the genome; '{one}' is none such as '{other}'")

    def of(self, record):
        genes = self.known.get(record.chrom)
        if genes is None:
            return []
        minus = (genes["strand"] == "-").to_numpy()
        centres = genome.region_centres(genes["tss"].to_numpy(), minus, self.length)
        first = centres - self.length // 2
        found = np.flatnonzero((record.start < first + self.length) & (record.stop > first))
        near = genes.iloc[found]
        distance = np.where(minus[found], near["tss"] - record.start, record.start - near["tss"])
        fields = zip(near["name"], distance.tolist(), strict=True)
        return list(zip(fields, centres[found].tolist(), minus[found].tolist(), strict=True))

    def effects(self, model, codes, shape):
        """Compute the changes (alleles, conditions) of log expression of regions that come in pairs,
        reference first."""
        predicted = model.predict(Split({"codes": codes}, self.context))["y"].astype(float)
        return predicted[1::2] - predicted[0::2]


def alleles(path, opened, places):
    """Yield for every alternative allele at every position its row of the output table, whose last field says why it
    has no effect, and codes (2, length) with both alleles or None."""
    known = {}
    for number, record in variants.records(path):
        where = f"{path}: record {number} ({record.chrom}:{record.pos} {record.ref}>{','.join(record.alts or ())})"
        if record.chrom not in known:
            # Files come in the order of the genome, so one chromosome in memory is enough.
            known = {record.chrom: chromosome(opened, record.chrom, where)}
        codes = known[record.chrom]
        if any(set(alternative.upper()) <= set("ACGTN") for alternative in record.alts or ()):
            check(opened, record, where)
        seen = places.of(record)
        for alternative in record.alts or ():
            row = [record.chrom, record.pos, record.id or ".", record.ref, alternative]
            if set(alternative.upper()) - set("ACGTN") or not seen:
                blank = [""] * len(places.columns)
                yield [*row, *blank, "no sequence" if seen else "no gene near"], None
                continue
            for fields, centre, minus in seen:
                pair = windows(codes, record.start, record.ref, alternative, centre, places.length)
                yield [*row, *fields, ""], sequences.reverse_complement(pair) if minus else pair


def chromosome(opened, name, where):
    try:
        return genome.chromosome_codes(opened, name)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def check(opened, record, where):
    """Raise BadInput where the genome does not hold a record's reference allele."""
    there = str(opened[record.chrom][record.start : record.start + len(record.ref)])
    if not variants.same_reference(there, record.ref):
        raise BadInput(f"{where}: the genome holds '{there}' there, not '{record.ref}'")


def windows(codes, start, reference, alternative, centre, length):
    """Cut codes (2, length) of the windows around `centre` with the reference and with the alternative allele.

    An insertion or deletion moves what lies beyond it, seen from the centre, which stays where it is. Beyond the
    chromosome stand unknown bases.
    """
    end = start + len(reference)
    reach = length + len(reference) + len(alternative)
    around = np.full(2 * reach, sequences.UNKNOWN, np.uint8)
    low, high = max(0, centre - reach), min(len(codes), centre + reach)
    around[low - centre + reach : high - centre + reach] = codes[low:high]
    place = start - centre + reach
    found = np.empty((2, length), np.uint8)
    for row, allele in zip(found, (reference, alternative), strict=True):
        altered = np.concatenate([around[:place], sequences.encode([allele])[0], around[place + len(reference) :]])
        middle = reach + (len(allele) - len(reference) if end <= centre else 0)
        row[:] = altered[middle - length // 2 :][:length]
    return found


def batches(found):
    """Yield rows and stacked windows (2 · alleles, length), a bounded number at a time."""
    rows, pairs = [], []
    for row, pair in found:
        rows.append(row)
        pairs += [] if pair is None else [pair]
        if len(pairs) >= BATCH // 2 or len(rows) >= 16 * BATCH:
            yield rows, stacked(pairs)
            rows, pairs = [], []
    if rows:
        yield rows, stacked(pairs)


def stacked(pairs):
    return np.concatenate(pairs) if pairs else np.empty((0, 1), np.uint8)


if __name__ == "__main__":
    command.run(main)
