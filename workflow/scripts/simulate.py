"""Simulate one batch of a dataset's data; the number of the batch is the seed of all that is drawn."""

import json
import logging
import time

from deepbio.core import command, simulation
from deepbio.core.config import as_json
from deepbio.core.files import BadInput

log = logging.getLogger(__name__)


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", nargs="?", help="id of config/tasks, for the facts")
    arguments.add_argument("dataset", nargs="?", help="id of one of its datasets at this scale")
    command.add_scale(arguments)
    arguments.add_argument(
        "--facts", type=command.json_object, help="facts of the simulation; default: those of config/"
    )
    arguments.add_argument("--batch", type=int, default=1, help="number of the batch, from 1")
    arguments.add_argument("--output", required=True, help="file for the arrays (.npz)")
    given = arguments.parse_args()
    facts = given.facts
    if facts is None:
        # As the workflow hands them over, with sorted keys.
        known = json.loads(as_json(command.known_dataset(given.scale, given.task, given.dataset)))
        if "simulation" not in known:
            raise BadInput(f"nothing is simulated for {given.task}/{given.dataset} at scale {given.scale}")
        facts = known["simulation"]
    began = time.monotonic()
    simulation.write_batch(facts, given.batch, given.output)
    log.info("batch %d: %.1f s", given.batch, time.monotonic() - began)


if __name__ == "__main__":
    command.run(main)
