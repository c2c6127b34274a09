"""Predict a file of new samples with a trained model: any kind of input that files are read for.

RUN is the folder of a run (…/seed1), a folder `model` by itself, or the folder of a method with several seeds; of
several seeds the mean and the standard deviation are written. The table has one row for each record of the input, in
its order: `id`, one column for each output (its name, and what the number is: a probability or its unit), and `note`.
Masks, those of the first seed, are written as pictures into a new folder beside it, <name of the table>_masks.
A record that cannot be read has empty predictions and the reason in `note`, and the exit status is 3. The file is read
in blocks, so that its length is not bounded by memory.
"""

import argparse
import csv
import json
import os
import sys
from pathlib import Path

import numpy as np

from deepbio.core import command, predicting, records, text
from deepbio.core.files import BadInput, atomic, read_json

UNREADABLE = 3  # exit status where a record has no prediction


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("run", help="folder of a run, of a model, or of a method with several seeds")
    arguments.add_argument("--input", required=True, help="file of a form that the model's kind of input is read from")
    arguments.add_argument("--output", required=True, help="tab-separated table to write; .gz and .zst are packed")
    arguments.add_argument("--genome", help="FASTA file that a BED file refers to")
    arguments.add_argument("--signals", type=command.json_object, help="files of tracks, as JSON: name → file")
    arguments.add_argument(
        "--columns", type=command.json_object, help="columns that are not called as in training, as JSON: role → name"
    )
    arguments.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where networks predict")
    arguments.add_argument("--figure", help="histograms of the predictions to draw (.svg or .png)")
    arguments.add_argument("--own-methods", help="folder of methods of your own, where the run is one of them")
    given = arguments.parse_args()
    if given.own_methods:
        os.environ["DEEPBIO_OWN_METHODS"] = json.dumps(os.path.abspath(given.own_methods))
    models = [predicting.load(folder) for folder in folders(Path(given.run))]
    first = models[0]
    if first.output in ("generated", "ranking"):
        raise BadInput(f"{given.run}: a model of '{first.output}' output predicts no samples; see generate.py")
    place(models, given.device)
    options = {"genome": Path(given.genome)} if given.genome else {}
    options |= {"signals": given.signals} if given.signals else {}
    if first.output == "mask":
        unreadable = write_masks(first, given)
    else:
        unreadable = write_numbers(models, given, options)
    if unreadable:
        print(f"{given.input}: {unreadable} records have no prediction; see the column 'note'", file=sys.stderr)
        sys.exit(UNREADABLE)


def write_numbers(models, given, options):
    """Write the table of predictions, and draw them where a figure is asked for; how many records could not be read."""
    streams = [model.predict(given.input, given.columns, **options) for model in models]
    unreadable, shown = 0, []
    with atomic(given.output) as temporary, text.writing(temporary) as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", *header(models), "note"])
        for found in zip(*streams, strict=True):
            record = found[0][0]
            rows = [row for _, row in found]
            if any(row is None for row in rows):
                unreadable += 1
                reason = next(one.problem for one, row in found if row is None)
                writer.writerow([record.id, *[""] * len(header(models)), f"{record.where}: {reason}"])
                continue
            mean = np.mean(rows, axis=0)
            spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else ()
            writer.writerow([record.id, *(f"{value:.6g}" for value in (*mean, *spread)), record.note])
            if given.figure and len(shown) < 100_000:
                shown.append(mean)
    if given.figure and shown:
        draw(np.array(shown), models[0], given.figure)
    return unreadable


def write_masks(model, given):
    """Write each mask as a picture of 16 bits into a folder beside the table, which says its file, its number of
    objects and its share of foreground; how many records could not be read."""
    from PIL import Image

    folder, unreadable, used = masks_folder(Path(given.output)), 0, set()
    with (
        atomic(given.output) as temporary,
        atomic(folder, folder=True) as pictures,
        text.writing(temporary) as handle,
    ):
        pictures.mkdir(exist_ok=True)
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", "objects", "foreground", "file", "note"])
        for record, row in model.predict(given.input, given.columns):
            if row is None:
                unreadable += 1
                writer.writerow([record.id, "", "", "", f"{record.where}: {record.problem}"])
                continue
            mask = row.reshape(record.arrays["image"].shape).astype(np.uint16)
            name = mask_name(record.id, used)
            Image.fromarray(mask).save(pictures / name, format="png")
            objects = len(np.unique(mask[mask > 0]))
            line = [record.id, objects, f"{np.mean(mask > 0):.6g}", f"{folder.name}/{name}", record.note]
            writer.writerow(line)
    return unreadable


def masks_folder(output):
    """Name the folder of the masks that belong to a table; BadInput where it holds something already."""
    folder = output.parent / f"{records.unpacked(output).stem}_masks"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder}: is there already; remove it or choose another --output")
    return folder


def mask_name(ident, used):
    """Name the picture of a mask by the id of its record, with a number where that of another record has the name."""
    from deepbio.domains.cells.pictures import ENDINGS

    stem = ident[: -len(Path(ident).suffix)] if Path(ident).suffix.lower() in ENDINGS else ident
    stem, count = stem.replace("/", "_").replace("\\", "_"), 1
    name = f"{stem}_mask.png"
    while name.casefold() in used:  # some file systems take a for A
        count += 1
        name = f"{stem}_{count}_mask.png"
    used.add(name.casefold())
    return name


def folders(run):
    """List the folders of the models: one, or of every seed of a method that has not failed."""
    seeds = sorted((path.parent for path in run.glob("seed*/run.json")), key=lambda path: int(path.name[4:]))
    if not seeds:
        return [run]
    good = [path for path in seeds if read_json(path / "run.json")["status"] == "ok"]
    if not good:
        raise BadInput(f"{run}: all runs failed; there is no model")
    return good


def place(models, device):
    """Move networks to the GPU, where there is one or one is asked for."""
    if device == "cpu" or not any(getattr(model.fitted, "network", None) is not None for model in models):
        return
    from deepbio.learning import device as devices

    try:
        where = devices.choose(device)
    except RuntimeError as error:
        raise BadInput(str(error)) from None
    for model in models:
        model.to(where)


def header(models):
    """Name the columns of the predictions, and of their standard deviations over several seeds."""
    names = models[0].outputs
    found = [f"{name} ({models[0].what()})" for name in names]
    return found + ([f"{name} (SD over {len(models)} seeds)" for name in names] if len(models) > 1 else [])


def draw(values, model, path):
    """Draw histograms of at most nine outputs."""
    from matplotlib import pyplot as plt

    from deepbio.figures import style  # sets the look of all figures

    names = model.outputs[:9]
    figure, axes = plt.subplots(1, len(names), figsize=(2.4 * len(names) + 0.6, 2.2), squeeze=False, layout="tight")
    for axis, name, column in zip(axes[0], names, values.T, strict=False):
        limits = (0, 1) if model.what() == "probability" else None
        axis.hist(column, bins=30, range=limits, color=style.PALETTE[0])
        axis.set(title=name, xlabel=model.what(), ylabel="samples")
    with atomic(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:] or "svg")
    plt.close(figure)


if __name__ == "__main__":
    command.run(main)
