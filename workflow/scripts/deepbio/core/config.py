"""Reading and checking the YAML files of `config/`; imports nothing heavy."""

import json
import re
from functools import cache
from pathlib import Path

import yaml

from deepbio.core.files import BadInput, readable

SCRIPTS = Path(__file__).resolve().parents[2]
ROOT = SCRIPTS.parent.parent
SCHEMAS = SCRIPTS.parent / "schemas"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML without pickled objects, in which a key may stand only once and 1e-3 is a number."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise BadInput(f"{key.start_mark.name}:{key.start_mark.line + 1}: key '{key.value}' stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-3 as a string because it has no dot; hyper-parameters are written that way everywhere.
Loader.add_implicit_resolver("!exponent", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789"))
Loader.add_constructor("!exponent", lambda loader, node: float(loader.construct_scalar(node)))


def read_yaml(path):
    """Parse one YAML file; BadInput names file and line."""
    try:
        with readable(path), open(path, "rb") as handle:
            found = yaml.load(handle, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise BadInput(f"{path}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return found or {}


def check(value, schema, where):
    """Validate against workflow/schemas/<schema>.schema.yaml; BadInput names the file and every wrong key.

    `where` is the file, or a function that gives the file of a key of the top level.
    """
    errors = sorted(_validator(schema).iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        raise BadInput("\n".join(_message(error, where) for error in errors))
    return value


def _message(error, where):
    """Write one line for one error: file, path of the key, what is wrong."""
    path = list(map(str, error.absolute_path))
    if callable(where):
        known = error.schema.get("properties", {})
        keys = path[:1] or [key for key in error.instance if key not in known]
        where = ", ".join(dict.fromkeys(where(key) for key in keys)) or "config"
    return f"{where}: {'.'.join(path) or 'top level'}: {error.message}"


@cache
def _validator(schema):
    import jsonschema  # here: most commands check nothing

    return jsonschema.Draft202012Validator(read_yaml(SCHEMAS / f"{schema}.schema.yaml"))


def merge(base, over):
    """Put the keys of `over` into `base`; mappings are merged key by key.

    A search space (`{choice: …}`, `{log_uniform: …}`) is one value: it is replaced whole.
    """
    merged = dict(base)
    for key, value in (over or {}).items():
        nested = isinstance(merged.get(key), dict) and isinstance(value, dict) and not _is_space(merged[key])
        merged[key] = merge(merged[key], value) if nested and not _is_space(value) else value
    return merged


def _is_space(value):
    return len(value) == 1 and next(iter(value)) in {"choice", "uniform", "log_uniform", "integer"}


def from_command_line(value):
    """Read words of the command line as YAML does: `snakemake --config cross=true mirror=null` passes them as text."""
    return {"true": True, "false": False, "null": None}.get(value, value) if isinstance(value, str) else value


def as_json(value):
    """Write one-line JSON with sorted keys: how parameters travel to a command, and what Snakemake compares."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
