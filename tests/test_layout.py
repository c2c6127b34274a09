"""Which folder of the package may import which."""

import ast

import pytest

from deepbio.core.config import SCRIPTS

MAY = {
    "core": {"core"},
    "kinds": {"core", "domains", "kinds"},
    "domains": {"core", "domains"},
    "scoring": {"core", "kinds", "scoring"},
    "learning": {"core", "kinds", "domains", "scoring", "learning"},
    "figures": {"core", "domains", "scoring", "figures"},
    "tasks": {"core", "kinds", "domains", "scoring"},
    "methods": {"core", "kinds", "domains", "scoring", "learning"},
    "baselines": {"core", "kinds", "domains", "scoring", "learning", "methods", "baselines"},
}
FILES = sorted((SCRIPTS / "deepbio").rglob("*.py"))


def imported(file):
    """Modules of the package that a file imports, each with whether that is inside a function called `interpret`."""
    found = []

    def walk(node, drawing):
        drawing = drawing or (isinstance(node, ast.FunctionDef) and node.name == "interpret")
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deepbio"):
            inner = [node.module] if node.module.count(".") > 1 else [f"{node.module}.{a.name}" for a in node.names]
            found.extend((name.split(".")[1], drawing) for name in inner)
        elif isinstance(node, ast.Import):
            found.extend((a.name.split(".")[1], drawing) for a in node.names if a.name.startswith("deepbio."))
        for child in ast.iter_child_nodes(node):
            walk(child, drawing)

    walk(ast.parse(file.read_text()), False)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SCRIPTS / "deepbio")))
def test_imports_go_one_way(file):
    parts = file.relative_to(SCRIPTS / "deepbio").parts
    if parts == ("__init__.py",):
        return
    for folder, drawing in imported(file):
        allowed = MAY[parts[0]] | ({"figures"} if drawing else set())
        assert folder in allowed, f"{parts[0]}/ may not import {folder}/" + ("" if drawing else " outside `interpret`")


def test_the_rules_name_every_folder_and_the_walk_sees_imports():
    assert set(MAY) == {file.relative_to(SCRIPTS / "deepbio").parts[0] for file in FILES} - {"__init__.py"}
    assert sum(len(imported(file)) for file in FILES) > 300
