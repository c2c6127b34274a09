"""Train one method on one dataset with one seed, and predict the test inputs.

The command sees the test split without its labels. What the method raises is recorded in run.json (status: failed),
so that everything else goes on, unless --on-failure is stop. A failure of the machine (memory, GPU, a killed process)
ends the command with status 75 while attempts are left, and is recorded on the last one (status: failed, or lost for
a process that was killed); a full or broken disk is never recorded. Killed and started again, the command goes on from
its last checkpoint.
"""

import csv
import logging
import shutil
import sys
import time
import traceback
from pathlib import Path

from deepbio.core import command, failure
from deepbio.core.files import BadInput, atomic, digest, write_json

log = logging.getLogger(__name__)


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("method", help="id of config/methods or config/baselines")
    arguments.add_argument("--data", required=True, help="folder of a prepared split")
    arguments.add_argument("--output", required=True, help="folder of the run")
    arguments.add_argument("--seed", type=int, default=1, help="seed of everything the method draws at random")
    arguments.add_argument("--parameters", type=command.json_object, help="hyper-parameters; default: those of config/")
    arguments.add_argument("--code", help="digest of the code that decides the run; default: computed")
    arguments.add_argument(
        "--facts", type=command.json_object, help="role, title and metrics of the run; default: those of config/"
    )
    arguments.add_argument("--scratch", default="results/checkpoints", help="folder for checkpoints")
    arguments.add_argument("--checkpoint-seconds", type=float, default=30, help="time between two checkpoints")
    arguments.add_argument("--threads", type=int, default=1, help="threads of torch and of scikit-learn")
    arguments.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where networks train")
    arguments.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="on a GPU")
    arguments.add_argument(
        "--deterministic", action="store_true", help="one result of all runs on a GPU, where torch can"
    )
    arguments.add_argument("--on-failure", choices=("record", "stop"), default="record", help="what a failure does")
    arguments.add_argument("--attempt", type=int, default=1, help="number of this attempt, from 1")
    arguments.add_argument("--attempts", type=int, default=1, help="attempts that a failure of the machine gets")
    arguments.add_argument("--ended", type=int, help="exit status of this command before: record it, train nothing")
    given = arguments.parse_args()
    last = given.attempt >= given.attempts and given.on_failure == "record"
    if given.ended is not None and not (last and failure.killed_by(given.ended)):
        sys.exit(given.ended)

    from deepbio.core import data, machine

    facts = data.read_facts(given.data)
    complete(given, facts)
    identity = {"method": given.method, "role": given.facts["role"], "seed": given.seed, "parameters": given.parameters}
    identity |= {key: facts[key] for key in ("task", "dataset", "scale", "split", "origin")}
    identity |= {"data_digest": facts["digest"], "code_digest": given.code}
    scratch = Path(given.scratch) / digest(identity, given.threads, given.precision, given.deterministic)
    output = Path(given.output)
    began = time.monotonic()
    try:
        if given.ended is not None:
            found = lost(given, output)
        else:
            found = fit_and_predict(given, identity, scratch, output)
    except (Exception, MemoryError) as error:
        log.error("%s", traceback.format_exc())
        if given.on_failure == "stop":
            raise
        if failure.is_transient(error) and (not last or failure.is_disk(error)):
            log.error("attempt %d of %d: a failure of the machine, not of the run", given.attempt, given.attempts)
            sys.exit(failure.MACHINE_LOST)
        found = {"status": "failed", "reason": f"{type(error).__name__}: {error}"[:500]}
        write_run(output, None, {}, [])
    speed = data.read_speed(given.data)
    found |= {f"preparation_{key}": speed.get(key) for key in ("seconds", "samples_per_second")}
    seconds = round(time.monotonic() - began, 2)
    found |= {"attempt": given.attempt, "machine": machine.describe(found.get("device", "cpu"))}
    write_json(output / "run.json", identity | found | {"seconds": seconds, "versions": machine.versions()})
    if found["status"] != "lost":  # a lost run that is begun anew goes on from its checkpoint
        shutil.rmtree(scratch, ignore_errors=True)


def complete(given, facts):
    """Ask config/ for what the command line does not say; the workflow says all of it, which saves reading config/."""
    if None not in (given.parameters, given.code, given.facts):
        return
    known = command.catalog_at(facts["scale"])
    if given.method not in known.methods:
        raise BadInput(f"unknown method '{given.method}'; known are: {', '.join(known.methods)}")
    command.known_dataset(facts["scale"], facts["task"], facts["dataset"])  # names what there is where it is none
    place = (given.method, facts["task"], facts["dataset"])
    given.parameters = known.parameters(*place) if given.parameters is None else given.parameters
    given.code = given.code or known.training_code(*place)
    given.facts = given.facts or known.about(*place)


def lost(given, output):
    """Return what run.json says of a run whose process was killed on its last attempt."""
    write_run(output, None, {}, [])
    signal = failure.killed_by(given.ended)
    reason = f"killed by signal {signal} on attempt {given.attempt} of {given.attempts}"
    return {"status": "lost", "reason": reason + (": out of memory?" if signal == 9 else "")}


def fit_and_predict(given, identity, scratch, output):
    """Train, predict and write; what run.json says of it."""
    import numpy as np

    from deepbio.core import data, method, portrait

    model = method.create(identity["method"], identity["role"], dict(identity["parameters"]))
    job = make_job(given, model, scratch)
    about = {key: given.facts[key] for key in ("title", "metrics")}
    train, valid, test = (data.read_split(given.data, name, **about) for name in data.NAMES)
    model.fit(train, valid, job)
    predictions = model.predict(test.inputs())
    for name, values in predictions.items():
        if not np.isfinite(values).all():
            raise ValueError(f"prediction '{name}' holds NaN or infinite values")
    seen = portrait.describe(train, data.read_facts(given.data), identity, given.facts["title"])
    write_run(output, model, predictions, job.history, seen)
    return {
        "status": "ok",
        "device": job.device,
        "precision": " and ".join(sorted(job.precisions)) or "float32",
        "threads": given.threads,
        "weights": model.count_parameters(),
        "train_samples": len(train),
        "valid_samples": len(valid),
        "test_samples": len(test),
        "samples_seen": job.samples,
        "restarts": job.restarts,
        "samples_per_second": round(job.samples / job.seconds, 1) if job.seconds else None,
    }


def make_job(given, model, scratch):
    """Make the job of a method; only network methods pay for importing torch and its devices."""
    from deepbio.core.job import Job

    scratch.mkdir(parents=True, exist_ok=True)
    job = Job(given.seed, scratch, checkpoint_seconds=given.checkpoint_seconds)
    if getattr(model, "needs_torch", False):  # a plain class of a user's own may not say
        from deepbio.learning import device

        wanted = None if given.precision == "auto" else given.precision
        job.device, job.precision = device.configure(given.threads, given.device, wanted, given.deterministic)
    return job


def write_run(output, model, predictions, history, seen=None):
    """Write model/, predictions.npz and history.csv, each whole; empty ones for a failed run."""
    import numpy as np

    from deepbio.core.portrait import NAME

    with atomic(output / "model", folder=True) as folder:
        if model is not None:
            model.save(folder)
            write_json(folder / NAME, seen)
    with atomic(output / "predictions.npz") as temporary:
        np.savez_compressed(temporary, **predictions)
    with atomic(output / "history.csv") as temporary, open(temporary, "w", newline="") as handle:
        names = list(dict.fromkeys(name for row in history for name in row)) or ["phase", "step"]
        writer = csv.DictWriter(handle, names, restval="")
        writer.writeheader()
        writer.writerows(history)


if __name__ == "__main__":
    command.run(main)
