"""Means with intervals over repeated runs, and paired tests over datasets."""

import numpy as np
from scipy import stats


def mean_interval(values, level=0.95):
    """(mean, low, high) by Student's t over independent repeats; the interval is NaN for a single value."""
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def resampled_interval(values, test_over_train, level=0.95):
    """(mean, low, high) over random train/test splits of one set of samples.

    Such splits share training samples, so their spread alone understates the uncertainty; the variance is taken
    as (1/n + n_test/n_train)·s² (Nadeau and Bengio 2003, Machine Learning 52:239, section 3).
    """
    values = np.asarray(values, dtype=float)
    mean, _, _ = mean_interval(values, level)
    n = int((~np.isnan(values)).sum())
    if n < 2:
        return mean, np.nan, np.nan
    spread = np.nanstd(values, ddof=1) * np.sqrt(1 / n + test_over_train)
    half = stats.t.ppf((1 + level) / 2, n - 1) * spread
    return mean, mean - float(half), mean + float(half)


def paired_tests(table, higher_is_better, minimum=6):
    """Wilcoxon's signed-rank test of the best method against each other one, Holm-adjusted.

    `table` is a frame (datasets x methods) of one metric. Returns a list of dicts (best, other, datasets, wins,
    p_value, p_holm); empty where fewer than `minimum` datasets are complete: with five, even five wins of five
    give p = 0.06.
    """
    from statsmodels.stats.multitest import multipletests  # a slow import that few commands need

    table = table.dropna(axis=1, how="all").dropna(axis=0)
    if len(table) < minimum or table.shape[1] < 2:
        return []
    means = table.mean()
    best = means.idxmax() if higher_is_better else means.idxmin()
    rows = []
    for other in table.columns.drop(best):
        gain = (table[best] - table[other]) * (1 if higher_is_better else -1)
        p = stats.wilcoxon(gain).pvalue if (gain != 0).any() else 1.0
        rows.append(
            {"best": best, "other": other, "datasets": len(table), "wins": int((gain > 0).sum()), "p_value": float(p)}
        )
    adjusted = multipletests([row["p_value"] for row in rows], method="holm")[1]
    for row, p in zip(rows, adjusted, strict=True):
        row["p_holm"] = float(p)
    return rows
