"""Where networks train: the choice of a device, torch's switches, the way of a batch to it, and draws on it that leave
others alone."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch


def choose(wanted: str = "auto") -> str:
    """Take `cuda` where there is a GPU and it is not forbidden, else `cpu`; RuntimeError where `cuda` is asked in
    vain."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("config says device: cuda, but torch sees no GPU")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def configure(
    threads: int, device: str = "auto", precision: str | None = None, deterministic: bool = False
) -> tuple[str, str]:
    """Set torch up for one job; the device and the precision that it trains with.

    Parameters
    ----------
    threads : int
        Threads of torch.
    device : str
        auto, cpu or cuda.
    precision : str, optional
        float32 or bfloat16 (mixed) on a GPU; None: bfloat16 where the GPU has it and determinism is not asked for.
    deterministic : bool
        Ask for the same result of every run on a GPU, wherever torch has an algorithm that gives it; it warns of
        those that it has none of. Without it cudnn tries which algorithm is fastest, and products of matrices are
        rounded to TF32. On a CPU a run is deterministic in any case.

    Raises RuntimeError where `cuda` is asked in vain.
    """
    torch.set_num_threads(threads)
    where = choose(device)
    fast = where == "cuda" and not deterministic
    torch.backends.cudnn.benchmark = fast
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = fast
    if where == "cuda" and deterministic:  # cuBLAS reads it at its first product
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(not fast, warn_only=True)
    if precision is None:
        precision = "bfloat16" if fast and torch.cuda.is_bf16_supported() else "float32"
    return where, precision


def to(device: str | torch.device, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring the tensors of a batch to a device."""
    return {key: value.to(device, non_blocking=True) for key, value in batch.items()}


def of(network: torch.nn.Module) -> torch.device:
    """Give the device of a network."""
    return next(network.parameters()).device


@contextmanager
def drawn(seed: int, device: str | torch.device) -> Iterator[None]:
    """Let torch, within it, draw on `device` as `seed` has it; what is drawn afterwards does not change."""
    on_cpu = torch.device(device).type == "cpu"
    with torch.random.fork_rng(devices=[] if on_cpu else [device]):
        # torch.manual_seed sets the generators of all GPUs too, of which nothing is restored here on a CPU.
        (torch.default_generator if on_cpu else torch).manual_seed(seed)
        yield
