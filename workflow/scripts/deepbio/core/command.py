"""What the commands of workflow/scripts share: reading their arguments and ending with a message, not a traceback."""

import argparse
import json
import logging
import os
import signal
import sys
from functools import partial

from deepbio.core.catalog import SCALES, Catalog
from deepbio.core.files import BadInput


def parser(description):
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def json_object(text):
    """Parse an argument that is a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("a JSON object is needed, such as '{\"steps\": 100}'")
    return value


def add_scale(arguments):
    arguments.add_argument("--scale", choices=SCALES, default="quick", help="scale of tasks and methods")


def add_settings(arguments):
    arguments.add_argument(
        "--settings", type=json_object, default={}, help="what differs from config/config.yaml, such as its scale"
    )


def catalog_at(scale):
    return Catalog({"scale": scale})


def known_dataset(scale, task, dataset):
    """Return the facts of a dataset from config/; BadInput lists the known ids where it has none."""
    return catalog_of(scale, task, dataset).dataset(task, dataset)


def about(facts):
    """Return the title and metrics of the dataset of a run or of a prepared split, by what its JSON file says."""
    known = known_dataset(facts["scale"], facts["task"], facts["dataset"])
    return {key: known[key] for key in ("title", "metrics")}


def catalog_of(scale, task, dataset):
    """Read the catalog at a scale, which has the dataset; BadInput lists the known ids where it has not."""
    catalog = catalog_at(scale)
    if task not in catalog.tasks:
        raise BadInput(f"unknown task '{task}'; known are: {', '.join(catalog.tasks)}")
    if dataset not in catalog.datasets(task):
        raise BadInput(
            f"task '{task}' has at scale {scale} the datasets: {', '.join(catalog.datasets(task)) or 'none'}"
        )
    return catalog


def run(main):
    """Call `main()`; a BadInput, and a file that cannot be opened or written, becomes one message and exit status 1.

    Told to end (SIGTERM, by a scheduler or a time limit), the command removes its temporary files and ends with 143.
    """
    signal.signal(signal.SIGTERM, partial(_end, os.getpid()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    try:
        main()
    except BadInput as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}")


def _end(owner, number, frame):
    """End the process with the status that a shell gives to a signal, by an exception, so that what is open is closed;
    a process that it forked has nothing to close."""
    if os.getpid() != owner:
        os._exit(128 + number)
    raise SystemExit(128 + number)
