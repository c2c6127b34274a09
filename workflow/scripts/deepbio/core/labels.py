"""Label arrays: their shapes, what is known of them, and the answers of controls.

Labels are (samples,), (samples, outputs) or, of several positions a sample, (samples, positions, outputs), and NaN
where they are missing. Where the output is `multiclass`, a label is the number of a class.
"""

from collections.abc import Iterator

import numpy as np

from deepbio.core.files import row_blocks as row_blocks


def columns(values: np.ndarray) -> np.ndarray:
    """Give labels or predictions as floating-point numbers (rows, outputs); of three axes each position is a row."""
    return flat(np.asarray(values, dtype=float))


def flat(values: np.ndarray) -> np.ndarray:
    """Give labels or predictions as (rows, outputs), in their own type."""
    values = np.asarray(values)
    return values.reshape(-1, values.shape[2]) if values.ndim == 3 else values.reshape(len(values), -1)


def outputs(y: np.ndarray, p: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield known labels and their predictions, output by output, so that one output's numbers are in memory at a
    time."""
    for one, guess in zip(flat(y).T, flat(p).T, strict=True):
        one, guess = one.astype(float), guess.astype(float)
        known = ~np.isnan(one)
        yield one[known], guess[known]


def means(y: np.ndarray) -> np.ndarray:
    """Average the known labels of each output, (outputs,); NaN where none is known."""
    total, known = 0.0, 0
    for block in map(columns, row_blocks(y)):
        total = total + np.nansum(block, axis=0)
        known = known + (~np.isnan(block)).sum(axis=0)
    return np.divide(total, known, out=np.full(np.shape(total), np.nan), where=known > 0)


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Turn numbers of classes, (n,) or (n, 1), into (n, classes) of 0 and 1; a row of NaN where a label is missing."""
    y = columns(y)
    return np.where(np.isnan(y), np.nan, y == np.arange(classes))


def not_binary(y: np.ndarray) -> str | None:
    """Say which labels are neither 0 nor 1 nor missing, or None; block by block, so that memory maps stay on disk."""
    for block in row_blocks(y):
        wrong = (block != 0) & (block != 1)
        if block.dtype.kind == "f":
            wrong &= ~np.isnan(block)
        if wrong.any():
            return f"{block[wrong].flat[0]} is neither 0 nor 1"
    return None


def known_or_mean(name: str, train_y: np.ndarray, test_y: np.ndarray) -> np.ndarray:
    """Answer as the controls `perfect` (the labels; the mean where one is missing) or `constant` (the mean training
    label of each output)."""
    mean = means(train_y)
    if name == "perfect":
        return np.where(np.isnan(test_y), mean, test_y)
    if name == "constant":
        return np.broadcast_to(mean, test_y.shape).copy()
    raise ValueError(f"a control is perfect, random or constant, not {name}")
