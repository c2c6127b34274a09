"""Coverage tracks: how many reads each bin of a long window of DNA has in each of many experiments."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput, read_json
from deepbio.domains.dna import genome, planted, sequences, tfrecord


def prepare(sources, parameters, seed):
    """Windows and their coverage.

    tfrecord : a folder as Basenji and baskerville write it; the windows' parts are those of its sequences.bed.
    planted : Markov background with promoters and enhancers; an enhancer raises the expression of a far promoter.

    Arrays: codes (n, length) uint8, y (n, bins, tracks), group, the window's name. The bins cover the middle of the
    window. The context holds the names of the tracks as `features`, the width of a `bin` in bases, and for every
    track that of the other strand as `strand_pair` (a track without strand is its own); for figures it holds the groups
    of JASPAR whose motifs the data may hold as `jaspar_groups`, and the assay of each track as `output_groups`.
    """
    readers = {"tfrecord": _tfrecord, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 28739]))


def _tfrecord(sources, parameters, rng):
    """Records stand in the order of their part's rows of sequences.bed; a part may end before its rows do."""
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
    """The files <part>-0.tfr, <part>-1.tfr, … of a folder in the order of their numbers."""
    count = len(list(folder.glob(f"{part}-*.tfr")))
    files = [folder / f"{part}-{number}.tfr" for number in range(count)]
    missing = [file.name for file in files if not file.exists()]
    if missing or not files:
        raise BadInput(
            f"{folder}: no file {(missing or [f'{part}-0.tfr'])[0]}; records are counted from the first file"
        )
    return files


def choose_tracks(path, names):
    """Columns of the tracks of some identifiers in targets.txt, among them the other strand of each, and titles."""
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
    """The assay of a track, which its title names between the identifier and a colon."""
    return title.partition(" ")[2].partition(":")[0]


def decode_example(example, sizes, where):
    """Codes (length,) uint8 and targets (bins, tracks) float16 of one Example; BadInput says where it is wrong."""
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
    """BadInput where windows (bedframes by part) of two parts overlap."""
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        shared = np.flatnonzero(genome.overlaps(windows[one], windows[other]))
        if len(shared):
            row = windows[one].iloc[shared[0]]
            place = f"{row.chrom}:{row.start}-{row.end}"
            raise BadInput(f"{path}: {len(shared)} windows of {one}, such as {place}, overlap windows of {other}")


def _planted(sources, parameters, rng):
    """Two tracks. Promoters and enhancers are open. A promoter is expressed, weakly by itself and strongly with an
    enhancer whose distance lies in the given range of bins; counts are Poisson's.

    Every window has the same numbers of both, each in a bin of its own, so that the distance alone decides.
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
    """Scores of the outputs by group, and of methods against each other; see figures/outputs.py."""
    from deepbio.figures import outputs

    outputs.draw(runs, train.context, path)
