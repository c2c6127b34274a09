"""What there is to run: reads `config/`, checks it, and answers which runs with which parameters.

Every Snakemake process, each cluster job's included, goes through this module, so it imports nothing heavy.
"""

import json
import os
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepbio.core import own, references
from deepbio.core.code import PACKAGE, code_digest, defines, imports
from deepbio.core.config import ROOT, check, from_command_line, merge, read_yaml
from deepbio.core.files import BadInput

SCALES = ("quick", "standard", "full")
ROLES = ("listed", "variant", "baseline")  # in the order in which methods stand side by side
CONTROLS = ("perfect", "random", "constant")
# The settings that make the cross table: one seed, no variants.
CROSS_TABLE = {"cross": "only", "seeds": 1, "variants": False}


@dataclass(frozen=True, order=True)
class Run:
    """One unit of work; its fields spell the path of its results."""

    task: str
    dataset: str
    method: str
    seed: int

    @property
    def folder(self):
        """Name its folder below results/<scale>."""
        return f"{self.task}/{self.dataset}/{self.method}/seed{self.seed}"


@cache
def _checked(file: Path, schema: str, stamp: tuple[int, int]) -> dict:
    """Read and check a file of the configuration, once as long as its stamp (time of change, size) is the same."""
    return check(read_yaml(file), schema, file)


def config_folder() -> Path:
    """Find the folder of the configuration: DEEPBIO_CONFIG, which the Snakefile sets, else that of this checkout."""
    return Path(os.environ.get("DEEPBIO_CONFIG") or ROOT / "config")


def data_folder(task, dataset, split):
    """Name the folder of a prepared split below results/<scale>."""
    return f"{task}/{dataset}/data/split{split}"


def base(method):
    """Return the method that a variant belongs to; any other method itself."""
    return method.partition("-")[0]


def _variants(name, method):
    """Return the facts of a method's variants by their ids, <method>-<variant>: the method's own with some in their
    place."""
    shared = {key: method[key] for key in method.keys() - {"variants", "published", "weights", "cross"}}
    return {f"{name}-{key}": merge(shared, facts) for key, facts in method.get("variants", {}).items()}


class Catalog:
    """The tasks, methods, baselines and sources of a config folder, seen at one scale.

    `settings` is the Snakemake config (config.yaml with all overrides). Raises BadInput for a wrong key,
    an unknown id, a task whose source has no entry, or a method without its Python file.
    """

    def __init__(self, settings=None, config=None, origin=None):
        self.config = Path(config or config_folder())
        defaults = read_yaml(self.config / "config.yaml")
        given = {key: from_command_line(value) for key, value in (settings or {}).items()}
        self.settings = check({**defaults, **given}, "config", origin or self.config / "config.yaml")
        for key, variable in (("own", "DEEPBIO_OWN"), ("own_methods", "DEEPBIO_OWN_METHODS")):
            # Commands of the jobs are told of a user's own files by the environment, as of the folder of config/.
            self.settings[key] = self.settings.get(key) or json.loads(os.environ.get(variable) or "null")
        self._origin = origin or (lambda key: "config")
        self.scale = self.settings["scale"]
        self.results = Path(self.settings["results"]) / self.scale
        self.sources = self._read("sources", "source")
        self.tasks = self._read("tasks", "task")
        self.own_methods = self._read_own_methods()
        listed = self._read("methods", "method") | {name: facts for name, (_, facts) in self.own_methods.items()}
        baselines = self._read("baselines", "method")
        for name in listed.keys() & baselines.keys():
            raise BadInput(f"{self.config}/baselines/{name}.yaml: '{name}' is already the id of a method")
        variants = {key: facts for name in listed for key, facts in _variants(name, listed[name]).items()}
        self.methods = listed | variants | baselines
        roles = {"listed": listed, "variant": variants, "baseline": baselines}
        self.roles = {name: role for role, names in roles.items() for name in names}
        self._competitors: dict[tuple[str, str], list[str]] = {}  # the Snakefile asks for them hundreds of times
        references.check(self)
        self.own = self._read_own()
        self.tasks |= self.own
        # A user's own data are all that is asked for, unless tasks are named as well.
        only_own = self.own and self.settings["tasks"] == "all"
        self.selected_tasks = sorted(self.own) if only_own else self._selection("tasks", self.tasks)
        self.chosen = set(self._selection("methods", listed | variants))  # a method's variants come with it
        self.selected_methods = sorted({base(name) for name in self.chosen})

    def _read(self, folder, schema):
        files = sorted((self.config / folder).glob("[!.]*.yaml"))
        stamps = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
        return {file.stem: deepcopy(_checked(file, schema, stamp)) for file, stamp in zip(files, stamps, strict=True)}

    def _read_own_methods(self):
        """Return the methods of a user's own folder: id → (Python file, facts)."""
        folder = self.settings["own_methods"] and Path(self.settings["own_methods"]).resolve()
        found = {}
        for file in sorted(folder.glob("*.yaml")) if folder else ():
            if (self.config / "methods" / file.name).exists():
                raise BadInput(f"{file}: '{file.stem}' is already the id of a method")
            found[file.stem] = file.with_suffix(".py"), check(read_yaml(file), "method", file)
        if folder and not found:
            raise BadInput(f"own_methods: no method (a .yaml and a .py file of one name) in {folder}")
        return found

    def _read_own(self):
        """Return the tasks of a user's own data, with the methods and baselines that run on them."""
        found: dict = {}
        for path in own.files_of(self.settings["own"]) if self.settings["own"] else ():
            task, facts = own.read(path)
            if task in found:
                raise BadInput(f"{path}: another file gives the task '{task}' as well: {found[task]['own']['yaml']}")
            references.check_metrics(path, own.module_of(task), facts["output"], facts["metrics"])
            found[task] = facts | own.entrants(path, facts, self.tasks, self.methods, self.roles)
        return found

    def _selection(self, key, known):
        wanted = self.settings[key]
        if wanted == "all":
            return sorted(known)
        wanted = wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted)
        for name in wanted:
            if name not in known:
                where = self._origin(key)
                raise BadInput(f"{where}: {key}: unknown id '{name}'; known are: {', '.join(sorted(known))}")
        return sorted(wanted)

    def check_selection(self) -> None:
        """Raise BadInput where methods are named and none of them runs on the chosen tasks."""
        if self.settings["methods"] != "all" and not any(self.roles[run.method] != "baseline" for run in self.runs()):
            raise BadInput(
                f"{self._origin('methods')}: nothing matches: none of the methods {', '.join(sorted(self.chosen))} "
                f"runs on the tasks {', '.join(self.selected_tasks)} at scale {self.scale}"
            )

    # ---- tasks and datasets

    def plan(self, task):
        """Tell what a task does at this scale (origin, datasets), or None where it has no such scale."""
        return self.tasks[task]["scales"].get(self.scale)

    def datasets(self, task):
        """List the ids of the datasets of a task at this scale; with `cross: only` those of the cross table."""
        names = list((self.plan(task) or {"datasets": {}})["datasets"])
        return [name for name in names if self._in_table(task, name)] if self.settings["cross"] == "only" else names

    def dataset(self, task, dataset):
        """Return the facts of one dataset; what it does not say itself (kind, metrics, splits) comes from its task."""
        facts = self.plan(task)["datasets"][dataset]
        inherited = {key: self.tasks[task][key] for key in ("input", "output", "metrics")}
        return {"splits": 1, "parameters": {}, "origin": self.plan(task)["origin"], **inherited, **facts}

    def preparation(self, task: str, dataset: str) -> dict:
        """Give the facts that decide the arrays of a dataset: all but what is written about it and who runs on it."""
        facts = self.dataset(task, dataset)
        return {
            key: value for key, value in facts.items() if key not in ("title", "notes", "metrics", "baselines", "cross")
        }

    def about(self, method: str, task: str, dataset: str) -> dict:
        """Give what a training is passed that decides none of its numbers: role, title of the dataset, metrics."""
        facts = self.dataset(task, dataset)
        return {"role": self.roles[method], "title": facts["title"], "metrics": facts["metrics"]}

    def shown_role(self, method: str) -> str:
        """Give the role of a method in tables and figures: a baseline that its YAML calls a control is one there."""
        return "control" if self.methods[method].get("control") else self.roles[method]

    def split_of(self, task, dataset, seed):
        """Give the number of the split that a seed uses: seeds go round the splits of a dataset."""
        return (seed - 1) % self.dataset(task, dataset)["splits"] + 1

    # ---- runs

    def competitors(self, task, dataset, among=None):
        """List the ids of the methods and baselines that run on a dataset: those native to it that take its kind of
        data.

        `among`: the methods that may, with their variants; default: those that the settings choose.
        """
        if among is None:
            if (task, dataset) not in self._competitors:
                self._competitors[task, dataset] = self.competitors(task, dataset, self.chosen)
            return list(self._competitors[task, dataset])
        facts = self.dataset(task, dataset)
        at_home = {name for key in ("baselines", "methods") for name in self.tasks[task].get(key, [])}
        at_home |= set(facts.get("baselines", []))
        everywhere = {name for name, (_, method) in self.own_methods.items() if "tasks" not in method}
        return [
            name
            for name, method in sorted(self.methods.items())
            if (self.roles[name] == "baseline" or {name, base(name)} & among)
            and (base(name) in at_home | everywhere or task in method.get("tasks", []) or self._crosses(method, facts))
            and (self.settings["variants"] and task not in self.own or self.roles[name] != "variant")
            and facts["input"] in method["inputs"]
            and facts["output"] in method["outputs"]
            and self.scale_of(task) in method.get("only", {}).get("scales", SCALES)
            and (task in self.own or dataset in method.get("only", {}).get("datasets", [dataset]))
        ]

    def crossed(self):
        """List the tasks of the cross table."""
        return [task for task in self.selected_tasks if self.datasets(task)] if self.settings["cross"] == "only" else []

    def _in_table(self, task, dataset):
        """Tell whether a method enters a dataset by `cross`, and a chosen method that crosses runs on it, be it at
        home."""

        def crossing(among):
            return {name for name in self.competitors(task, dataset, among) if self.methods[name].get("cross")}

        everyone = crossing(set(self.methods))
        return any(task not in self.methods[name].get("tasks", []) for name in everyone) and bool(crossing(self.chosen))

    def _crosses(self, method, dataset):
        return self.settings["cross"] and method.get("cross", False) and dataset.get("cross", True)

    def rank(self, method):
        """Give the key by which methods side by side are sorted: listed systems, variants, baselines, each by id."""
        return ROLES.index(self.roles[method]), method

    def seeds(self, task, dataset, method):
        """List the seeds of a method on a dataset: every split at least once; a deterministic method
        repeats no split."""
        splits = self.dataset(task, dataset)["splits"]
        count = splits if self.methods[method].get("deterministic") else max(splits, self.settings["seeds"])
        return range(1, count + 1)

    def runs(self, task=None, method=None):
        """List all selected runs, or those of one task and/or one method with its variants."""
        return [
            Run(one, dataset, name, seed)
            for one in (self.selected_tasks if task is None else [task])
            for dataset in self.datasets(one)
            for name in self.competitors(one, dataset)
            if method in (None, name, base(name))
            for seed in self.seeds(one, dataset, name)
        ]

    def parameters(self, method, task, dataset):
        """Return the hyper-parameters of a method: the paper's, changed by scale, then by task, then by dataset."""
        facts = self.methods[method]
        scale = facts.get("scales", {}).get(self.scale_of(task), {})
        here = scale.get("tasks", {}).get(task, {})
        parameters = merge(facts.get("hyperparameters", {}), {k: v for k, v in scale.items() if k != "tasks"})
        parameters = merge(parameters, {k: v for k, v in here.items() if k != "datasets"})
        return merge(parameters, here.get("datasets", {}).get(dataset, {}))

    def interpreted(self, task=None, method=None):
        """List the runs that get figures: the first seed of each method, no variant, that defines `interpret`."""
        first = [run for run in self.runs(task, method) if run.seed == 1 and self.roles[run.method] != "variant"]
        return [run for run in first if self.interprets(run.method)]

    def interprets(self, method):
        # A baseline that is a form of a listed method does not draw that method's figures again.
        return defines(self.file_of(method), "interpret", inherited=self.roles[method] != "baseline")

    def draws(self, task):
        """Tell whether a task draws figures of several methods."""
        return bool(self.datasets(task)) and defines(PACKAGE / "tasks" / f"{own.module_of(task)}.py", "interpret")

    # ---- code: which files decide a result

    def scale_of(self, task):
        """Return the scale whose parameters methods take on a task: that of the data unless `method_scale` says
        another; for a user's own data the effort says it."""
        return self.own[task]["effort"] if task in self.own else self.settings["method_scale"] or self.scale

    def task_file(self, task):
        """Return the file, below workflow/scripts, of the code that measures and draws a task."""
        return f"deepbio/tasks/{own.module_of(task)}.py"

    def preparing_code(self, task):
        """Return the digest of the code that prepares a task: for a user's own data, also of what reads them."""
        if task not in self.own:
            return self.code("prepare.py", self.task_file(task), preparing=True)
        return code_digest(
            "prepare.py", "deepbio/tasks/own.py", f"deepbio/kinds/{self.own[task]['input']}.py", reading=True
        )

    def file_of(self, method):
        """Return the Python file of a method, a variant or a baseline."""
        if base(method) in self.own_methods:
            return self.own_methods[base(method)][0]
        folder = "baselines" if self.roles[method] == "baseline" else "methods"
        return PACKAGE / folder / f"{base(method)}.py"

    def code(self, *names, drawing=False, preparing=False):
        """Digest the code that a command rests on: the named scripts or modules and all they import here."""
        return code_digest(*names, drawing=drawing, preparing=preparing)

    def training_code(self, method, task, dataset):
        """Digest the code that decides a run: the method's file, what it imports, and the kind of data where the
        method asks for a design matrix. Metrics count where they decide when training stops."""
        file, facts = self.file_of(method), self.dataset(task, dataset)
        names = ["train.py", file]
        if PACKAGE / "core" / "kind.py" in imports(*names):
            names += [PACKAGE / "kinds" / f"{facts[key]}.py" for key in ("input", "output")]
        return code_digest(*names, scoring=_monitors(self.parameters(method, task, dataset)))

    # ---- sources

    def sources_of(self, task):
        """List the ids of the source sets that a task needs at this scale."""
        return sorted({s for dataset in self.datasets(task) for s in self.dataset(task, dataset)["sources"]})


def _monitors(parameters):
    """Tell whether a training watches a metric, not its loss, to tell when to stop."""
    if not isinstance(parameters, dict):
        return False
    return parameters.get("monitor", "loss") != "loss" or any(map(_monitors, parameters.values()))
