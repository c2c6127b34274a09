"""What a run was computed with: processor, GPU, CUDA, and the version of every installed package."""

import platform
import re
import sys
from pathlib import Path


def versions() -> dict[str, str]:
    """Map each installed package, by its normalised name, to its version; reads folder names and imports nothing."""
    found = {}
    for place in reversed([Path(entry) for entry in sys.path if entry]):
        for folder in place.glob("*.dist-info") if place.is_dir() else ():
            name, _, version = folder.stem.partition("-")
            found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return dict(sorted(found.items())) | {"python": platform.python_version()}


def describe(device: str = "cpu") -> dict[str, str | None]:
    """Name the system, the processor and, for a run on `cuda`, the GPU and the version of CUDA."""
    facts: dict[str, str | None] = {"platform": platform.platform(), "cpu": _processor(), "gpu": None, "cuda": None}
    if device.startswith("cuda"):
        import torch  # a run on a GPU has it already

        facts |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return facts


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
