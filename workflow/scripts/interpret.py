"""Draw what a reader of a method's paper expects, from a trained run and its validation split."""

from functools import partial
from pathlib import Path

from deepbio.core import command, data, method
from deepbio.core.files import atomic, read_json


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("run", help="folder of a run")
    arguments.add_argument("--data", required=True, help="folder of the prepared split it was trained on")
    arguments.add_argument("--output", required=True, help="folder for the figures")
    given = arguments.parse_args()
    run = read_json(Path(given.run) / "run.json")
    with atomic(given.output, folder=True) as folder:
        if run["status"] != "ok":
            (folder / "failed.txt").write_text(f"{run['reason']}\n")
            return
        model = method.trained(given.run, run)
        method.interpret(model, partial(data.read_split, given.data, **command.about(run)), folder)


if __name__ == "__main__":
    command.run(main)
