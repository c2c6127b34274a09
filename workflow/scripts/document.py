"""Write docs/METHODS.md, a row for each system of the reading list, docs/RESULTS.md, a row for each dataset, and a
sentence of README.md, from the configuration and the reference scores."""

import csv
from statistics import fmean

from deepbio.core import command
from deepbio.core.catalog import SCALES, Catalog
from deepbio.core.config import ROOT, read_yaml
from deepbio.core.files import BadInput, atomic
from deepbio.scoring import metrics

CROSS = [
    "Every method on every task whose kind of data it takes, at scale `standard`, with one seed and the budgets of",
    "`config/methods/<id>.yaml` (`snakemake cross`). A number is the dataset's primary metric, a colour the rank; the",
    "commits are in `cross_ledger.csv`.",
    "",
    "![Cross table](../results/reference/standard/cross.svg)",
]


def main():
    command.parser(__doc__).parse_args()
    texts = {"README.md": readme(), "docs/RESULTS.md": results(), "docs/METHODS.md": page()}
    for name, text in texts.items():
        with atomic(ROOT / name) as temporary:
            temporary.write_text(text)
        print(name)


def readme():
    """Write README.md with how the systems fare, between its two marks."""
    text = (ROOT / "README.md").read_text()
    first, last = (text.index(mark) for mark in ("<!-- results", "<!-- end of results"))
    start = text.index("-->", first) + 4
    return f"{text[:start]}{progress(Catalog({'scale': 'standard'}))}\n{tally()}{text[last:]}"


def tally():
    """Tell how often the best listed system of a dataset is above, below or level with the best baseline, in sentences.

    Only the interval of the paired difference over test samples decides; a dataset whose reference has none for these
    two is counted by itself.
    """
    counts = {"above": 0, "level": 0, "below": 0, "unpaired": 0}
    for rows in boards().values():
        counts[standing(rows["listed"][0], rows["baseline"][0])] += 1
    if counts["unpaired"] == sum(counts.values()):
        return (
            f"The reference of the {counts['unpaired']} datasets of scale `standard` was made before comparisons had\n"
            "a paired interval over test samples; until it is renewed, nothing here is called better.\n"
            "[docs/RESULTS.md](docs/RESULTS.md) has all means, and the cross table.\n"
        )
    unpaired = f"\n{counts['unpaired']} have no paired interval." if counts["unpaired"] else ""
    return (
        f"Of the {sum(counts.values())} datasets of scale `standard`, the best listed system is above the best baseline"
        f" on {counts['above']} and below it on {counts['below']}\n(95 % interval of the paired difference over test"
        f" samples); on {counts['level']} the interval holds 0.{unpaired}\n"
        "[docs/RESULTS.md](docs/RESULTS.md) has them all, and the cross table.\n"
    )


def standing(ours, baseline):
    """Tell whether a row of comparison.csv is above, below or level with that of the best baseline; `unpaired` where it
    was not held against that one."""
    if ours.get("against") != baseline["method"] or not ours.get("difference_low"):
        return "unpaired"
    sign = 1 if ours["higher_is_better"] == "True" else -1
    low, high = sorted(sign * float(ours[end]) for end in ("difference_low", "difference_high"))
    return "above" if low > 0 else "below" if high < 0 else "level"


def progress(known):
    """Tell how many systems of the reading list have a method, in a sentence."""
    systems = read_yaml(known.config / "reading_list.yaml")
    return f"{sum(system['id'] in known.methods for system in systems)} of {len(systems)} systems are built."


def boards():
    """Map (task, dataset) -> role -> rows of the standard reference in the primary metric, best first; only datasets
    with a listed system and a baseline, which partial runs may lack. Of baselines, those that run there today."""
    known, found = Catalog({"scale": "standard"}), {}
    for row in read_reference("standard"):
        place = row["task"], row["dataset"]
        if is_current(row, known) and row["metric"] == known.dataset(*place)["metrics"][0]:
            found.setdefault(place, {}).setdefault(row["role"], []).append(row)
    for roles in found.values():
        for rows in roles.values():
            rows.sort(key=lambda row: float(row["mean"]), reverse=rows[0]["higher_is_better"] == "True")
    return {place: roles for place, roles in found.items() if {"listed", "baseline"} <= roles.keys()}


def is_current(row, known):
    """Tell whether a row of comparison.csv is of a dataset that there still is, and none of a baseline that no longer
    runs on it."""
    task, dataset = row["task"], row["dataset"]
    if task not in known.tasks or dataset not in known.datasets(task):
        return False
    return row["role"] != "baseline" or row["method"] in known.competitors(task, dataset)


def not_run(task, dataset, rows, known):
    """Name the baselines of a dataset that the reference has no row of, in brackets; nothing where it has all."""
    there = {row["method"] for row in rows}
    names = [one for one in known.competitors(task, dataset) if known.shown_role(one) == "baseline"]
    missing = [known.methods[one]["title"] for one in names if one not in there]
    return f" (not run: {', '.join(missing)})" if missing else ""


def without_primary(found, known):
    """List the (task, dataset) of the standard reference that `found` does not hold though it has runs of a listed
    system: its metric, or its baselines, came later."""
    rows = [row for row in read_reference("standard") if row["role"] == "listed" and is_current(row, known)]
    there = {(row["task"], row["dataset"]) for row in rows}
    return sorted(there - found.keys())


def results():
    """Write docs/RESULTS.md: the standard scale's means, task by task, and the commits of the code that made them."""
    known = Catalog({"scale": "standard"})
    lines = [
        "# Results at scale `standard`",
        "",
        "Made by `make docs` from `results/reference/standard`; not to be edited. Means over runs in a dataset's",
        "primary metric, with 95 % intervals over runs (of a single run: over test samples): the best listed system,",
        "the best baseline and the best published figure (= where data, split and metric are the same as ours, ≠ where",
        "they are not). The difference of the first two has the 95 % interval of a paired bootstrap over test samples,",
        "of which those that depend on each other (of a family, a position, a gene) are drawn together. Where it is",
        "empty, there are too few test samples to draw from, or the runs are from before there was such an interval.",
        "",
        "![Every task at a glance](../results/reference/standard/glance.svg)",
        "",
        "| task | dataset | metric | listed system | best baseline | difference | published |",
        "|---|---|---|---|---|---|---|",
    ]
    found = boards()
    for (task, dataset), roles in found.items():
        facts = known.dataset(task, dataset)
        cells = [known.tasks[task]["title"], facts["title"], metrics.title(facts["metrics"][0], task)]
        best = {role: best_cell(rows[0], known) for role, rows in roles.items()}
        cells += [best["listed"], best["baseline"] + not_run(task, dataset, roles["baseline"], known)]
        cells.append(difference(roles["listed"][0], roles["baseline"][0]))
        cells.append(best.get("published", ""))
        lines.append("| " + " | ".join(cells) + " |")
    for task, dataset in without_primary(found, known):
        facts = known.dataset(task, dataset)
        cells = [known.tasks[task]["title"], facts["title"], metrics.title(facts["metrics"][0], task)]
        lines.append("| " + " | ".join(cells) + " | not in the reference, which is older | | | |")
    commits = {}
    for run in read_reference("standard", "ledger"):
        commits.setdefault(run["task"], {})[run["commit"][:7]] = True
    lines += ["", "The commits whose code made them:", ""]
    lines += [f"- {known.tasks[task]['title']}: {', '.join(found)}" for task, found in commits.items()]
    if (ROOT / "results" / "reference" / "standard" / "cross.csv").exists():
        lines += ["", "## The cross table", "", *CROSS]
    return "\n".join(lines) + "\n"


def best_cell(row, known):
    """Name, mean and interval of one row of comparison.csv."""
    name = known.methods[row["method"]]["title"] if row["method"] in known.methods else row["method"]
    interval = f" [{float(row['low']):.3f}, {float(row['high']):.3f}]" if row["low"] else ""
    sign = "" if row["role"] != "published" else "= " if row["comparable"] == "True" else "≠ "
    return f"{sign}{name} {float(row['mean']):.3f}{interval}"


def difference(ours, baseline):
    """Return the paired difference of two rows of comparison.csv with its interval, or nothing where there is none."""
    if standing(ours, baseline) == "unpaired":
        return ""
    low, high = (float(ours[end]) for end in ("difference_low", "difference_high"))
    return f"{float(ours['difference']):+.3f} [{low:+.3f}, {high:+.3f}]"


def metric_title(name, task):
    """Return a metric's title; what a paper measures and nobody does here is called as its figures' entry says."""
    try:
        return metrics.title(name, task)
    except BadInput:
        return name


def page():
    """Write the page; the same for the same configuration and reference scores."""
    known = Catalog({"scale": "standard"})
    systems = read_yaml(known.config / "reading_list.yaml")
    reference = {scale: (Catalog({"scale": scale}), read_reference(scale)) for scale in ("standard", "quick")}
    lines = [
        "# The reading list, system by system",
        "",
        "Made by `make docs` from `config/` and `results/reference/`; do not edit it by hand.",
        f"{progress(known)} *Ours* is the mean over runs at scale `standard` where the",
        "reference holds it, else at `quick`; the best baseline on the same data stands behind it. A published figure",
        "is marked = where data, split and metric are the same as ours, and ≠ where they are not.",
        "",
        "| # | system | section | year | state | task | scales (data) | ours | published |",
        "|--:|---|---|--:|---|---|---|---|---|",
    ]
    for number, system in enumerate(systems, 1):
        lines.append("| " + " | ".join(row(number, system, known, reference)) + " |")
    ids = {system["id"] for system in systems}
    further = sorted(name for name, role in known.roles.items() if role == "listed" and name not in ids)
    if further:
        lines += ["", "## Methods beyond the list", ""]
        lines += [f"- [{known.methods[n]['title']}](../workflow/scripts/deepbio/methods/{n}.py)" for n in further]
    lines += ["", "## Baselines", "", "| baseline | inputs | tasks |", "|---|---|---|"]
    for name in sorted(name for name, role in known.roles.items() if role == "baseline"):
        tasks = [task for task, facts in known.tasks.items() if name in facts["baselines"]]
        link = f"[{known.methods[name]['title']}](../workflow/scripts/deepbio/baselines/{name}.py)"
        lines.append(f"| {link} | {', '.join(known.methods[name]['inputs'])} | {', '.join(tasks)} |")
    return "\n".join(lines) + "\n"


def row(number, system, known, reference):
    """Write the cells of one system."""
    name, title = system["id"], system["title"].replace("|", "\\|")
    cells = [str(number), title, system["section"], str(system["year"])]
    if name not in known.methods:
        return [*cells, "not built yet", system["task"], "", "", ""]
    cells[1] = f"[{title}](../workflow/scripts/deepbio/methods/{name}.py)"
    tasks = [task for task in known.tasks if task in known.methods[name].get("tasks", [])]
    plans = known.tasks[tasks[0]]["scales"]
    scales = ", ".join(f"{scale} ({plans[scale]['origin']})" for scale in SCALES if scale in plans)
    links = ", ".join(f"[{task}](../config/tasks/{task}.yaml)" for task in tasks)
    return [*cells, "built", links, scales, ours(name, reference), published(known.methods[name])]


def read_reference(scale, table="comparison"):
    path = ROOT / "results" / "reference" / scale / f"{table}.csv"
    if not path.exists():
        return []
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def ours(name, reference):
    """Summarise our means in the primary metric of each kind of dataset, with the best baseline on the
    same datasets."""
    for scale, (here, rows) in reference.items():
        found = []
        rows = [r for r in rows if is_current(r, here)]
        mine = [r for r in rows if r["method"] == name and r["role"] == "listed"]
        primary = [r for r in mine if r["metric"] == here.dataset(r["task"], r["dataset"])["metrics"][0]]
        for task, metric in dict.fromkeys((r["task"], r["metric"]) for r in primary):
            sets = [r["dataset"] for r in primary if (r["task"], r["metric"]) == (task, metric)]
            value = fmean(float(r["mean"]) for r in primary if (r["task"], r["metric"]) == (task, metric))
            best = best_baseline(rows, task, metric, sets)
            over = sets[0] if len(sets) == 1 else f"mean of {len(sets)} datasets"
            found.append(f"{metrics.title(metric, task)} {value:.3f} ({over}; {best}; {scale})")
        if found:
            return "<br>".join(found)
    return "no reference yet"


def best_baseline(rows, task, metric, sets):
    """Return the baseline with the best mean over `sets`, as text."""
    means = {}
    for r in rows:
        if r["role"] == "baseline" and (r["task"], r["metric"]) == (task, metric) and r["dataset"] in sets:
            means.setdefault(r["method"], []).append(float(r["mean"]))
            higher = r["higher_is_better"] == "True"
    complete = {name: fmean(values) for name, values in means.items() if len(values) == len(sets)}
    if not complete:
        return "no baseline"
    name = (max if higher else min)(complete, key=complete.get)
    return f"{name} {complete[name]:.3f}"


def published(facts):
    """List the published figures, each with its place and whether it is comparable."""
    found = []
    for figure in facts.get("published", []):
        sign = "=" if figure["comparable"] else "≠"
        label = f"{figure['label']}: " if "label" in figure else ""
        on = f" on {figure['dataset']}" if "dataset" in figure else ""
        metric = metric_title(figure["metric"], figure["task"])
        found.append(f"{sign} {label}{metric} {figure['value']:g}{on} ({figure['where']})")
    return "<br>".join(found) or "none"


if __name__ == "__main__":
    command.run(main)
