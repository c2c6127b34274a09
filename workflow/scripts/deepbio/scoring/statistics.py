"""Means with intervals over repeated runs, and paired tests over datasets. SciPy is imported where it is used."""

import numpy as np


def _student(degrees: int, level: float) -> float:
    """Give how many standard errors the interval of a mean reaches to either side."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + level) / 2))


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Give (mean, low, high) by Student's t over independent repeats; the interval is NaN for a single value."""
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    half = _student(len(values) - 1, level) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def resampled_interval(values: np.ndarray, test_over_train: float, level: float = 0.95) -> tuple[float, float, float]:
    """Give (mean, low, high) over random train/test splits of one set of samples.

    Such splits share training samples, so their std alone understates the uncertainty; the variance is taken
    as (1/n + n_test/n_train)·s² (Nadeau and Bengio 2003, Machine Learning 52:239, section 3).
    """
    values = np.asarray(values, dtype=float)
    mean, _, _ = mean_interval(values, level)
    n = int((~np.isnan(values)).sum())
    if n < 2:
        return mean, np.nan, np.nan
    half = _student(n - 1, level) * float(np.nanstd(values, ddof=1) * np.sqrt(1 / n + test_over_train))
    return mean, mean - half, mean + half


def holm(p_values: list[float]) -> list[float]:
    """Adjust p-values of several tests (Holm 1979): the k-th smallest of m by m - k + 1, none below a smaller one."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted.tolist()


def paired_tests(table, higher_is_better: bool, minimum: int = 6) -> list[dict]:
    """Test the best method against each other one by Wilcoxon's signed ranks, Holm-adjusted.

    `table` is a frame (datasets x methods) of one metric. Returns a list of dicts (best, other, datasets, wins,
    p_value, p_holm); empty where fewer than `minimum` datasets are complete: with five, even five wins of five
    give p = 0.06.
    """
    table = table.dropna(axis=1, how="all").dropna(axis=0)
    if len(table) < minimum or table.shape[1] < 2:
        return []
    from scipy.stats import wilcoxon

    means = table.mean()
    best = means.idxmax() if higher_is_better else means.idxmin()
    rows = []
    for other in table.columns.drop(best):
        gain = (table[best] - table[other]) * (1 if higher_is_better else -1)
        p = wilcoxon(gain).pvalue if (gain != 0).any() else 1.0
        rows.append(
            {"best": best, "other": other, "datasets": len(table), "wins": int((gain > 0).sum()), "p_value": float(p)}
        )
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p
    return rows
