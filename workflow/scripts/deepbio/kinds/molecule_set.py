"""Sets of molecules, from which new ones are generated; labels are SMILES as symbols (n, length)."""

from functools import cache

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import molecule

ROLE = "input"
TITLE = "sets of molecules"
ARRAYS = {"smiles": Array("text", (), "SMILES of a molecule")}
CONTEXT = {"symbols": "the vocabulary", "length": "symbols of the longest string"}
OUTPUTS = ("generated",)
READS = ("generated",)
SPLIT = "scaffold"
TASK = "molecule_generation"  # which measures new molecules
USUAL = ("validity", "uniqueness", "novelty", "nearest_similarity", "property_distance")
PARTS = ["C", "CC", "CO", "CN", "c1ccccc1", "C(=O)", "CS"]
SYMBOLS = ["#", "(", ")", "-", "1", "2", "3", "=", "C", "N", "O", "S", "c", "n"]


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Join chains of fragments, of which half a hundred differ; labels are their symbols."""
    from rdkit import Chem

    from deepbio.domains.chemistry.smiles import Vocabulary

    vocabulary = Vocabulary(SYMBOLS)
    texts = [Chem.CanonSmiles("".join(rng.choice(PARTS, rng.integers(1, 4))) + "O") for _ in range(n)]
    properties = np.array([_properties(text) for text in texts], np.float32)
    arrays = {"smiles": np.array(texts).astype("S"), "y": vocabulary.encode(texts, 32), "y_properties": properties}
    return arrays, {"symbols": vocabulary.symbols, "length": 32, "metrics": ["validity"]}


@cache
def _properties(text):
    from deepbio.domains.chemistry.molecule_sets import describe

    return describe([text]).properties[0]


def read(given, known=None):
    """Yield records of files of molecules, as `kinds.molecule` reads them, in canonical form."""
    from deepbio.domains.chemistry import molecules

    seen = set()
    for record in molecule.read(given, known):
        if not record.problem:
            found = molecules.parse(record.arrays["smiles"])
            text = molecules.canonical([found])[0].decode()
            record.arrays = {"smiles": text}
            if "." in text:
                record.problem = "a molecule of several pieces"
            elif text in seen:
                record.problem = "the molecule stands there already"
            seen.add(text)
        yield record


def learn(arrays, context, train, given):
    """Add the codes of the molecules, by the symbols of those for training, and their properties; molecules with
    other symbols, and those of more than `length` symbols, are left out."""
    from deepbio.domains.chemistry import molecule_sets, molecules, smiles

    texts = molecules.texts(arrays["smiles"])
    symbols = [smiles.atoms(text) for text in texts]
    length = given.options.get("length") or max(map(len, symbols))
    vocabulary = smiles.Vocabulary.of(
        [text for text, one, where in zip(texts, symbols, train, strict=True) if where and len(one) <= length]
    )
    kept = np.array([vocabulary.knows(text) and len(one) <= length for text, one in zip(texts, symbols, strict=True)])
    arrays = {name: array[kept] for name, array in arrays.items()}
    texts = molecules.texts(arrays["smiles"])
    arrays["y"] = vocabulary.encode(texts, length)
    arrays["y_properties"] = molecule_sets.describe(texts).properties.astype(np.float32)
    note = f"{len(vocabulary.symbols)} symbols, at most {length} a molecule"
    left = int((~kept).sum())
    notes = [note + (f"; {left} molecules have others, or more, and are left out" if left else "")]
    return arrays, {"symbols": vocabulary.symbols, "length": length}, notes, kept


scaffold = molecule.scaffold
same = molecule.same
