"""What there is to run: reads `config/`, checks it, and answers which runs with which parameters.

Every Snakemake process, each cluster job's included, goes through this module, so it imports nothing heavy.
"""

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from deepbio.core.files import BadInput

SCRIPTS = Path(__file__).resolve().parents[2]
ROOT = SCRIPTS.parent.parent
SCHEMAS = SCRIPTS.parent / "schemas"
SCALES = ("quick", "standard", "full")
CONTROLS = ("perfect", "random", "constant")
# Modules that bring a command its arguments and decide no number: a change of theirs reruns nothing.
PLUMBING = {SCRIPTS / "deepbio" / "core" / name for name in ("catalog.py", "command.py")}


@dataclass(frozen=True, order=True)
class Run:
    """One unit of work; its fields spell the path of its results."""

    task: str
    dataset: str
    method: str
    seed: int

    @property
    def folder(self):
        """Its folder below results/<scale>."""
        return f"{self.task}/{self.dataset}/{self.method}/seed{self.seed}"


def data_folder(task, dataset, split):
    """Folder of a prepared split below results/<scale>."""
    return f"{task}/{dataset}/data/split{split}"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML without pickled objects, in which a key may stand only once and 1e-3 is a number."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise BadInput(f"{key.start_mark.name}:{key.start_mark.line + 1}: key '{key.value}' stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-3 as a string because it has no dot; hyper-parameters are written that way everywhere.
Loader.add_implicit_resolver("!exponent", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789"))
Loader.add_constructor("!exponent", lambda loader, node: float(loader.construct_scalar(node)))


def read_yaml(path):
    """Parse one YAML file; BadInput names file and line."""
    try:
        with open(path) as handle:
            return yaml.load(handle, Loader=Loader) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise BadInput(f"{path}:{line}: not YAML: {error.problem}") from None


def check(value, schema, where):
    """Validate against workflow/schemas/<schema>.schema.yaml; BadInput names the file and every wrong key."""
    validator = _validator(schema)
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        lines = [f"{where}: {'.'.join(map(str, e.absolute_path)) or 'top level'}: {e.message}" for e in errors]
        raise BadInput("\n".join(lines))
    return value


@cache
def _validator(schema):
    return jsonschema.Draft202012Validator(read_yaml(SCHEMAS / f"{schema}.schema.yaml"))


def merge(base, over):
    """`base` with the keys of `over` in their place; mappings are merged key by key.

    A search space (`{choice: …}`, `{log_uniform: …}`) is one value: it is replaced whole.
    """
    merged = dict(base)
    for key, value in (over or {}).items():
        nested = isinstance(merged.get(key), dict) and isinstance(value, dict) and not _is_space(merged[key])
        merged[key] = merge(merged[key], value) if nested and not _is_space(value) else value
    return merged


def base(method):
    """The method that a variant belongs to; any other method itself."""
    return method.partition("-")[0]


def _variants(name, method):
    """Facts of a method's variants by their ids, <method>-<variant>: the method's own with some in their place."""
    shared = {key: method[key] for key in method.keys() - {"variants", "published", "weights", "cross"}}
    return {f"{name}-{key}": merge(shared, facts) for key, facts in method.get("variants", {}).items()}


def _is_space(value):
    return len(value) == 1 and next(iter(value)) in {"choice", "uniform", "log_uniform", "integer"}


def _from_command_line(value):
    """`snakemake --config cross=true mirror=null` hands these words over as text, where YAML means more."""
    return {"true": True, "false": False, "null": None}.get(value, value) if isinstance(value, str) else value


class Catalog:
    """The tasks, methods, baselines and sources of a config folder, seen at one scale.

    `settings` is the Snakemake config (config.yaml with all overrides). Raises BadInput for a wrong key,
    an unknown id, a task whose source has no entry, or a method without its Python file.
    """

    def __init__(self, settings=None, config=ROOT / "config"):
        self.config = Path(config)
        defaults = read_yaml(self.config / "config.yaml")
        given = {key: _from_command_line(value) for key, value in (settings or {}).items()}
        self.settings = check({**defaults, **given}, "config", self.config / "config.yaml")
        self.scale = self.settings["scale"]
        self.results = Path(self.settings["results"]) / self.scale
        self.sources = self._read("sources", "source")
        self.tasks = self._read("tasks", "task")
        listed = self._read("methods", "method")
        baselines = self._read("baselines", "method")
        for name in listed.keys() & baselines.keys():
            raise BadInput(f"{self.config}/baselines/{name}.yaml: '{name}' is already the id of a method")
        variants = {key: facts for name in listed for key, facts in _variants(name, listed[name]).items()}
        self.methods = listed | variants | baselines
        roles = {"listed": listed, "variant": variants, "baseline": baselines}
        self.roles = {name: role for role, names in roles.items() for name in names}
        self._check_references()
        self.selected_tasks = self._selection("tasks", self.tasks)
        self.chosen = set(self._selection("methods", listed | variants))  # a method's variants come with it
        self.selected_methods = sorted({base(name) for name in self.chosen})

    def _read(self, folder, schema):
        files = sorted((self.config / folder).glob("*.yaml"))
        return {file.stem: check(read_yaml(file), schema, file) for file in files}

    def _check_references(self):
        for name, task in self.tasks.items():
            where = f"{self.config}/tasks/{name}.yaml"
            self._needs_code("tasks", name, where)
            for other in task.get("baselines", []) + task.get("methods", []):
                if other not in self.methods:
                    raise BadInput(f"{where}: baselines: unknown method '{other}'; no config file has that name")
            for scale, plan in task["scales"].items():
                for dataset, facts in plan["datasets"].items():
                    for source in facts["sources"]:
                        if source not in self.sources:
                            raise BadInput(
                                f"{where}: scales.{scale}.datasets.{dataset}.sources: unknown source '{source}'; "
                                f"describe it in {self.config}/sources/{source}.yaml"
                            )
        for name, method in self.methods.items():
            folder = self.file_of(name).parent.name
            where = f"{self.config}/{folder}/{base(name)}.yaml"
            self._needs_code(folder, base(name), where)
            for task in method.get("tasks", []):
                if task not in self.tasks:
                    raise BadInput(f"{where}: tasks: unknown task '{task}'")
            for figure in method.get("published", []):
                if figure["task"] not in self.tasks:
                    raise BadInput(f"{where}: published: unknown task '{figure['task']}'")

    def _needs_code(self, folder, name, where):
        if not (SCRIPTS / "deepbio" / folder / f"{name}.py").exists():
            raise BadInput(f"{where}: workflow/scripts/deepbio/{folder}/{name}.py is missing")

    def _selection(self, key, known):
        wanted = self.settings[key]
        if wanted == "all":
            return sorted(known)
        wanted = wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted)
        for name in wanted:
            if name not in known:
                raise BadInput(f"config: {key}: unknown id '{name}'; known are: {', '.join(sorted(known))}")
        return sorted(wanted)

    # ---- tasks and datasets

    def plan(self, task):
        """What a task does at this scale (origin, datasets), or None where it has no such scale."""
        return self.tasks[task]["scales"].get(self.scale)

    def datasets(self, task):
        """Ids of the datasets of a task at this scale."""
        plan = self.plan(task)
        return list(plan["datasets"]) if plan else []

    def dataset(self, task, dataset):
        """The facts of one dataset; what it does not say itself (kind, metrics, splits) comes from its task."""
        facts = self.plan(task)["datasets"][dataset]
        inherited = {key: self.tasks[task][key] for key in ("input", "output", "metrics")}
        return {"splits": 1, "parameters": {}, "origin": self.plan(task)["origin"], **inherited, **facts}

    def split_of(self, task, dataset, seed):
        """Number of the split that a seed uses: seeds go round the splits of a dataset."""
        return (seed - 1) % self.dataset(task, dataset)["splits"] + 1

    # ---- runs

    def competitors(self, task, dataset, among=None):
        """Ids of the methods and baselines that run on a dataset: those at home there that take its kind of data.

        `among`: the methods that may, with their variants; default: those that the settings choose.
        """
        facts, among = self.dataset(task, dataset), self.chosen if among is None else among
        at_home = set(self.tasks[task].get("baselines", []) + self.tasks[task].get("methods", []))
        return [
            name
            for name, method in sorted(self.methods.items())
            if (self.roles[name] == "baseline" or {name, base(name)} & among)
            and (base(name) in at_home or task in method.get("tasks", []) or self._crosses(method))
            and (self.settings["variants"] or self.roles[name] != "variant")
            and facts["input"] in method["inputs"]
            and facts["output"] in method["outputs"]
            and self.scale in method.get("only", {}).get("scales", SCALES)
            and dataset in method.get("only", {}).get("datasets", [dataset])
        ]

    def crossed(self):
        """Tasks that a method enters by `cross`, of those on which a chosen method that crosses runs, be it at home."""

        def crossing(task, among):
            found = {name for dataset in self.datasets(task) for name in self.competitors(task, dataset, among)}
            return {name for name in found if self._crosses(self.methods[name])}

        return [
            task
            for task in self.selected_tasks
            if crossing(task, self.chosen)
            and any(task not in self.methods[name].get("tasks", []) for name in crossing(task, set(self.methods)))
        ]

    def _crosses(self, method):
        return self.settings["cross"] and method.get("cross", False)

    def seeds(self, task, dataset, method):
        """Seeds of a method on a dataset: every split at least once; a deterministic method repeats no split."""
        splits = self.dataset(task, dataset)["splits"]
        count = splits if self.methods[method].get("deterministic") else max(splits, self.settings["seeds"])
        return range(1, count + 1)

    def runs(self, task=None, method=None):
        """All selected runs, or those of one task and/or one method with its variants."""
        return [
            Run(one, dataset, name, seed)
            for one in (self.selected_tasks if task is None else [task])
            for dataset in self.datasets(one)
            for name in self.competitors(one, dataset)
            if method in (None, name, base(name))
            for seed in self.seeds(one, dataset, name)
        ]

    def parameters(self, method, task, dataset):
        """Hyper-parameters of a method: the paper's, changed by scale, then by task, then by dataset."""
        facts = self.methods[method]
        scale = facts.get("scales", {}).get(self.scale, {})
        here = scale.get("tasks", {}).get(task, {})
        parameters = merge(facts.get("hyperparameters", {}), {k: v for k, v in scale.items() if k != "tasks"})
        parameters = merge(parameters, {k: v for k, v in here.items() if k != "datasets"})
        return merge(parameters, here.get("datasets", {}).get(dataset, {}))

    def interpreted(self, task=None, method=None):
        """The runs that get figures: the first seed of each method, no variant, that defines `interpret`."""
        first = [run for run in self.runs(task, method) if run.seed == 1 and self.roles[run.method] != "variant"]
        return [run for run in first if self.interprets(run.method)]

    def interprets(self, method):
        return _defines_interpret(self.file_of(method))

    def draws(self, task):
        """Whether a task draws figures of several methods."""
        return bool(self.datasets(task)) and _defines_interpret(SCRIPTS / "deepbio" / "tasks" / f"{task}.py")

    # ---- code: which files decide a result

    def file_of(self, method):
        """The Python file of a method, a variant or a baseline."""
        folder = "baselines" if self.roles[method] == "baseline" else "methods"
        return SCRIPTS / "deepbio" / folder / f"{base(method)}.py"

    def code(self, *names, interpret=False):
        """Files that a command rests on: the named scripts or modules and all they import of this package.

        What is imported only inside `interpret` functions counts with `interpret=True`.
        """
        files = {file for name in names for file in _imports(SCRIPTS / name, interpret)}
        return sorted(map(str, files - PLUMBING))

    # ---- sources

    def sources_of(self, task):
        """Ids of the source sets that a task needs at this scale."""
        return sorted({s for dataset in self.datasets(task) for s in self.dataset(task, dataset)["sources"]})


@cache
def _defines_interpret(file):
    tree = ast.parse(file.read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == "interpret" for node in ast.walk(tree))


@cache
def _imports(file, interpret):
    """The file and, transitively, the modules of this package that it imports."""
    found, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current in found:
            continue
        found.add(current)
        todo.extend(_imported_files(current, interpret))
    return frozenset(found)


@cache
def _imported_files(file, interpret):
    """The modules of this package that one file imports."""
    names = set(_imported_names(ast.parse(file.read_text()), interpret))
    return [path for path in (SCRIPTS / (name.replace(".", "/") + ".py") for name in names) if path.exists()]


def _imported_names(node, interpret):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and child.name == "interpret" and not interpret:
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported_names(child, interpret)


def as_json(value):
    """One-line JSON with sorted keys: how parameters travel to a command and what Snakemake compares."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
