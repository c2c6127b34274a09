"""Variant calling: predict how many copies of an allele a person has, from the reads that suggest it."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepbio.core.data import NAMES, Split, concatenate
from deepbio.domains.dna.reference import Reference, read_reference
from deepbio.domains.variation import pileups, simulated_reads, variants
from deepbio.scoring.curves import Curve
from deepbio.scoring.intervals import Resampling
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {
    "snp_f1": Metric(True, "F1 of SNPs", SHARE),
    "snp_recall": Metric(True, "recall of SNPs", SHARE),
    "snp_precision": Metric(True, "precision of SNPs", SHARE),
    "indel_f1": Metric(True, "F1 of indels", SHARE),
    "indel_recall": Metric(True, "recall of indels", SHARE),
    "indel_precision": Metric(True, "precision of indels", SHARE),
    "confident_snp_f1": Metric(True, "F1 of SNPs in confident intervals", SHARE),
    "confident_snp_recall": Metric(True, "recall of SNPs in confident intervals", SHARE),
    "confident_snp_precision": Metric(True, "precision of SNPs in confident intervals", SHARE),
    "confident_indel_f1": Metric(True, "F1 of indels in confident intervals", SHARE),
    "confident_indel_recall": Metric(True, "recall of indels in confident intervals", SHARE),
    "confident_indel_precision": Metric(True, "precision of indels in confident intervals", SHARE),
    "snp_allele_f1": Metric(True, "F1 of SNPs, alleles alone", SHARE),
    "indel_allele_f1": Metric(True, "F1 of indels, alleles alone", SHARE),
    "snp_shallow_f1": Metric(True, "F1 of SNPs below the median depth", SHARE),
    "snp_deep_f1": Metric(True, "F1 of SNPs at the median depth and above", SHARE),
    "genotype_concordance": Metric(True, "right genotypes among true alleles called", SHARE),
}
KINDS = ("snp", "indel")


class Material(NamedTuple):
    """Data from which a person's calls are made and with which they are compared.

    It holds a stretch of the reference, BAM and FASTA files with one name for the contig, the `truth` (allele →
    copies), the intervals (k, 2) in which the truth is `confident`, and whether the reads are simulated.
    """

    reference: Reference
    bam: Path
    fasta: Path
    truth: dict
    confident: np.ndarray
    simulated: bool


def prepare(sources, parameters, seed):
    """Prepare the alleles that reads of one person suggest; a sample is an allele at a position.

    real : `bam` and its `bam_contig`, `fasta`, `truth` (VCF), `confident` (BED) and `contig`, files of the source.
    simulated : reads over a random contig of `length` bases, by `simulation` (see deepbio.simulated_reads).
    `regions` : for each split, intervals of positions (0-based). An allele of training or validation that lies within
        `gap` bases of a later split is left out, so that no read covers alleles of two splits.
    `extra` : simulated reads over another stretch of the reference, whose alleles join the training alleles.

    Samples are the candidates of `pileups.candidates`, and those alleles that bcftools calls from the same reads and
    that are no candidates. Arrays: pileup (n, channels, rows, width) uint8, counts (n, 3) int32 and x (n, features)
    float32 as in `pileups.draw`; place (n,) int64, the 0-based position; ref and alt, in their normal form
    (deepbio.variants); candidate (n,) uint8; called (n, 3) float32, bcftools' probabilities of the genotypes; simulated
    (n,) uint8; y (n,), copies of the allele; y_confident (n,) uint8, whether the position lies in the truth's confident
    intervals; y_missed (n, 2, 2) int16, numbers of true SNPs and indels (rows), in all and in confident intervals, that
    are no samples and whose nearest sample of the split is this one; group, the contig and position.
    """
    rng = np.random.default_rng([seed, 4235])
    facts, regions = parameters["pileup"], parameters["regions"]
    start, end = (limit(edge for part in regions.values() for one in part for edge in one) for limit in (min, max))
    with tempfile.TemporaryDirectory() as scratch:
        if parameters["format"] == "simulated":
            material = _simulated(parameters, Path(scratch), rng)
        else:
            material = _real(next(iter(sources.values())), parameters, start, end, Path(scratch))
        alleles, whole = _samples(material, start, end, facts, scratch)
        extra = parameters.get("extra")
        if extra:
            other = _other_person(material, extra, Path(scratch), rng)
            _, added = _samples(other, extra["start"], extra["end"], facts, scratch)
    contig, length = material.reference.contig, material.reference.length
    context = {"classes": list(variants.GENOTYPES), "pileup": facts, "features": list(pileups.FEATURES)}
    context |= {"contig": contig, "contig_length": length}
    missed = [allele for allele in material.truth if allele not in set(alleles)]
    splits = {}
    for name in NAMES:
        kept = variants.inside(whole["place"], regions[name]) > 0
        for later in NAMES[NAMES.index(name) + 1 :]:
            near = np.array(regions[later]) + [-parameters["gap"], parameters["gap"]]
            kept &= variants.inside(whole["place"], near) == 0
        splits[name] = whole_split = Split({key: values[kept] for key, values in whole.items()}, context)
        here = [allele for allele in missed if variants.inside([allele[0]], regions[name])[0]]
        if len(whole_split):
            _note_missed(whole_split, here, material.confident)
    if extra:
        splits["train"] = concatenate(splits["train"], Split(added, context))
    return splits


def _real(folder, parameters, start, end, scratch):
    """Read the reads and the truth of a region; reads are copied so that their contig has the reference's name."""
    margin = 2000  # bases around it, for windows and for alleles that move to the left
    fasta, contig = folder / parameters["fasta"], parameters["contig"]
    reference = read_reference(fasta, contig, start - margin, end + margin)
    bam = scratch / "reads.bam"
    pileups.copy_reads(
        folder / parameters["bam"], parameters["bam_contig"], start - margin, end + margin, reference, bam
    )
    truth = variants.read_truth(folder / parameters["truth"], contig, reference, start, end)
    confident = variants.read_intervals(folder / parameters["confident"], contig)
    return Material(reference, bam, fasta, truth, confident, False)


def _simulated(parameters, scratch, rng):
    """Simulate a random contig, and reads of a person who differs from it."""
    reference = simulated_reads.random_reference("simulated", parameters["length"], rng)
    fasta = scratch / "reference.fa"
    fasta.write_text(f">{reference.contig}\n{reference.text}\n")
    bam, truth = simulated_reads.simulate(reference, parameters["simulation"], scratch, rng)
    return Material(reference, bam, fasta, truth, np.array([[0, reference.length]]), True)


def _other_person(material, extra, scratch, rng):
    """Simulate a person over another stretch of the same genome."""
    margin = 500
    contig = material.reference.contig
    reference = read_reference(material.fasta, contig, extra["start"] - margin, extra["end"] + margin)
    bam, truth = simulated_reads.simulate(reference, extra["simulation"], scratch, rng)
    return Material(reference, bam, material.fasta, truth, np.zeros((0, 2), int), True)


def _samples(material, start, end, facts, scratch):
    """Return the alleles of a region, in order, and their arrays."""
    reference, contig = material.reference, material.reference.contig
    margin = 1000
    reads = pileups.read_reads(material.bam, contig, start - margin, end + margin, reference, facts["least"])
    found = pileups.candidates(reads, reference, start, end, facts["least"])
    called = variants.bcftools_calls(material.bam, material.fasta, reference, start, end, scratch)
    alleles = sorted({*found, *(allele for allele in called if start <= allele[0] < end)})
    picture, counts, x = pileups.draw(alleles, reads, reference, facts)
    proposed = set(found)
    place = np.array([allele[0] for allele in alleles], np.int64)
    return alleles, {
        "pileup": picture,
        "counts": counts,
        "x": x,
        "place": place,
        "ref": np.array([allele[1] for allele in alleles]).astype("S"),
        "alt": np.array([allele[2] for allele in alleles]).astype("S"),
        "candidate": np.array([allele in proposed for allele in alleles], np.uint8),
        "called": np.array([called.get(allele, variants.ABSENT) for allele in alleles], np.float32).reshape(-1, 3),
        "simulated": np.full(len(alleles), material.simulated, np.uint8),
        "y": np.array([material.truth.get(allele, 0) for allele in alleles], np.float32),
        "y_confident": variants.inside(place, material.confident),
        "y_missed": np.zeros((len(alleles), 2, 2), np.int16),
        "group": np.array([f"{contig}:{one + 1}{'s' * material.simulated}" for one in place]).astype("S"),
    }


def _note_missed(split, missed, confident):
    """Count each true allele that is no sample at the sample nearest to it."""
    for allele in missed:
        at = int(np.abs(split["place"] - allele[0]).argmin())
        split["y_missed"][at, KINDS.index("snp" if variants.is_snp(allele) else "indel")] += np.r_[
            1, variants.inside([allele[0]], confident)
        ].astype(np.int16)


# ---- scores


def _snps(split):
    """Return for each sample whether it is a SNP, (n,) bool."""
    return (np.char.str_len(np.asarray(split["ref"])) == 1) & (np.char.str_len(np.asarray(split["alt"])) == 1)


def rates(y, p, missed, exact=True):
    """Compute recall, precision and F1 of the alleles called.

    An allele is called where 1 or 2 copies of it are most likely. A call is right where the truth has the allele in as
    many copies; another number is a call too many and an allele missed, as hap.py counts. Without `exact` any number is
    right. `missed` is the number of true alleles that are not among the samples. A rate with a denominator of 0 is 0.
    """
    made, y = np.asarray(p).argmax(axis=1), np.asarray(y)
    right = ((made > 0) & ((made == y) if exact else (y > 0))).sum()
    recall = right / max((y > 0).sum() + missed, 1)
    precision = right / max((made > 0).sum(), 1)
    return recall, precision, 2 * recall * precision / max(recall + precision, 1e-12)


def concordance(y, p):
    """Compute the share of right genotypes among the true alleles called; 0 where none is called."""
    made = np.asarray(p).argmax(axis=1)
    called = (made > 0) & (np.asarray(y) > 0)
    return (called & (made == y)).sum() / max(called.sum(), 1)


def score(test, predictions, wanted, train=None):
    """Compute recall, precision and F1 of SNPs and of indels, and the genotype_concordance over both.

    `confident_…` are the same within the truth's confident intervals, where these contain true alleles. Raises
    ValueError where a prediction is not (n, 3) finite probabilities.
    """
    p = np.asarray(predictions["y"], float)
    if p.shape != (len(test), 3) or not np.isfinite(p).all():
        raise ValueError(f"a prediction must be {(len(test), 3)} finite probabilities")
    y, missed = np.asarray(test.y, float), np.asarray(test["y_missed"])
    sure, snp = np.asarray(test["y_confident"]) > 0, _snps(test)
    found = {"genotype_concordance": concordance(y, p)}
    for number, kind in enumerate(KINDS):
        of_kind = snp if kind == "snp" else ~snp
        lost = missed[:, number].sum(axis=0)  # in all, and in confident intervals
        for column, (prefix, chosen) in enumerate((("", of_kind), ("confident_", of_kind & sure))):
            if prefix and not (y[chosen] > 0).any():
                continue
            values = rates(y[chosen], p[chosen], lost[column])
            names = ("recall", "precision", "f1")
            found |= {f"{prefix}{kind}_{name}": value for name, value in zip(names, values, strict=True)}
        found[f"{kind}_allele_f1"] = rates(y[of_kind], p[of_kind], lost[0], exact=False)[2]
    if snp.any():
        depth = np.asarray(test["counts"])[:, 2]  # a missed allele has the depth of the sample that it is counted at
        deep = depth >= np.median(depth[snp])
        for name, there in (("shallow", ~deep), ("deep", deep)):
            beside = missed[there, KINDS.index("snp"), 0].sum()
            found[f"snp_{name}_f1"] = rates(y[snp & there], p[snp & there], beside)[2]
    return {name: float(found[name]) for name in [*wanted, *(key for key in found if key not in wanted)]}


def curve(test, predictions):
    """Compute precision by recall over all alleles, ordered by genotype quality; NaN beyond the last call."""
    y, p = np.asarray(test.y), np.asarray(predictions["y"], float)
    recall, precision = variants.precision_recall(y, p, int(test["y_missed"][:, :, 0].sum()))
    grid = np.linspace(0, 1, 101)
    y = np.where(grid <= recall[-1], np.interp(grid, recall, precision), np.nan) if len(recall) else grid * np.nan
    return Curve("line", "Precision by recall (mean over runs)", "recall", "precision", grid, y)


def resampled(test, predictions, metric, train=None):
    """Resample the alleles, each with the true alleles missed beside it; None for a metric other than an F1."""
    kind = metric.removesuffix("_f1")
    if kind not in KINDS:
        return None
    copies, made = np.asarray(test.y), np.asarray(predictions["y"]).argmax(axis=1)
    y, called = copies > 0, made > 0
    chosen = _snps(test) if kind == "snp" else ~_snps(test)
    missed = np.asarray(test["y_missed"])[:, KINDS.index(kind), 0]
    right, wrong = 2.0 * (chosen & y & (made == copies)), chosen * (y + 1.0 * called) + missed
    return Resampling(len(y), lambda drawn: (drawn @ right) / np.maximum(drawn @ wrong, 1))


def interpret(train, runs, path):
    """Draw recall, precision and F1 of all methods, and F1 of SNPs by depth and of alleles alone."""
    from deepbio.figures import style
    from deepbio.figures import variant as figures

    figures.draw_rates(runs, train.context, Path(f"{path}_rates"))
    wanted = {name: METRICS[name].title for name in ("snp_shallow_f1", "snp_deep_f1", "snp_allele_f1")}
    style.quantities(runs, wanted, "SNPs by depth, and alleles alone", train.context["origin"], f"{path}_depth", 3)
