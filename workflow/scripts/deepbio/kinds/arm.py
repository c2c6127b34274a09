"""The arm of a trial, for which records of people (variables at visits) are to be generated."""

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "arms of a trial"
ARRAYS = {"arm": Array("uint8", (), "number of the arm")}
CONTEXT = {
    "classes": "names of the arms",
    "visits": "names of the visits",
    "variables": "name, unit, centre, SD, range and type of each variable",
}
OUTPUTS = ("generated",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make two variables at three visits of people of two arms, whose levels and first variable differ."""
    arm = np.arange(n) % 2
    level = rng.standard_normal((n, 1, 1))
    y = 100 + 10 * level + 5 * rng.standard_normal((n, 2, 3))
    y[:, 0] -= 20 * arm[:, None]
    facts = {"unit": "mmHg", "centre": 95, "spread": 15, "low": 0, "high": 300, "whole": False}
    context = {"classes": ["control", "treated"], "visits": ["0", "6", "12"]}
    context["metrics"] = ["forest_auroc"]
    context |= {"variables": [{"name": name, **facts} for name in ("systolic", "diastolic")]}
    return {"arm": arm.astype(np.uint8), "y": y.reshape(n, 6).astype(np.float32)}, context
