"""The whole benchmark at a glance, from what the tasks have written.

Writes under results/<scale>: scores.csv and comparison.csv (all tasks), ledger.csv (one row a run: its state, size,
speed, digests), cost.csv (time and memory of the jobs behind them, from Snakemake's benchmark files),
scoreboard.{txt,html}, glance.{svg,png} and provenance.html.
"""

from pathlib import Path

import pandas as pd

from deepbio.core import command, machine
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput, atomic, read_json
from deepbio.figures import comparison, pages
from deepbio.scoring import metrics

LEDGER = ["scale", "task", "dataset", "method", "role", "seed", "split", "status", "reason", "origin", "weights"]
LEDGER += ["train_samples", "valid_samples", "test_samples", "samples_seen", "restarts", "samples_per_second"]
LEDGER += ["seconds", "device", "preparation_seconds", "preparation_samples_per_second", "threads"]
LEDGER += ["data_digest", "code_digest"]
# What the path of a benchmark file says, by stage; that of any other is the path of a run.
PLACES = dict.fromkeys(("prepare", "simulate"), ("task", "dataset", "split")) | {"score": ("task", "method")}


def main():
    arguments = command.parser(__doc__)
    command.add_settings(arguments)
    arguments.add_argument("--resources", default="resources", help="folder of the fetched sources")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    tasks = [task for task in known.selected_tasks if known.datasets(task)]
    tasks = [task for task in tasks if (known.results / task / "comparison.csv").exists()]
    if not tasks:
        raise BadInput(f"{known.results}: there is no comparison of any task to summarise")
    runs = [state(known, run) for task in known.selected_tasks for run in known.runs(task)]
    comparisons = pd.concat(
        [pd.read_csv(known.results / task / "comparison.csv").assign(task=task) for task in tasks], ignore_index=True
    )
    scores = pd.concat([pd.read_csv(known.results / task / "scores.csv") for task in tasks], ignore_index=True)
    ledger = pd.DataFrame(runs).reindex(columns=LEDGER)
    write_csv(known.results / "scores.csv", scores)
    write_csv(known.results / "comparison.csv", comparisons)
    write_csv(known.results / "ledger.csv", ledger)
    write_csv(known.results / "cost.csv", cost(known.results / "benchmarks", ledger))

    board = scoreboard(known, comparisons)
    failed = ledger[ledger["status"] != "ok"]
    write_text(known.results / "scoreboard.txt", pages.scoreboard_text(board, failed, known.scale))
    write_text(known.results / "scoreboard.html", pages.scoreboard_html(board, failed, known.scale))
    glance(known, comparisons, known.results)
    sources = sorted({source for task in tasks for source in known.sources_of(task)})
    records = {source: record(Path(given.resources), source, known.sources[source]) for source in sources}
    versions = {name: text for run in runs for name, text in run.get("versions", {}).items()} | machine.versions()
    for name in ("platform", "cpu", "gpu", "cuda"):
        found = sorted({run["machine"][name] for run in runs if run.get("machine", {}).get(name)})
        versions |= {name: "; ".join(found)} if found else {}
    write_text(known.results / "provenance.html", pages.provenance_html(versions, records, known.scale))


def state(known, run):
    """Read what run.json says of a run, or note that it is missing."""
    path = known.results / run.folder / "run.json"
    if path.exists():
        return read_json(path)
    identity = {"scale": known.scale, "task": run.task, "dataset": run.dataset, "method": run.method}
    identity |= {"role": known.shown_role(run.method), "seed": run.seed, "origin": known.plan(run.task)["origin"]}
    return identity | {"status": "missing", "reason": "it was not run to its end"}


def record(resources, source, facts):
    """Read what is recorded of a fetched source, with its present title, licence and citation; a source of datasets
    that never ran may not be fetched yet, and has no files."""
    path = resources / f"{source}.json"
    found = read_json(path) if path.exists() else {"files": {}}
    return found | {key: facts[key] for key in ("title", "licence", "citation")}


def write_csv(path, table):
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def write_text(path, text):
    with atomic(path) as temporary:
        temporary.write_text(text)


def cost(folder, ledger):
    """Return one row for each job that Snakemake measured: stage, names, seconds, CPU seconds, peak memory.

    Only jobs of the tasks and methods of `ledger`: the folder may hold those of other choices and of the cross table,
    whose cross-task runs have budgets of their own.
    """
    ran = {*zip(ledger["task"], ledger["method"], strict=True), *((task, None) for task in ledger["task"])}
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        stage, *names = path.relative_to(folder).with_suffix("").parts
        columns = PLACES.get(stage, ("task", "dataset", "method", "seed"))
        named = dict(zip(columns, names, strict=False))
        if stage == "cross" or (named["task"], named.get("method")) not in ran:
            continue
        measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        rows.append({"stage": stage, **named, **{key: measured[key] for key in ("s", "cpu_time", "max_rss")}})
    names = {"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "peak_memory_mb"}
    return pd.DataFrame(rows, columns=["stage", "task", "dataset", "split", "method", "seed", *names]).rename(
        columns=names
    )


def scoreboard(known, comparisons):
    """List the rows of the primary metric of each dataset, best method first, with titles for people."""
    rows = []
    for (task, dataset), group in comparisons.groupby(["task", "dataset"], sort=False):
        metric = known.dataset(task, dataset)["metrics"][0]
        group = group[group["metric"] == metric].sort_values(
            "mean", ascending=not metrics.higher_is_better(metric, task), kind="stable"
        )
        for row in group.to_dict("records"):
            title = known.methods[row["method"]]["title"] if row["method"] in known.methods else row["method"]
            rows.append(
                row
                | {"method_title": title, "task_title": known.tasks[task]["title"]}
                | {"dataset_title": known.dataset(task, dataset)["title"], "metric_title": metrics.title(metric, task)}
            )
    return pd.DataFrame(rows)


def glance(known, comparisons, folder):
    """Draw glance.{svg,png}: each method on each dataset between the constant control (0) and the perfect one (1).

    Datasets whose metric has no upper end, so that the perfect control is not above the constant one, are left out.
    """
    rows = []
    for (task, dataset), group in comparisons.groupby(["task", "dataset"], sort=False):
        facts = known.dataset(task, dataset)
        group = group[group["metric"] == facts["metrics"][0]].set_index("method")
        if not {"perfect", "constant"} <= set(group.index):
            continue  # a reference that was made before this metric was the primary one
        higher, group = str(group["higher_is_better"].iloc[0]) == "True", group["mean"]
        span = group["perfect"] - group["constant"]
        if span == 0 or (span > 0) != higher:
            continue
        for method, mean in group.items():
            if method in known.methods:
                value = (mean - group["constant"]) / span
                titles = {"task": known.tasks[task]["title"], "dataset": facts["title"]}
                titles["method"] = known.methods[method]["title"]
                rows.append(titles | {"role": known.shown_role(method), "value": value})
    table = pd.DataFrame(rows)
    origins = {known.plan(task)["origin"] for task in comparisons["task"].unique()}
    comparison.glance(
        table, f"Where does each method stand? ({known.scale})", " and ".join(sorted(origins)), Path(folder) / "glance"
    )


if __name__ == "__main__":
    command.run(main)
