# What all rules share: the catalog of what there is to run, and names for its places.
import json
import shutil
from functools import cache

from deepbio.core.catalog import CROSS_TABLE, Catalog, data_folder
from deepbio.core.config import as_json
from deepbio.core.files import BadInput, digest
from deepbio.core.own import watched

try:
    CATALOG = Catalog(dict(config), CONFIG, origin=origin_of)
    CATALOG.check_selection()
except BadInput as error:
    raise WorkflowError(str(error)) from None

SCALE = CATALOG.scale
RESULTS = str(CATALOG.results)
RESOURCES = CATALOG.settings["resources"]
# In the environment and not among a rule's parameters: a mirror changes no result, so it reruns nothing.
os.environ.update(DEEPBIO_MIRROR=CATALOG.settings["mirror"] or os.getenv("DEEPBIO_MIRROR", ""))
# A user's own data and methods: the commands of the jobs, which read the configuration by themselves, are told here.
os.environ.update(
    DEEPBIO_OWN=as_json([task["own"]["yaml"] for task in CATALOG.own.values()]) if CATALOG.own else "",
    DEEPBIO_OWN_METHODS=(
        as_json(os.path.abspath(CATALOG.settings["own_methods"])) if CATALOG.own_methods else ""
    ),
)
# Jobs call `python`: this process's own, unless a conda environment is activated for them and comes before it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))
CONDA = str(WORKFLOW.parent / "envs" / "deepbio.yaml")
HAS_GPU = shutil.which("nvidia-smi") is not None
ATTEMPTS = 3  # of a job that a full memory, a lost GPU or a lost node may have ended


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
    """Give what task-level commands need of the configuration: the keys that decide which runs there are."""
    kept = {
        key: CATALOG.settings[key]
        for key in ("scale", "method_scale", "methods", "seeds", "cross", "variants", "results")
    }
    return as_json(kept | changes)


def scripts(wildcards, output):
    """Folder of the commands; a shell command of a module sees no names of its Snakefile, but its params."""
    return SCRIPTS


def prefix(file):
    """What a module's `prefix:` has put before the path of a file of results."""
    return str(file).partition(RESULTS)[0]


def placed(file, given):
    """Settings of a command, with the results where the rule's own output is."""
    return as_json(json.loads(given) | {"results": prefix(file) + CATALOG.settings["results"]})


@cache
def crossed():
    """The catalog of the cross table, read when it is asked for: most calls of Snakemake do not."""
    return Catalog({**CATALOG.settings, **CROSS_TABLE}, CONFIG)


def run_files(task=None, method=None, name="run.json", catalog=None):
    """One file of each selected run."""
    return present(f"{RESULTS}/{run.folder}/{name}" for run in (catalog or CATALOG).runs(task, method))


def present(files):
    """All `files`, or with `partial: true` those that exist."""
    return [file for file in files if not CATALOG.settings["partial"] or Path(file).exists()]


def prepared(wildcards):
    """dataset.json of the split that a run's seed uses."""
    split = CATALOG.split_of(wildcards.task, wildcards.dataset, int(wildcards.seed))
    return f"{RESULTS}/{data_folder(wildcards.task, wildcards.dataset, split)}/dataset.json"


def metrics(wildcards):
    """Metrics of the datasets of a task: a change scores anew and prepares and trains nothing."""
    return as_json(
        {name: CATALOG.dataset(wildcards.task, name)["metrics"] for name in CATALOG.datasets(wildcards.task)}
    )


def batch_files(task, dataset):
    """The batches that a dataset is simulated in; none of one that is not."""
    count = CATALOG.dataset(task, dataset).get("simulation", {}).get("batches", 0)
    return [f"{RESULTS}/{task}/{dataset}/simulation/batch{batch}.npz" for batch in range(1, count + 1)]


def figures(task=None, method=None):
    """Folders of the figures that methods draw of themselves."""
    return [
        f"{RESULTS}/{run.folder}/figures"
        for run in CATALOG.interpreted(task, method)
        if present([f"{RESULTS}/{run.folder}/run.json"])
    ]


def task_figures(*tasks):
    """Folders of the figures that tasks draw of several methods."""
    return [f"{RESULTS}/{task}/figures" for task in tasks if CATALOG.draws(task) and run_files(task)]


def method_title(wildcards):
    return CATALOG.methods[wildcards.method]["title"]


def task_title(wildcards):
    return CATALOG.tasks[wildcards.task]["title"]


def domain(wildcards):
    """Chapter of the report that a task belongs to."""
    return CATALOG.tasks[wildcards.task]["domain"]


def gains(wildcards):
    """Whether a method gains from a GPU."""
    return CATALOG.methods[wildcards.method].get("gpu", False)


def on_gpu():
    """Options of a training that a GPU may do."""
    wanted = CATALOG.settings
    return f"--precision {wanted['precision']}" + " --deterministic" * wanted["deterministic"]


def gpus(wildcards):
    """GPUs that a run asks for: one for a method that gains from it, where this machine has one, the configuration
    insists on it, or the job is sent to a cluster."""
    device = CATALOG.settings["device"]
    return int(
        gains(wildcards) and device != "cpu" and (device == "cuda" or HAS_GPU or not workflow.local_exec)
    )


def is_plain(wildcards):
    """Whether a run has nothing to choose and little to learn: a baseline without hyper-parameters."""
    return CATALOG.roles[wildcards.method] == "baseline" and not CATALOG.methods[wildcards.method].get(
        "hyperparameters"
    )


# Megabytes and minutes of a training by the scale of its settings and its class: a plain baseline, another method of the
# CPU, a network for a GPU.
NEEDS = {
    "quick": {"plain": (1000, 10), "cpu": (2000, 30), "gpu": (4000, 60)},
    "standard": {"plain": (1000, 15), "cpu": (4000, 120), "gpu": (6000, 240)},
    "full": {"plain": (2000, 30), "cpu": (8000, 480), "gpu": (16000, 1440)},
}


def needs(what):
    """Memory (0) or time (1) of a training; a later attempt may have twice as much as the one before."""

    def amount(wildcards, attempt):
        group = "plain" if is_plain(wildcards) else "gpu" if gains(wildcards) else "cpu"
        return NEEDS[CATALOG.scale_of(wildcards.task)][group][what] * 2 ** (attempt - 1)

    return amount


def doubling(amount, at_full=None):
    """Memory or time of a job that is no training; a later attempt may have twice as much as the one before."""
    first = at_full if at_full and SCALE == "full" else amount
    return lambda wildcards, attempt: first * 2 ** (attempt - 1)


def runs_beside_baselines(wildcards, name="run.json"):
    """Runs of one method, of its variants and of its task's baselines."""
    runs = CATALOG.runs(wildcards.task, wildcards.method)
    baselines = [run for run in CATALOG.runs(wildcards.task) if CATALOG.roles[run.method] == "baseline"]
    return present(f"{RESULTS}/{run.folder}/{name}" for run in runs + baselines)


def what_there_is(wildcards):
    """WorkflowError for a target that is no rule, with those that there are."""
    methods = [name for name in CATALOG.selected_methods if CATALOG.runs(method=name)]
    raise WorkflowError(
        f"no target '{wildcards.target}'; there are the tasks {', '.join(TASKS)}; the methods {', '.join(methods)}; "
        "and all, cross, fetch_all, summarize"
    )
