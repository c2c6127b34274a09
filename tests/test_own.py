"""A user's own data: what is read of each kind of file, and the right answer or message for hostile ones."""

import gzip

import numpy as np
import pytest
import yaml
from support import CATALOG

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


# ---- the YAML


def test_wrong_yaml_names_the_file_and_the_key(tmp_path):
    for facts, message in [
        ({"input": "molecul"}, "mine.yaml: input: 'molecul' is no kind"),
        ({"output": "multi"}, "mine.yaml: output: 'multi' is not one of"),
        ({"output": "generated"}, "mine.yaml: output: molecules have no 'generated'"),
        ({"file": "none.csv"}, "mine.yaml: file: no such file"),
        ({"colums": {}}, "'colums' was unexpected"),
        ({"split": {"fractions": [0.5, 0.2, 0.2]}}, "mine.yaml: split.fractions"),
        (
            {"columns": {"smiles": "SMILES", "label": "blocked"}},
            "no column 'SMILES'; columns are: id, Structure, blocked",
        ),
        ({"columns": {"smiles": "Structure", "label": "hit"}}, "columns.label: no column 'hit'"),
        ({"columns": {"smiles": "Structure"}}, "which holds the label?"),
        ({"positive": "maybe"}, "positive: no label is 'maybe'; they are: no, yes"),
        ({"split": {"by": "group"}}, "say columns: {group: NAME}"),
        ({"split": {"by": "chromosome"}}, "has no coordinates"),
    ]:
        assert message in refused(screen(tmp_path, **facts)), message


def test_all_that_fits_runs_and_what_is_named_must_fit(tmp_path):
    known = Catalog({"own": str(screen(tmp_path))})
    assert known.selected_tasks == ["own_mine"]
    names = known.competitors("own_mine", own.DATASET)
    assert {"neural_fingerprint", "ecfp_linear", "ecfp_net", "random_forest"} == set(names)
    known = Catalog({"own": str(screen(tmp_path, methods=["ecfp_linear"]))})
    assert known.competitors("own_mine", own.DATASET) == ["ecfp_linear"]
    for methods, message in [(["leap"], "leap takes animal_frame"), (["nobody"], "unknown method 'nobody'")]:
        with pytest.raises(BadInput, match=message):
            Catalog({"own": str(screen(tmp_path, methods=methods))})


def test_effort_is_the_scale_of_the_settings_and_not_of_the_folder(tmp_path):
    fast, normal = (Catalog({"own": str(screen(tmp_path, effort=effort))}) for effort in ("fast", "normal"))
    place = ("neural_fingerprint", "own_mine", own.DATASET)
    assert fast.parameters(*place)["training"]["steps"] < normal.parameters(*place)["training"]["steps"]
    assert fast.results == normal.results


def test_a_folder_of_yaml_files_is_as_many_tasks_and_others_may_be_named_beside_them(tmp_path):
    (tmp_path / "more").mkdir()
    screen(tmp_path)
    screen(tmp_path).rename(tmp_path / "Second screen.yaml")
    screen(tmp_path)
    assert Catalog({"own": str(tmp_path)}).selected_tasks == ["own_mine", "own_second_screen"]
    both = Catalog({"own": str(tmp_path / "mine.yaml"), "tasks": "own_mine,motif_primer"})
    assert both.selected_tasks == ["motif_primer", "own_mine"]
    assert not Catalog({}).own and "own_mine" not in CATALOG.tasks


# ---- tables of molecules


def test_molecules_are_parted_by_scaffold_and_words_are_labels(tmp_path):
    splits, told = prepared(screen(tmp_path, split={"fractions": [0.6, 0.2, 0.2]}))
    assert "yes counts as 1, no as 0" in told and "parted by scaffold" in told
    for split in splits.values():
        assert [b"O" in text for text in split["smiles"]] == split.y.astype(bool).tolist() or b"o" in b"".join(
            split["smiles"]
        )
    assert sum(sizes(splits)) == len(molecules(80))


def test_repeats_draw_other_parts_and_the_same_seed_the_same(tmp_path):
    path = screen(tmp_path)
    one, other, again = (prepared(path, seed)[0]["test"]["smiles"].tolist() for seed in (1, 2, 1))
    assert one == again and one != other


def test_marks_ends_of_lines_quotes_and_packing_change_nothing(tmp_path):
    path = screen(tmp_path)
    plain = (tmp_path / "screen.csv").read_text()
    wanted = prepared(path)[0]["train"].digest()
    for text in (
        b"\xef\xbb\xbf" + plain.encode(),
        plain.replace("\n", "\r\n").encode(),
        plain.replace("m3,", '"m,3",').encode(),
        plain.replace(",", ";").encode(),
        gzip.compress(plain.encode()),
        plain.encode("utf-16"),
    ):
        (tmp_path / "screen.csv").write_bytes(text)
        assert prepared(path)[0]["train"].digest() == wanted


def test_what_cannot_be_read_is_left_out_with_its_reason_and_line(tmp_path):
    path = screen(tmp_path)
    table = tmp_path / "screen.csv"
    lines = table.read_text().splitlines()
    whole = len(lines) - 1
    lines[3] = "m2,C1CC,yes"
    lines[5] = "m4,,yes"
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    lines[9] = lines[9].rsplit(",", 1)[0] + ",NaN"
    lines[11] += ",one too many"
    table.write_text("\n".join(lines))
    splits, told = prepared(path)
    assert sum(sizes(splits)) == whole - 5
    assert "not a valid SMILES: 'C1CC': screen.csv:4 (m2)" in told
    assert "no smiles: screen.csv:6 (m4)" in told
    assert "no label: screen.csv:8" in told and "screen.csv:10" in told
    assert "4 columns in place of 3: screen.csv:12" in told


def test_salts_and_repeats_are_in_one_part_and_double_ids_are_told(tmp_path):
    path = screen(tmp_path)
    with open(tmp_path / "screen.csv", "a") as table:
        for text in molecules(80)[:20]:
            table.write(f"m0,{text}.[Na+].[Cl-],yes\n")
    splits, told = prepared(path)
    assert "1 ids stand more than once, such as m0" in told and "20 samples stand more than once, 40 in all" in told
    bare = [{text.split(b".")[0] for text in split["smiles"]} for split in splits.values()]
    assert not bare[0] & bare[1] and not bare[0] & bare[2] and not bare[1] & bare[2]


def test_one_class_and_nothing_left_are_errors(tmp_path):
    path = screen(tmp_path)
    table = tmp_path / "screen.csv"
    plain = table.read_text()
    table.write_text(plain.replace(",yes", ",no"))
    assert "all known labels are 0; two classes are needed" in refused(path)
    table.write_text(plain.split("\n")[0] + "\n")
    assert "no record can be used" in refused(path)
    table.write_text("")
    assert "screen.csv:1: the file is empty" in refused(path)
    table.write_text(plain.replace("Structure", "blocked"))
    assert "column 'blocked' stands 2 times" in refused(path)


def test_a_label_that_is_no_number_is_left_out_and_other_words_ask_which_is_one(tmp_path):
    path = screen(tmp_path, output="regression")
    table = tmp_path / "screen.csv"
    plain = table.read_text().replace(",yes", ",1.5").replace(",no", ",-2")
    table.write_text(plain.replace("-2\n", ">10\n", 1))
    splits, told = prepared(path)
    assert "label: column 'blocked': '>10' is no number" in told and sum(sizes(splits)) == len(molecules(80)) - 1
    path = screen(tmp_path)
    table.write_text(table.read_text().replace(",yes", ",blocks").replace(",no", ",opens"))
    assert "say which counts as 1: positive:" in refused(path)
    assert prepared(screen_positive(tmp_path, "blocks"))[0]["train"].y.max() == 1


def screen_positive(folder, word):
    kept = (folder / "screen.csv").read_text()
    path = screen(folder, positive=word)
    (folder / "screen.csv").write_text(kept)
    return path


def test_given_parts_are_kept_and_what_leaks_is_taken_out(tmp_path):
    path = screen(tmp_path, split={"by": "given"}, columns={"smiles": "Structure", "label": "blocked", "split": "part"})
    rows = molecules(80)
    words = ["train"] * 50 + ["valid"] * 10 + ["test"] * (len(rows) - 60)
    made = [
        f"{n},{text},{'yes' if 'O' in text else 'no'},{word}"
        for n, (text, word) in enumerate(zip(rows, words, strict=True))
    ]
    made.append(f"again,{rows[-1]}.Cl,no,train")
    (tmp_path / "screen.csv").write_text("\n".join(["id,Structure,blocked,part", *made]))
    splits, told = prepared(path)
    assert sizes(splits) == [50, 10, len(rows) - 60] and "are in another part as well and are left out" in told
    (tmp_path / "screen.csv").write_text("\n".join(["id,Structure,blocked,part", *made]).replace("valid", "dunno"))
    assert "'dunno'; train, valid or test is expected" in refused(path)


def test_near_duplicates_across_a_random_split_are_counted(tmp_path):
    _, told = prepared(screen(tmp_path))
    assert "warning: " in told and "test samples are near-duplicates of training samples" in told


def test_sdf_records_and_their_properties(tmp_path):
    from rdkit import Chem

    blocks = [
        f"{Chem.MolToMolBlock(Chem.MolFromSmiles(text))}> <logS>\n{n / 10}\n\n$$$$\n"
        for n, text in enumerate(molecules(60))
    ]
    blocks[4] = "broken\n\n\nno counts here\nM  END\n$$$$\n"
    (tmp_path / "set.sdf").write_text("".join(blocks))
    facts = {"input": "molecule", "output": "regression", "file": "set.sdf", "columns": {"label": "logS"}}
    splits, told = prepared(write(tmp_path, **facts, split={"by": "random"}))
    assert sum(sizes(splits)) == len(molecules(60)) - 1 and "record 5" in told


def test_a_library_for_generators(tmp_path):
    (tmp_path / "set.smi").write_text("\n".join([*molecules(100), "CCO.Cl", molecules(100)[0], "C1CC"]))
    splits, told = prepared(
        write(tmp_path, input="molecule_set", output="generated", file="set.smi", split={"by": "random"})
    )
    assert "a molecule of several pieces" in told and "stands there already" in told and "not a valid SMILES" in told
    assert splits["train"].y.dtype == np.uint8 and "C" in splits["train"].context["symbols"]


# ---- windows


def windows(count, length=60, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]


def test_fasta_with_labels_in_its_headers_lower_case_and_unknown_bases(tmp_path):
    texts = windows(60)
    texts[0] = texts[0].lower()
    texts[1] = "NN" + texts[1][2:]
    texts[2] = texts[2][:10] + "-" + texts[2][11:]
    texts[3] = texts[3][:50]
    texts[4] += "ACGTACGT"
    (tmp_path / "w.fa").write_text(
        "".join(f">s{n} label={n % 2}\n{text}\n" for n, text in enumerate(texts)) + ">empty\n"
    )
    splits, told = prepared(write(tmp_path, input="sequence", output="binary", file="w.fa"))
    assert sum(sizes(splits)) == 59
    assert "'-' is no base" in told and "w.fa:5 (s2)" in told and "no sequence: w.fa:121 (empty)" in told
    assert "windows of 60 bases; 2 of another length (50 to 68)" in told and "parted by cluster" in told
    codes = np.concatenate([split["codes"] for split in splits.values()])
    assert codes.shape[1] == 60 and (codes == 4).sum() == 2 + 10


def test_files_are_classes_and_shuffles_are_negatives(tmp_path):
    for name, seed in (("bound", 0), ("unbound", 1)):
        (tmp_path / f"{name}.fa").write_text(
            "".join(f">s{n}\n{text}\n" for n, text in enumerate(windows(40, seed=seed)))
        )
    named = {"bound": "bound.fa", "unbound": "unbound.fa"}
    facts = {"input": "sequence", "output": "binary"}
    splits, told = prepared(write(tmp_path, **facts, file=named, positive="bound"))
    assert sum(split.y.sum() for split in splits.values()) == 40 and "bound counts as 1, unbound as 0" in told
    splits, told = prepared(
        write(tmp_path, **facts, file="bound.fa", negatives={"kind": "shuffled", "per_positive": 2})
    )
    assert sum(sizes(splits)) == 120 and "80 negatives are dinucleotide shuffles" in told


def test_labels_from_a_table_by_id_and_ids_that_stand_twice(tmp_path):
    (tmp_path / "w.fa").write_text("".join(f">s{n}\n{text}\n" for n, text in enumerate(windows(40))))
    rows = [f"s{n}\t{n / 7:.3f}" for n in range(39)]
    (tmp_path / "y.tsv").write_text("\n".join(["name\tsignal", *rows]))
    facts = {
        "input": "sequence",
        "output": "regression",
        "file": "w.fa",
        "labels": "y.tsv",
        "columns": {"label": "signal"},
    }
    splits, told = prepared(write(tmp_path, **facts))
    assert sum(sizes(splits)) == 39 and "id 's39' is not in y.tsv" in told
    (tmp_path / "y.tsv").write_text("\n".join(["name\tsignal", *rows, rows[3]]))
    assert "y.tsv:41: id 's3' stands also on y.tsv:5" in refused(write(tmp_path, **facts))


def genome(folder):
    texts = {f"chr{n}": windows(1, 6000, n)[0] for n in range(1, 6)}
    (folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return texts


def test_peaks_unsorted_past_the_end_and_on_no_chromosome(tmp_path):
    texts = genome(tmp_path)
    rng = np.random.default_rng(0)
    places = [(f"chr{n}", int(start)) for n in range(1, 6) for start in rng.integers(200, 5700, 12)]
    rng.shuffle(places)
    lines = [f"{name}\t{int(start)}\t{int(start) + 100}" for name, start in places]
    lines += ["chr1\t5950\t6050", "chr9\t1\t9", "chr1\tfive\t9", "chr1\t20\t10", "chr2\t0\t100"]
    (tmp_path / "p.bed").write_text("track name=x\n" + "\n".join(lines) + "\n")
    facts = {"input": "sequence", "output": "binary", "file": "p.bed", "genome": "g.fa", "length": 120}
    splits, told = prepared(write(tmp_path, **facts))
    assert "ends at 6050, but 'chr1' has 6000 bases: p.bed:62" in told
    assert "the genome has no sequence 'chr9'" in told and "no interval: chromosome, start and end are wanted" in told
    assert "20 to 10 is no interval" in told and "parted by chromosome" in told
    y = np.concatenate([split.y for split in splits.values()])
    assert y.sum() == 61 and len(y) == 122
    # The window of chr2:0-100 begins ten bases before the chromosome.
    first = next(row for split in splits.values() for row in split["codes"] if (row[:10] == 4).all() and row[10] < 4)
    assert "".join("ACGTN"[code] for code in first[10:]) == texts["chr2"][:110]
    negatives = np.concatenate([split["codes"][split.y == 0] for split in splits.values()])
    positives = np.concatenate([split["codes"][split.y == 1] for split in splits.values()])
    gc = [np.isin(codes, (1, 2)).mean() for codes in (positives, negatives)]
    assert abs(gc[0] - gc[1]) < 0.02
    for row in negatives:  # no window without a peak overlaps one with a peak
        text = "".join("ACGTN"[code] for code in row)
        name, start = next((name, whole.find(text)) for name, whole in texts.items() if text in whole)
        assert all(name != other or abs(start + 60 - (place + 50)) >= 110 for other, place in places)
    facts.pop("genome")
    assert "say genome: FILE" in refused(write(tmp_path, **facts))


def test_summits_are_the_middle_and_the_other_strand_is_turned(tmp_path):
    texts = genome(tmp_path)
    fields = "chr{0}\t1000\t1400\tp\t0\t{1}\t1\t1\t1\t300"
    lines = [fields.format(n, "-" if n == 2 else ".") for n in range(1, 6)]
    (tmp_path / "p.narrowPeak").write_text("\n".join(lines))
    facts = {"input": "sequence", "output": "binary", "file": "p.narrowPeak", "genome": "g.fa", "length": 20}
    splits, _ = prepared(write(tmp_path, **facts, split={"fractions": [0.6, 0.2, 0.2]}))
    made = {"".join("ACGT"[code] for code in row) for split in splits.values() for row in split["codes"][split.y == 1]}
    turned = texts["chr2"][1290:1310][::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert made == {texts[f"chr{n}"][1290:1310] for n in (1, 3, 4, 5)} | {turned}


def test_several_peak_files_label_bins(tmp_path):
    genome(tmp_path)
    (tmp_path / "a.bed").write_text("".join(f"chr{n}\t1000\t1200\nchr{n}\t3000\t3190\n" for n in range(1, 6)))
    (tmp_path / "b.bed").write_text("".join(f"chr{n}\t3090\t3300\n" for n in range(1, 6)))
    facts = {"input": "sequence", "output": "multilabel", "file": {"A": "a.bed", "B": "b.bed"}, "genome": "g.fa"}
    splits, _ = prepared(write(tmp_path, **facts, length=300, bin=100))
    y = np.concatenate([split.y for split in splits.values()])
    # Bins of each chromosome: 10 and 11 (A), 30 (A), 31 (A and B), 32 (B).
    assert y.sum(axis=0).tolist() == [20, 10] and len(y) == 25 and splits["train"].context["features"] == ["A", "B"]


# ---- tables, people, frames


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


def test_columns_of_words_and_cells_that_are_no_numbers(tmp_path):
    facts = table(tmp_path) | {"columns": {"label": "state", "group": "family"}}
    splits, told = prepared(write(tmp_path, **facts))
    assert (
        splits["train"].context["features"] == ["a", "b", "c"] and "columns that hold words are left out: sex" in told
    )
    assert "column 'a': 'oops' is no number: t.csv:4 (p2)" in told and "1 gaps are filled" in told
    assert "parted by group" in told and sum(sizes(splits)) == 59
    assert not any(np.isnan(split["x"]).any() for split in splits.values())
    said = write(tmp_path, **(facts | {"columns": {"label": "state", "features": ["a", "d"]}}))
    assert "no column 'd'" in refused(said)


def test_expression_from_h5ad_dense_and_sparse(tmp_path):
    import h5py
    from scipy import sparse

    x = np.random.default_rng(0).poisson(1.0, (40, 5)).astype(np.float32)
    digests = []
    for form in ("dense", "sparse"):
        with h5py.File(tmp_path / "cells.h5ad", "w") as file:
            if form == "dense":
                file["X"] = x
            else:
                group, matrix = file.create_group("X"), sparse.csr_matrix(x)
                group.attrs["encoding-type"] = "csr_matrix"
                for key in ("data", "indices", "indptr"):
                    group[key] = getattr(matrix, key)
            for name, names in (("obs", [f"c{n}" for n in range(40)]), ("var", [f"g{n}" for n in range(5)])):
                group = file.create_group(name)
                group["_index"] = names
                group.attrs["_index"] = "_index"
            kinds = file["obs"].create_group("type")
            kinds["categories"], kinds["codes"] = ["B", "T"], (x[:, 0] > 0).astype(np.int8)
        facts = {"input": "table", "output": "multiclass", "file": "cells.h5ad", "columns": {"label": "type"}}
        splits, _ = prepared(write(tmp_path, **facts))
        assert splits["train"].context["classes"] == ["B", "T"] and len(splits["train"].context["features"]) == 5
        digests.append(splits["train"].digest())
    assert digests[0] == digests[1]


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


def test_multi_allelic_records_and_deletions_are_left_out_and_no_call_is_unknown(tmp_path):
    cells = "\t".join(["0/1"] * 29 + ["./."])
    more = [
        f"1\t900\t.\tA\tG,T\t.\t.\t.\tGT\t{cells}",
        f"1\t901\t.\tAC\tA\t.\t.\t.\tGT\t{cells}",
        f"1\t902\t.\tC\tT\t.\t.\t.\tGT\t{cells}",
    ]
    splits, told = prepared(write(tmp_path, **variants(tmp_path, more=more)))
    assert "41 biallelic SNPs; 2 other records are left out" in told
    x = np.concatenate([split["x"] for split in splits.values()])
    assert (x == -1).sum() == 1 and set(np.unique(x)) == {-1, 0, 1, 2}
    haploid = [f"1\t903\t.\tC\tT\t.\t.\t.\tGT\t{chr(9).join(['1'] * 30)}"]
    assert "person p0: 1 alleles; two are expected" in refused(write(tmp_path, **variants(tmp_path, more=haploid)))


def test_sites_are_chosen_by_training_people_alone(tmp_path):
    facts = variants(tmp_path)
    first, _ = prepared(write(tmp_path, **facts))
    held = {row.tobytes() for row in first["test"]["x"]}
    assert held and len(first["train"].context["sites"]) == first["train"]["x"].shape[1]
    seen = first["train"]["x"].astype(float)
    share = seen.mean(axis=0) / 2
    assert (np.minimum(share, 1 - share) >= 0.05).all()


def test_frames_and_their_points(tmp_path):
    from skimage import io

    (tmp_path / "frames").mkdir()
    rng = np.random.default_rng(0)
    for n in range(40):
        io.imsave(
            tmp_path / f"frames/f{n:02}.png", rng.integers(0, 255, (16, 20), dtype=np.uint8), check_contrast=False
        )
    io.imsave(tmp_path / "frames/f40.png", rng.integers(0, 255, (8, 8), dtype=np.uint8), check_contrast=False)
    (tmp_path / "frames/f41.png").write_bytes(b"no picture")
    rows = [f"f{n:02}.png,{n % 20},{n % 16},," for n in range(42)]
    (tmp_path / "points.csv").write_text("\n".join(["id,left_x,left_y,right_x,right_y", *rows]))
    facts = {"input": "animal_frame", "output": "regression", "file": "frames", "labels": "points.csv"}
    splits, told = prepared(write(tmp_path, **facts))
    assert splits["train"].y.shape[1:] == (2, 2) and splits["train"].context["mirrored"] == [1, 0]
    assert "a picture of 8 x 8 pixels, not 16 x 20" in told and "no picture: " in told and "parted by blocks" in told


# ---- the command


def test_check_tells_and_init_guesses_what_check_takes(tmp_path):
    from test_commands import call

    path = screen(tmp_path)
    done = call("own.py", "--check", path)
    assert done.returncode == 0, done.stderr
    for words in (
        f"{len(molecules(80))} samples of molecules",
        "methods and baselines run",
        "neural_fingerprint (listed): 1 run",
        "take no molecule",
        "estimated time",
    ):
        assert words in done.stdout, done.stdout
    table(tmp_path)
    (tmp_path / "seqs.csv").write_text(
        "window,score\n" + "\n".join(f"{text},{n / 3:.2f}" for n, text in enumerate(windows(20)))
    )
    for name, lines in {
        "screen.csv": ("input: molecule", "output: binary", "smiles: Structure", "label: blocked", "positive: yes"),
        "t.csv": ("input: table", "output: binary", "label: state", "positive: well"),
        "seqs.csv": ("input: sequence", "output: regression", "sequence: window", "label: score"),
    }.items():
        done = call("own.py", "--init", tmp_path / name)
        assert done.returncode == 0, done.stderr
        made = tmp_path / f"{name.split('.')[0]}.yaml"
        assert all(line in made.read_text().replace("'", "") for line in lines), made.read_text()
        done = call("own.py", "--check", made)
        assert done.returncode == 0, done.stderr
    assert "exists already" in call("own.py", "--init", tmp_path / "t.csv").stderr
