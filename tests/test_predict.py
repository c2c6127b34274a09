"""Predictions of new files: rows and ids kept, every kind of input, blocks, several seeds; cards and records."""

import re
import subprocess
import sys
import types

import numpy as np
import pytest
from own_files import genome, molecules, predicted, screen, table, trained, variants, windows, write
from support import ROOT, call

from deepbio.core import kind, predicting
from deepbio.core.files import BadInput

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def molecule_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("molecules")
    path = screen(
        folder, columns={"smiles": "Structure", "label": "blocked", "id": "id"}, split={"by": "random", "repeats": 2}
    )
    return trained(folder, path, "ecfp_linear", seeds=(1, 2))


def test_rows_ids_and_order_are_the_input_s_and_a_bad_record_has_its_reason(molecule_run, tmp_path):
    rows = [f"n{n},{text}" for n, text in enumerate(molecules(40, seed=3))]
    rows[2], rows[5], rows[7] = "n2,C1CC", "n5,", "n1,CCO.[Na+]"
    (tmp_path / "new.csv").write_text("\n".join(["id,Structure", *rows, "odd,C,more"]))
    made = predicted(molecule_run / "seed1", tmp_path / "new.csv", status=3)
    assert [row["id"] for row in made[:-1]] == [row.split(",")[0] for row in rows] and len(made) == len(rows) + 1
    name = "blocked (probability)"
    empty = [number for number, row in enumerate(made) if not row[name]]
    assert empty == [2, 5, len(rows)]
    assert made[2]["note"] == "new.csv:4: not a valid SMILES: 'C1CC'" and "no smiles" in made[5]["note"]
    assert "3 columns in place of 2" in made[-1]["note"]
    model = predicting.load(molecule_run / "seed1")
    direct = [row for _, row in model.predict(tmp_path / "new.csv")]
    assert all(
        float(one[name]) == pytest.approx(row[0], abs=1e-5)
        for one, row in zip(made, direct, strict=True)
        if row is not None
    )


def test_several_seeds_give_mean_and_deviation(molecule_run, tmp_path):
    (tmp_path / "new.smi").write_text("\n".join(molecules(20, seed=3)))
    each = [predicted(molecule_run / f"seed{seed}", tmp_path / "new.smi") for seed in (1, 2)]
    both = predicted(molecule_run, tmp_path / "new.smi", "--figure", tmp_path / "p.svg")
    for one, other, row in zip(*each, both, strict=True):
        values = [float(found["blocked (probability)"]) for found in (one, other)]
        assert float(row["blocked (probability)"]) == pytest.approx(np.mean(values), abs=1e-5)
        assert float(row["blocked (SD over 2 seeds)"]) == pytest.approx(np.std(values, ddof=1), abs=1e-5)
    assert (tmp_path / "p.svg").read_text().lstrip().startswith("<?xml")


def test_blocks_change_nothing(molecule_run, tmp_path, monkeypatch):
    (tmp_path / "new.smi").write_text("\n".join(["C1CC", *molecules(30, seed=3), "", "CCO"]))
    model = predicting.load(molecule_run / "seed1")
    whole = [row for _, row in model.predict(tmp_path / "new.smi")]
    monkeypatch.setattr(predicting, "BLOCK", 7)
    parts = [row for _, row in model.predict(tmp_path / "new.smi")]
    assert len(whole) == len(molecules(30, seed=3)) + 2 and whole[0] is None and parts[0] is None
    assert np.array_equal(np.array(whole[1:]), np.array(parts[1:]))


def test_the_file_is_read_as_it_is_predicted_and_not_before(molecule_run, tmp_path, monkeypatch):
    from deepbio.core import records

    (tmp_path / "new.smi").write_text("\n".join(molecules(60, seed=3)))
    monkeypatch.setattr(predicting, "BLOCK", 10)
    read, held = [0], records.Record.__init__

    def counted(self, *words, **named):
        read[0] += 1
        held(self, *words, **named)

    monkeypatch.setattr(records.Record, "__init__", counted)
    stream = predicting.load(molecule_run / "seed1").predict(tmp_path / "new.smi")
    next(stream)
    assert read[0] <= 11


def test_messages_of_runs_and_files_that_do_not_serve(molecule_run, tmp_path):
    (tmp_path / "new.csv").write_text("name,mol2\na,CCO\n")
    for run, name, message in [
        (tmp_path, "new.csv", "no folder of a run"),
        (molecule_run / "seed1", "none.csv", "none.csv: no such file"),
        (molecule_run / "seed1", "new.csv", "which column holds the smiles?"),
    ]:
        done = call("predict.py", run, "--input", tmp_path / name, "--output", tmp_path / "o.tsv")
        assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    made = predicted(molecule_run / "seed1", tmp_path / "new.csv", "--columns", '{"smiles": "mol2", "id": "name"}')
    assert [row["id"] for row in made] == ["a"]


def test_windows_of_other_lengths_strands_and_letters(tmp_path):
    texts = windows(80)
    word = "TGACTCA"
    texts = [text[:20] + word + text[27:] if n % 2 else text for n, text in enumerate(texts)]
    (tmp_path / "w.fa").write_text("".join(f">s{n} label={n % 2}\n{text}\n" for n, text in enumerate(texts)))
    run = trained(tmp_path, write(tmp_path, input="sequence", output="binary", file="w.fa"), "best_word") / "seed1"
    new = [
        windows(1, 60, 5)[0],
        windows(1, 25, 5)[0] + word + windows(1, 80, 6)[0],
        "ACGT" + word.lower() + "NNNN",
        "AC*T",
    ]
    (tmp_path / "new.fa").write_text("".join(f">n{n} about it\n{text}\n" for n, text in enumerate(new)))
    made = predicted(run, tmp_path / "new.fa", status=3)
    assert [row["id"] for row in made] == ["n0", "n1", "n2", "n3"]
    assert (
        made[1]["note"] == "cut from 112 to 60 bases around the middle"
        and made[2]["note"] == "padded from 15 to 60 bases"
    )
    assert "'*' is no base" in made[3]["note"] and made[3]["label (probability)"] == ""
    assert float(made[2]["label (probability)"]) > float(made[0]["label (probability)"])
    texts = genome(tmp_path)
    (tmp_path / "n.bed").write_text("chr2\t100\t160\nchr1\t5990\t6010\nchr2\t40\t60\n")
    made = predicted(run, tmp_path / "n.bed", "--genome", tmp_path / "g.fa", status=3)
    assert [row["id"] for row in made] == ["chr2:100-160", "chr1:5990-6010", "chr2:40-60"]
    assert "ends at 6010, but 'chr1' has 6000 bases" in made[1]["note"] and texts


def test_tables_and_people_are_read_by_the_model_s_own_columns_and_sites(tmp_path):
    path = write(tmp_path, **table(tmp_path), columns={"label": "state", "id": "id"})
    run = trained(tmp_path, path, "lda") / "seed1"
    (tmp_path / "new.csv").write_text("c,b,a,id\n1,2,3,x\n1,,3,y\n1,2,word,z\n")
    made = predicted(run, tmp_path / "new.csv", status=3)
    assert [row["id"] for row in made] == ["x", "y", "z"] and "column 'a': 'word' is no number" in made[2]["note"]
    (tmp_path / "less.csv").write_text("c,b\n1,2\n")
    assert (
        "no column 'a'" in call("predict.py", run, "--input", tmp_path / "less.csv", "--output", tmp_path / "o").stderr
    )
    (tmp_path / "vcf").mkdir()
    path = write(tmp_path / "vcf", **variants(tmp_path / "vcf"))
    run = trained(tmp_path / "vcf", path, "pca_logistic") / "seed1"
    first = predicted(run, tmp_path / "vcf/v.vcf")
    assert list(first[0]) == ["id", "pop0 (probability)", "pop1 (probability)", "pop2 (probability)", "note"]
    assert len(first) == 30 and first[0]["id"] == "p0"
    # The alleles exchanged, in another order of the sites: the same people.
    lines = (tmp_path / "vcf/v.vcf").read_text().splitlines()
    turned = [
        line.replace("\tA\tG\t", "\tG\tA\t").replace("0/0", "x").replace("1/1", "0/0").replace("x", "1/1")
        for line in lines
    ]
    (tmp_path / "vcf/turned.vcf").write_text("\n".join(turned) + "\n")
    assert predicted(run, tmp_path / "vcf/turned.vcf") == first


def test_arrays_serve_every_kind(tmp_path, monkeypatch):
    from deepbio.core.data import save_dataset

    splits = kind.small_problem("deletions", "regression")
    for split in splits.values():
        split.context |= {"task": "genotype_growth"}
    facts = {"task": "genotype_growth", "dataset": "d", "scale": "quick", "split": 1, "origin": "simulated"}
    save_dataset(tmp_path / "data", splits, facts)
    words = [
        "--data",
        tmp_path / "data",
        "--output",
        tmp_path / "run/seed1",
        "--scratch",
        tmp_path / "s",
        "--code",
        "x",
    ]
    words += ["--parameters", "{}", "--facts", '{"role": "baseline", "title": "t", "metrics": ["pearson"]}']
    done = call("train.py", "mean_label", *words)
    assert done.returncode == 0, done.stderr
    np.savez(tmp_path / "new.npz", x=splits["test"]["x"][:5], id=np.array(list("abcde")))
    made = predicted(tmp_path / "run/seed1", tmp_path / "new.npz")
    assert [row["id"] for row in made] == list("abcde")
    (tmp_path / "new.csv").write_text("x\n1\n")
    done = call("predict.py", tmp_path / "run/seed1", "--input", tmp_path / "new.csv", "--output", tmp_path / "o")
    assert done.returncode == 1 and "new.csv:1: which column holds the genes?" in done.stderr
    unread = {"context": {"input": "dream", "output": "binary"}, "outputs": [], "shapes": {}}
    dream = types.SimpleNamespace(TITLE="dreams", ARRAYS={"colours": None, "sounds": None})
    with (
        monkeypatch.context() as patch,
        pytest.raises(BadInput, match=r"dreams are .* NumPy's \.npz .* colours, sounds"),
    ):
        patch.setattr(kind, "load", {"dream": dream}.get)
        predicting.Model(unread, None, tmp_path).read(tmp_path / "new.csv")
    np.savez(tmp_path / "bad.npz", x=splits["test"]["x"][:5, :3])
    with pytest.raises(BadInput, match="has the shape"):
        list(predicting.load(tmp_path / "run/seed1").predict(tmp_path / "bad.npz"))


def test_a_model_stands_alone_and_its_six_lines_run(molecule_run, tmp_path):
    done = call(
        "card.py", molecule_run / "seed1", "--own", molecule_run.parent / "mine.yaml", "--output", tmp_path / "model"
    )
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "model/README.md").read_text()
    for words in (
        "ECFP",
        "Takes** molecules",
        "licence not stated",
        "samples to train",
        "Intended use",
        "Not compared yet",
    ):
        assert words in card
    (tmp_path / "deepbio-bench").symlink_to(ROOT)
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL).group(1)
    assert len(code.strip().splitlines()) == 6
    (tmp_path / "new.csv").write_text("id,Structure\na,CCO\nb,C1CC\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a {'blocked': ") and "b not a valid SMILES: 'C1CC'" in done.stdout


def test_generators_write_molecules_with_their_properties(tmp_path):
    (tmp_path / "set.smi").write_text("\n".join(molecules(100)))
    path = write(tmp_path, input="molecule_set", output="generated", file="set.smi", split={"by": "random"})
    run = trained(tmp_path, path, "ngram") / "seed1"
    for seed in (4, 5, 4):
        done = call("generate.py", run, "--number", 30, "--seed", seed, "--output", tmp_path / f"{seed}.tsv")
        assert done.returncode == 0, done.stderr
    one, other = ((tmp_path / f"{seed}.tsv").read_text().splitlines() for seed in (4, 5))
    assert len(one) == 31 and one[0].split("\t")[:2] == ["smiles", "valid"] and one != other
    assert "generates nothing" not in done.stderr
    done = call("predict.py", run, "--input", tmp_path / "set.smi", "--output", tmp_path / "o.tsv")
    assert done.returncode == 1 and "see generate.py" in done.stderr


@pytest.mark.long
def test_networks_export_and_compute_the_same(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = write(tmp_path, **variants(tmp_path))
    run = trained(tmp_path, path, "mlp") / "seed1"
    done = call("export.py", run, "--onnx", tmp_path / "mlp.onnx")
    assert done.returncode == 0 and "as torch to within" in done.stdout, done.stderr
    import onnxruntime

    model = predicting.load(run)
    rows = [row for _, row in model.predict(tmp_path / "v.vcf")]
    x = np.stack([record.arrays["x"] for record, _ in model.predict(tmp_path / "v.vcf")])
    from deepbio.core.data import Split

    batch = model.fitted.batch(Split({"x": x}, model.facts["context"]), np.arange(len(x)))
    made = onnxruntime.InferenceSession(str(tmp_path / "mlp.onnx")).run(
        None, {key: value.numpy() for key, value in batch.items()}
    )
    assert np.allclose(made[0], np.array(rows), atol=1e-4)


def test_what_is_no_network_is_not_exported(molecule_run, tmp_path):
    done = call("export.py", molecule_run / "seed1", "--onnx", tmp_path / "x.onnx")
    assert done.returncode == 1 and "ecfp_linear is no network" in done.stderr and not (tmp_path / "x.onnx").exists()
