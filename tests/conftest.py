"""Fixtures of all tests: a copy of the project to run snakemake in, and one in which a task is finished."""

import zlib

import pytest
from support import Project

# Files that take longest, the longest first: workers begin with them, so that none is left with one at the end.
LONGEST = ("test_methods", "test_workflow", "test_seeds", "test_pages", "test_cluster", "test_variants", "test_reruns")
LONGEST += ("test_slurm", "test_tasks", "test_predict", "test_elsewhere", "test_fuzz", "test_commands", "test_failures")


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep tests with one worker that share what takes long to make: those of a file, and in test_methods, the longest,
    those of a method, all methods in four groups."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            method = test.partition("[")[2].rstrip("]").split("-")[0]
            return f"{file}{zlib.crc32(method.encode()) % 4}" if file.endswith("test_methods.py") else file

    return Scheduling(config, log)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks lose more to waiting threads than they gain, above all beside other tests."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in which one task has been run to the end with its report; tests must leave its files as they are."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.snakemake("--config", "tasks=estrogen_receptor", "seeds=1")
    return project
