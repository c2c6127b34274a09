"""Let the next call of snakemake train again what failed or was lost.

Removes run.json of every run below the folder whose status is `failed` or `lost`; what rests on it is made anew.
"""

from pathlib import Path

from deepbio.core import command
from deepbio.core.files import BadInput, read_json


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("results", help="folder of results of one scale, such as results/quick")
    arguments.add_argument("--only", choices=("failed", "lost"), help="runs of this status alone")
    arguments.add_argument("--dry-run", action="store_true", help="only say which they are")
    given = arguments.parse_args()
    if not Path(given.results).is_dir():
        raise BadInput(f"{given.results} is no folder")
    states = (given.only,) if given.only else ("failed", "lost")
    found = 0
    for path in sorted(Path(given.results).glob("*/*/*/seed*/run.json")):
        run = read_json(path)
        if run["status"] in states:
            found += 1
            print(f"{path.parent}: {run['status']}: {run['reason']}")
            if not given.dry_run:
                path.unlink()
    print(f"{found} runs " + ("would be" if given.dry_run else "will be") + " trained by the next call of snakemake")


if __name__ == "__main__":
    command.run(main)
