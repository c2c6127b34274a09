"""Biological age: predict a person's age from a routine blood test and sex."""

import numpy as np
import pandas as pd

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput

# Names of the columns that are not markers in the two forms of NHANES, and codes of the sexes (1: female).
COLUMNS = {
    "rda": {
        "person": "sampleID",
        "wave": "year",
        "age": "age",
        "sex": "gender",
        "died": "status",
        "months": "permth_int",
    },
    "parquet": {"person": "seqn", "age": "age", "sex": "sex", "died": "mortstat", "months": "permth_exm"},
}
SEXES = {"rda": {1: 0.0, 2: 1.0}, "parquet": {"male": 0.0, "female": 1.0}}


def prepare(sources, parameters, seed):
    """Prepare people with all `markers` (column: title) who are younger than `below`, the age at which NHANES stops
    counting.

    rda : R data frames of the BioAge package, `files`; `train`, `valid` and `test` list the years of their waves.
    parquet : the one wave of AgingClockBench, `file`; random shares `valid_fraction` and `test_fraction` of its people.

    Arrays: x (n, markers + 1) float32 in the files' units, its last column 1 for women; y (n,) float32, age in years;
    group, the person. Validation people also have `died` (0 or 1) and `months` of follow-up, float32, NaN where
    unknown. The context holds the titles of the markers as `features`.
    """
    readers = {"rda": _rda, "parquet": _parquet}
    # A mapping has no order of its own; the columns of `x` need one.
    parameters = {**parameters, "markers": dict(sorted(parameters["markers"].items()))}
    return readers[parameters["format"]](next(iter(sources.values())), parameters, seed)


def _rda(folder, parameters, seed):
    people = pd.concat([_read_rda(folder / name, parameters) for name in parameters["files"]])
    parts = {}
    for name in ("train", "valid", "test"):
        missing = set(parameters[name]) - set(people["wave"])
        if missing:
            raise BadInput(f"{folder}: nobody of the wave {min(missing)} has all markers")
        parts[name] = _split(people[people["wave"].isin(parameters[name])], parameters, name)
    return parts


def _parquet(folder, parameters, seed):
    people = _read_parquet(folder / parameters["file"], parameters)
    held = [parameters["valid_fraction"], parameters["test_fraction"]]
    part = tables.stratified(np.zeros(len(people)), [1 - sum(held), *held], np.random.default_rng([seed, 100968]))
    return {
        name: _split(people[part == number], parameters, name) for number, name in enumerate(("train", "valid", "test"))
    }


def _split(people, parameters, part):
    markers = parameters["markers"]
    arrays = {
        "x": people[[*markers, "sex"]].to_numpy(np.float32),
        "y": people["age"].to_numpy(np.float32),
        "group": people["person"].astype(str).to_numpy(str).astype("S"),
    }
    if part == "valid":
        # For a figure; the people that a method learns from or is tested on have no outcome. R's own missing value is
        # a NaN that numpy warns of when it is cast.
        arrays |= {name: people[name].fillna(np.nan).to_numpy(np.float32) for name in ("died", "months")}
    return Split(arrays, {"features": [*markers.values(), "Sex"]})


def _read_rda(path, parameters):
    import pyreadr  # slow to import, and scoring does without

    try:
        frames = list(pyreadr.read_r(path).values())
    except (pyreadr.LibrdataError, pyreadr.PyreadrError) as error:
        raise BadInput(f"{path}: not an R data file: {error}") from None
    if len(frames) != 1:
        raise BadInput(f"{path}: {len(frames)} tables in place of one")
    return _people(frames[0], path, parameters)


def _read_parquet(path, parameters):
    try:
        frame = pd.read_parquet(path)
    except ValueError as error:  # pyarrow's errors are among these
        raise BadInput(f"{path}: not a Parquet file: {error}") from None
    return _people(frame, path, parameters)


def _people(frame, path, parameters):
    """Check the records, and keep people with all markers who are younger than `below`.

    The columns get the names of COLUMNS and of the markers. Raises BadInput with the file and, for a wrong value, the
    record.
    """
    names, sexes, markers = COLUMNS[parameters["format"]], SEXES[parameters["format"]], list(parameters["markers"])
    missing = [name for name in [*names.values(), *markers] if name not in frame]
    if missing:
        raise BadInput(f"{path}: no column '{missing[0]}'")
    people = frame[markers].assign(**{name: frame[column] for name, column in names.items()})
    people["sex"] = people["sex"].map(sexes)
    for name in (*markers, "age", "died", "months"):
        if not pd.api.types.is_numeric_dtype(people[name]):
            raise BadInput(f"{path}: column '{names.get(name, name)}' holds text in place of numbers")

    def demand(good, column, rule):
        if not good.all():
            row = int(np.argmin(good.to_numpy()))
            record = f"record {row + 1} (person {people['person'].iloc[row]})"
            raise BadInput(f"{path}: {record}: column '{column}': {frame[column].iloc[row]}: {rule}")

    demand(~people["person"].duplicated(), names["person"], "a person stands twice")
    demand(people["sex"].notna(), names["sex"], f"one of {', '.join(map(str, sexes))} is needed")
    demand(people["age"].between(0, 130), names["age"], "no age in years")
    for marker in markers:
        demand(people[marker].isna() | people[marker].between(0, 1e6), marker, "no level of a blood marker")
    return people[people[markers].notna().all(axis=1) & (people["age"] < parameters["below"])]
