"""Generation of molecules: write new SMILES like those of a data set, or such as an objective rewards."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from rdkit import Chem
from scipy.special import expit

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.chemistry import chemnet, generator_files, molecule_sets, molecules, smiles
from deepbio.scoring import intervals, metrics
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "alike_new": Metric(True, "new × closeness of properties", SHARE),
    "valid_unique_novel": Metric(True, "valid, distinct and new", SHARE),
    "validity": Metric(True, "valid SMILES", SHARE),
    "uniqueness": Metric(True, "distinct among valid", SHARE),
    "novelty": Metric(True, "not among training molecules", SHARE),
    "internal_diversity": Metric(True, "1 − mean similarity of two", SHARE),
    "scaffold_diversity": Metric(True, "scaffolds per molecule", SHARE),
    "nearest_similarity": Metric(True, "similarity to nearest test molecule", SHARE),
    "property_distance": Metric(False, "distance of logP, QED and SAS (SD)", AMOUNT, "SD"),
    "chemnet_distance": Metric(False, "Fréchet ChemNet distance", AMOUNT),
    "longest_run": Metric(False, "longest run of one character", AMOUNT, "characters"),
    "logp": Metric(True, "mean logP"),
    "qed": Metric(True, "mean QED", SHARE),
    "sas": Metric(False, "mean synthetic accessibility"),
    "reconstruction": Metric(True, "molecules reconstructed", SHARE),
    "symbol_accuracy": Metric(True, "symbols reconstructed", SHARE),
    "logp_mae": Metric(False, "mean absolute error of logP", AMOUNT),
    "qed_mae": Metric(False, "mean absolute error of QED", AMOUNT),
    "sas_mae": Metric(False, "mean absolute error of SAS", AMOUNT),
    "sulphur_free": Metric(True, "share without sulphur", SHARE),
    "sulphur_free_agent": Metric(True, "share without sulphur, agent", SHARE),
    "sulphur_free_agent_validity": Metric(True, "valid SMILES, sulphur agent", SHARE),
    "sulphur_free_agent_diversity": Metric(True, "1 − mean similarity of two, sulphur agent", SHARE),
    "celecoxib_similarity": Metric(True, "similarity to celecoxib", SHARE),
    "celecoxib_similarity_agent": Metric(True, "similarity to celecoxib, agent", SHARE),
    "celecoxib_similarity_agent_validity": Metric(True, "valid SMILES, celecoxib agent", SHARE),
    "celecoxib_similarity_agent_diversity": Metric(True, "1 − mean similarity of two, celecoxib agent", SHARE),
    "d2_active": Metric(True, "share judged active at D2", SHARE),
    "d2_active_agent": Metric(True, "share judged active at D2, agent", SHARE),
    "d2_active_agent_validity": Metric(True, "valid SMILES, D2 agent", SHARE),
    "d2_active_guide": Metric(True, "share active at D2 by the guiding classifier", SHARE),
    "d2_active_agent_guide": Metric(True, "share active at D2 by the guiding classifier, agent", SHARE),
    "guide_auroc": Metric(True, "AUROC of the guiding classifier on new scaffolds", SHARE),
    "actives_recovered": Metric(True, "held-out D2 actives generated", SHARE),
    "actives_recovered_agent": Metric(True, "held-out D2 actives generated, agent", SHARE),
    "d2_active_agent_diversity": Metric(True, "1 − mean similarity of two, D2 agent", SHARE),
    "qed_gain": Metric(True, "gain in mean QED over the likelihood model"),
    "sulphur_free_gain": Metric(True, "gain in the share without sulphur over the prior"),
    "celecoxib_similarity_gain": Metric(True, "gain in similarity to celecoxib over the prior"),
    "d2_active_gain": Metric(True, "gain in the share judged active at D2 over the prior"),
}
# Objectives that are measured on the molecules of every method; each is a metric.
AGENTS = ("sulphur_free", "celecoxib_similarity", "d2_active")
# Metrics that a figure shows for all methods, and the number of molecules drawn of each.
WRITTEN = ("alike_new", "validity", "uniqueness", "novelty", "qed", "internal_diversity", "scaffold_diversity")
SHOWN = 6
LATENT = 1500  # molecules whose latent codes are drawn
PREDICTED = "Properties predicted for test molecules (row of training molecules: ridge regression on ECFP)"


def prepare(sources, parameters, seed):
    """Prepare distinct molecules of one or several files; all molecules of a scaffold are in one split.

    `files`: source, file, the `column` of its SMILES where the file is a table (otherwise the SMILES is the first field
    of a line), and the number `most` of lines to draw from it. `heavy_atoms` (least, most), `elements` and `length` in
    symbols restrict the molecules; if more than `most` remain, `most` are drawn. `stereo: false` removes
    stereochemistry; `unreadable: skip` leaves out SMILES that RDKit cannot parse.

    With `labelled` the context holds molecules for a classifier (source, file, and the columns of SMILES and of 0/1),
    of which whole scaffolds, a share `held` of the molecules, are kept from it; the actives among these are not among
    the training molecules either. The context also holds a judge, a logistic regression on ECFP4 that is trained on
    other molecules, those of `judge`: `files` with a column `value`. Molecules from `threshold` on are active.
    Molecules without a value, five times as many as the actives, are taken as inactive.

    Arrays: smiles (n,) canonical byte strings; y (n, length) uint8, the codes of smiles.py; with `properties`,
    y_properties (n, 3) float32, logP (Crippen), QED and synthetic accessibility by RDKit; group, the scaffold. The
    context holds the `symbols` of the training molecules and the `length`; held-out molecules with other symbols are
    left out.
    """
    rng = np.random.default_rng([seed, 2017])
    texts, _, skipped = generator_files.read(sources, parameters["files"], parameters, rng)
    texts = texts[np.sort(rng.permutation(len(texts))[: parameters.get("most", len(texts))])]
    group = molecules.scaffolds(map(Chem.MolFromSmiles, molecules.texts(texts)))
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    facts = {}
    if "labelled" in parameters:
        facts = generator_files.target(sources, parameters, rng)
        # A generator that was trained on a held-out active would recover it by copying.
        kept = (part > 0) | ~np.isin(texts, generator_files.held_actives(facts))
        texts, group, part = texts[kept], group[kept], part[kept]
    plain = molecules.texts(texts)
    vocabulary = smiles.Vocabulary.of([text for text, where in zip(plain, part, strict=True) if where == 0])
    length = parameters["length"]
    known = np.array([vocabulary.knows(text) and len(smiles.atoms(text)) <= length for text in plain])
    plain, texts, group, part = [plain[i] for i in np.flatnonzero(known)], texts[known], group[known], part[known]
    context = {"symbols": vocabulary.symbols, "length": length, "unreadable": skipped} | facts
    arrays = {"smiles": texts, "y": vocabulary.encode(plain, length), "group": group}
    if parameters.get("properties"):
        arrays["y_properties"] = molecule_sets.describe(plain).properties.astype(np.float32)
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


# ---- scores


def score(test, predictions, wanted, train):
    """Compute metrics of the molecules that `y` holds as codes, and of those of a method's agents (`y_<objective>`).

    The controls prove the wanted metrics. The result has further metrics, such as diversity, that may be high for
    nonsense.
    """
    vocabulary = smiles.Vocabulary(test.context["symbols"])
    known, others = np.asarray(train["smiles"]).astype(str), _described(tuple(molecules.texts(test["smiles"])))
    with molecule_sets.Reader() as reader:
        made = reader.read(decoded(vocabulary, predictions["y"]))
        values = {
            "valid_unique_novel": molecule_sets.valid_unique_novel(made, known),
            "validity": molecule_sets.validity(made),
            "uniqueness": molecule_sets.uniqueness(made),
            "novelty": molecule_sets.novelty(made, known),
            "internal_diversity": molecule_sets.internal_diversity(made),
            "scaffold_diversity": molecule_sets.scaffold_diversity(made),
            "nearest_similarity": molecule_sets.nearest_similarity(made, others),
            "property_distance": molecule_sets.property_distance(made, others.properties),
            "longest_run": molecule_sets.longest_run(made),
        }
        values["alike_new"] = values["valid_unique_novel"] * float(np.exp(-values["property_distance"]))
        if chemnet.is_available() and made.valid.sum() >= chemnet.FEWEST:
            values["chemnet_distance"] = chemnet.distance(made.smiles[made.valid].tolist(), others.smiles.tolist())
        if made.valid.any():
            means = made.properties[made.valid].mean(axis=0)
            values |= {name.lower(): float(mean) for name, mean in zip(molecule_sets.PROPERTIES, means, strict=True)}
        values |= reached(reader, test.context, made) | latent(test, predictions)
        agents = {}
        for objective in AGENTS:
            if f"y_{objective}" in predictions:
                agent = agents[objective] = reader.read(decoded(vocabulary, predictions[f"y_{objective}"]))
                values[f"{objective}_agent"] = reached(reader, test.context, agent)[objective]
                values[f"{objective}_gain"] = values[f"{objective}_agent"] - values[objective]
                values[f"{objective}_agent_validity"] = molecule_sets.validity(agent)
                values[f"{objective}_agent_diversity"] = molecule_sets.internal_diversity(agent)
        values |= guided(test.context, predictions, made, agents.get("d2_active"))
        if "y_prior" in predictions:
            before = reader.read(decoded(vocabulary, predictions["y_prior"]))
            values["qed_gain"] = mean_qed(made) - mean_qed(before)
    return values


def guided(context, predictions, made, agent):
    """Compute what the classifier that guides a D2 agent calls active, how well it ranks the molecules that were kept
    from it, and which of the actives among them are generated.

    `made` and `agent` are Molecules of the prior and of the agent. Empty of a method without such a classifier.
    """
    if "guide_held" not in predictions or agent is None:
        return {}
    labels = np.asarray(context["labels"])[np.asarray(context["held"]) == 1]
    actives = generator_files.held_actives(context).astype(str)
    found = {"guide_auroc": metrics.evaluate(["auroc"], labels.astype(float), predictions["guide_held"])["auroc"]}
    for mark, one, guess in (("", made, "guide_prior"), ("_agent", agent, "guide_agent")):
        valid = one.valid
        found[f"d2_active{mark}_guide"] = float((predictions[guess][valid] > 0.5).mean()) if valid.any() else 0.0
        found[f"actives_recovered{mark}"] = float(np.isin(actives, one.smiles).mean())
    return found


def mean_qed(made):
    """Compute the mean QED of the distinct molecules; 0 where there is none."""
    distinct = made.distinct()
    return float(distinct.properties[:, molecule_sets.PROPERTIES.index("QED")].mean()) if len(distinct) else 0.0


def latent(test, predictions):
    """Compute how well an autoencoder preserves the test molecules.

    Returns the share of molecules reconstructed exactly, the share of symbols reconstructed at their positions, and
    mean absolute errors of the predicted properties.
    """
    values = {}
    if "y_reconstructed" in predictions:
        truth, made = np.asarray(test.y), predictions["y_reconstructed"]
        there = truth != smiles.END
        values["reconstruction"] = float((truth == made).all(axis=1).mean())
        values["symbol_accuracy"] = float((truth == made)[there].mean())
    if "y_properties" in predictions:
        errors = np.abs(predictions["y_properties"] - test["y_properties"]).mean(axis=0)
        values |= {f"{name.lower()}_mae": float(e) for name, e in zip(molecule_sets.PROPERTIES, errors, strict=True)}
    return values


def decoded(vocabulary, codes):
    """Decode codes from a method or a control as texts; numbers outside the vocabulary end a text.

    A method may also return the texts themselves, as byte strings.
    """
    if codes.dtype.kind == "S":
        return molecules.texts(codes)
    codes = np.rint(np.asarray(codes, float))
    return vocabulary.decode(np.where((codes >= 0) & (codes < len(vocabulary)), codes, smiles.END).astype(int))


def reached(reader, context, made):
    """Compute the value of the valid molecules in each objective; an objective without a judge is left out."""
    valid = made.take(made.valid)
    if not len(valid):
        return dict.fromkeys(AGENTS if "judge" in context else AGENTS[:2], 0.0)
    seen = reader.screen(valid.smiles.tolist())
    found = {"sulphur_free": float((~seen.sulphur).mean()), "celecoxib_similarity": float(seen.celecoxib.mean())}
    if "judge" in context:
        bits = np.unpackbits(valid.fingerprints, axis=1)
        found["d2_active"] = float((expit(bits @ context["judge"][:-1] + context["judge"][-1]) > 0.5).mean())
    return found


@lru_cache(maxsize=2)
def _described(texts):
    """Describe the molecules of a tuple of SMILES; cached, because many runs are compared with the same molecules."""
    return molecule_sets.describe(texts)


def curve(test, predictions):
    """Compute quantiles of the Crippen logP of the generated molecules, against those of the test molecules."""
    texts = decoded(smiles.Vocabulary(test.context["symbols"]), predictions["y"][:1000])
    with molecule_sets.Reader() as reader:
        made = reader.measure("logP", texts)
    made = made[~np.isnan(made)]
    if len(made) < 10:
        return None
    others = _described(tuple(molecules.texts(test["smiles"])))
    grid = np.linspace(0.01, 0.99, 99)
    quantiles = (np.quantile(values, grid) for values in (others.properties[:, 0], made))
    names = ("quantile of the test set", "quantile of the molecules made")
    return Curve("points", "Quantiles of logP", *names, *quantiles, reference="identity")


def resampled(test, predictions, metric, train=None):
    """Resample the generated strings: each counts where it is valid, the first of its kind and not known; None for a
    metric other than `alike_new` and `valid_unique_novel`.

    Copies within a resample stay copies of the whole set, and properties are as far from the test set's as those of the
    whole, so that only the share is drawn anew.
    """
    if metric not in ("alike_new", "valid_unique_novel"):
        return None
    with molecule_sets.Reader() as reader:
        made = reader.read(decoded(smiles.Vocabulary(test.context["symbols"]), predictions["y"]))
    closeness = 1.0
    if metric == "alike_new":
        others = _described(tuple(molecules.texts(test["smiles"])))
        closeness = float(np.exp(-molecule_sets.property_distance(made, others.properties)))
    found = intervals.share_of(closeness * molecule_sets.is_new(made, np.asarray(train["smiles"]).astype(str)))
    return replace(found, units=np.arange(found.samples))  # which have nothing to do with groups of test molecules


def interpret(train, runs, path):
    """Draw metrics and first molecules of each method, errors of predicted properties, and agents beside their
    prior."""
    from deepbio.figures import molecule as figures
    from deepbio.figures import style

    origin = train.context["origin"]
    sides, measures = beside_priors(runs)
    errors = [f"{name.lower()}_mae" for name in molecule_sets.PROPERTIES]
    for name, title, shown, wanted, columns in (
        ("generators", "Generated molecules by method", runs, WRITTEN, 3),
        ("properties", PREDICTED, runs, errors, len(errors)),
        ("agents", "Agents beside their prior", sides, measures, max(1, len(measures) // 3)),
    ):
        wanted = {one: metrics.title(one, "molecule_generation") for one in wanted}
        style.quantities(shown, wanted, title, origin, f"{path}_{name}", columns)
    vocabulary = smiles.Vocabulary(train.context["symbols"])
    texts = {name: decoded(vocabulary, run["y"][: 50 * SHOWN]) for name, run in runs.items()}
    figures.draw_first(texts, origin, f"{path}_molecules", SHOWN)
    latent = {name: run for name, run in runs.items() if "y_latent" in run}
    if latent:
        smiles_of = molecules.texts(next(iter(latent.values()))["smiles"])
        shown = np.random.default_rng(1).permutation(len(smiles_of))[:LATENT]
        properties = molecule_sets.describe([smiles_of[i] for i in shown]).properties
        codes = {name: run["y_latent"][shown] for name, run in latent.items()}
        names = molecule_sets.PROPERTIES
        figures.draw_latent(codes, properties, names, "test molecules", origin, Path(f"{path}_latent"))


def beside_priors(runs):
    """Return runs in which each method with agents occurs twice, as prior and as agents, and the agents' metrics.

    A prior, and a method without agents, has the values of its own molecules in place of those of agents.
    """
    kinds = {"": None, "_validity": "validity", "_diversity": "internal_diversity"}
    own = {f"{one}_agent{kind}": general or one for kind, general in kinds.items() for one in AGENTS}
    own = {agent: name for agent, name in own.items() if any(agent in run["scores"] for run in runs.values())}
    sides = {}
    for name, run in runs.items():
        prior = run | {"scores": {agent: run["scores"].get(metric, []) for agent, metric in own.items()}}
        led = own.keys() & run["scores"].keys()
        sides |= {f"{name}: prior": prior, f"{name}: agents": run} if led else {name: prior}
    return sides, list(own)
