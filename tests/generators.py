"""Small runs of generators of molecules, which several tests look into."""

from support import parameters_of

from deepbio.core.config import merge
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.chemistry.smiles import Vocabulary
from deepbio.kinds import molecule_set
from deepbio.methods import organ, reinvent

SYMBOLS = Vocabulary(molecule_set.SYMBOLS)


def changed(name, **agent):
    return merge(parameters_of(name), agent)


def run(name, parameters, folder, samples=160):
    module = {"reinvent": reinvent, "organ": organ}[name]
    model, job = module.Method(parameters), Job(1, folder)
    splits = small_problem("molecule_set", "generated", samples)
    folder.mkdir(exist_ok=True)
    model.fit(splits["train"], splits["valid"], job)
    return model, job, splits


def game(**facts):
    usual = {"objective": "solubility", "rounds": 25, "batch_size": 32, "rollouts": 2, "stride": 8}
    return {**usual, "learning_rate": 0.01, **facts}
