"""Prepare one split of a dataset: from fetched sources to arrays of train, valid and test, checked for leakage."""

import json
import tempfile
import time
from pathlib import Path

from deepbio.core import command, task
from deepbio.core.config import as_json
from deepbio.core.data import save_dataset, save_speed
from deepbio.core.files import BadInput
from deepbio.core.simulation import batch_file


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", help="id of config/tasks")
    arguments.add_argument("dataset", help="id of one of its datasets at this scale")
    command.add_scale(arguments)
    arguments.add_argument("--split", type=int, default=1, help="number of the split, from 1")
    arguments.add_argument("--facts", type=command.json_object, help="facts of the dataset; default: those of config/")
    arguments.add_argument("--resources", default="resources", help="folder of the fetched sources")
    arguments.add_argument("--simulation", help="folder of the simulated batches, where the dataset has some")
    arguments.add_argument("--output", required=True, help="folder for the arrays and dataset.json")
    given = arguments.parse_args()
    facts = given.facts
    if facts is None:
        # As the workflow hands them over, with sorted keys: the order of a mapping decides what is drawn at random.
        known = command.catalog_of(given.scale, given.task, given.dataset)
        facts = json.loads(as_json(known.preparation(given.task, given.dataset)))
    sources = {source: Path(given.resources) / source for source in facts["sources"]}
    for source, folder in sources.items():
        if not folder.is_dir():
            raise BadInput(f"source '{source}' is not in {given.resources}: run fetch.py {source}")
    if "own" in facts:
        sources["own"] = Path(facts["own"]["yaml"])
    if "simulation" in facts:
        sources["simulation"] = Path(given.simulation or ".")
        for batch in range(1, facts["simulation"]["batches"] + 1):
            if not batch_file(sources["simulation"], batch).exists():
                raise BadInput(
                    f"{batch_file(sources['simulation'], batch)} is missing: run simulate.py --batch {batch}"
                )
    began = time.monotonic()
    output = Path(given.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Large sources are unpacked on the way; beside the output there is room for them, and /tmp may be memory.
    tempfile.tempdir = str(output.parent)
    splits = task.prepare(given.task, given.dataset, facts, sources, given.split)
    identity = {"task": given.task, "dataset": given.dataset, "scale": given.scale, "split": given.split}
    save_dataset(output, splits, identity | {key: facts[key] for key in ("origin", "sources", "parameters")})
    save_speed(output, splits, time.monotonic() - began)


if __name__ == "__main__":
    command.run(main)
