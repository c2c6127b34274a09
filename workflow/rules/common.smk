# What all rules share: the catalog of what there is to run, and names for its places.
import os
import shutil
import sys

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from deepbio.core.catalog import Catalog, data_folder
from deepbio.core.config import as_json
from deepbio.core.files import BadInput, digest

try:
    CATALOG = Catalog(dict(config))
except BadInput as error:
    raise WorkflowError(str(error)) from None

# The cross table: every method on every task whose kind of data it takes, one seed, no variants.
CROSSED = Catalog({**config, "cross": True, "seeds": 1, "variants": False})
SCALE = CATALOG.scale
RESULTS = str(CATALOG.results)
RESOURCES = CATALOG.settings["resources"]
# In the environment and not among a rule's parameters: a mirror changes no result, so it reruns nothing.
os.environ.update(DEEPBIO_MIRROR=CATALOG.settings["mirror"] or os.getenv("DEEPBIO_MIRROR", ""))
# Jobs call `python`: this process's own, unless a conda environment is activated for them and comes before it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))
CONDA = str(SCRIPTS.parent.parent / "envs" / "deepbio.yaml")
HAS_GPU = shutil.which("nvidia-smi") is not None


pathvars:
    results=RESULTS,
    resources=RESOURCES,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


wildcard_constraints:
    task="[a-z0-9_]+",
    dataset="[A-Za-z0-9_-]+",
    method="[a-z0-9_]+(-[a-z0-9_]+)?",
    source="[A-Za-z0-9_]+",
    split=r"\d+",
    batch=r"\d+",
    seed=r"\d+",


def settings(**changes):
    """What task-level commands are told of the configuration: the keys that decide which runs there are."""
    kept = {
        key: CATALOG.settings[key] for key in ("scale", "methods", "seeds", "cross", "variants", "results")
    }
    return as_json(kept | changes)


def run_files(task=None, method=None, name="run.json", catalog=CATALOG):
    """One file of each selected run."""
    return [f"{RESULTS}/{run.folder}/{name}" for run in catalog.runs(task, method)]


def prepared(wildcards):
    """dataset.json of the split that a run's seed uses."""
    split = CATALOG.split_of(wildcards.task, wildcards.dataset, int(wildcards.seed))
    return f"{RESULTS}/{data_folder(wildcards.task, wildcards.dataset, split)}/dataset.json"


def batch_files(task, dataset):
    """The batches that a dataset is simulated in; none of one that is not."""
    count = CATALOG.dataset(task, dataset).get("simulation", {}).get("batches", 0)
    return [f"{RESULTS}/{task}/{dataset}/simulation/batch{batch}.npz" for batch in range(1, count + 1)]


def figures(task=None, method=None):
    """Folders of the figures that methods draw of themselves."""
    return [f"{RESULTS}/{run.folder}/figures" for run in CATALOG.interpreted(task, method)]


def task_figures(*tasks):
    """Folders of the figures that tasks draw of several methods."""
    return [f"{RESULTS}/{task}/figures" for task in tasks if CATALOG.draws(task)]


def method_title(wildcards):
    return CATALOG.methods[wildcards.method]["title"]


def task_title(wildcards):
    return CATALOG.tasks[wildcards.task]["title"]


def domain(wildcards):
    """Chapter of the report that a task belongs to."""
    return CATALOG.tasks[wildcards.task]["domain"]


def wants_gpu(wildcards):
    """1 for a method that gains from a GPU where there is one or the configuration insists on it, else 0."""
    device = CATALOG.settings["device"]
    gains = CATALOG.methods[wildcards.method].get("gpu", False)
    return int(gains and (device == "cuda" or (device == "auto" and HAS_GPU)))


def runs_beside_baselines(wildcards, name="run.json"):
    """Runs of one method, of its variants and of its task's baselines."""
    runs = CATALOG.runs(wildcards.task, wildcards.method)
    baselines = [run for run in CATALOG.runs(wildcards.task) if CATALOG.roles[run.method] == "baseline"]
    return [f"{RESULTS}/{run.folder}/{name}" for run in runs + baselines]
