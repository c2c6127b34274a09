"""Your own data: say what is understood of them before anything is trained, or write a first YAML for a file.

    own.py --check my_screen.yaml       samples, classes, records left out and why, parts, methods, estimated time
    own.py --init screen.csv            writes screen.yaml with guesses, each marked as such

Training is then `snakemake --cores all --config own=my_screen.yaml`; docs/your-own-data.md has examples.
"""

import argparse
import csv
import statistics
from pathlib import Path

from deepbio.core import command, kind, own, records
from deepbio.core.catalog import Catalog
from deepbio.core.config import ROOT
from deepbio.core.files import BadInput

# Endings of files, and the kind of input that they are taken for.
ENDINGS = {
    **dict.fromkeys((".smi", ".sdf"), "molecule"),
    **dict.fromkeys((".fa", ".fasta", ".fna", ".bed", ".narrowpeak", ".broadpeak"), "sequence"),
    **dict.fromkeys((".vcf", ".bcf"), "genotype"),
    ".h5ad": "table",
}
ROWS = 2000  # rows of a table that guesses rest on
HINTS = ("label", "y", "class", "target", "activity", "value", "active", "outcome", "expt", "measured")


def main():
    arguments = command.parser(__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    task = arguments.add_mutually_exclusive_group(required=True)
    task.add_argument("--check", metavar="YAML", nargs="+", help="YAML of own data, or a folder of them")
    task.add_argument("--init", metavar="FILE", help="file of data to look at")
    given = arguments.parse_args()
    if given.init:
        path = Path(given.init)
        target = path.parent / f"{path.name.split('.')[0]}.yaml"
        if target.exists():
            raise BadInput(f"{target}: exists already")
        target.write_text(guessed(path))
        print(f"{target} is written; look at the lines marked 'guess', then: own.py --check {target}")
    else:
        known = Catalog({"own": given.check})
        for name in known.own:
            print("\n".join([*understood(known, name), *entrants(known, name)]), end="\n\n")


def understood(known, name):
    """Tell what the files hold, as `prepare` will tell it in its log."""
    from deepbio.tasks import own as task

    facts = known.dataset(name, own.DATASET)
    _, told = task.read(Path(facts["own"]["yaml"]), facts["parameters"], 1)
    return [f"{name}: {facts['title']}", *told]


def entrants(known, name):
    """Tell which methods run and with what budget, which do not and why, and how long the training may take."""
    facts = known.own[name]
    scale = facts["effort"]
    seconds = costs(scale)
    lines, total = [], 0.0
    running = known.competitors(name, own.DATASET)
    for method in running:
        runs = len(known.seeds(name, own.DATASET, method))
        told = f"about {seconds[method] * runs:.0f} s" if method in seconds else "of unknown length"
        total += seconds.get(method, 60) * runs
        lines.append(f"  {method} ({known.roles[method]}): {runs} {'run' if runs == 1 else 'runs'}, {told}")
    lines.insert(0, f"{len(running)} methods and baselines run, with the settings of scale {scale}:")
    left = {}
    for method, one in known.methods.items():
        if known.roles[method] == "variant" or method in running:
            continue
        if facts["input"] not in one["inputs"]:
            reason = f"take no {facts['input']}"
        elif facts["output"] not in one["outputs"]:
            reason = f"give no {facts['output']} output"
        elif method in facts["methods"] + facts["baselines"]:
            reason = f"are not among the chosen methods, or do not run at scale {scale}"
        elif known.roles[method] == "baseline":
            reason = "are at home in no task of these kinds, or are not named"
        else:
            reason = "are not named under `methods`"
        left.setdefault(reason, []).append(method)
    for reason, names in sorted(left.items(), key=lambda one: len(one[1])):
        shown = f"{', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
        lines.append(f"{len(names)} others {reason}: {shown}")
    lines.append(
        f"estimated time: {total / 60:.0f} to {3 * total / 60 + 1:.0f} minutes on one core, by runs of other data"
    )
    return lines


def costs(scale):
    """Estimate the median seconds of each method's runs in the reference results; those of a smaller scale where it has
    none."""
    found = {}
    for name in ("quick", "standard", "full"):
        path = ROOT / "results" / "reference" / name / "ledger.csv"
        if path.exists():
            with open(path, newline="") as handle:
                for row in csv.DictReader(handle):
                    if row["status"] == "ok":
                        found.setdefault((row["method"], name), []).append(float(row["seconds"]))
        if name == scale:
            break
    return {method: statistics.median(values) for (method, _), values in found.items()}


# ---- a first YAML


def guessed(path):
    """Write the text of a YAML for a file; BadInput where it is of no known form."""
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        kinds, lines = (
            "animal_frame",
            ["labels: points.csv   # guess: a table with a column of picture names, <point>_x and <point>_y"],
        )
        output = "regression"
    elif records.is_table(path):
        kinds, output, lines = of_table(path)
    else:
        kinds = ENDINGS.get(records.suffix(path))
        if kinds is None:
            raise BadInput(
                f"{path}: not a known form; known are .csv, .tsv, .parquet, {', '.join(ENDINGS)}, "
                "and a folder of pictures"
            )
        output, lines = of_kind(kinds, path)
    outputs = ", ".join(kind.load(kinds).READS)
    return "\n".join(
        [
            f"title: {path.name.split('.')[0]}",
            f"input: {kinds}   # guess",
            f"output: {output}   # guess; can be {outputs}",
            f"file: {path.name}",
            *lines,
            f"split: {{fractions: {own.FRACTIONS}}}   # by: {kind.load(kinds).SPLIT} where nothing is said",
            "methods: all",
            "effort: fast   # fast, normal or thorough",
            "",
        ]
    )


def of_kind(kinds, path):
    """Guess the kind of output, and lines, for a file that is no table."""
    if records.suffix(path) in (".bed", ".narrowpeak", ".broadpeak"):
        return "binary", ["genome: genome.fa   # guess: the FASTA file that the intervals refer to"]
    if kinds == "genotype":
        return "multiclass", [
            "labels: people.tsv   # guess: a table with a row for each person",
            "columns: {id: person, label: population}   # guess",
        ]
    if records.suffix(path) == ".h5ad":
        return "multiclass", ["columns: {label: cell_type}   # guess: a column of obs"]
    if records.suffix(path) == ".smi":
        return "regression", ["columns: {label: word2}   # guess: the second word of each line"]
    return "binary", ["columns: {label: label}   # guess: a property, or a word label=1 of each header"]


def of_table(path):
    """Guess the kinds of input and output, and lines, for a table: by what its columns hold."""
    header, found = records.rows(path)
    rows = [cells for (_, cells, problem), _ in zip(found, range(ROWS), strict=False) if not problem]
    columns = {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}
    known = {name: [cell for cell in cells if not records.is_missing(cell)] for name, cells in columns.items()}
    molecule, sequence = (kind.load(name).COLUMNS for name in ("molecule", "sequence"))
    smiles = records.choose(header, "smiles", {}, molecule) or next(
        (name for name in header if is_smiles(known[name])), None
    )
    windows = records.choose(header, "sequence", {}, sequence) or next(
        (name for name in header if is_dna(known[name])), None
    )
    ident = records.choose(header, "id", {}, ("id", "name", "sample")) or header[0]
    ident = (
        ident
        if len(set(columns[ident])) == len(rows) and ident not in (smiles, windows) and not is_number(known[ident])
        else None
    )
    rest = [name for name in header if name not in (smiles, windows, ident) and known[name]]
    hinted = [
        name for name in rest if any(hint in name.lower() for hint in HINTS if len(hint) > 1) or name.lower() == "y"
    ]
    words = [name for name in rest if 2 <= len(set(known[name])) <= 10]  # classes, where the last column holds words
    last = rest[-1:] if rest and is_number(known[rest[-1]]) else words[-1:] or rest[-1:]
    label = (hinted or last or ["LABEL"])[0]
    values = set(known.get(label, ()))
    output = "binary" if len(values) == 2 else "regression" if is_number(known.get(label, [])) else "multiclass"
    said = {"smiles": smiles, "sequence": windows} if smiles or windows else {}
    said = {role: name for role, name in (said | {"id": ident, "label": label}).items() if name}
    lines = ["columns: {" + ", ".join(f"{role}: {quoted(name)}" for role, name in said.items()) + "}   # guess"]
    lines.append(f"# all columns: {', '.join(header[:30])}")
    if output == "binary" and not values <= {"0", "1"}:
        lines.append(f"positive: {quoted(sorted(values)[-1])}   # guess; the other is {sorted(values)[0]}")
    return "molecule" if smiles else "sequence" if windows else "table", output, lines


def quoted(name):
    """Write a name as YAML takes it."""
    plain = name.replace("_", "").replace("-", "").replace(" ", "").isalnum() and not name[:1].isdigit()
    return (
        name
        if plain and name.lower() not in ("y", "n", "yes", "no", "true", "false", "null", "on", "off")
        else repr(name)
    )


def is_number(cells):
    """Tell whether all texts are numbers, of which there are some."""
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def is_dna(cells):
    """Tell whether texts are sequences of ten bases or more."""
    return bool(cells) and all(len(cell) >= 10 and set(cell.upper()) <= set("ACGTUN") for cell in cells[:50])


def is_smiles(cells):
    """Tell whether most texts are SMILES of more than one atom."""
    if not cells or is_number(cells):
        return False
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    found = [Chem.MolFromSmiles(cell) for cell in cells[:50] if len(cell) < 500]
    return sum(one is not None and one.GetNumAtoms() > 1 for one in found) > 0.8 * len(cells[:50])


if __name__ == "__main__":
    command.run(main)
