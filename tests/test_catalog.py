"""The configuration: what is wrong in it is named by file and key, and pins and documents agree."""

import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml

from deepbio.core import code
from deepbio.core.catalog import SCALES, Catalog
from deepbio.core.config import ROOT, merge, read_yaml
from deepbio.core.files import BadInput


@pytest.fixture
def config(tmp_path):
    """A copy of config/ to spoil."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path / "config"


def edit(path, change):
    facts = read_yaml(path)
    change(facts)
    path.write_text(yaml.safe_dump(facts))


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_has_runs_with_parameters(scale):
    catalog = Catalog({"scale": scale})
    runs = catalog.runs()
    assert runs and len(set(runs)) == len(runs)
    for run in runs:
        assert isinstance(catalog.parameters(run.method, run.task, run.dataset), dict)
    for task in catalog.tasks:
        for dataset in catalog.datasets(task):
            roles = {catalog.roles[name] for name in catalog.competitors(task, dataset)}
            assert roles - {"variant"} == {"listed", "baseline"}, f"{task}/{dataset} has only {roles}"


@pytest.mark.slow
def test_a_variant_is_its_method_with_some_facts_in_their_place(config):
    def change(facts):
        facts["variants"] = {
            "m1": {
                "title": "DeepBind without hidden layer",
                "hyperparameters": {"search": {"space": {"hidden": 0}}},
                "only": {"scales": ["quick"], "datasets": ["oct4_mesc"]},
            }
        }

    edit(config / "methods" / "deepbind.yaml", change)
    catalog = Catalog({"scale": "quick"}, config)
    assert catalog.roles["deepbind-m1"] == "variant"
    assert catalog.file_of("deepbind-m1") == catalog.file_of("deepbind")
    assert {run.dataset for run in catalog.runs() if run.method == "deepbind-m1"} == {"oct4_mesc"}
    assert {run.method for run in catalog.runs(method="deepbind")} == {"deepbind", "deepbind-m1"}
    assert not [run for run in catalog.interpreted() if run.method == "deepbind-m1"]
    own, variant = (catalog.parameters(name, "tf_binding", "oct4_mesc") for name in ("deepbind", "deepbind-m1"))
    assert variant["search"]["space"]["hidden"] == 0
    own["search"]["space"]["hidden"] = 0
    assert own == variant
    assert not Catalog({"scale": "standard"}, config).runs(method="deepbind-m1")
    others = Catalog({"scale": "quick", "methods": ["neural_fingerprint"]}, config)
    assert not [run for run in others.runs() if run.method.startswith("deepbind")]


def test_quick_needs_nothing_but_packages():
    catalog = Catalog({"scale": "quick"})
    needed = {source for task in catalog.tasks for source in catalog.sources_of(task)}
    assert needed and {catalog.sources[source]["kind"] for source in needed} == {"package"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scael": "quick"}, "'scael' was unexpected"),
        ({"scale": "huge"}, "config.yaml: scale: 'huge' is not one of"),
        ({"seeds": 0}, "config.yaml: seeds: 0 is less than"),
        ({"tasks": "no_such"}, "config: tasks: unknown id 'no_such'"),
        ({"methods": ["deepbind", "no_such"]}, "config: methods: unknown id 'no_such'"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        Catalog(settings)


def test_a_variant_may_be_chosen_without_its_method():
    catalog = Catalog({"tasks": "genetic_ancestry", "methods": "diet_networks-raw"})
    assert {run.method for run in catalog.runs()} == {"diet_networks-raw", "pca_logistic", "mlp"}
    assert catalog.selected_methods == ["diet_networks"]
    chosen = Catalog({"tasks": "genetic_ancestry", "methods": "diet_networks"})
    assert {run.method for run in chosen.runs()} >= {"diet_networks", "diet_networks-raw", "diet_networks-others"}


def test_words_of_the_command_line_mean_what_they_mean_in_yaml():
    catalog = Catalog({"cross": "true", "variants": "false", "mirror": "null"})
    assert [catalog.settings[key] for key in ("cross", "variants", "mirror")] == [True, False, None]


def test_wrong_files_are_named(config):
    def fails(message):
        with pytest.raises(BadInput) as caught:
            Catalog(config=config)
        assert message in str(caught.value)

    task, method = config / "tasks" / "tf_binding.yaml", config / "methods" / "deepbind.yaml"
    good_task, good_method = task.read_text(), method.read_text()
    edit(task, lambda facts: facts.update(metric=["auroc"]))
    fails("tf_binding.yaml: top level: Additional properties are not allowed ('metric' was unexpected)")
    task.write_text(good_task)
    edit(task, lambda facts: facts["baselines"].append("no_such"))
    fails("tf_binding.yaml: baselines: unknown method 'no_such'")
    task.write_text(good_task)
    edit(task, lambda facts: facts["scales"]["quick"]["datasets"]["oct4_mesc"].update(sources=["no_such"]))
    fails("tf_binding.yaml: scales.quick.datasets.oct4_mesc.sources: unknown source 'no_such'")
    task.write_text(good_task)
    edit(task, lambda facts: facts.update(input="tabel"))
    fails("tf_binding.yaml: input: 'tabel' is no kind of input; known are: ")
    task.write_text(good_task)
    edit(task, lambda facts: facts["metrics"].append("accuraccy"))
    fails("tf_binding.yaml: metrics: 'accuraccy' is no metric of binary labels or of this task; known are: ")
    task.write_text(good_task)
    edit(task, lambda facts: facts["scales"]["quick"]["datasets"]["oct4_mesc"]["parameters"].update(windwo=101))
    fails("tf_binding.yaml: scales.quick.datasets.oct4_mesc.parameters: 'windwo' is not known")
    task.write_text(good_task)
    edit(method, lambda facts: facts.update(inputs=["sequences"]))
    fails("deepbind.yaml: inputs: 'sequences' is no kind of input")
    method.write_text(good_method)
    edit(method, lambda facts: facts["scales"]["quick"].update(motif_lenght=8))
    fails("deepbind.yaml: scales.quick: 'motif_lenght' is no hyper-parameter of deepbind")
    method.write_text(good_method)
    edit(method, lambda facts: facts["hyperparameters"].update(motif_lenght=8))
    fails("deepbind.yaml: hyperparameters: 'motif_lenght' is not known")
    method.write_text(good_method)
    edit(method, lambda facts: facts.update(tasks=["no_such"]))
    fails("deepbind.yaml: tasks: unknown task 'no_such'")
    method.write_text(good_method.replace("title:", "title: once\ntitle:"))
    fails("deepbind.yaml:2: key 'title' stands twice")
    method.write_text("title: [")
    fails("deepbind.yaml:")
    method.write_text(good_method)
    shutil.copy(method, config / "methods" / "ghost.yaml")
    fails("ghost.yaml: workflow/scripts/deepbio/methods/ghost.py is missing")


def test_source_without_a_place_is_named(config):
    edit(
        config / "sources" / "pbm.yaml",
        lambda facts: [file.pop("path", file.pop("url", 0)) for file in facts["files"].values()],
    )
    with pytest.raises(BadInput, match="pbm.yaml: files"):
        Catalog(config=config)


def test_scale_overrides_merge_and_ranges_are_replaced_whole():
    base = {"search": {"trials": 30, "space": {"rate": {"uniform": [0, 1]}}}, "width": 5}
    over = {"search": {"trials": 2, "space": {"rate": {"choice": [1]}}}}
    assert merge(base, over) == {"search": {"trials": 2, "space": {"rate": {"choice": [1]}}}, "width": 5}
    assert base["search"]["trials"] == 30


def test_seeds_go_round_the_splits():
    catalog = Catalog({"scale": "standard", "seeds": 3})
    assert list(catalog.seeds("molecule_properties", "delaney", "neural_fingerprint")) == [1, 2, 3, 4, 5]
    assert [catalog.split_of("molecule_properties", "delaney", k) for k in (1, 5, 6)] == [1, 5, 1]
    assert list(catalog.seeds("tf_binding", "ARID3A_K562", "kmer_logistic")) == [1]


def test_methods_may_take_the_parameters_of_another_scale():
    """The file for one GPU: the papers' networks, on the data of the scale standard, for all that it names."""
    asked = read_yaml(ROOT / "config" / "paper_sizes.yaml")
    catalog = Catalog(asked)
    assert catalog.scale == "standard" and catalog.datasets("tf_binding") == Catalog({"scale": "standard"}).datasets(
        "tf_binding"
    )
    for name in ("deepbind", "leap", "one_shot"):
        run = catalog.runs(method=name)[0]
        assert catalog.parameters(name, run.task, run.dataset) == catalog.methods[name]["hyperparameters"]
    assert {run.method.partition("-")[0] for run in catalog.runs()} >= set(asked["methods"])
    assert {run.task for run in catalog.runs() if catalog.roles[run.method] == "listed"} == set(asked["tasks"])


def test_code_of_a_training_is_what_decides_it():
    """Checked on the files by name, and on the digest by edits to a copy of the scripts."""
    method = code.PACKAGE / "methods" / "deepbind.py"
    names = {file.name for file in code.imports("train.py", method)}
    assert {"train.py", "deepbind.py", "training.py", "sequences.py"} <= names
    assert not names & {"interpretation.py", "style.py", "neural_fingerprint.py"}
    assert "interpretation.py" in {file.name for file in code.imports(method, drawing=True)}


@pytest.fixture
def scripts(tmp_path):
    """A copy of workflow/scripts to edit, and what a process that starts there says of the code of a training."""
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "config", tmp_path / "config")
    folder = tmp_path / "workflow" / "scripts"
    ask = "import sys; from deepbio.core.catalog import Catalog; c = Catalog(); print(c.training_code(*sys.argv[1:]))"

    def digest(method="deepbind", task="tf_binding", dataset="oct4_mesc"):
        command = [sys.executable, "-c", ask, method, task, dataset]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout

    return folder / "deepbio", digest


OWN_METHOD = """{line}
from deepbio.learning.rule import RuleMethod
class Method(RuleMethod):
    pass
"""


@pytest.mark.parametrize(
    "line",
    [
        "from deepbio.methods.mine_layers import Layer",
        "from deepbio.methods import mine_layers",
        "from .mine_layers import Layer",
        "from . import mine_layers",
    ],
)
def test_a_module_beside_a_method_of_one_s_own_decides_its_runs(line, tmp_path):
    file, helper, further = (tmp_path / f"{name}.py" for name in ("mine", "mine_layers", "mine_units"))
    file.write_text(OWN_METHOD.format(line=line))
    helper.write_text("from deepbio.methods.mine_units import units as Layer\n")
    further.write_text("units = 1\n")
    assert {helper, further} <= code.imports("train.py", file)
    (tmp_path / "danq.py").write_text("# the package's own module of this name comes first\n")
    file.write_text(OWN_METHOD.format(line="from deepbio.methods.danq import Method as Other\nimport numpy.random"))
    for remembered in (code.imports, code._imports, code._imported_files, code._outline):
        remembered.cache_clear()
    found = code.imports("train.py", file)
    assert code.PACKAGE / "methods" / "danq.py" in found and not {helper, tmp_path / "danq.py"} & found


def test_a_module_beside_a_method_of_one_s_own_may_read_its_parameters(tmp_path):
    facts = "title: Mine\nsummary: x.\ncitation: me\ninputs: [table]\noutputs: [binary]\nhyperparameters: {{{}: 3}}\n"
    (tmp_path / "mine.py").write_text(OWN_METHOD.format(line="from deepbio.methods.mine_layers import Layer"))
    (tmp_path / "mine_layers.py").write_text("def Layer(parameters):\n    return parameters['strangeness']\n")
    (tmp_path / "mine.yaml").write_text(facts.format("strangeness"))
    assert Catalog({"own_methods": str(tmp_path)}).methods["mine"]["hyperparameters"] == {"strangeness": 3}
    (tmp_path / "mine.yaml").write_text(facts.format("oddness"))
    with pytest.raises(BadInput, match="'oddness' is not known; no code of the method reads it"):
        Catalog({"own_methods": str(tmp_path)})


def test_what_is_remembered_of_the_code_changes_no_digest(scripts):
    """Outlines of the files are kept between calls; a damaged or an old one is made anew."""
    folder, digest = scripts
    before, file = digest(), folder / "methods" / "deepbind.py"
    kept = folder.parent / ".snakemake" / "outlines.json"
    assert not kept.parent.exists()
    kept.parent.mkdir()
    assert digest() == before and str(file) in json.loads(kept.read_text())
    assert digest() == before
    kept.write_text(kept.read_text()[:1000])
    assert digest() == before
    file.write_text(file.read_text() + "\nUNUSED = 1\n")
    assert digest() != before


def test_a_comment_behind_code_is_no_code_but_a_mark_in_a_string_is(tmp_path):
    def seen(text):
        return code._parsed(tmp_path / "one.py", text).code["numbers"]

    plain = 'x = 1\ny = f("#a", \'b\')\nz = (\n    "#",\n    x)\n'
    for old, new in [
        ("x = 1", "x = 1  # one"),
        ("x = 1", "# one\n\nx = 1  # it's one, # \"so"),
        ("'b')", "'b')# it's #b"),
        ("(\n", "(  # a bracket\n    # that stays open: '\n"),
        ('"#",', '"#",  # it is "#"'),
        ("x)", "x)  # 'closed'"),
    ]:
        assert old in plain and seen(plain.replace(old, new)) == seen(plain), new
    for old, new in [('"#a"', '"#c"'), ("'b'", "'c'"), ('"#",', '"##",'), ('"#",', '"#" ,  # "')]:
        assert old in plain and seen(plain.replace(old, new)) != seen(plain), new
    for long in ('x = """\n a # {}\n\n"""\n', "x = '\\\n a # {}'\n"):
        texts = {seen(long.format(word)) for word in "bc"}
        assert len(texts) == 2 and all("a # " in text for text in texts)


@pytest.mark.slow
def test_only_what_decides_a_number_changes_the_code_of_a_training(scripts):
    folder, digest = scripts
    before = digest()

    def edit(name, old, new):
        text = (folder / name).read_text()
        assert old in text, name
        (folder / name).write_text(text.replace(old, new, 1))

    edit("methods/deepbind.py", '"""DeepBind', '"""The DeepBind')
    edit("methods/deepbind.py", "\nimport", "\n# why\n\nimport")
    edit(
        "methods/deepbind.py",
        "def interpret(self, split, folder):\n",
        "def interpret(self, split, folder):\n        print(1)\n",
    )
    edit("figures/style.py", "import", "import csv\nimport")
    (folder / "scoring" / "metrics.py").write_text((folder / "scoring" / "metrics.py").read_text() + "\nCHANGED = 1\n")
    edit("kinds/sequence.py", "def sample(", "def sample(  # another\n    ")
    edit("core/catalog.py", "import", "import csv\nimport")
    edit("methods/zeng_cnn.py", "import", "import csv\nimport")
    assert digest() == before
    monitored = digest("diet_networks", "genetic_ancestry", "genome_sites_sparse")  # watches its accuracy
    (folder / "scoring" / "metrics.py").write_text((folder / "scoring" / "metrics.py").read_text() + "\nCHANGED = 2\n")
    assert digest("diet_networks", "genetic_ancestry", "genome_sites_sparse") != monitored
    edit("learning/training.py", "import", "import csv\nimport")
    assert digest() != before


def test_reading_list_is_whole_and_built_systems_are_at_home_in_their_task():
    systems = read_yaml(ROOT / "config" / "reading_list.yaml")
    assert len(systems) == len({system["id"] for system in systems}) == 58
    catalog = Catalog()
    for system in systems:
        if system["id"] in catalog.methods:
            assert system["task"] in catalog.methods[system["id"]]["tasks"]


def test_sources_of_all_files_are_pinned():
    needed = {scale: Catalog({"scale": scale}) for scale in ("quick", "standard", "full")}
    needed = {scale: {s for task in known.tasks for s in known.sources_of(task)} for scale, known in needed.items()}
    at_full_only = needed["full"] - needed["quick"] - needed["standard"]
    for source, facts in Catalog().sources.items():
        for name, file in facts["files"].items():
            # What only the papers' own sizes need may be too large to have been hashed; its first fetch pins it.
            known = "[0-9a-f]{64}|unknown" if source in at_full_only else "[0-9a-f]{64}"
            assert re.fullmatch(known, file["sha256"]), f"{source}/{name}"
            address = file.get("url") or facts.get("base", "")
            commit = re.search(r"raw\.githubusercontent\.com/[^/]+/[^/]+/([^/]+)/", address)
            assert commit is None or re.fullmatch("[0-9a-f]{40}", commit.group(1)), f"{source}/{name} is not pinned"


def test_conda_pins_equal_the_project_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # In the environment of jobs are three extras, too, that a plain installation does without.
    extras = [pin for name in ("rna", "bigwig", "chemnet") for pin in project["optional-dependencies"][name]]
    pins = dict(pin.partition(";")[0].split("==") for pin in project["dependencies"] + extras)
    conda = yaml.safe_load((ROOT / "envs" / "deepbio.yaml").read_text())["dependencies"]
    names = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    found = {}
    for entry in conda:
        for pin in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = pin.replace("==", "=").replace(" ", "").partition("=")
            found[names.get(name, name)] = version
    assert found.pop("python") and found.pop("pip") == ""
    pins.pop("snakemake")  # runs the jobs, is not needed in them
    normal = lambda version: [int(part) for part in version.split(".")]  # noqa: E731  (conda writes 2026.09.1)
    assert {name: normal(version) for name, version in found.items()} == {n: normal(v) for n, v in pins.items()}


@pytest.mark.slow
def test_pages_are_in_step_with_the_code():
    import document

    assert (ROOT / "docs" / "METHODS.md").read_text() == document.page(), "run `make docs`"
    assert (ROOT / "docs" / "RESULTS.md").read_text() == document.results(), "run `make docs`"
    assert (ROOT / "README.md").read_text() == document.readme(), "run `make docs`"


def test_cross_table_of_some_methods_holds_their_tasks_at_home_too():
    def crossed(**settings):
        return Catalog({"cross": "only", "seeds": 1, "variants": False, **settings}).crossed()

    everything = crossed()
    assert {"tf_binding", "chromatin_accessibility", "motif_primer", "neuroimaging"} <= set(everything)
    assert crossed(methods=["deeperbind"], tasks=["tf_binding"]) == ["tf_binding"]
    assert "neuroimaging" not in crossed(methods=["deeperbind"]) and "tf_binding" in crossed(methods=["deeperbind"])
    assert crossed(methods=["leap"]) == [] and crossed(cross=False) == []


def test_cross_table_leaves_out_what_no_method_enters_by_cross():
    table = Catalog({"scale": "standard", "cross": "only", "variants": False})
    # REST of six such experiments; PUM2 with its structure takes no method of plain sequences
    assert "REST_GM12878" in table.datasets("tf_binding") and "ELK1_GM12878" not in table.datasets("tf_binding")
    assert table.datasets("rna_motifs") == ["pum2_sequence"]
    everything = Catalog({"scale": "standard", "cross": True})
    assert "ELK1_GM12878" in everything.datasets("tf_binding") and "pum2" in everything.datasets("rna_motifs")
    assert "basset" in everything.competitors("tf_binding", "REST_GM12878")
    assert "basset" not in everything.competitors("tf_binding", "ELK1_GM12878")
    assert "cross" not in everything.preparation("tf_binding", "ELK1_GM12878")
