"""Expression: a sample's level of each of many named genes."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "expression of named genes"
ARRAYS = {"x": Array("float", ("gene",), "expression")}
CONTEXT = {"genes": "names of the genes of x"}
OUTPUTS = ("regression", "representation")
matrix = table.matrix
REGULATORS, GENES, OWN = 6, 90, 10  # of the small problem; the last genes belong to no regulator


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make ninety genes, ten for each of six regulators and thirty of noise, on a scale from 0 to 1.

    Labels of a representation are the regulators' activities, and the context says whose genes are whose; other labels
    are twelve more genes, two of each regulator.
    """
    activity = rng.standard_normal((n, REGULATORS))
    member = np.repeat(np.eye(REGULATORS), OWN, axis=1)
    member = np.pad(member, ((0, 0), (0, GENES - member.shape[1])))
    x = 0.5 + 0.12 * activity @ member + 0.04 * rng.standard_normal((n, GENES))
    context = {"genes": [f"gene {i}" for i in range(GENES)]}
    if output == "representation":
        context |= {"regulators": [f"regulator {i}" for i in range(REGULATORS)], "member": member.astype(np.uint8)}
        context |= {"metrics": ["regulon_auprc"]}
        y = activity
    else:
        y = np.repeat(activity, 2, axis=1) + 0.3 * rng.standard_normal((n, 2 * REGULATORS))
        context["features"] = [f"target {i}" for i in range(2 * REGULATORS)]
    return {"x": x.clip(0, 1).astype(np.float32), "y": y.astype(np.float32)}, context
