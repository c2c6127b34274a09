"""Coverage tracks: predict the number of reads in each bin of a long window of DNA, for many experiments."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput, read_json
from deepbio.domains.dna import genome, planted, sequences, tfrecord


def prepare(sources, parameters, seed):
    """Prepare windows and their coverage.

    tfrecord : a folder as Basenji and baskerville write it; sequences.bed says to which split a window belongs.
    planted : Markov background with promoters and enhancers; an enhancer raises the expression of a distant promoter.

    Arrays: codes (n, length) uint8; y (n, bins, tracks); group, the window's name. The bins cover the middle of the
    window. The context holds the names of the tracks as `features`, the width of a `bin` in bases, and as `strand_pair`
    for every track the index of the track of the other strand (its own index for a track without strand). For figures
    it holds the JASPAR groups whose motifs the data may contain as `jaspar_groups`, and the assay of each track as
    `output_groups`.
    """
    readers = {"tfrecord": _tfrecord, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 28739]))


def _tfrecord(sources, parameters, rng):
    """Read the records of each split, which stand in the order of its rows of sequences.bed.

    There may be fewer records than rows. Raises BadInput where there are more, or where the files contradict each
    other.
    """
    import bioframe  # slow to import, and scoring does without

    folder = next(iter(sources.values())) / parameters["folder"]
    sizes = read_json(folder / "statistics.json")
    chosen, pairs, titles = choose_tracks(folder / "targets.txt", parameters["tracks"])
    windows = genome.read_bed(folder / "sequences.bed", ["name"])
    span = windows["end"] - windows["start"]
    if (span != sizes["target_length"] * sizes["pool_width"]).any():
        raise BadInput(f"{folder}/sequences.bed: a window is not as long as the bins of statistics.json")
    # The sequence reaches beyond the bins on both sides.
    windows = bioframe.expand(windows, (sizes["seq_length"] - int(span.iloc[0])) // 2)
    context = {"features": titles, "bin": sizes["pool_width"], "strand_pair": pairs, "jaspar_groups": ["vertebrates"]}
    context["output_groups"] = [assay(title) for title in titles]
    found, used = {}, {}
    for part in ("train", "valid", "test"):
        rows = windows[windows["name"] == part]
        codes, y = [], []
        for file in record_files(folder / "tfrecords", part):
            for number, example in enumerate(tfrecord.examples(file), 1):
                sequence, target = decode_example(example, sizes, f"{file}: record {number}")
                codes.append(sequence)
                y.append(target[:, chosen])
        if len(codes) > len(rows):
            raise BadInput(f"{folder}/sequences.bed: {len(rows)} windows of '{part}', but {len(codes)} records")
        used[part] = rows.iloc[: len(codes)]
        names = [f"{row.chrom}:{row.start}-{row.end}" for row in used[part].itertuples()]
        found[part] = Split({"codes": np.stack(codes), "y": np.stack(y), "group": np.array(names).astype("S")}, context)
    check_apart(used, folder / "sequences.bed")
    return found


def record_files(folder, part):
    """List the files <part>-0.tfr, <part>-1.tfr, … of a folder in the order of their numbers; BadInput where one is
    missing."""
    count = len(list(folder.glob(f"{part}-*.tfr")))
    files = [folder / f"{part}-{number}.tfr" for number in range(count)]
    missing = [file.name for file in files if not file.exists()]
    if missing or not files:
        raise BadInput(
            f"{folder}: no file {(missing or [f'{part}-0.tfr'])[0]}; records are counted from the first file"
        )
    return files


def choose_tracks(path, names):
    """Choose the tracks of some identifiers in targets.txt.

    Returns their column numbers, for each the position of its other strand among them, and their titles. Raises
    BadInput for an identifier that is not in the file, and for a track without its other strand.
    """
    table = tables.read_csv(path, "\t")
    known = table.column("identifier")
    pair = table.numbers("strand_pair").astype(int)
    missing = [name for name in names if name not in known]
    if missing:
        raise BadInput(f"{path}: no track {', '.join(missing)}")
    chosen = [known.index(name) for name in names]
    for name, column in zip(names, chosen, strict=True):
        if pair[column] not in chosen:
            raise BadInput(f"{path}: track {name} is asked for without its other strand, {known[pair[column]]}")
    described = table.column("description")
    titles = [f"{known[column]} {described[column].strip(' ,')}" for column in chosen]
    return chosen, [chosen.index(pair[column]) for column in chosen], titles


def assay(title):
    """Return the assay of a track: the text of its title between the identifier and a colon."""
    return title.partition(" ")[2].partition(":")[0]


def decode_example(example, sizes, where):
    """Decode one Example as codes (length,) uint8 and targets (bins, tracks) float16.

    Raises BadInput, beginning with `where`, for a wrong size, a code that is not a base, and a target that is negative
    or NaN.
    """
    shape = (sizes["target_length"], sizes["num_targets"])
    expected = {"sequence": sizes["seq_length"], "target": 2 * shape[0] * shape[1]}
    for name, size in expected.items():
        if len(example.get(name, b"")) != size:
            raise BadInput(f"{where}: '{name}' has {len(example.get(name, b''))} bytes in place of {size}")
    codes = np.frombuffer(example["sequence"], np.uint8)
    target = np.frombuffer(example["target"], "<f2").reshape(shape)
    if codes.max() > sequences.UNKNOWN:
        raise BadInput(f"{where}: {codes.max()} is no base")
    if not (target >= 0).all():  # NaN is not
        raise BadInput(f"{where}: a target is negative or no number")
    return codes, target


def check_apart(windows, path):
    """Raise BadInput where windows (bedframes by split) of two splits overlap."""
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        shared = np.flatnonzero(genome.overlaps(windows[one], windows[other]))
        if len(shared):
            row = windows[one].iloc[shared[0]]
            place = f"{row.chrom}:{row.start}-{row.end}"
            raise BadInput(f"{path}: {len(shared)} windows of {one}, such as {place}, overlap windows of {other}")


def _planted(sources, parameters, rng):
    """Simulate two tracks, accessibility and expression, with Poisson counts.

    Promoters and enhancers are open. A promoter is expressed strongly if an enhancer lies at a distance within the
    given range of bins, and weakly otherwise. Every window has the same numbers of promoters and enhancers, each in its
    own bin, so that only the distance matters.
    """
    count, width, size = parameters["samples"], parameters["bin"], parameters["length"] // parameters["bin"]
    codes = planted.background(count, parameters["length"], rng)
    places = rng.permuted(np.tile(np.arange(size), (count, 1)), axis=1)
    promoters, enhancers = places[:, : parameters["promoters"]], places[:, -parameters["enhancers"] :]
    rate = np.full((count, size, 2), parameters["background"], float)
    matrices = planted.matrices([parameters["promoter"], parameters["enhancer"]], parameters["groups"])
    for bins, matrix in zip((promoters, enhancers), matrices, strict=True):
        for column in bins.T:
            starts = column * width + rng.integers(0, width - matrix.shape[1] + 1, count)
            planted.plant(codes, np.arange(count), starts, matrix, rng)
            rate[np.arange(count), column, 0] += parameters["open"]
    distance = np.abs(promoters[:, :, None] - enhancers[:, None])
    near, far = parameters["distance"]
    driven = ((distance >= near) & (distance <= far)).any(axis=2)
    rate[np.arange(count)[:, None], promoters, 1] += np.where(driven, parameters["driven"], parameters["basal"])
    crop = parameters["crop"]
    y = rng.poisson(rate[:, crop : size - crop]).astype(np.float32)
    context = {
        "features": ["accessibility", "expression"],
        "bin": width,
        "strand_pair": [0, 1],
        "jaspar_groups": parameters["groups"],
    }
    arrays = {"codes": codes, "y": y, "group": planted.names("window", count)}
    return planted.splits(arrays, parameters["fractions"], context)


def interpret(train, runs, path):
    """Draw the scores of the outputs by group, and compare methods output by output; see figures/outputs.py."""
    from deepbio.figures import outputs

    outputs.draw(runs, train.context, path)
