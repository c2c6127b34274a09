"""Files that tests of readers write, and how they ask for an error."""

import pysam
import pytest

from deepbio.core.files import BadInput


def refuses(message, function, *words, **named):
    with pytest.raises(BadInput) as caught:
        function(*words, **named)
    assert message in str(caught.value), str(caught.value)


def bgzipped(folder, content):
    with pysam.BGZFile(str(folder / "made.gz"), "wb") as handle:
        handle.write(content)
    return (folder / "made.gz").read_bytes()


def fasta(folder, content, name="g.fa"):
    (folder / name).write_bytes(content)
    return folder / name
