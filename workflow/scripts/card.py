"""Write the card of a trained model, model/README.md: what it is for, its data, its scores, and how to load it.

With --output the whole model is copied into a folder that stands alone: weights, model.json, data.json and the card.
Scores come from the comparison of the run's task, where that lies in its place above the run.
"""

import csv
import shutil
from pathlib import Path

from deepbio.core import command, kind, portrait
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput, atomic, read_json

EXAMPLE = """```python
import sys
sys.path.insert(0, "deepbio-bench/workflow/scripts")  # a checkout of deepbio-bench
from deepbio.core import predicting
model = predicting.load("model")  # this folder
for record, row in model.predict("{file}"):
    print(record.id, record.problem or dict(zip(model.outputs, row, strict=True)))
```"""
FILES = {
    "molecule": "new.csv",
    "sequence": "new.fa",
    "genotype": "new.vcf",
    "animal_frame": "frames",
    "table": "new.csv",
}


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("run", help="folder of a run (with run.json and model/)")
    arguments.add_argument(
        "--output", help="folder for a copy of the model with its card; default: the card alone, in RUN/model"
    )
    arguments.add_argument("--own", help="YAML of the user's own data that the model was trained on")
    given = arguments.parse_args()
    folder = Path(given.run)
    run = read_json(folder / "run.json")
    if run["status"] != "ok":
        raise BadInput(f"{folder}/run.json: this run failed ({run['reason']}); there is no model")
    lines = card(folder, run, portrait.read(folder / "model"), given.own)
    if given.output:
        with atomic(given.output, folder=True) as target:
            for path in sorted(path for path in (folder / "model").iterdir() if not path.name.startswith(".")):
                (shutil.copytree if path.is_dir() else shutil.copy)(path, target / path.name)
            (target / "README.md").write_text("\n".join(lines))
    else:
        with atomic(folder / "model" / "README.md") as temporary:
            temporary.write_text("\n".join(lines))


def card(folder, run, seen, own=None):
    """Write the lines of the card."""
    known = Catalog({"scale": run["scale"], "own": own})
    method, task = known.methods.get(run["method"], {}), known.tasks.get(run["task"], {})
    context = seen["context"]
    takes, gives = kind.load(context["input"]).TITLE, kind.load(context["output"]).TITLE
    outputs = ", ".join(seen["outputs"][:12]) + (", …" if len(seen["outputs"]) > 12 else "")
    number = f"{run['weights']:,} weights" if run.get("weights") else "no counted weights"
    lines = [
        f"# {method.get('title', run['method'])}: {seen['title']}",
        "",
        method.get("summary", ""),
        "",
        f"- **Takes** {takes}; **gives** {gives}{f': {outputs}' if outputs else ''}"
        + (f" ({seen['unit']})" if "unit" in seen else ""),
        f"- **Method** `{run['method']}` ({run['role']}), {number}, seed {run['seed']}. {method.get('citation', '')}",
        f"- **Task** {task.get('question', run['task'])}",
        f"- **Split** {task.get('split', 'unknown')}: {run['train_samples']} samples to train, "
        f"{run['valid_samples']} to validate, {run['test_samples']} to test (split {run['split']})",
        f"- **Data** {run['origin']}; {'; '.join(licences(known, run, task))}",
        "",
        "## Scores on the test split",
        "",
        *scores(folder, run),
        "",
        "## Intended use and limits",
        "",
        "For samples like those of training. The scores hold for the split that is named above; on data from another "
        "laboratory, assay, population or instrument they must be measured anew. "
        + (
            "Data were simulated: the model shows what the method can learn and says nothing of nature. "
            if run["origin"] == "simulated"
            else ""
        )
        + "Not for decisions about patients.",
        *[f"- {one}" for one in method.get("deviations", [])],
        "",
        "## How to load it",
        "",
        EXAMPLE.format(file=FILES.get(context["input"], "new.npz")),
        "",
    ]
    return lines


def licences(known, run, task):
    """Tell where the data come from, with licence and citation."""
    if "own" in task:
        own = task["own"]
        return [f"the user's own ({own.get('licence', 'licence not stated')}). {own.get('citation', '')}".strip()]
    if not task:
        return ["source not known here: the configuration of the task is not at hand"]
    sources = known.dataset(run["task"], run["dataset"])["sources"]
    return [f"{known.sources[name]['title']} ({known.sources[name]['licence']})" for name in sources] or [
        "simulated here"
    ]


def scores(folder, run):
    """Write a table of the run's metrics, with intervals where the task was compared."""
    path = folder.resolve().parents[2] / "comparison.csv"
    if not path.exists():
        return ["Not compared yet: `comparison.csv` of the task is not in its place."]
    with open(path, newline="") as handle:
        rows = [
            row for row in csv.DictReader(handle) if row["dataset"] == run["dataset"] and row["method"] == run["method"]
        ]
    rows = [row for row in rows if row["role"] != "published"]
    made = [f"| {row['metric']} | {row['mean']} | {interval(row)} | {row['runs'].split('.')[0]} |" for row in rows]
    return ["| metric | mean | 95 % interval | runs |", "|---|---|---|---|", *made]


def interval(row):
    """Give the interval of a row, and over what it was taken."""
    return f"{row['low']} to {row['high']} ({row['interval']})" if row["low"] else "none"


if __name__ == "__main__":
    command.run(main)
