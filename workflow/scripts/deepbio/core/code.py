"""Which code decides a result: one digest of a file and of all that it imports of this package.

The digest stands among the parameters of a rule, so an edit reruns what it affects and nothing else. Left out is what
decides no number: comments, docstrings, blank lines, functions that draw, and modules that only bring a command its
arguments.
"""

import ast
import atexit
import json
import re
import tokenize
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from deepbio.core.config import SCRIPTS
from deepbio.core.files import atomic, digest

PACKAGE = SCRIPTS / "deepbio"
# They bring a command its arguments, and decide no number.
PLUMBING = {
    PACKAGE / "core" / f"{name}.py"
    for name in ("catalog", "code", "command", "config", "failure", "machine", "own", "references")
}
# Functions that decide no number of a training: they draw, or read a user's own files.
DRAWING = frozenset({"interpret"})
OWN_DATA = frozenset({"read", "sample", "settle", "learn", "same", "scaffold", "compared", "cluster", "near"})
OWN_DATA |= {"short", "traits"}
# How a file is seen: what decides numbers, that and what draws, or of a task what its `prepare` reaches.
NUMBERS, FIGURES, PREPARATION, READING = "numbers", "figures", "preparation", "reading"
# Outlines of earlier calls in this working directory, with the digest of the text that each was made from: to parse 400
# files takes a second, at each call of Snakemake and in each job that reads the catalog.
KEPT = Path(".snakemake") / "outlines.json"
QUOTE = re.compile("['\"]")


@dataclass(frozen=True)
class _Outline:
    """What is kept of a file, once read. Its syntax tree is not: half a million nodes in memory make Python slow."""

    functions: frozenset[str]  # names of all functions
    methods: frozenset[str]  # names of those that stand in a class
    dicts: dict[str, frozenset[str]]  # literal keys of the dicts of the module
    bases: frozenset[str]  # modules of this package from which its classes may inherit
    imports: dict[str, frozenset[str]]  # view → modules that it may import
    code: dict[str, str]  # view → its source without what decides nothing there


@cache
def code_digest(
    *names: str | Path, drawing: bool = False, scoring: bool = True, preparing: bool = False, reading: bool = False
) -> str:
    """Digest the code of the named files (below workflow/scripts) and of all modules of this package that they import.

    `drawing` counts the functions called `interpret`, and the modules of `figures/`, too. Without `scoring`, the
    metrics that `learning/` writes to the history of a training are left out: they change no weight. `preparing`
    counts of a task only its `prepare` and what that uses, not its metrics; `reading` counts what kinds of input do
    with a user's own files, too.
    """
    view = FIGURES if drawing else READING if reading else PREPARATION if preparing else NUMBERS
    files = set().union(*(_imports(SCRIPTS / name, view, scoring) for name in names)) - PLUMBING
    return digest(*(_outline(file).code[view].encode() for file in sorted(files, key=_relative)))


@cache
def imports(*names: str | Path, drawing: bool = False) -> set[Path]:
    """List the named files (below workflow/scripts) and the modules of this package that they import."""
    return set().union(*(_imports(SCRIPTS / name, FIGURES if drawing else NUMBERS, True) for name in names))


@cache
def defines(file: Path, function: str, inherited: bool = True) -> bool:
    """Tell whether a module defines a function of that name, one `inherited` from a class of another
    module included."""
    modules = _base_modules(file) if inherited else {file}
    return function in _outline(file).functions or any(function in _outline(module).methods for module in modules)


def dict_keys(file: Path, name: str) -> frozenset[str]:
    """Read the literal keys of a module's dict, such as METRICS of a task, without importing the module."""
    return _outline(file).dicts.get(name, frozenset())


@cache
def words(file: Path) -> frozenset[str]:
    """Collect all words that stand in a file: a parameter that no code mentions is read by nobody."""
    return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", file.read_text()))


@cache
def words_of(*patterns: str) -> frozenset[str]:
    """Collect all words that stand in the files of this package that some patterns match."""
    return frozenset().union(*(words(file) for pattern in patterns for file in PACKAGE.glob(pattern)))


def _relative(file: Path) -> str:
    return str(file.relative_to(SCRIPTS)) if file.is_relative_to(SCRIPTS) else file.name


@cache
def _outline(file: Path) -> _Outline:
    text = file.read_text()
    made_from = digest(_own_text(), text.encode())
    known = _kept().get(str(file), {})
    if known.get("made_from") != made_from:
        known = asdict(_parsed(file, text)) | {"made_from": made_from}
        _kept()[str(file)] = known
        _keep_at_exit()
    sets = {name: frozenset(known[name]) for name in ("functions", "methods", "bases")}
    dicts, imported = ({name: frozenset(v) for name, v in known[one].items()} for one in ("dicts", "imports"))
    return _Outline(**sets, dicts=dicts, imports=imported, code=known["code"])


@cache
def _own_text() -> bytes:
    """Read this file: an edit of it makes all outlines anew."""
    return Path(__file__).read_bytes()


@cache
def _kept() -> dict[str, dict]:
    """Read the outlines that are kept; none where there are no readable ones."""
    try:
        return json.loads(KEPT.read_bytes())
    except (OSError, ValueError):
        return {}


@cache
def _keep_at_exit() -> None:
    atexit.register(_keep)


def _keep() -> None:
    """Keep the outlines of the files as they are now, where Snakemake has a folder for what it remembers."""
    try:
        if KEPT.parent.is_dir():
            with atomic(KEPT) as temporary:
                temporary.write_text(json.dumps(_kept(), default=sorted))
    except OSError:
        pass  # a folder that cannot be written only costs the next call its second


def _parsed(file: Path, text: str) -> _Outline:
    tree = ast.parse(text, filename=str(file))
    statements = list(_statements(tree))
    inherited = {
        name.id if isinstance(name, ast.Name) else name.value.id
        for node in statements
        if isinstance(node, ast.ClassDef)
        for name in node.bases
        if isinstance(name, ast.Name) or (isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name))
    }
    bases = {
        module
        for node in statements
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("deepbio")
        for alias in node.names
        if (alias.asname or alias.name) in inherited
        for module in (node.module, f"{node.module}.{alias.name}")
    }
    left_out = _left_out(file, tree, statements)
    return _Outline(
        functions=frozenset(node.name for node in statements if isinstance(node, ast.FunctionDef)),
        methods=frozenset(
            inner.name
            for node in statements
            if isinstance(node, ast.ClassDef)
            for inner in node.body
            if isinstance(inner, ast.FunctionDef)
        ),
        dicts={
            target.id: frozenset(str(key.value) for key in node.value.keys if isinstance(key, ast.Constant))
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
            for target in node.targets
            if isinstance(target, ast.Name)
        },
        bases=frozenset(bases),
        imports={view: frozenset(_imported_names(tree, nodes)) for view, nodes in left_out.items()},
        code={view: _stripped(text, tree, statements, nodes) for view, nodes in left_out.items()},
    )


def _left_out(file: Path, tree: ast.Module, statements: list[ast.stmt]) -> dict[str, set[ast.stmt]]:
    """Collect the statements of a file that decide nothing, view by view."""

    def named(*names: str) -> set[ast.stmt]:
        return {node for node in statements if isinstance(node, ast.FunctionDef) and node.name in names}

    figures = named(*OWN_DATA) if file.parent.name == "kinds" else set()
    numbers = figures | named(*DRAWING)
    preparation = numbers | (_unreached(tree, "prepare") if file.parent.name == "tasks" else set())
    return {FIGURES: figures, NUMBERS: numbers, PREPARATION: preparation, READING: named("sample", *DRAWING)}


def _unreached(tree: ast.Module, function: str) -> set[ast.stmt]:
    """Collect the definitions and imports of a module that a function of it does not need."""
    defined = {node: _defined(node) for node in tree.body}
    todo = [node for node, names in defined.items() if function in names or not names]
    reached: set[ast.stmt] = set()
    while todo:
        node = todo.pop()
        if node in reached:
            continue
        reached.add(node)
        used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        todo += [other for other, names in defined.items() if names & used]
    return set(tree.body) - reached


def _defined(node: ast.stmt) -> set[str]:
    """List the names to which a statement at the top of a module gives a value; none for one that does
    something else."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return {
            inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
    return set()


def _statements(node: ast.AST):
    """Yield all statements of a tree: imports, classes and functions are among them, and expressions are many more."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, name, ()):
            yield child
            yield from _statements(child)


def _base_modules(file: Path) -> set[Path]:
    """Collect the module and, transitively, those from which its classes inherit."""
    found: set[Path] = set()
    todo = [file]
    while todo:
        current = todo.pop()
        if current not in found and current.exists():
            found.add(current)
            todo += (_file(module, current) for module in _outline(current).bases)
    return found


def _file(module: str, importer: Path) -> Path:
    """Name the file of a module: below workflow/scripts, else in the folder of a user's own method that imports it."""
    file = SCRIPTS / (module.replace(".", "/") + ".py")
    if file.exists() or importer.is_relative_to(SCRIPTS):
        return file
    return importer.parent / (module.removeprefix("deepbio.methods.").replace(".", "/") + ".py")


@cache
def _imports(file: Path, view: str, scoring: bool) -> frozenset[Path]:
    """Collect the file and, transitively, the modules of this package that it imports."""
    found: set[Path] = set()
    todo = [file]
    while todo:
        current = todo.pop()
        if current in found:
            continue
        found.add(current)
        watches_only = not scoring and current.parent == PACKAGE / "learning"
        for path in _imported_files(current, view):
            folder = path.parent.name
            if not (watches_only and folder == "scoring") and (view == FIGURES or folder != "figures"):
                todo.append(path)
    return frozenset(found)


@cache
def _imported_files(file: Path, view: str) -> list[Path]:
    found = (_file(module, file) for module in _outline(file).imports[view])
    return [path for path in found if path.exists()]


def _imported_names(node: ast.AST, left_out: set[ast.stmt]):
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, name, ()):
            if child in left_out:
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = child.module or ""  # none of `from . import x`
                yield module
                yield from (f"{module}.{alias.name}".lstrip(".") for alias in child.names)
            else:
                yield from _imported_names(child, left_out)


def _stripped(text: str, tree: ast.Module, statements: list[ast.stmt], left_out: set[ast.stmt]) -> str:
    """Give the source of a file without docstrings, comments, blank lines and the statements that are left out."""
    lines = text.split("\n")
    kept, strings, docstrings = [True] * len(lines), set(), 0
    for node in statements:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings += 1
        elif node not in left_out:
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        kept[first - 1 : node.end_lineno] = [False] * (node.end_lineno - first + 1)
    # Blank lines and # in a string of several lines are part of it. Few files have such strings.
    if text.count('"""') > 2 * docstrings or "'''" in text or "\\\n" in text:
        for node in ast.walk(tree):
            if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno:
                strings.update(range(node.lineno, node.end_lineno + 1))
    code = (
        (line if number in strings else _uncommented(line), number in strings)
        for number, (line, keep) in enumerate(zip(lines, kept, strict=True), 1)
        if keep
    )
    return "\n".join(line for line, is_string in code if is_string or line.strip())


def _uncommented(line: str) -> str:
    """Cut the comment of a line that begins and ends outside of strings."""
    code, mark, rest = line.partition("#")
    if not mark:
        return line
    # A string that holds the mark begins before it and ends behind it.
    if not QUOTE.search(code) or not QUOTE.search(rest):
        return code.rstrip()
    try:
        for token in tokenize.generate_tokens(iter([line]).__next__):
            if token.type == tokenize.COMMENT:
                return line[: token.start[1]].rstrip()
    except (tokenize.TokenError, SyntaxError):
        pass  # a bracket that other lines close
    return line
