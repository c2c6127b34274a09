"""Expression from sequence: predict the expression of a gene from the DNA around its start."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import genome, planted, sequences


def prepare(sources, parameters, seed):
    """Prepare regions around starts of transcription, and the expression of their genes.

    genome : transcripts of a BED file and the expression of a table; regions are cut from a genome and their bins are
        labelled by peaks; split by chromosome.
    planted : Markov background with JASPAR motifs. Each motif leaves a mark and changes the expression according to its
        distance upstream.

    Arrays: codes (genes, region) uint8, read along the gene's strand; marks (genes, bins, proteins) bool, the measured
    peaks in the bins in the middle of the region; y (genes, conditions) float32, log expression; group. The context
    holds the conditions as `features`, the proteins as `marks`, the width of a `bin`, the position `tss` of the start
    in a region, and as `jaspar_groups` the JASPAR groups whose motifs the data may contain. A chromatin model may learn
    from the marks of the training split. Only the baseline that declares it reads the marks of other splits.
    """
    readers = {"genome": _genome, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2018]))


def _genome(sources, parameters, rng):
    folder = next(iter(sources.values()))
    names = parameters["chromosomes"]  # name in the peak files → name in the genome
    peaks = genome.read_peaks(folder, parameters["peaks"], names)
    codes = genome.read_chromosomes(folder / parameters["genome"], names)
    genes = read_genes(folder / parameters["transcripts"], names)
    known = read_expression(folder / parameters["expression"], parameters)
    genes, y = join(genes, known)
    count, width = parameters["bins"], parameters["bin"]
    length = count * width + 2 * parameters["flank"]
    chromosome = genes["chrom"].to_numpy().astype(str)
    starts, minus = genes["tss"].to_numpy(), (genes["strand"] == "-").to_numpy()
    cut = regions(codes, chromosome, starts, minus, length)
    table = bins_of(chromosome, starts, minus, count, width)
    marks = genome.label_bins(table, peaks, parameters["least"]).reshape(len(genes), count, len(peaks))
    arrays = {"codes": cut, "marks": marks, "y": y, "group": chromosome.astype("S")}
    context = {"features": list(parameters["conditions"]), "marks": list(peaks), "bin": width, "tss": length // 2}
    context["jaspar_groups"] = parameters["groups"]
    return {
        name: Split({key: array[part] for key, array in arrays.items()}, context)
        for name, part in sequences.by_chromosome(chromosome, parameters).items()
    }


def read_genes(path, names):
    """Read the transcripts on the chromosomes `names` (short name → name in the genome), as genome.read_genes returns
    them."""
    table = genome.read_genes(path)
    # The file says chrI where the genome says I.
    table["chrom"] = table["chrom"].map({f"chr{there}": here for here, there in names.items()})
    table = table.dropna(subset="chrom").reset_index(drop=True)
    if table.empty:
        raise BadInput(f"{path}: no transcript lies on {', '.join(list(names)[:5])}, …")
    return table


def _coverage(read, name):
    """Read a column of numbers. The file's "inf" marks genes without a uniquely mappable base and becomes NaN."""
    return np.array(
        [
            np.nan if value.strip().lower() == "inf" else tables.number(value, name, read.where(row))
            for row, value in enumerate(read.column(name))
        ]
    )


def read_expression(path, parameters):
    """Read log expression by systematic name: GENE, Name, and a column for each condition; dubious ORFs are left out.

    A condition is log(mean of its replicates + pseudocount); genes without a number are left out. Raises BadInput with
    file, line and column for a value that is not a number or is negative.
    """
    read = tables.read_csv(path, "\t")
    columns = {name: read.column(name) for name in ("GENE", "Name", "Status")}
    import pandas as pd

    table = pd.DataFrame({name: columns[name] for name in ("GENE", "Name")})
    for condition, replicates in parameters["conditions"].items():
        values = []
        for name in replicates:
            values.append(_coverage(read, name))
            below = np.flatnonzero(values[-1] < 0)
            if len(below):
                raise BadInput(f"{read.where(below[0])}: column '{name}': {values[-1][below[0]]:g} is below zero")
        table[condition] = np.log(np.mean(values, axis=0) + parameters["pseudocount"])
    dubious = np.array([status == "Dubious" for status in columns["Status"]])
    return table[~dubious].dropna().reset_index(drop=True)


def join(genes, known):
    """Join transcripts with their expression: the rows of `genes` that are kept, and y (genes, conditions).

    A transcript is kept if its name is a systematic name in `known` or, failing that, a common name. Of several
    transcripts of one gene the first is kept.
    """
    systematic = {name: row for row, name in enumerate(known["GENE"])}
    common = {name: row for row, name in enumerate(known["Name"]) if name}
    rows = np.array([systematic.get(name, common.get(name, -1)) for name in genes["name"]])
    _, first = np.unique(rows, return_index=True)
    keep = np.sort(first[rows[first] >= 0])
    if not len(keep):
        raise BadInput("no transcript has a gene of the expression table; names are systematic or common ones")
    y = known.drop(columns=["GENE", "Name"]).to_numpy(np.float32)[rows[keep]]
    return genes.iloc[keep].reset_index(drop=True), y


def regions(codes, chromosomes, starts, minus, length):
    """Cut regions (n, length) along each gene's strand; the start is at index `length // 2` in all.

    Beyond the ends of the chromosome there are unknown bases.
    """
    found = genome.windows_of(codes, chromosomes, genome.region_centres(starts, minus, length), length)
    found[minus] = sequences.reverse_complement(found[minus])
    return found


def bins_of(chromosome, starts, minus, count, width):
    """Return the bins of all genes along their strand: a bedframe with `count` rows per gene, half of them before its
    start."""
    offset = np.arange(count) * width - count * width // 2
    # A bin holds the bases at offset … offset + width - 1 downstream of the start; on the minus strand these are
    # start - offset - width + 1 … start - offset.
    first = np.where(minus[:, None], starts[:, None] - offset - width + 1, starts[:, None] + offset).ravel()
    import pandas as pd

    return pd.DataFrame({"chrom": np.repeat(chromosome, count), "start": first, "end": first + width})


def _planted(sources, parameters, rng):
    """Simulate genes whose expression is a sum over planted motifs of effect · exp(-distance / reach), plus noise.

    A motif acts only upstream of the start, but leaves its mark wherever it lies.
    """
    count, bins, width = parameters["samples"], parameters["bins"], parameters["bin"]
    first = parameters["flank"]
    length = bins * width + 2 * first
    tss = length // 2
    codes = planted.background(count, length, rng)
    motifs = list(parameters["motifs"])
    marks = np.zeros((count, bins, len(motifs)), bool)
    y = np.zeros((count, len(parameters["conditions"])))
    known = planted.matrices(motifs, parameters["groups"])
    for column, (name, matrix) in enumerate(zip(motifs, known, strict=True)):
        size = matrix.shape[1]
        rows = np.flatnonzero(rng.random(count) < parameters["prevalence"])
        # Whole inside one bin, so that there is no doubt which bin has the mark.
        place = rng.integers(0, bins, len(rows))
        starts = first + place * width + rng.integers(0, width - size + 1, len(rows))
        planted.plant(codes, rows, starts, matrix, rng)
        marks[rows, place, column] = True
        distance = tss - (starts + size / 2)
        strength = np.where(distance > 0, np.exp(-np.abs(distance) / parameters["reach"]), 0)
        y[rows] += strength[:, None] * np.array(parameters["motifs"][name])
    y += parameters["noise"] * rng.standard_normal(y.shape)
    arrays = {"codes": codes, "marks": marks, "y": y.astype(np.float32)}
    arrays["group"] = planted.names("gene", count)
    context = {"features": parameters["conditions"], "marks": motifs, "bin": width, "tss": tss}
    context["jaspar_groups"] = parameters["groups"]
    return planted.splits(arrays, parameters["fractions"], context)


def interpret(train, runs, path):
    """Draw the scores of the outputs by group, and compare methods output by output; see figures/outputs.py."""
    from deepbio.figures import outputs

    outputs.draw(runs, train.context, path)
