"""Seeds decide everything, and networks have the paper's weights: the part of the contract that needs no whole fit.

It is a file of its own, so that it runs beside test_methods.py.
"""

import numpy as np
import pytest
import torch
from support import CATALOG, SHORT, cases, fit, predict, splits_for

from deepbio.core import method
from deepbio.learning.network import trained


@pytest.mark.slow
@pytest.mark.parametrize(("name", "one", "output"), cases(outputs=1))
def test_seed_decides(tmp_path, name, one, output):
    splits = splits_for(name, one, output)
    models = [fit(name, splits, tmp_path / str(run), seed, SHORT)[0] for run, seed in enumerate((1, 1, 2))]
    one, again, other = (predict(model, splits["test"]) for model in models)
    np.testing.assert_array_equal(one, again)
    assert np.array_equal(one, other) == CATALOG.methods[name].get("deterministic", False)


def known_weights():
    for name, facts in CATALOG.methods.items():
        for configuration in facts.get("weights", {}) if CATALOG.roles[name] != "variant" else ():
            yield pytest.param(name, configuration, id=f"{name}-{configuration}")


def whole(value):
    """A shape with the lists that {zeros: n} and {ones: n} stand for."""
    if isinstance(value, dict) and value.keys() & {"zeros", "ones"}:
        ((what, count),) = value.items()
        return [float(what == "ones")] * count
    return {key: whole(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("name", "configuration"), known_weights())
def test_weight_count_is_the_paper_s(name, configuration):
    facts = CATALOG.methods[name]["weights"][configuration]
    parameters = CATALOG.methods[name]["hyperparameters"] | facts.get("parameters", {})
    model = method.create(name, CATALOG.roles[name], parameters)
    with torch.device("meta"):
        network = model.build(model.parameters, whole(facts["shape"]))
    assert trained(network) == facts["count"]
