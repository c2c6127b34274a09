"""The lock file: every distribution by hash, from the public index, in step with pyproject.toml."""

import tomllib

from support import ROOT


def test_the_lock_holds_what_the_project_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [pin for extra in project["optional-dependencies"].values() for pin in extra] + project["dependencies"]
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    locked = {package["name"]: package["version"] for package in packages}
    for pin in wanted:
        name, version = pin.partition(";")[0].split("==")
        assert locked[name] == version, "run `uv lock`"


def test_every_distribution_is_hashed_and_from_the_public_index():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    for package in packages:
        if package["name"] == "deepbio-bench":
            continue
        assert package["source"] == {"registry": "https://pypi.org/simple"}
        files = package.get("wheels", []) + ([package["sdist"]] if "sdist" in package else [])
        assert files and all(file["hash"].startswith("sha256:") for file in files)
        assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files)
