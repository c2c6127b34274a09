"""Pages of the report, and the scoreboard for a terminal."""

from html import escape

import pandas as pd

from deepbio.core.catalog import ROLES

STYLE = """<style>
 body { font-family: "DejaVu Sans", Arial, sans-serif; font-size: 14px; margin: 1.5em; color: #222; max-width: 70em }
 h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em }
 table { border-collapse: collapse; margin: .3em 0 1em } td, th { padding: .25em .7em; border-bottom: 1px solid #ddd }
 th { text-align: left; background: #f4f4f4 } td.n { text-align: right; font-variant-numeric: tabular-nums }
 tr.best td { font-weight: bold } tr.control td, tr.published td { color: #666 } small, .note { color: #666 }
 code { font-size: .85em; word-break: break-all }
</style>"""


def page(title, body):
    """Return a whole HTML page; `body` is HTML."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{STYLE}</head>'
        f"<body><h1>{escape(title)}</h1>\n{body}</body></html>\n"
    )


def table(header, rows, classes=None):
    """Return an HTML table of texts; numbers (float, int) are aligned to the right."""
    lines = ["<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
    for i, row in enumerate(rows):
        cells = [
            f'<td class="n">{cell:g}</td>' if isinstance(cell, float | int) else f"<td>{escape(str(cell))}</td>"
            for cell in row
        ]
        kind = f' class="{classes[i]}"' if classes else ""
        lines.append(f"<tr{kind}>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>\n"])


def _number(value):
    return "" if pd.isna(value) else f"{value:.3f}"


def _interval(row):
    return "" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}"


def _best(group):
    """Return the index of the best method that is neither a control nor a published figure; groups come best first."""
    ours = group[group["role"].isin(ROLES)]
    return ours.index[0] if len(ours) else None


def scoreboard_html(board, failed, scale):
    """Return a page of all datasets, with the best method first."""
    parts = [f'<p class="note">Scale: {escape(scale)}. Means over runs with 95 % intervals.</p>']
    for (task, dataset), group in board.groupby(["task_title", "dataset_title"], sort=False):
        first, best = group.iloc[0], _best(group)
        arrow = "higher is better" if first["higher_is_better"] else "lower is better"
        parts.append(f"<h2>{escape(task)} — {escape(dataset)}</h2>")
        parts.append(f"<small>{escape(first['metric_title'])} ({arrow}); data: {escape(first['origin'])}</small>")
        rows, classes = [], []
        for index, row in group.iterrows():
            where = "" if pd.isna(row["where"]) else row["where"]
            note = where if row["role"] != "published" or row["comparable"] is True else f"{where}; not comparable"
            name = row["method_title"]
            rows.append(
                (name, row["role"], _number(row["mean"]), _interval(row), row["interval"], int(row["runs"]), note)
            )
            classes.append("best" if index == best else row["role"])
        header = ("method", "role", "mean", "95 % interval", "interval over", "runs", "published in")
        parts.append(table(header, rows, classes))
    if len(failed):
        rows = failed[["task", "dataset", "method", "seed", "reason"]].itertuples(index=False)
        parts.append("<h2>Runs that failed</h2>" + table(("task", "dataset", "method", "seed", "reason"), rows))
    return page("Scoreboard", "".join(parts))


def scoreboard_text(board, failed, scale):
    """Return the scoreboard as plain text for a terminal."""
    lines = [f"deepbio-bench, scale {scale}: mean of the primary metric (95 % interval)", ""]
    for (task, dataset), group in board.groupby(["task_title", "dataset_title"], sort=False):
        first, best = group.iloc[0], _best(group)
        arrow = "higher is better" if first["higher_is_better"] else "lower is better"
        lines.append(f"{task} / {dataset}: {first['metric_title']}, {arrow}, {first['origin']} data")
        for index, row in group.iterrows():
            mark = "*" if index == best else " "
            interval = f"({_interval(row)})" if _interval(row) else ""
            name = f"{row['method_title']} [{row['role']}]"
            lines.append(f"  {mark} {name:<52} {_number(row['mean']):>7}  {interval}")
        lines.append("")
    for row in failed.itertuples():
        lines.append(f"FAILED {row.task}/{row.dataset}/{row.method} seed {row.seed}: {row.reason}")
    return "\n".join(lines) + "\n"


def provenance_html(versions, records, scale):
    """Return a page of the packages with versions, and of every source with address, hash, size, licence and
    citation; a record without files is of a source that is not fetched."""
    parts = [f'<p class="note">Scale: {escape(scale)}.</p>', "<h2>Software</h2>"]
    parts.append(table(("package", "version"), sorted(versions.items())))
    parts.append("<h2>Sources</h2>")
    for source, record in records.items():
        parts.append(f"<h2>{escape(source)}: {escape(record['title'])}</h2>")
        parts.append(f"<p>Licence: {escape(record['licence'])}<br>Citation: {escape(record['citation'])}</p>")
        if not record["files"]:
            parts.append("<p>Not fetched.</p>")
            continue
        rows = [
            f"<tr><td>{escape(name)}</td><td class='n'>{file['bytes']:,}</td>"
            f"<td><code>{escape(file['url'])}</code></td><td><code>{file['sha256']}</code></td></tr>"
            for name, file in record["files"].items()
        ]
        head = "<tr><th>file</th><th>bytes</th><th>address</th><th>SHA-256</th></tr>"
        parts.append(f"<table>{head}{''.join(rows)}</table>")
    return page("Provenance", "".join(parts))
