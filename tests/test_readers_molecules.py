"""Readers of SDF and SMILES files: every record is read, or named with its line."""

import codecs

import pytest
from reader_files import refuses

from deepbio.domains.chemistry import molecule_tables, molecules


def molblock(smiles):
    from rdkit import Chem

    return (
        Chem.MolToMolBlock(Chem.MolFromSmiles(smiles))
        if smiles
        else "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"
    )


def sdf(folder, *records):
    (folder / "m.sdf").write_text("".join(records))
    return molecules.read_sdf(folder / "m.sdf")


def test_every_record_of_an_sdf_file_is_read(tmp_path):
    whole = f"{molblock('CCO')}> <y>\n1.5\n\n> <note>\ntwo\nlines\n\n$$$$\n"
    no_blank = f"{molblock('CCN')}> <y>\n2\n$$$$\n"  # the blank line before the end is missing
    last = f"{molblock('CCC')}>  1  <y> (a)\n3\n"  # and the end itself
    for order in ([whole, no_blank, last], [no_blank, no_blank, whole], [no_blank, last]):
        assert len(sdf(tmp_path, *order)) == len(order)
    found = sdf(tmp_path, whole, no_blank, last)
    assert [facts["y"] for _, facts in found] == ["1.5", "2", "3"] and found[0][1]["note"] == "two\nlines"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([f"{molblock('CC')}> <y>\n1\n\n", f"{molblock('CO')}$$$$\n"], "record 1 (line 1): 2 molecules (M  END)"),
        ([f"{molblock('CC')}$$$$\n", f"{molblock(None)}$$$$\n"], "record 2 (line 10): a molecule without atoms"),
        ([f"{molblock('CC')}$$$$\n", "nothing\n$$$$\n"], "record 2 (line 10): 0 molecules"),
        ([f"{molblock('CC')}> <y>\n1\n\n> <y>\n2\n\n$$$$\n"], "record 1 (line 1): property 'y' stands twice"),
        ([f"{molblock('CC')}> <y>\n1\n> <z>\n2\n\n$$$$\n"], "the blank line before '> <z>' is missing"),
        ([f"{molblock('CC')}stray\n$$$$\n"], "'stray' belongs to no property"),
        ([f"{molblock('CC').replace(' C ', ' Q7')}$$$$\n"], "record 1 (line 1): no valid molecule"),
        ([""], "m.sdf: no record"),
    ],
)
def test_wrong_records_of_an_sdf_file_are_named(tmp_path, records, message):
    refuses(message, sdf, tmp_path, *records)


def test_labels_of_an_sdf_file_are_numbers(tmp_path):
    parameters = {"format": "sdf", "files": ["m.sdf"], "property": "y"}
    (tmp_path / "m.sdf").write_text(f"{molblock('CC')}> <y>\n1\n\n$$$$\n{molblock('CO')}> <y>\ninf\n\n$$$$\n")
    refuses("m.sdf: record 2: column 'y': 'inf' is infinite", molecule_tables.read, tmp_path, parameters)
    (tmp_path / "m.sdf").write_text(f"{molblock('CC')}> <y>\n1\n\n$$$$\n{molblock('CO')}$$$$\n")
    refuses("m.sdf: record 2: no property 'y'", molecule_tables.read, tmp_path, parameters)


def test_lines_of_a_smiles_file_are_counted_with_the_blank_ones(tmp_path):
    (tmp_path / "m.smi").write_bytes(codecs.BOM_UTF8 + b"\nCCO\tname\n\nC1CC\n")
    assert molecules.read_smi(tmp_path / "m.smi") == (["CCO", "C1CC"], [2, 4])
    refuses("m.smi:4: not a valid SMILES: 'C1CC'", molecule_tables.read, tmp_path, {"format": "smi", "file": "m.smi"})


def test_one_molecule_written_in_many_ways_is_one_group(tmp_path):
    plain = ["CCO", "c1ccccc1O", "CC(=O)O", "CCN", "C1CCCCC1N", "c1ccncc1C"]
    ways = ["[CH3:1][CH2:2][OH:3]", "[cH:1]1[cH:2][cH:3][cH:4][cH:5][c:6]1[OH:7]", "CC(=O)[O-].[Na+]", "CC[NH3+].[Cl-]"]
    groups = molecules.identity([molecules.parse(one) for one in plain])
    assert molecules.identity([molecules.parse(one) for one in ways]).tolist() == groups[:4].tolist()
    assert len(set(groups.tolist())) == len(plain)
    assert molecules.identity([molecules.parse("[SbH6+3].[Cl-]")]).tolist() == [b"[SbH6+3]"]  # no hydride uncharged
    rows = "".join(f"{smiles},{number}\n" for number, smiles in enumerate(plain + ways))
    (tmp_path / "m.csv").write_text("smiles,y\n" + rows)
    parameters = {"format": "csv", "file": "m.csv", "column": "y", "split": "scaffold"}
    parameters |= {"valid_fraction": 0.2, "test_fraction": 0.2}
    texts, found, y = molecule_tables.read(tmp_path, parameters)
    parts = molecule_tables.parts(texts, found, y, parameters, 1)
    assert sum(map(len, parts.values())) == len(plain)
    seen = [
        set(molecules.identity([molecules.parse(s.decode()) for s in part["smiles"]]).tolist())
        for part in parts.values()
    ]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
