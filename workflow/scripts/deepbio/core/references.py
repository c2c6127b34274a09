"""What the YAML files name is held against what there is: kinds, metrics, sources, methods, tasks, code, and the
parameters that the code reads. Each function raises BadInput that names file and key."""

from pathlib import Path
from typing import Any

from deepbio.core import kind
from deepbio.core.code import PACKAGE, dict_keys, imports, words, words_of
from deepbio.core.files import BadInput

# What may be set in a training is checked where it begins; scikit-learn and torch know their own options.
OPEN = {"training", "pretraining", "grid", "space", "optimizer_options"}


def check(catalog: Any) -> None:
    """Check all tasks and methods of a core.catalog.Catalog, which calls this when it is made."""
    for name in catalog.tasks:
        _check_task(catalog, name)
    for name in catalog.methods:
        _check_method(catalog, name)


def check_metrics(where: str | Path, task: str | None, output: str, metrics: list[str]) -> None:
    """Check that metrics are some of a kind of output or of a task's own."""
    known = {*kind.load(output).METRICS, *dict_keys(PACKAGE / "tasks" / f"{task}.py", "METRICS")}
    for metric in metrics:
        if metric not in known:
            raise BadInput(
                f"{where}: metrics: '{metric}' is no metric of {output} labels or of this task; "
                f"known are: {', '.join(sorted(known))}"
            )


def _check_task(catalog, name):
    task, where = catalog.tasks[name], f"{catalog.config}/tasks/{name}.yaml"
    _needs_code("tasks", name, where)
    datasets = [one for plan in task["scales"].values() for one in plan["datasets"].values()]
    further = [other for one in datasets for other in one.get("baselines", [])]
    for other in task.get("baselines", []) + task.get("methods", []) + further:
        if other not in catalog.methods:
            raise BadInput(f"{where}: baselines: unknown method '{other}'; no config file has that name")
    _check_kinds(where, task)
    check_metrics(where, name, task["output"], task["metrics"])
    for scale, plan in task["scales"].items():
        for dataset, facts in plan["datasets"].items():
            _check_dataset(catalog, f"{where}: scales.{scale}.datasets.{dataset}", name, facts)


def _check_dataset(catalog, where, task, facts):
    for source in facts["sources"]:
        if source not in catalog.sources:
            raise BadInput(
                f"{where}.sources: unknown source '{source}'; describe it in {catalog.config}/sources/{source}.yaml"
            )
    _check_kinds(where, facts)
    if "metrics" in facts:
        check_metrics(where, task, facts.get("output", catalog.tasks[task]["output"]), facts["metrics"])
    known = words(PACKAGE / "tasks" / f"{task}.py")
    for key in facts.get("parameters", {}).keys() - known - words_of("domains/*/*.py"):
        raise BadInput(f"{where}.parameters: '{key}' is not known; no code of the task reads it")


def _check_method(catalog, name):
    facts, file = catalog.methods[name], catalog.file_of(name)
    where = f"{catalog.config}/{file.parent.name}/{file.stem}.yaml"
    if file.stem not in catalog.own_methods:
        _needs_code(file.parent.name, file.stem, where)
    else:
        where = str(file.with_suffix(".yaml"))
        if not file.exists():
            raise BadInput(f"{where}: {file} is missing")
    for key, role in (("inputs", "input"), ("outputs", "output")):
        for one in facts[key]:
            _check_kind(f"{where}: {key}", one, role)
    for task in facts.get("tasks", []):
        if task not in catalog.tasks:
            raise BadInput(f"{where}: tasks: unknown task '{task}'")
    for figure in facts.get("published", []):
        if figure["task"] not in catalog.tasks:
            raise BadInput(f"{where}: published: unknown task '{figure['task']}'")
    # A method of a user's own may lie in several files.
    files = {one for one in imports(file) if one.parent == file.parent} if file.stem in catalog.own_methods else {file}
    _check_hyperparameters(where, name, files, facts)


def _check_hyperparameters(where, name, files, facts):
    """Check that a key that a scale, a task or a variant changes is one of the paper's, and that code reads each of
    those."""
    papers = facts.get("hyperparameters", {})
    for scale, changes in facts.get("scales", {}).items():
        for path, over in _layers(f"scales.{scale}", changes):
            for key in _unknown(papers, over):
                raise BadInput(f"{where}: {path}: '{key}' is no hyper-parameter of {name}")
    shared = words_of("kinds/*.py", "learning/*.py", "domains/*/*.py")
    for key in papers.keys() - shared.union(*map(words, files)):
        if all(
            "baselines" not in file.parts for file in files
        ):  # a baseline may hand its own to scikit-learn or a network
            raise BadInput(f"{where}: hyperparameters: '{key}' is not known; no code of the method reads it")


def _needs_code(folder, name, where):
    if not (PACKAGE / folder / f"{name}.py").exists():
        raise BadInput(f"{where}: workflow/scripts/deepbio/{folder}/{name}.py is missing")


def _check_kinds(where, facts):
    for key in ("input", "output"):
        if key in facts:
            _check_kind(f"{where}: {key}", facts[key], key)


def _check_kind(where, name, role):
    known = kind.of_role(role)
    if name not in known:
        raise BadInput(f"{where}: '{name}' is no kind of {role}; known are: {', '.join(known)}")


def _unknown(papers, over):
    """List the keys of `over` (dotted) that `papers` does not have."""
    for key, value in over.items():
        if key not in papers:
            yield key
        elif key not in OPEN and isinstance(value, dict) and isinstance(papers[key], dict) and papers[key]:
            yield from (f"{key}.{inner}" for inner in _unknown(papers[key], value))


def _layers(path, changes):
    """Yield what a scale changes, what it changes for each task, and for each dataset of that."""
    yield path, {key: value for key, value in changes.items() if key != "tasks"}
    for task, here in (changes.get("tasks") or {}).items():
        yield f"{path}.tasks.{task}", {key: value for key, value in here.items() if key != "datasets"}
        for dataset, facts in (here.get("datasets") or {}).items():
            yield f"{path}.tasks.{task}.datasets.{dataset}", facts
