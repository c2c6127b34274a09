"""Flow Cytometry Standard files."""

import warnings
from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput


def read_fcs(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read the events (n, channels) of an FCS file as they are stored, and the channels' names: the stain where there
    is one, else the detector. BadInput where the file is damaged or has no events."""
    import flowio

    with open(path, "rb") as handle:
        if handle.read(3) != b"FCS":
            raise BadInput(f"{path}: no FCS file: it does not begin with FCS")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = flowio.FlowData(str(path))
            events = np.asarray(found.events, np.float64).reshape(-1, found.channel_count)
            expected = int(found.text["tot"])
    except MemoryError:
        raise
    except Exception as error:  # flowio raises what parsing happens to raise
        raise BadInput(f"{path}: no FCS file: {type(error).__name__}: {error}") from None
    if len(events) != expected:
        raise BadInput(f"{path}: {len(events)} events, where the header says {expected}")
    if not len(events) or not np.isfinite(events).all():
        raise BadInput(f"{path}: {len(events)} events, or some that are no numbers")
    return events, [stain.strip() or name for stain, name in zip(found.pns_labels, found.pnn_labels, strict=True)]
