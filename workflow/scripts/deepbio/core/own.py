"""A user's own data as one more task: reads the YAML beside the data and makes of it what config/tasks says of others.

The id of such a task is own_<name of the file>, that of its dataset `data`. Imports nothing heavy.
"""

import os
import re
from pathlib import Path

from deepbio.core import kind
from deepbio.core.config import check, read_yaml
from deepbio.core.files import BadInput

PREFIX, DATASET = "own_", "data"
# The scale whose parameters a method takes.
EFFORTS = {"fast": "quick", "normal": "standard", "thorough": "full"}
FRACTIONS = [0.7, 0.1, 0.2]
# What decides no array.
TITLES = ("title", "methods", "metrics", "effort", "licence", "citation")
MODULES: dict[str, str] = {}  # own task → module of tasks/ that scores it


def module_of(task: str | None) -> str | None:
    """Name the module of tasks/ that measures a task: its own, or that of a user's own data."""
    return MODULES.get(task, "own") if task and task.startswith(PREFIX) else task


def files_of(said: str | list, folder: Path | None = None) -> list[Path]:
    """List the YAML files that `--config own=…` means: a file, several, or all of a folder."""
    names = list(said)
    if isinstance(said, str):  # the name of a folder may hold blanks
        names = [said] if Path(folder or ".", said).exists() else said.replace(",", " ").split()
    found = []
    for name in names:
        path = Path(folder or ".", name).resolve()
        found += sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    if not found:
        raise BadInput(f"own: no YAML file in {', '.join(names)}")
    return found


def read(path: Path) -> tuple[str, dict]:
    """Read one YAML: the id of its task, and the facts of the task.

    Raises BadInput with file and key: what the schema refuses, kinds that do not go together, files that are missing.
    """
    path = Path(path).resolve()
    said = check(read_yaml(path), "own", path)
    stem = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    if not stem:
        raise BadInput(f"{path}: the name of the file has no letter")
    one = _kinds(path, said)
    files = inputs(said, path.parent)
    for key, place in files.items():
        if not place.exists():
            raise BadInput(f"{path}: {key}: no such file: {place}")
    split = {"fractions": FRACTIONS, "repeats": 1, **said.get("split", {})}
    if abs(sum(split["fractions"]) - 1) > 0.001:
        raise BadInput(f"{path}: split.fractions: {split['fractions']} do not add up to 1")
    parameters = {key: value for key, value in said.items() if key not in TITLES} | {"split": split}
    dataset = {"title": said["title"], "sources": [], "parameters": parameters, "splits": split["repeats"]}
    dataset |= {"resampled": True} if split["repeats"] > 1 else {}
    dataset["own"] = {"yaml": str(path), "files": [str(place) for place in files.values()]}
    plan = {"origin": "real", "datasets": {DATASET: dataset}}
    task = f"{PREFIX}{stem}"
    MODULES[task] = getattr(one, "TASK", "own")
    return task, {
        "title": said["title"],
        "domain": "Your own data",
        "question": f"Which method is best on: {said['title']}?",
        "input": said["input"],
        "output": said["output"],
        "metrics": said.get("metrics") or list(getattr(one, "USUAL", kind.load(said["output"]).METRICS[:3])),
        "split": f"by {split.get('by', 'what the kind of input asks for')}, {split['fractions']}",
        "methods": said.get("methods", "all"),
        "baselines": [],
        "effort": EFFORTS[said.get("effort", "fast")],
        "own": {"yaml": str(path), **{key: said[key] for key in ("licence", "citation") if key in said}},
        "scales": dict.fromkeys(("quick", "standard", "full"), plan),
    }


def _kinds(path, said):
    known = kind.of_role("input")
    can = sorted(name for name, one in known.items() if hasattr(one, "READS"))
    if said["input"] not in can:
        raise BadInput(
            f"{path}: input: '{said['input']}' is no kind that files are read for; known are: {', '.join(can)}"
        )
    one = known[said["input"]]
    outputs = one.READS
    if said["output"] not in outputs:
        raise BadInput(f"{path}: output: {one.TITLE} have no '{said['output']}' here; known are: {', '.join(outputs)}")
    return one


def inputs(said: dict, folder: Path) -> dict[str, Path]:
    """Map the keys of the files that a YAML names to their paths; they are relative to the YAML."""
    listed = said["file"]
    if isinstance(listed, dict):
        found = {f"file.{name}": path for name, path in listed.items()}
    else:
        many = [listed] if isinstance(listed, str) else listed
        found = {f"file.{number}" if len(many) > 1 else "file": path for number, path in enumerate(many, 1)}
    found |= {key: said[key] for key in ("genome", "labels") if key in said}
    return {key: folder / name for key, name in found.items()}


def watched(dataset: dict) -> list[str]:
    """List the files that the arrays of own data are made from, none of other datasets: those that the YAML names, and
    those in a folder that it names, since an edit of one leaves the folder as it is."""
    found = []
    for name in dataset.get("own", {}).get("files", []):
        found.append(name)
        if os.path.isdir(name):
            with os.scandir(name) as entries:
                found += sorted(entry.path for entry in entries if entry.is_file())
    return found


def entrants(path: Path, facts: dict, tasks: dict, methods: dict, roles: dict) -> dict[str, list[str]]:
    """Name the methods and baselines that run on own data.

    All methods run that take its kinds, and the baselines at home in a task of the same two kinds (where no task has
    them, all that take them); or those that the YAML names, which are refused where they do not fit.
    """
    wanted = [facts[key] for key in ("input", "output")]
    fit = {
        name: roles[name]
        for name, one in methods.items()
        if roles[name] != "variant" and wanted[0] in one["inputs"] and wanted[1] in one["outputs"]
    }
    kinds = {
        (task, here.get("input", one["input"]), here.get("output", one["output"]))
        for task, one in tasks.items()
        for plan in one["scales"].values()
        for here in plan["datasets"].values()
    }
    alike = {task for task, *pair in kinds if pair == wanted}
    at_home = {name for task in alike for name in tasks[task].get("baselines", [])}
    baselines = [name for name, role in fit.items() if role == "baseline"]
    baselines = [name for name in baselines if name in at_home] or baselines
    listed = [name for name, role in fit.items() if role == "listed"]
    named = facts["methods"]
    if named != "all":
        named = named.replace(",", " ").split() if isinstance(named, str) else named
        for name in named:
            if name not in methods:
                raise BadInput(f"{path}: methods: unknown method '{name}'; that fit are: {', '.join(sorted(fit))}")
            if name not in fit:
                takes = f"{'/'.join(methods[name]['inputs'])} and gives {'/'.join(methods[name]['outputs'])}"
                raise BadInput(f"{path}: methods: {name} takes {takes}; that fit are: {', '.join(sorted(fit))}")
        listed = [name for name in named if fit[name] == "listed"]
        baselines = [name for name in named if fit[name] == "baseline"] or baselines
    if not listed and not baselines:
        raise BadInput(f"{path}: no method takes {wanted[0]} and gives {wanted[1]}")
    return {"methods": listed, "baselines": baselines}
