"""Fetch source sets: verify every file by SHA-256 and store it under the resources folder."""

import os

from deepbio.core import command, sources
from deepbio.core.files import BadInput


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("source", nargs="+", help="ids of config/sources")
    arguments.add_argument("--resources", default="resources", help="folder for the files")
    arguments.add_argument(
        "--mirror", default=os.environ.get("DEEPBIO_MIRROR"), help="folder or URL that is tried before the origin"
    )
    given = arguments.parse_args()
    known = command.catalog_at("quick").sources
    for source in given.source:
        if source not in known:
            raise BadInput(f"unknown source '{source}'; known are: {', '.join(sorted(known))}")
        print(sources.fetch(source, known[source], given.resources, given.mirror or None))


if __name__ == "__main__":
    command.run(main)
