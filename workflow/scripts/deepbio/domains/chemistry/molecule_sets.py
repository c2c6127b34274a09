"""Sets of generated molecules: reading them in worker processes, and the numbers by which generators are compared."""

import multiprocessing
import sys
from concurrent.futures import TimeoutError
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from pebble import ProcessExpired, ProcessPool
from rdkit import Chem, DataStructs, RDConfig, RDLogger
from rdkit.Chem import Crippen, rdFingerprintGenerator
from rdkit.Chem.QED import qed
from rdkit.Chem.Scaffolds import MurckoScaffold

RDLogger.DisableLog("rdApp.*")

PROPERTIES = ("logP", "QED", "SAS")
BITS = 1024
CHUNK = 64  # molecules that a worker reads at a time
SECONDS = 10  # that reading a molecule may take
MOST_PAIRS = 2000  # molecules whose pairs are compared
FAR = 10.0  # the distance of nothing


@dataclass(frozen=True)
class Molecules:
    """What is known of n strings: `smiles` (n,) canonical, empty where it is no molecule; `properties` (n, 3), NaN
    where it is none; `scaffolds` (n,) Bemis-Murcko; `fingerprints` (n, BITS / 8) packed ECFP4 bits."""

    smiles: np.ndarray
    properties: np.ndarray
    scaffolds: np.ndarray
    fingerprints: np.ndarray

    def __len__(self):
        return len(self.smiles)

    @property
    def valid(self):
        return self.smiles != ""

    def take(self, index):
        return Molecules(*(array[index] for array in vars(self).values()))

    def distinct(self):
        """Keep the valid molecules, each once, in the order in which they first came."""
        _, first = np.unique(self.smiles, return_index=True)
        return self.take(np.sort(first[self.smiles[first] != ""]))


class Reader:
    """Reads SMILES in worker processes, so that a molecule that RDKit never ends with costs `seconds` and no more.

    A context: with Reader(2) as reader: reader.read(texts).
    """

    def __init__(self, workers=1, seconds=SECONDS):
        self.seconds = seconds
        # A forked copy of a process with torch's threads may hang; a server started afresh does not.
        context = multiprocessing.get_context("forkserver")
        # That server does not know where this module lies, but can load what costs it most of its time.
        context.set_forkserver_preload(
            ["pebble", "rdkit.Chem.QED", "rdkit.Chem.Scaffolds.MurckoScaffold", "scipy.stats"]
        )
        self.pool = ProcessPool(max_workers=workers, context=context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.stop()
        self.pool.join()

    def read(self, texts):
        """Read the molecules of a list of strings."""
        return self.map(describe, texts)

    def measure(self, name, texts):
        """Compute the values (n,) of one of PROPERTIES, NaN where a string is no molecule."""
        return self.map(partial(measure, name), texts).values

    def screen(self, texts):
        """Screen a list of strings."""
        return self.map(screen, texts)

    def map(self, function, texts):
        """Run `function(list of texts)` on chunks of `texts` and join the results; a string that took too long or broke
        its worker counts as an empty one."""
        chunks = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
        return _join([part for chunk in self._each(function, chunks, split=True) for part in chunk])

    def _each(self, function, chunks, split):
        """Yield for each chunk the list of its parts: one, or one a molecule where the chunk as a whole failed."""
        results = self.pool.map(function, chunks, timeout=self.seconds).result()
        for chunk in chunks:
            try:
                yield [next(results)]
            except (TimeoutError, ProcessExpired):
                alone = [[text] for text in chunk]
                again = self._each(function, alone, split=False) if split else ()
                yield [part for parts in again for part in parts] if split else [function([""])]


@cache
def _sa_scorer():
    """Load RDKit's contributed synthetic-accessibility score (Ertl and Schuffenhauer 2009), which is no
    module of it."""
    sys.path.append(str(Path(RDConfig.RDContribDir) / "SA_Score"))
    import sascorer

    return sascorer


_PROPERTY = {"logP": Crippen.MolLogP, "QED": qed, "SAS": lambda molecule: _sa_scorer().calculateScore(molecule)}


@cache
def _generator():
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)


def _molecule(text):
    """Parse an RDKit molecule; None where the text is none or holds no atom."""
    molecule = Chem.MolFromSmiles(text)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def describe(texts):
    """Read the molecules of a list of strings, read in this process."""
    smiles, properties = [], np.full((len(texts), len(PROPERTIES)), np.nan)
    scaffolds, fingerprints = [], np.zeros((len(texts), BITS // 8), np.uint8)
    for row, text in enumerate(texts):
        molecule = _molecule(text)
        if molecule is None:
            smiles.append("")
            scaffolds.append("")
            continue
        smiles.append(Chem.MolToSmiles(molecule))
        scaffolds.append(MurckoScaffold.MurckoScaffoldSmiles(mol=molecule))
        properties[row] = [_PROPERTY[name](molecule) for name in PROPERTIES]
        fingerprints[row] = np.packbits(_generator().GetFingerprintAsNumPy(molecule))
    return Molecules(np.array(smiles, str), properties, np.array(scaffolds, str), fingerprints)


def _join(parts):
    """Join Molecules or Screened of several chunks."""
    arrays = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*(np.concatenate(array) for array in arrays))


@dataclass(frozen=True)
class Measured:
    """One property of n strings: `values` (n,), NaN where a string is no molecule."""

    values: np.ndarray


def measure(name, texts):
    """Measure one of PROPERTIES of a list of strings, which takes a fraction of the time of all."""
    found = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        molecule = _molecule(text)
        if molecule is not None:
            found[row] = _PROPERTY[name](molecule)
    return Measured(found)


@dataclass(frozen=True)
class Screened:
    """What the objectives of Olivecrona et al. 2017 ask of n strings: `valid` (n,); `sulphur` (n,) whether there is
    any; `celecoxib` (n,) Tanimoto similarity to it; `features` (n, 2048) uint8 folded FCFP6 counts."""

    valid: np.ndarray
    sulphur: np.ndarray
    celecoxib: np.ndarray
    features: np.ndarray


CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"
FEATURE_BITS = 2048


@cache
def _feature_generators():
    """Build the generators of feature-based circular fingerprints of radius 2 and 3, and celecoxib's of radius 2."""
    features = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
    near, far = (
        rdFingerprintGenerator.GetMorganGenerator(radius=radius, atomInvariantsGenerator=features, fpSize=FEATURE_BITS)
        for radius in (2, 3)
    )
    return near, far, near.GetSparseCountFingerprint(Chem.MolFromSmiles(CELECOXIB))


def screen(texts):
    """Screen a list of strings, read in this process."""
    near, far, wanted = _feature_generators()
    found = Screened(
        *(np.zeros(len(texts), kind) for kind in (bool, bool, float)), np.zeros((len(texts), FEATURE_BITS), "u1")
    )
    for row, text in enumerate(texts):
        molecule = _molecule(text)
        if molecule is None:
            continue
        found.valid[row] = True
        found.sulphur[row] = any(atom.GetAtomicNum() == 16 for atom in molecule.GetAtoms())
        found.celecoxib[row] = DataStructs.TanimotoSimilarity(near.GetSparseCountFingerprint(molecule), wanted)
        found.features[row] = np.minimum(far.GetCountFingerprintAsNumPy(molecule), 255)
    return found


# ---- metrics


def similarity(one, other):
    """Compute the Tanimoto similarities (n, m) of packed fingerprints."""
    one, other = (np.unpackbits(bits, axis=1).astype(np.float32) for bits in (one, other))
    both = one @ other.T
    either = one.sum(1)[:, None] + other.sum(1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def validity(made):
    """Compute the share of the strings that are molecules."""
    return float(made.valid.mean())


def uniqueness(made):
    """Compute the share of distinct molecules among the valid ones."""
    return len(made.distinct()) / max(1, int(made.valid.sum()))


def novelty(made, known):
    """Compute the share of the distinct molecules that are not among the canonical SMILES `known`."""
    distinct = made.distinct().smiles
    return float(1 - np.isin(distinct, known).mean()) if len(distinct) else 0.0


def is_new(made, known):
    """Tell which strings (n,) are the first valid ones of their molecule, and none of the canonical SMILES `known`."""
    found = np.zeros(len(made), bool)
    _, first = np.unique(made.smiles, return_index=True)
    found[first] = True
    return found & made.valid & ~np.isin(made.smiles, known)


def valid_unique_novel(made, known):
    """Compute the share of the strings that are valid, distinct and not among the canonical SMILES `known`: copying
    the training set, or writing one molecule again and again, gains nothing."""
    return float(is_new(made, known).mean())


def internal_diversity(made):
    """Compute 1 - mean Tanimoto similarity of two valid molecules, copies among them (of at most
    MOST_PAIRS molecules)."""
    bits = made.fingerprints[made.valid][:MOST_PAIRS]
    count = len(bits)
    return float(1 - (similarity(bits, bits).sum() - count) / (count * (count - 1))) if count > 1 else 0.0


def scaffold_diversity(made):
    """Count the distinct scaffolds for each valid molecule."""
    return len(np.unique(made.scaffolds[made.valid])) / max(1, int(made.valid.sum()))


def nearest_similarity(made, others):
    """Compute the mean Tanimoto similarity of the valid molecules to the nearest of `others`."""
    bits = made.fingerprints[made.valid]
    parts = [similarity(bits[i : i + 1000], others.fingerprints).max(1) for i in range(0, len(bits), 1000)]
    return float(np.concatenate(parts).mean()) if parts else 0.0


def property_distance(made, others):
    """Compute the mean over the properties of the Wasserstein distance between both sets, in standard deviations of
    `others`; FAR where there is no molecule."""
    found = made.properties[made.valid]
    if not len(found):
        return FAR
    from scipy.stats import wasserstein_distance  # slow to import, and not needed to train

    pairs = zip(found.T, others.T, strict=True)
    return float(np.mean([wasserstein_distance(one, other) / max(other.std(), 1e-12) for one, other in pairs]))


def longest_run(made):
    """Compute the mean length of the longest run of one character in a valid molecule: 6 for benzene-like text, tens
    for chains into which a collapsing generator falls."""
    runs = []
    for text in made.smiles[made.valid]:
        codes = np.frombuffer(text.encode(), np.uint8)
        ends = np.flatnonzero(np.r_[codes[1:] != codes[:-1], True])
        runs.append(np.diff(np.r_[-1, ends]).max())
    return float(np.mean(runs)) if runs else 0.0
