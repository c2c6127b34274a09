"""Synthetic records of trial participants: generate blood pressures and drugs over visits, given the arm."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.clinic import synthetic
from deepbio.scoring import curves, intervals, metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, SIGNED, Metric

METRICS = {
    "correlation_of_correlations": Metric(True, "Spearman ρ of correlations", SIGNED),
    "forest_auroc": Metric(True, "forest AUROC on real people", SHARE),
    "logistic_auroc": Metric(True, "logistic AUROC on real people", SHARE),
    "svm_auroc": Metric(True, "SVM AUROC on real people", SHARE),
    "neighbours_auroc": Metric(True, "nearest neighbours AUROC on real people", SHARE),
    "closest_record_gap": Metric(False, "distance to the closest record, gap to new real people (0: alike)", SHARE),
    "membership_gap": Metric(False, "AUROC of a membership attack, gap to chance (0: it tells nothing)", (0.0, 0.5)),
    "epsilon": Metric(False, "privacy loss ε", AMOUNT),
    "delta": Metric(False, "privacy failure δ", SHARE),
}
EXAMINATIONS = {"systolic": "SYSBP", "diastolic": "DIABP", "treated": "BPMEDS"}
TRIAL = {"systolic": "SBP", "diastolic": "DBP", "drug classes": "N_BPCLASSES"}


def prepare(sources, parameters, seed):
    """Prepare people with all visits, each in one split; `parameters["format"]` names the source.

    simulated : a trial of two treatment targets.
    framingham : three examinations of the Framingham teaching data; a label in place of an arm.
    trial : the tables of SPRINT.

    Arrays: arm (n,) uint8, the condition given to a generator; y (n, variables · visits) float32, in the variables'
    units, all visits of the first variable first; group, the person. The context holds the `classes` of the arm, the
    names of the `visits`, and for each of the `variables` its name, unit, range (low, high), usual centre and spread (a
    standard deviation), and whether it is `whole`, an integer. These facts come from the configuration, never from the
    people, so they are public.
    """
    readers = {"simulated": _simulated, "framingham": _framingham, "trial": _trial}
    rng = np.random.default_rng([seed, 15976])
    where, people, arm, values = readers[parameters["format"]](sources, parameters, rng)
    variables, visits = parameters["variables"], parameters["visits"]
    for variable, rows in zip(variables, values.swapaxes(0, 1), strict=True):
        wrong = (rows < variable["low"]) | (rows > variable["high"])
        if wrong.any():
            person, visit = np.argwhere(wrong)[0]
            raise BadInput(
                f"{where}: person {people[person]}, visit {visits[visit]}: {variable['name']} "
                f"{rows[person, visit]:g} lies outside {variable['low']} to {variable['high']}"
            )
    if len(np.unique(arm)) != 2:
        raise BadInput(f"{where}: the people with all visits belong to {len(np.unique(arm))} arms; two are needed")
    context = {"classes": parameters["classes"], "visits": list(map(str, visits)), "variables": variables}
    arrays = {"arm": arm.astype(np.uint8), "y": values.reshape(len(values), -1).astype(np.float32)}
    arrays["group"] = np.asarray(people).astype("S")
    if "counts" in parameters:  # people in the order of their names, the last ones for testing
        part = np.searchsorted(np.cumsum(parameters["counts"]), np.arange(len(arm)), side="right")
        part[np.argsort(people, kind="stable")] = part.copy()
    else:
        part = tables.stratified(arm, parameters["fractions"], rng)
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def assemble(where, person, visit, values, visits):
    """Assemble the names of the people and their values (people, variables, visits), NaN where a visit is missing.

    `person` and `visit` (rows,) give the person and the visit of the `values` (rows, variables); other visits are left
    out. Raises BadInput where a person has a visit twice.
    """
    places = {name: place for place, name in enumerate(visits)}
    people, rows = np.unique(person, return_inverse=True)
    found = np.full((len(people), values.shape[1], len(visits)), np.nan)
    seen = set()
    for row, when, value in zip(rows, visit, values, strict=True):
        if when in places:
            if (row, when) in seen:
                raise BadInput(f"{where}: person {people[row]} has visit {when} twice")
            seen.add((row, when))
            found[row, :, places[when]] = value
    return people, found


def _framingham(sources, parameters, rng):
    import pyreadr

    path = next(iter(sources.values())) / "framingham.rda"
    try:
        frames = list(pyreadr.read_r(str(path)).values())
    except (pyreadr.PyreadrError, pyreadr.LibrdataError) as error:
        raise BadInput(f"{path}: no R data: {error}") from None
    columns = [EXAMINATIONS[variable["name"]] for variable in parameters["variables"]]
    for name in ("RANDID", "PERIOD", parameters["label"], *columns):
        if len(frames) != 1 or name not in frames[0]:
            raise BadInput(f"{path}: one data frame with the column '{name}' is needed")
    frame = frames[0]
    person = frame["RANDID"].to_numpy().astype(int)
    label = frame[parameters["label"]].to_numpy()
    people, values = assemble(
        path, person, frame["PERIOD"].to_numpy().astype(int), frame[columns].to_numpy(float), parameters["visits"]
    )
    first = np.unique(person, return_index=True)[1]
    if (label != label[first][np.searchsorted(people, person)]).any():
        raise BadInput(f"{path}: '{parameters['label']}' differs between examinations of one person")
    complete = ~np.isnan(values).any(axis=(1, 2)) & ~np.isnan(label[first])
    return path, people[complete], label[first][complete], values[complete]


def _trial(sources, parameters, rng):
    folder = next(iter(sources.values()))
    about = tables.read_csv(folder / "baseline.csv")
    arms = [tables.binary(arm, "INTENSIVE", about.where(row)) for row, arm in enumerate(about.column("INTENSIVE"))]
    arm_of = dict(zip(about.column("MASKID"), arms, strict=True))
    path = folder / "bp.csv"
    table = tables.read_csv(path)
    person, visit = table.column("MASKID"), table.column("VISITCODE")
    for row, name in enumerate(person):
        if name not in arm_of:
            raise BadInput(f"{table.where(row)}: person {name} is not in baseline.csv")
    measured = [table.numbers(TRIAL[variable["name"]]) for variable in parameters["variables"]]
    people, values = assemble(path, person, visit, np.stack(measured, axis=1), parameters["visits"])
    complete = ~np.isnan(values).any(axis=(1, 2))
    return path, people[complete], np.array([arm_of[name] for name in people[complete]]), values[complete]


def _simulated(sources, parameters, rng):
    """Simulate a trial in which the intensive arm is given more drugs and reaches a lower pressure within months.

    A person has a level of each variable and a response to treatment, correlated with each other. The rest is noise
    that is correlated between consecutive visits. Effects are as large as in such trials: some 15 mmHg and one drug
    class between the arms.
    """
    count, visits = parameters["people"], len(parameters["visits"])
    arm = np.arange(count) % 2
    level, own, habit, response = rng.standard_normal((4, count, 1))
    wander = rng.standard_normal((3, count, visits))
    for visit in range(1, visits):
        wander[:, :, visit] = 0.5 * wander[:, :, visit - 1] + np.sqrt(0.75) * wander[:, :, visit]
    treated = (1 - np.exp(-np.array(parameters["months"]) / 2)) * (1 + 0.25 * response)
    intensive = arm[:, None]
    systolic = 140 + 10 * level + 8 * wander[0] - treated * np.where(intensive, 19, 4)
    diastolic = 78 + 5 * level + 8 * own + 3 * wander[0] + 3 * wander[1] - treated * np.where(intensive, 10, 2)
    drugs = 1.8 + 0.3 * level + 0.7 * habit + 0.3 * wander[2] + treated * np.where(intensive, 1.0, 0.1)
    values = np.stack([systolic, diastolic, drugs], axis=1)
    limits = np.array([[variable["low"], variable["high"]] for variable in parameters["variables"]])[:, :, None]
    values = np.clip(np.round(values), limits[:, 0], limits[:, 1])
    return "simulated", np.array([f"person{i:05d}" for i in range(count)]), arm, values


def score(test, predictions, wanted, train=None):
    """Compute the utility and the privacy of synthetic records; epsilon and delta where the method states them.

    forest_auroc, logistic_auroc, svm_auroc, neighbours_auroc : classifiers are trained to predict the arm of synthetic
        people, and tested on the test people.
    correlation_of_correlations : see deepbio.synthetic; compared with the test people.
    closest_record_gap, membership_gap : compared with the training people, where `train` is given. They are not among
        the metrics that the controls prove, because the perfect control returns the test people: these have no gap of
        the first kind, but they are the fresh people themselves, whom an attacker tells with certainty.

    Raises ValueError where a prediction has another shape or is not finite.
    """
    made, arm = np.asarray(predictions["y"], float), np.asarray(test["arm"])
    if made.shape != test.y.shape or not np.isfinite(made).all():
        raise ValueError(f"a prediction must be {test.y.shape} finite numbers")
    found = {}
    for kind in synthetic.CLASSIFIERS:
        p = synthetic.classify(kind, made, arm, np.asarray(test.y))
        found[f"{kind}_auroc"] = metrics.evaluate(["auroc"], arm, p)["auroc"]
    found["correlation_of_correlations"] = synthetic.correlation_of_correlations(made, test.y)
    found = {name: found[name] for name in wanted}
    if train is not None:
        found |= synthetic.privacy(made, np.asarray(train.y), np.asarray(test.y))
    return found | {name: float(predictions[name]) for name in ("epsilon", "delta") if name in predictions}


def curve(test, predictions):
    """Compute the ROC curve, on the test people, of the forest trained on synthetic people."""
    p = synthetic.classify("forest", predictions["y"], np.asarray(test["arm"]), np.asarray(test.y))
    return curves.roc(np.asarray(test["arm"], float), p)


def resampled(test, predictions, metric, train=None):
    """Resample the test people: those whose correlations are compared, or whose arm a classifier trained on synthetic
    people predicts; None for other metrics."""
    if metric == "correlation_of_correlations":
        made, real = np.asarray(predictions["y"], float), np.asarray(test.y)
        return intervals.Resampling(
            len(real), lambda counts: synthetic.resampled_correlations(made, real, counts.astype(int))
        )
    kind = metric.removesuffix("_auroc")
    if kind not in synthetic.CLASSIFIERS:
        return None
    p = synthetic.classify(kind, predictions["y"], np.asarray(test["arm"]), np.asarray(test.y))
    return intervals.resampled("auroc", np.asarray(test["arm"], float), p)


def interpret(train, runs, path):
    """Draw training people beside the synthetic people of each method.

    There are median trajectories by arm, correlation heat maps and principal components. `runs`: title of a method →
    its predictions, and the inputs they belong to.
    """
    from deepbio.figures import synthetic as figures

    people = {title: (found["y"], found["arm"]) for title, found in runs.items()}
    figures.trajectories(train, people, f"{path}_trajectories")
    figures.correlations(train, people, f"{path}_correlations")
    figures.components(train, people, f"{path}_components")
