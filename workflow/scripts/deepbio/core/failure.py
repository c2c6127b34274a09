"""Which failures are worth another attempt: those of the machine, not of the data or the method."""

import errno

# The next attempt, on another node or later, may well succeed.
MACHINE_LOST = 75  # EX_TEMPFAIL of sysexits.h: the exit status of a command that asks for another attempt
# A full or broken disk says nothing of the run, so it is never written down as the run's failure.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
MEMORY = {errno.ENOMEM, errno.EAGAIN}
# Signals that a person or a scheduler sends to end a job: HUP, INT, TERM.
ASKED_TO_END = {1, 2, 15}
# What torch and its libraries say; a failed assertion on the device is the program's fault and not among them.
MESSAGES = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "sees no gpu",
    "no cuda gpus",
    "no cuda-capable device",
    "cuda driver",
    "nvidia driver",
    "cuda error: initialization error",
    "cuda error: unspecified launch failure",
    "cuda error: the launch timed out",
    "cuda error: uncorrectable ecc",
    "device is busy or unavailable",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",
    "cudnn_status_not_initialized",
    "cudnn_status_alloc_failed",
)
NAMES = {"OutOfMemoryError", "BrokenProcessPool", "ProcessExpired", "TerminatedWorkerError"}


def is_disk(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, is a full, read-only or broken disk."""
    return any(isinstance(one, OSError) and one.errno in DISK for one in _chain(error))


def is_transient(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, is the machine's: memory, GPU, disk, or a killed worker."""
    return any(
        isinstance(one, MemoryError)
        or type(one).__name__ in NAMES
        or (isinstance(one, OSError) and one.errno in DISK | MEMORY)
        or (isinstance(one, RuntimeError) and any(text in str(one).lower() for text in MESSAGES))
        for one in _chain(error)
    )


def killed_by(status: int) -> int | None:
    """Give the signal that killed a process, from its exit status in a shell; None where none did, or where somebody
    asked it to end."""
    signal = status - 128
    return signal if signal > 0 and signal not in ASKED_TO_END else None


def _chain(error: BaseException | None):
    """Give an error and, one after the other, those that it came from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
