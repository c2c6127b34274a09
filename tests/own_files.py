"""Files of a user's own data that several tests read, and what they ask of them."""

import csv

import numpy as np
import pytest
import yaml
from support import call

from deepbio.core import kind, own, task
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput
from deepbio.tasks import own as reading

RINGS = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccoc1", "c1ccsc1", "C1CCOC1", "c1ccc2ccccc2c1")


def write(folder, name="mine", **facts):
    """A YAML of own data with these facts."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"title": "Mine", **facts}))
    return path


def prepared(path, seed=1):
    """The splits of a YAML, held against their kinds and for leaks, and what is told."""
    _, facts = own.read(path)
    splits, told = reading.read(path, facts["scales"]["quick"]["datasets"][own.DATASET]["parameters"], seed)
    for split in splits.values():
        split.context |= {"input": facts["input"], "output": facts["output"]}
    task.check(splits, "mine")
    for part, split in splits.items():
        kind.check(split, part)
    return splits, "\n".join(told)


def refused(path):
    with pytest.raises(BadInput) as caught:
        prepared(path)
    return str(caught.value)


def sizes(splits):
    return [len(splits[name]) for name in ("train", "valid", "test")]


def molecules(count, seed=0):
    """Distinct SMILES of eight rings with chains of different lengths."""
    rng = np.random.default_rng(seed)
    made = [f"{'C' * (1 + n // 8)}{'O' * int(rng.integers(2))}{RINGS[n % 8]}" for n in range(count)]
    return list(dict.fromkeys(made))


def screen(folder, ending=".csv", **facts):
    """A table of molecules with yes or no, and its YAML."""
    rows = [f"m{n},{text},{'yes' if 'O' in text else 'no'}" for n, text in enumerate(molecules(80))]
    (folder / "screen.csv").write_text("\n".join(["id,Structure,blocked", *rows]) + "\n")
    said = {"input": "molecule", "output": "binary", "file": "screen.csv"}
    said |= {"columns": {"smiles": "Structure", "label": "blocked"}, "split": {"by": "random"}}
    return write(folder, **(said | facts))


def windows(count, length=60, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]


def genome(folder):
    texts = {f"chr{n}": windows(1, 6000, n)[0] for n in range(1, 6)}
    (folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return texts


def table(folder, rows=60):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 3))
    lines = [
        f"p{n},{','.join(f'{v:.3f}' for v in row)},{'mf'[n % 2]},{'sick' if row[0] > 0 else 'well'},f{n // 2}"
        for n, row in enumerate(x)
    ]
    lines[2] = lines[2].replace(",", ",oops,", 1).replace(",oops," + lines[2].split(",")[1], ",oops", 1)
    lines[4] = "p4,," + lines[4].split(",", 2)[2]
    (folder / "t.csv").write_text("\n".join(["id,a,b,c,sex,state,family", *lines]))
    return {"input": "table", "output": "binary", "file": "t.csv", "positive": "sick"}


HEAD = '##fileformat=VCFv4.2\n##contig=<ID=1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'


def variants(folder, people=30, more=()):
    """Genotypes of three populations at 40 sites, and the table of the people."""
    rng = np.random.default_rng(0)
    group = np.arange(people) % 3
    share = rng.uniform(0.1, 0.9, (40, 3))
    lines = [f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{chr(9).join(f'p{n}' for n in range(people))}"]
    for site in range(40):
        cells = [("0/0", "0|1", "1/1")[rng.binomial(2, share[site, one])] for one in group]
        lines.append(f"1\t{100 + site}\t.\tA\tG\t.\t.\t.\tGT\t{chr(9).join(cells)}")
    lines += more
    (folder / "v.vcf").write_text(HEAD + "\n".join(lines) + "\n")
    (folder / "p.tsv").write_text("person\tpop\n" + "".join(f"p{n}\tpop{group[n]}\n" for n in range(people)))
    return {
        "input": "genotype",
        "output": "multiclass",
        "file": "v.vcf",
        "labels": "p.tsv",
        "columns": {"id": "person", "label": "pop"},
    }


def trained(folder, path, method, seeds=(1,)):
    """Prepare and train by the commands; the folder of the method."""
    known = Catalog({"own": str(path)})
    task = next(iter(known.own))
    facts = known.preparation(task, own.DATASET)
    from deepbio.core.config import as_json

    for split in sorted({known.split_of(task, own.DATASET, seed) for seed in seeds}):
        words = [
            "prepare.py",
            task,
            own.DATASET,
            "--facts",
            as_json(facts),
            "--split",
            split,
            "--output",
            folder / f"data{split}",
        ]
        done = call(*words)
        assert done.returncode == 0, done.stderr
    for seed in seeds:
        words = ["--seed", seed, "--parameters", as_json(known.parameters(method, task, own.DATASET)), "--code", "x"]
        words += ["--facts", as_json(known.about(method, task, own.DATASET)), "--scratch", folder / "scratch"]
        split = known.split_of(task, own.DATASET, seed)
        done = call(
            "train.py", method, "--data", folder / f"data{split}", "--output", folder / method / f"seed{seed}", *words
        )
        assert '"ok"' in (folder / method / f"seed{seed}" / "run.json").read_text(), done.stderr
    return folder / method


def predicted(run, path, *words, status=0):
    """The rows of the table that predict.py writes, as dicts."""
    output = path.parent / "predictions.tsv"
    done = call("predict.py", run, "--input", path, "--output", output, *words)
    assert done.returncode == status, done.stderr
    with open(output, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))
