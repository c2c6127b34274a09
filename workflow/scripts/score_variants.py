"""Effects of the variants of a VCF file, as a trained sequence model of this project sees them.

For every alternative allele the window around the variant is predicted with the reference and with the alternative
sequence, on both strands, and each output's change is written: the change of log odds for probabilities (Zhou and
Troyanskaya 2015, "log fold change of odds"), the difference for numbers. The window keeps its length around an
insertion or deletion. Alleles without a sequence (<DEL>, *) get a row that says so. A reference allele that is not
what the genome holds is an error which names the record.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy.special import logit

from deepbio import command, genome, method, sequences
from deepbio.data import Split
from deepbio.files import BadInput, atomic, read_json

BATCH = 1024  # windows predicted at a time
SURE = 1e-6  # probabilities nearer to 0 or 1 than this count as this


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("run", help="folder of a run (with run.json and model/)")
    arguments.add_argument("--vcf", required=True, help="variants: .vcf, .vcf.gz or .bcf")
    arguments.add_argument("--fasta", required=True, help="the genome that the variants refer to, plain or .gz")
    arguments.add_argument("--output", required=True, help="tab-separated table to write")
    given = arguments.parse_args()
    model, length, kind, names = load(Path(given.run))
    with (
        genome.open_genome(given.fasta) as opened,
        atomic(given.output) as temporary,
        open(temporary, "w", newline="") as handle,
    ):
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["chrom", "pos", "id", "ref", "alt", "note", *names])
        for rows, codes in batches(alleles(given.vcf, opened, length)):
            effects = iter(score(model, codes, kind)) if len(codes) else iter(())
            for row in rows:
                values = [""] * len(names) if row[5] else [f"{value:.6g}" for value in next(effects)]
                writer.writerow([*row, *values])


def load(folder):
    """The model of a run, its window length, its kind of output, and the names of its outputs."""
    run = read_json(folder / "run.json")
    if run["status"] != "ok":
        raise BadInput(f"{folder}/run.json: this run failed ({run['reason']}); there is no model")
    model = method.create(run["method"], run["role"], run["parameters"])
    model.load(folder / "model")
    shape = getattr(model, "shape", {})
    if "length" not in shape:
        raise BadInput(f"{folder}: {run['method']} is no network over windows of DNA")
    names = shape.get("features") or [f"output{i + 1}" for i in range(shape["outputs"])]
    return model, shape["length"], shape["kind"], names


def alleles(path, opened, length):
    """For every alternative allele: its row of the output table, and codes (2, length) with both alleles or None."""
    import pysam

    known = {}
    try:
        with pysam.VariantFile(str(path)) as variants:
            for number, record in enumerate(variants, 1):
                where = (
                    f"{path}: record {number} ({record.chrom}:{record.pos} {record.ref}>{','.join(record.alts or ())})"
                )
                if record.chrom not in known:
                    # Files come in the order of the genome, so one chromosome in memory is enough.
                    known = {record.chrom: chromosome(opened, record.chrom, where)}
                for alternative in record.alts or ():
                    row = [record.chrom, record.pos, record.id or ".", record.ref, alternative]
                    if set(alternative.upper()) - set("ACGTN"):
                        yield [*row, "no sequence"], None
                    else:
                        pair = windows(known[record.chrom], record.start, record.ref, alternative, length, where)
                        yield [*row, ""], pair
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not a readable VCF file: {error}") from None


def chromosome(opened, name, where):
    try:
        return genome.chromosome_codes(opened, name)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def windows(codes, start, reference, alternative, length, where):
    """Codes (2, length) of the windows with the reference and with the alternative allele.

    The variant's first base stands in the middle of both, so what follows an insertion or deletion moves. Beyond the
    chromosome stand unknown bases.
    """
    there = codes[start : start + len(reference)]
    wanted = sequences.encode([reference])[0]
    if len(there) != len(wanted) or (there != wanted).any():
        raise BadInput(f"{where}: the genome holds '{sequences.decode(there)}' there, not '{reference}'")
    half = length // 2
    left = codes[max(0, start - half) : start]
    right = codes[start + len(reference) : start + len(reference) + length]
    found = np.full((2, length), sequences.UNKNOWN, np.uint8)
    for row, allele in zip(found, (wanted, sequences.encode([alternative])[0]), strict=True):
        row[half - len(left) : half] = left
        rest = np.concatenate([allele, right])[: length - half]
        row[half : half + len(rest)] = rest
    return found


def batches(found):
    """Rows and stacked windows (2 · alleles, length), a bounded number at a time."""
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


def score(model, codes, kind):
    """Effects (alleles, outputs) of windows that come in pairs, reference first; the mean over both strands."""
    both = np.concatenate([codes, sequences.reverse_complement(codes)])
    predicted = model.predict(Split({"codes": both}, {"input": "sequence"}))["y"].astype(float)
    if kind != "regression":
        predicted = logit(np.clip(predicted, SURE, 1 - SURE))
    change = predicted[1::2] - predicted[0::2]
    return (change[: len(change) // 2] + change[len(change) // 2 :]) / 2


if __name__ == "__main__":
    command.run(main)
