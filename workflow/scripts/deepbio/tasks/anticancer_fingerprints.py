"""Fingerprints of compounds screened against cancer cells: predict activity, and reconstruct the bits."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.chemistry import fingerprints, molecules
from deepbio.scoring import metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, SIGNED, Metric

METRICS = {
    "top_enrichment": Metric(True, "enrichment of actives in the top 5 %", AMOUNT),
    "bit_error": Metric(False, "share of bits reconstructed wrongly", SHARE),
    "bit_error_saved": Metric(True, "bit errors avoided, against the most frequent bits"),
    "bit_cross_entropy": Metric(False, "cross-entropy of a bit (nats)", AMOUNT, "nats"),
    "rebuilt_similarity": Metric(True, "Tanimoto similarity to the reconstruction", SHARE),
    "prior_mmd": Metric(False, "MMD between latent codes and prior", AMOUNT),
    "prior_ks": Metric(False, "Kolmogorov-Smirnov distance to the prior", SHARE),
    "neighbour_enrichment": Metric(True, "enrichment of actives near generated fingerprints", AMOUNT),
    "neighbours": Metric(True, "compounds near generated fingerprints", AMOUNT),
    "neighbour_spearman": Metric(True, "Spearman ρ of requested and nearest activity", SIGNED),
    "neighbour_similarity": Metric(True, "Tanimoto similarity to nearest compound", SHARE),
    "restarts": Metric(False, "restarts of training", AMOUNT),
}


def prepare(sources, parameters, seed):
    """Prepare distinct MACCS fingerprints, each with the mean activity of the compounds that have it.

    `format` screen: a table with the columns `smiles` and `activity`; rows without an activity are left out.
    `format` planted: SMILES, the first field of each line of `file`, of which `most` are drawn. The activity is a sum
    of the weights of those substructures (SMARTS) of `planted` that a compound has, plus normal `noise`.
    SMILES that RDKit cannot parse are left out and counted (`unreadable` in the context).

    Compounds that share a Bemis-Murcko scaffold or a fingerprint, directly or through other compounds, form one group.
    A group lies in one split.

    Arrays: x (n, 166) uint8; y (n,) float32, the activity (higher: more sensitive); group. Validation fingerprints also
    have `smiles`, the first compound of each, for figures. The context holds `active`, the smallest activity of a
    compound that counts as active, and the `features`.
    """
    rng = np.random.default_rng([seed, 10883])
    found, texts, y, skipped = {"screen": _screen, "planted": _planted}[parameters["format"]](sources, parameters, rng)
    x = fingerprints.maccs(found)
    keys = np.packbits(x, axis=1)
    group = tables.linked(molecules.scaffolds(found), keys.view(f"V{keys.shape[1]}")[:, 0])
    _, first, member, count = np.unique(keys, axis=0, return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(member.ravel(), weights=y) / count
    arrays = {
        "x": x[first],
        "y": mean.astype(np.float32),
        "group": np.array([f"group{number:05d}" for number in group[first]]).astype("S"),
        "smiles": np.array([texts[i] for i in first]).astype("S"),
    }
    context = {
        "active": parameters["active"],
        "features": [f"MACCS {key}" for key in range(1, fingerprints.BITS + 1)],
        "unreadable": skipped,
    }
    part = tables.group_parts(arrays["group"], parameters["valid_fraction"], parameters["test_fraction"], rng)
    whole = Split(arrays, context)
    parts = {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}
    for name in ("train", "test"):
        del parts[name].arrays["smiles"]
    return parts


def _screen(sources, parameters, rng):
    path = next(iter(sources.values())) / parameters["file"]
    table = tables.read_csv(path)
    texts, y = table.column(parameters["smiles"]), table.numbers(parameters["activity"])
    found = list(molecules.parse_all(texts, path, table.lines, skip=True))
    kept = [i for i, molecule in enumerate(found) if molecule is not None and not np.isnan(y[i])]
    if not kept:
        raise BadInput(f"{path}: no row has both a valid SMILES and a value in '{parameters['activity']}'")
    return [found[i] for i in kept], [texts[i] for i in kept], y[kept], found.count(None)


def _planted(sources, parameters, rng):
    from rdkit import Chem

    path = next(iter(sources.values())) / parameters["file"]
    texts, lines = molecules.read_smi(path)
    chosen = np.sort(rng.permutation(len(texts))[: parameters["most"]])
    texts, lines = [texts[i] for i in chosen], [lines[i] for i in chosen]
    found = list(molecules.parse_all(texts, path, lines, skip=True))
    texts = [text for text, molecule in zip(texts, found, strict=True) if molecule is not None]
    skipped, found = found.count(None), [molecule for molecule in found if molecule is not None]
    y = parameters["noise"] * rng.standard_normal(len(found))
    for smarts, weight in sorted(parameters["planted"].items()):
        pattern = Chem.MolFromSmarts(smarts)
        if pattern is None:
            raise BadInput(f"planted: not a valid SMARTS: {smarts!r}")
        y += weight * np.array([molecule.HasSubstructMatch(pattern) for molecule in found])
    return found, texts, y, skipped


def score(test, predictions, wanted, train):
    """Compute metrics of the predicted activity `y`, and of the other outputs that a method may return.

    These are reconstructed bits (`y_rebuilt`, probabilities), latent codes of the compounds (`y_latent`), and
    fingerprints (`y_made`) generated for the activities `wanted`, which are compared with the test compounds.
    `restarts` are returned unchanged.
    """
    y, p = np.asarray(test.y, float), np.asarray(predictions["y"], float).reshape(len(test))
    active = y >= test.context["active"]
    values = metrics.evaluate([name for name in wanted if name not in METRICS], y, p)
    values["top_enrichment"] = fingerprints.top_enrichment(active, p)
    if "y_rebuilt" in predictions:
        values |= fingerprints.rebuilt(test["x"], predictions["y_rebuilt"], np.asarray(train["x"]))
    if "y_latent" in predictions:
        values |= fingerprints.prior_match(predictions["y_latent"])
    if "y_made" in predictions:
        asked = predictions["wanted"]
        values |= fingerprints.retrieved(predictions["y_made"], asked, test["x"], y, active)
    return values | {name: float(predictions[name]) for name in ("restarts",) if name in predictions}
