"""Let a trained generator make new molecules or records.

RUN is the folder of a run, or its folder `model` by itself. Molecules come as SMILES with their logP (Crippen), QED and
synthetic accessibility, empty for a text that is no molecule; records of a trial with one column for each variable at
each visit, the arms in turn.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from deepbio.core import command, kind, predicting, text
from deepbio.core.data import Split
from deepbio.core.files import BadInput, atomic


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("run", help="folder of a run or of a model")
    arguments.add_argument("--number", type=int, default=1000, help="molecules or records to make")
    arguments.add_argument("--seed", type=int, help="draw others than those of the run's own predictions")
    arguments.add_argument("--output", required=True, help="tab-separated table to write")
    given = arguments.parse_args()
    if given.number < 1:
        raise BadInput(f"--number: {given.number} is less than 1")
    model = predicting.load(Path(given.run))
    if model.output != "generated":
        raise BadInput(f"{given.run}: {model.facts['method']} generates nothing; predict.py predicts with it")
    if given.seed is not None:
        reseed(model, given.seed)
    made = model.fitted.predict(asked(model, given.number))["y"]
    header, rows = (molecules if model.input == "molecule_set" else people)(model, made)
    with atomic(given.output) as temporary, text.writing(temporary) as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def reseed(model, seed):
    """Let a generator draw other samples; BadInput for one that holds no seed of its own."""
    fitted = model.fitted
    if "samples" in getattr(fitted, "shape", {}):
        fitted.shape["samples"] = seed
    elif hasattr(fitted, "seed"):
        fitted.seed = seed
    else:
        raise BadInput(f"--seed: {model.facts['method']} always draws the same samples")


def asked(model, count):
    """Make inputs that ask for `count` samples: of arms one after the other, of molecules as many rows."""
    context = dict(model.facts["context"])
    if model.input == "arm":
        return Split({"arm": (np.arange(count) % len(context["classes"])).astype(np.uint8)}, context)
    if model.input != "molecule_set":
        raise BadInput(f"{model.folder}: it is not known how {kind.load(model.input).TITLE} are asked for")
    return Split({"smiles": np.full(count, b"C")}, context)


def molecules(model, made):
    """Give header and rows of molecules, from their codes or their texts."""
    from deepbio.domains.chemistry import molecule_sets
    from deepbio.domains.chemistry.smiles import Vocabulary

    if made.dtype.kind == "S":
        texts = [one.decode() for one in made]
    else:
        texts = Vocabulary(model.facts["context"]["symbols"]).decode(made)
    seen = molecule_sets.describe(texts)
    numbers = (
        [f"{value:.4g}" for value in row] if good else [""] * row.size
        for row, good in zip(seen.properties, seen.valid, strict=True)
    )
    rows = [[text, int(good), *row] for text, good, row in zip(texts, seen.valid, numbers, strict=True)]
    return ["smiles", "valid", *molecule_sets.PROPERTIES], rows


def people(model, made):
    """Give header and rows of the records of people: each variable at each visit."""
    context = model.facts["context"]
    header = [
        f"{one['name']} ({one['unit']}), visit {visit}" for one in context["variables"] for visit in context["visits"]
    ]
    arms = context["classes"]
    rows = [
        [arms[number % len(arms)], *(f"{value:.6g}" for value in row)]
        for number, row in enumerate(made.reshape(len(made), -1))
    ]
    return ["arm", *header], rows


if __name__ == "__main__":
    command.run(main)
