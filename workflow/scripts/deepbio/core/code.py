"""Which code decides a result: one digest of a file and of all that it imports of this package.

The digest stands among the parameters of a rule, so an edit reruns what it affects and nothing else. Left out is what
decides no number: comments, docstrings, blank lines, functions that draw, and modules that only bring a command its
arguments.
"""

import ast
import re
from functools import cache
from pathlib import Path

from deepbio.core.config import SCRIPTS
from deepbio.core.files import digest

PACKAGE = SCRIPTS / "deepbio"
# They bring a command its arguments, and decide no number.
PLUMBING = {PACKAGE / "core" / f"{name}.py" for name in ("catalog", "code", "command", "config")}
# Functions that decide no number of a training: they draw, or read a user's own files.
DRAWING = frozenset({"interpret"})
OWN_DATA = frozenset({"read", "sample"})


def code_digest(*names: str | Path, drawing: bool = False, scoring: bool = True) -> str:
    """Digest the code of the named files (below workflow/scripts) and of all modules of this package that they import.

    `drawing` counts the functions called `interpret`, and the modules of `figures/`, too. Without `scoring`, the
    metrics that `learning/` writes to the history of a training are left out: they change no weight.
    """
    files = set().union(*(_imports(SCRIPTS / name, drawing, scoring) for name in names)) - PLUMBING
    return digest(*(_stripped(file, drawing).encode() for file in sorted(files, key=_relative)))


def imports(*names: str | Path, drawing: bool = False) -> set[Path]:
    """List the named files (below workflow/scripts) and the modules of this package that they import."""
    return set().union(*(_imports(SCRIPTS / name, drawing, True) for name in names))


def defines(file: Path, function: str) -> bool:
    """Tell whether a module defines a function of that name, in a class that it imports from this package included."""
    return any(
        isinstance(node, ast.FunctionDef) and node.name == function
        for module in _base_modules(file)
        for node in ast.walk(_tree(module))
    )


def dict_keys(file: Path, name: str) -> frozenset[str]:
    """Read the literal keys of a module's dict, such as METRICS of a task, without importing the module."""
    for node in _tree(file).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]:
            return frozenset(key.value for key in getattr(node.value, "keys", []) if isinstance(key, ast.Constant))
    return frozenset()


def words(*files: Path) -> frozenset[str]:
    """Collect all words that stand in some files: a parameter that none of them mentions is read by nobody."""
    return frozenset().union(*(_words(file) for file in files))


@cache
def _words(file: Path) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", file.read_text()))


def _relative(file: Path) -> str:
    return str(file.relative_to(SCRIPTS)) if file.is_relative_to(SCRIPTS) else file.name


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), filename=str(file))


def _base_modules(file: Path) -> set[Path]:
    """Collect the module and, transitively, those from which its classes inherit."""
    found, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current in found or not current.exists():
            continue
        found.add(current)
        bases = {
            name.id if isinstance(name, ast.Name) else name.value.id
            for node in ast.walk(_tree(current))
            if isinstance(node, ast.ClassDef)
            for name in node.bases
            if isinstance(name, ast.Name) or (isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name))
        }
        for node in ast.walk(_tree(current)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("deepbio"):
                for alias in node.names:
                    if (alias.asname or alias.name) in bases:
                        todo += [_file(node.module), _file(f"{node.module}.{alias.name}")]
    return found


def _file(module: str) -> Path:
    return SCRIPTS / (module.replace(".", "/") + ".py")


@cache
def _imports(file: Path, drawing: bool, scoring: bool) -> frozenset[Path]:
    """Collect the file and, transitively, the modules of this package that it imports."""
    found, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current in found:
            continue
        found.add(current)
        watches_only = not scoring and current.parent == PACKAGE / "learning"
        for path in _imported_files(current, drawing):
            folder = path.parent.name
            if not (watches_only and folder == "scoring") and (drawing or folder != "figures"):
                todo.append(path)
    return frozenset(found)


@cache
def _imported_files(file: Path, drawing: bool) -> list[Path]:
    names = set(_imported_names(_tree(file), drawing))
    return [path for path in map(_file, names) if path.exists()]


def _imported_names(node: ast.AST, drawing: bool):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and child.name in DRAWING and not drawing:
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported_names(child, drawing)


@cache
def _stripped(file: Path, drawing: bool) -> str:
    """Give the source of a file without what decides no number."""
    left_out = OWN_DATA if file.parent.name == "kinds" else frozenset()
    left_out = left_out if drawing else left_out | DRAWING
    lines = file.read_text().splitlines()
    kept, strings = [True] * len(lines), set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.FunctionDef) and node.name in left_out:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            kept[first - 1 : node.end_lineno] = [False] * (node.end_lineno - first + 1)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            kept[node.lineno - 1 : node.end_lineno] = [False] * (node.end_lineno - node.lineno + 1)
        elif isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno:
            strings.update(range(node.lineno, node.end_lineno + 1))
    code = (
        line
        for number, (line, keep) in enumerate(zip(lines, kept, strict=True), 1)
        if keep and (number in strings or (line.strip() and not line.lstrip().startswith("#")))
    )
    return "\n".join(code)
