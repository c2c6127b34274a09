"""Molecules as SMILES."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "molecules"
ARRAYS = {"smiles": Array("text", (), "SMILES of a molecule")}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary", "regression")
READS = ("binary", "multilabel", "multiclass", "regression")
SPLIT = "scaffold"
COLUMNS = ("smiles", "canonical_smiles", "structure", "molecule", "mol")
PARTS = ["C", "CC", "CCC", "c1ccccc1", "C1CCCCC1", "CN", "c1ccncc1", "CC=C", "CSC", "C(C)C"]
TAILS = ["O", "CO", "CCO", "C(=O)O", "OCCO", "N", "CN", "Cl", "C", "CC"]


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Join two fragments of drug-like molecules; the label counts oxygens, so the answer is in the graph."""
    smiles = [
        TAILS[rng.integers(len(TAILS))] + PARTS[rng.integers(len(PARTS))] + TAILS[rng.integers(len(TAILS))]
        for _ in range(n)
    ]
    count = np.array([s.count("O") for s in smiles], np.float32)
    y = (count > 0).astype(np.float32) if output == "binary" else count + 0.1 * rng.standard_normal(n)
    return {"smiles": np.array(smiles).astype("S"), "y": y.astype(np.float32)}, {}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Compute circular fingerprints, (n, bits), by `parameters["fingerprint"]` (radius, bits, counts)."""
    from deepbio.domains.chemistry.molecules import circular_fingerprints

    return circular_fingerprints(split["smiles"], **parameters.get("fingerprint", {}))


def read(given, known=None):
    """Yield records of tables with a column of SMILES, of SDF files (fields: their properties) and of files whose
    lines begin with a SMILES."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.core.text import lines
    from deepbio.domains.chemistry import molecules

    def arrays(cell):
        molecules.parse(cell)
        return {"smiles": cell}

    for name, path in given.files.items():
        ending = records.suffix(path)
        if ending == ".sdf":
            for number, (where, block) in enumerate(molecules.sdf_blocks(path), 1):
                record = records.Record((block[0] if block else "").strip() or str(number), f"{path.name}:{where}")
                try:
                    molecule, facts = molecules.sdf_record("", block)
                    record.fields = facts | {records.FILE: name}
                    record.id = facts.get(given.columns.get("id"), record.id)
                    record.arrays = {"smiles": molecules.canonical([molecule])[0].decode()}
                except BadInput as error:
                    record.problem = str(error).removeprefix(": ")
                yield record
        elif ending == ".smi":
            for number, line in lines(path):
                if line.strip():
                    text, *rest = line.split()
                    fields = {records.FILE: name} | {f"word{place}": word for place, word in enumerate(rest, 2)}
                    record = records.Record(" ".join(rest) or str(number), f"{path.name}:{number}", fields)
                    records.attempt(record, arrays, text, "SMILES")
                    yield record
        else:
            one = records.Given({name: path}, given.columns, given.options, given.output)
            yield from records.table(one, "smiles", COLUMNS, arrays)


def same(arrays, context):
    """Name who each molecule is: the uncharged largest fragment, (n,) byte strings."""
    from deepbio.domains.chemistry import molecules

    return molecules.identity(molecules.parse(text) for text in molecules.texts(arrays["smiles"]))


def scaffold(arrays):
    """Name the Bemis-Murcko scaffold of each molecule, (n,) byte strings."""
    from deepbio.domains.chemistry import molecules

    parents = [molecules.parent(molecules.parse(text)) for text in molecules.texts(arrays["smiles"])]
    return molecules.scaffolds(parents)


def near(arrays, test, others):
    """Tell which of the samples `test` have a Tanimoto similarity of 0.9 or more (ECFP4) to one of `others`."""
    from rdkit import DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    from deepbio.domains.chemistry import molecules

    made = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    smiles = molecules.texts(arrays["smiles"])
    bits = [made.GetFingerprint(molecules.parse(smiles[row])) for row in others]
    found = (
        DataStructs.BulkTanimotoSimilarity(made.GetFingerprint(molecules.parse(smiles[row])), bits) for row in test
    )
    return np.array([max(row, default=0) >= 0.9 for row in found], bool)
