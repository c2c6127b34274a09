"""Expression: a sample's level of each of many named genes."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "expression of named genes"
ARRAYS = {"x": Array("float", ("gene",), "expression")}
# Two more facts may be there: `edges` (edges, 2), pairs of genes that a graph joins, and known sets of genes,
# `set_member` (2, members), pairs (set, gene), with their `set_names`.
CONTEXT = {"genes": "names of the genes of x"}
OUTPUTS = ("regression", "representation", "binary", "multilabel", "multiclass")
READS = ("binary", "multilabel", "multiclass", "regression")
SPLIT = "random"
matrix, same, learn = table.matrix, table.same, table.learn
REGULATORS, GENES, OWN = 6, 90, 10  # of the small problem; the last genes belong to no regulator


def traits(arrays):
    """Measure what should not tell the class of a profile: its gaps."""
    return table.traits(arrays)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make ninety genes, ten for each of six regulators and thirty of noise, on a scale from 0 to 1.

    Labels of a representation are the regulators' activities, and the context says whose genes are whose. A class is
    the most active of the first three regulators, a binary label whether the first is more active than the second, and
    several such labels whether each of three is active. Numbers are twelve more genes, two of each regulator. Of all
    but representations, the context joins the genes of one regulator by a graph, and names them as a set.
    """
    activity = rng.standard_normal((n, REGULATORS))
    member = np.repeat(np.eye(REGULATORS), OWN, axis=1)
    member = np.pad(member, ((0, 0), (0, GENES - member.shape[1])))
    x = 0.5 + 0.12 * activity @ member + 0.04 * rng.standard_normal((n, GENES))
    context = {"genes": [f"gene {i}" for i in range(GENES)]}
    if output == "representation":
        context |= {"regulators": [f"regulator {i}" for i in range(REGULATORS)], "member": member.astype(np.uint8)}
        context |= {"metrics": ["regulon_auprc"]}
    else:
        edges = np.argwhere(np.triu(member.T @ member, 1))
        context |= {"edges": edges.astype(np.int32), "set_member": np.argwhere(member).T.astype(np.int32)}
        context |= {"set_names": [f"genes of regulator {i}" for i in range(REGULATORS)]}
    if output == "multiclass":
        context["classes"] = ["first", "second", "third"]
    elif output == "regression":
        context["features"] = [f"target {i}" for i in range(2 * REGULATORS)]
    y = {
        "representation": lambda: activity,
        "multiclass": lambda: activity[:, :3].argmax(axis=1),
        "binary": lambda: activity[:, 0] > activity[:, 1],
        "multilabel": lambda: activity[:, :3] > 0,
        "regression": lambda: np.repeat(activity, 2, axis=1) + 0.3 * rng.standard_normal((n, 2 * REGULATORS)),
    }[output]()
    return {"x": x.clip(0, 1).astype(np.float32), "y": y.astype(np.float32)}, context


def read(given, known=None):
    """Yield records of samples: of AnnData files (.h5ad), and of tables (CSV, TSV, Parquet) with a gene in each column
    or in each row (see own_matrices.genes_in_rows); `known`: genes, and what fills their gaps."""
    from deepbio.core import records
    from deepbio.domains.expression import own_matrices

    genes = list(known["genes"]) if known is not None else None
    for name, path in given.files.items():
        if records.suffix(path) == ".h5ad":
            found = own_matrices.of_anndata(name, path, given, genes)
        elif own_matrices.genes_in_rows(path, given, genes):
            found = own_matrices.by_rows(name, path, genes)
        else:  # like any table, whose columns are genes
            one = records.Given({name: path}, given.columns, given.options, given.output)
            yield from table.read(one, None if known is None else {**known, "features": genes})
            continue
        for record in found:
            yield record if known is None or record.problem else _filled(record, known)


def _filled(record, known):
    """Fill the gaps of a sample for a trained model, or say which gene lacks."""
    x = record.arrays["x"]
    if "fill" in known:
        x = np.where(np.isnan(x), np.asarray(known["fill"], np.float32), x)
    elif np.isnan(x).any():
        record.problem = f"gene '{known['genes'][int(np.isnan(x).argmax())]}' is empty"
    record.arrays = {"x": x}
    return record


def settle(found, given):
    """Choose the genes that hold numbers, as tables do: (context, notes)."""
    context, notes = table.settle(found, given)
    return {"genes": context["features"]}, [note.replace("columns of numbers", "genes") for note in notes]
