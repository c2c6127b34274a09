"""Train one method on one dataset with one seed, and predict the test inputs.

The command sees the test split without its labels. What the method raises is recorded in run.json (status: failed),
so that everything else goes on, unless --on-failure is stop. Killed and started again, it goes on from its last
checkpoint.
"""

import csv
import logging
import platform
import shutil
import time
import traceback
from importlib.metadata import version
from pathlib import Path

import numpy as np

from deepbio.core import command, data, method
from deepbio.core.files import BadInput, atomic, digest, write_json
from deepbio.core.job import Job

log = logging.getLogger(__name__)
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "pandas")


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("method", help="id of config/methods or config/baselines")
    arguments.add_argument("--data", required=True, help="folder of a prepared split")
    arguments.add_argument("--output", required=True, help="folder of the run")
    arguments.add_argument("--seed", type=int, default=1, help="seed of everything the method draws at random")
    arguments.add_argument("--parameters", type=command.json_object, help="hyper-parameters; default: those of config/")
    arguments.add_argument("--scratch", default="results/checkpoints", help="folder for checkpoints")
    arguments.add_argument("--checkpoint-seconds", type=float, default=30, help="time between two checkpoints")
    arguments.add_argument("--threads", type=int, default=1, help="threads of torch and of scikit-learn")
    arguments.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where networks train")
    arguments.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="on a GPU")
    arguments.add_argument("--on-failure", choices=("record", "stop"), default="record", help="what a failure does")
    given = arguments.parse_args()

    facts = data.read_facts(given.data)
    known = command.catalog_at(facts["scale"])
    if given.method not in known.methods:
        raise BadInput(f"unknown method '{given.method}'; known are: {', '.join(known.methods)}")
    parameters = given.parameters
    if parameters is None:
        parameters = known.parameters(given.method, facts["task"], facts["dataset"])
    role = known.roles[given.method]
    code = known.training_code(given.method, facts["task"], facts["dataset"])
    identity = {"method": given.method, "role": role, "seed": given.seed, "parameters": parameters}
    identity |= {key: facts[key] for key in ("task", "dataset", "scale", "split", "origin")}
    identity |= {"data_digest": facts["digest"], "code_digest": code}
    scratch = Path(given.scratch) / digest(identity, given.threads, given.precision)
    output = Path(given.output)
    began = time.monotonic()
    try:
        found = fit_and_predict(given, identity, scratch, output)
    except (Exception, MemoryError) as error:
        log.error("%s", traceback.format_exc())
        if given.on_failure == "stop":
            raise
        found = {"status": "failed", "reason": f"{type(error).__name__}: {error}"[:500]}
        write_run(output, None, {}, [])
    speed = data.read_speed(given.data)
    found |= {f"preparation_{key}": speed.get(key) for key in ("seconds", "samples_per_second")}
    packages = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    seconds = round(time.monotonic() - began, 2)
    write_json(output / "run.json", identity | found | {"seconds": seconds, "versions": packages})
    shutil.rmtree(scratch, ignore_errors=True)


def fit_and_predict(given, identity, scratch, output):
    """Train, predict and write; what run.json says of it."""
    model = method.create(identity["method"], identity["role"], dict(identity["parameters"]))
    job = make_job(given, model, scratch)
    train, valid, test = (data.read_split(given.data, name) for name in data.NAMES)
    model.fit(train, valid, job)
    predictions = model.predict(test.inputs())
    for name, values in predictions.items():
        if not np.isfinite(values).all():
            raise ValueError(f"prediction '{name}' holds NaN or infinite values")
    write_run(output, model, predictions, job.history)
    return {
        "status": "ok",
        "device": job.device,
        "threads": given.threads,
        "weights": model.weights(),
        "train_samples": len(train),
        "valid_samples": len(valid),
        "test_samples": len(test),
        "samples_seen": job.samples,
        "samples_per_second": round(job.samples / job.seconds, 1) if job.seconds else None,
    }


def make_job(given, model, scratch):
    """The job of a method; only network methods pay for importing torch and its devices."""
    scratch.mkdir(parents=True, exist_ok=True)
    job = Job(given.seed, scratch, precision=given.precision, checkpoint_seconds=given.checkpoint_seconds)
    if hasattr(model, "build"):
        import torch

        from deepbio.learning import device

        torch.set_num_threads(given.threads)
        job.device = device.choose(given.device)
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
    return job


def write_run(output, model, predictions, history):
    """model/, predictions.npz and history.csv, each whole; empty ones for a failed run."""
    with atomic(output / "model", folder=True) as folder:
        if model is not None:
            model.save(folder)
    with atomic(output / "predictions.npz") as temporary:
        np.savez_compressed(temporary, **predictions)
    with atomic(output / "history.csv") as temporary, open(temporary, "w", newline="") as handle:
        names = list(dict.fromkeys(name for row in history for name in row)) or ["phase", "step"]
        writer = csv.DictWriter(handle, names, restval="")
        writer.writeheader()
        writer.writerows(history)


if __name__ == "__main__":
    command.run(main)
