"""REINVENT (Olivecrona et al. 2017): a recurrent prior of SMILES, and agents tuned from it by reinforcement.

An agent's log likelihood of a string is pulled towards the prior's plus sigma times the string's score (the augmented
likelihood). So the agent reaches the objective without forgetting how molecules are written.
"""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core.data import Split
from deepbio.core.files import atomic, read_json
from deepbio.domains.chemistry import molecule_sets
from deepbio.domains.chemistry.smiles import atoms, rewritten
from deepbio.learning import training
from deepbio.learning.network import load_network, save_network, trained
from deepbio.learning.settings import optimizer_of
from deepbio.learning.smiles_network import LanguageModel, SmilesMethod

SIMILAR = 0.7  # similarity to celecoxib that gets the full score (k of the paper)
STAGES = 5  # steps whose molecules are kept for figures
SHOWN = 4  # molecules of each of them


class Method(SmilesMethod):
    """Parameters: embedding, units and layers of the network; `randomised` (every epoch sees each training molecule
    written from another atom); `reduced` (the molecules known to be active at D2 are kept from the prior); `training`
    of the prior; `agent`: the `objectives` (sulphur_free, celecoxib_similarity,
    d2_active), steps, batch_size, sigma, replay (molecules of the best `memory` that join a batch), likely (weight of
    the term against strings that become too likely), learning_rate; `classifier`: cost and width of the D2 classifier.

    In a prediction, `y` are molecules of the prior and `y_<objective>` are those of an agent. With a D2 agent it also
    holds the probabilities of its guide, the classifier: `guide_prior` and `guide_agent` of the molecules of both (0
    where a string is none), and `guide_held` of the labelled molecules that were kept from it.
    """

    def build(self, parameters, shape):
        return LanguageModel(len(shape["symbols"]), *(parameters[name] for name in ("embedding", "units", "layers")))

    def fit(self, train, valid, job):
        self.shape = {**self.describe(train), "samples": job.number("samples")}
        if self.parameters["reduced"]:
            train, valid = (
                part.take(~np.isin(np.asarray(part["smiles"]), np.asarray(part.context.get("actives", []), "S")))
                for part in (train, valid)
            )
        seen, renew = train, None
        if self.parameters["randomised"]:
            seen = Split({**train.arrays, "y": np.array(train.y)}, train.context)
            renew = self.renewal(train, seen.y, job)
        self.network, _ = self.train_network(self.parameters, seen, valid, job, "prior", on_epoch=renew)
        self.classifier, objectives = None, self.parameters["agent"]["objectives"]
        if "labelled" in train.context:
            self.classifier, held = self.learn_activity(train.context)
            self.shape["guide_held"] = held.tolist()
        self.agents, self.progress = {}, {}
        with molecule_sets.Reader() as reader:
            for objective in objectives:
                if objective == "d2_active" and self.classifier is None:
                    continue  # a data set without molecules of known activity
                self.agents[objective] = self.tune(objective, reader, job)

    # ---- the prior

    def renewal(self, train, codes, job):
        """Return a function that writes the molecules of `train` into `codes`, from other atoms in each epoch.

        A molecule whose new SMILES needs other symbols or more length keeps its canonical SMILES.
        """
        texts = [text.decode() for text in np.asarray(train["smiles"])]
        canonical = np.array(train.y)

        def on_epoch(epoch):
            other = self.vocabulary.encode(rewritten(texts, job.rng("rewritten", epoch)), codes.shape[1], blank=True)
            codes[:] = np.where(other.any(axis=1)[:, None], other, canonical)

        return on_epoch

    # ---- objectives

    def learn_activity(self, context):
        """Fit the D2 classifier: a support vector machine with a Gaussian kernel on folded FCFP6 counts.

        Returns it, and its probabilities for the labelled molecules that are `held` from it.
        """
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC

        facts = self.parameters["classifier"]
        with molecule_sets.Reader() as reader:
            x = reader.screen([text.decode() for text in np.asarray(context["labelled"])]).features
        machine = SVC(C=facts["cost"], gamma=facts["width"], class_weight="balanced")
        model = CalibratedClassifierCV(machine, ensemble=False, cv=3)
        x, held = x.astype(np.float32), np.asarray(context["held"]) == 1
        model.fit(x[~held], np.asarray(context["labels"])[~held])
        return model, model.predict_proba(x[held])[:, 1]

    def scores(self, objective, seen):
        """Score screened strings from 0 to 1: (n,); a string that is no molecule scores 0."""
        if objective == "sulphur_free":
            found = (~seen.sulphur).astype(float)
        elif objective == "celecoxib_similarity":
            found = np.minimum(seen.celecoxib, SIMILAR) / SIMILAR
        else:
            found = np.zeros(len(seen.valid))
            if seen.valid.any():
                found[seen.valid] = self.classifier.predict_proba(seen.features[seen.valid].astype(np.float32))[:, 1]
        return found * seen.valid

    # ---- agents

    def tune(self, objective, reader, job):
        """Train an agent: a copy of the prior whose likelihoods are pulled to the augmented ones (main text, eq. 5)."""
        facts, prior, vocabulary = self.parameters["agent"], self.network, self.vocabulary
        agent = copy.deepcopy(prior)
        optimizer = optimizer_of(agent.parameters(), facts)
        memory = Memory(facts["memory"], self.shape["length"]) if facts["replay"] else None
        stages = set(np.linspace(0, facts["steps"] - 1, STAGES).astype(int).tolist())
        progress = Progress()

        def step(number):
            agent.train()
            codes = agent.write(facts["batch_size"], self.shape["length"])
            codes = codes[unique_rows(codes)]  # a string that comes twice counts once
            texts = vocabulary.decode(codes.cpu())
            seen = reader.screen(texts)
            score = self.scores(objective, seen)
            if number in stages:
                progress.note(number, texts, score)
            chosen, wanted = codes, torch.from_numpy(score).to(codes.device)
            if memory is not None:
                old, old_score = memory.draw(facts["replay"], job.rng(objective, number))
                memory.add(codes.cpu(), score)
                chosen = torch.cat([codes, old.to(codes.device)])
                wanted = torch.cat([wanted, old_score.to(wanted)])
            with torch.no_grad():
                before = prior.log_likelihood(chosen)
            now = agent.log_likelihood(chosen)
            loss = (before + facts["sigma"] * wanted.to(now.dtype) - now).square().mean()
            loss = loss - facts["likely"] * (1 / now).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return {
                "train_loss": loss.detach(),
                "score": torch.tensor(score.mean()),
                "valid": torch.tensor(seen.valid.mean()),
            }

        parts = {"network": agent, "optimizer": optimizer, "progress": progress}
        parts |= {"memory": memory} if memory is not None else {}
        every = max(1, facts["steps"] // 50)
        result = training.play(parts, step, facts["steps"], job, objective, every, samples=facts["batch_size"])
        curve = {key: [float(row[key]) for row in result.history] for key in ("step", "score", "valid")}
        self.progress[objective] = {**curve, "stages": progress.stages}
        return agent.eval()

    # ---- the contract

    def predict(self, split):
        made = {"y": self.samples(self.network, len(split), self.shape["samples"])}
        for objective, agent in self.agents.items():
            made[f"y_{objective}"] = self.samples(agent, len(split), self.shape["samples"])
        if "d2_active" in self.agents:
            made["guide_held"] = np.array(self.shape["guide_held"])
            with molecule_sets.Reader() as reader:
                for name, codes in (("guide_prior", made["y"]), ("guide_agent", made["y_d2_active"])):
                    made[name] = self.scores("d2_active", reader.screen(self.vocabulary.decode(codes)))
        return made

    def count_parameters(self):
        return trained(self.network)

    def save(self, folder):
        networks = nn.ModuleDict({"prior": self.network, **self.agents})
        facts = {"parameters": self.parameters, "shape": self.shape, "progress": self.progress}
        save_network(networks, folder, facts)
        if self.classifier is not None:
            from skops import io

            with atomic(Path(folder) / "classifier.skops") as temporary:
                io.dump(self.classifier, temporary)

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape, self.progress = (facts[key] for key in ("parameters", "shape", "progress"))
        names = ["prior", *self.progress]
        networks = nn.ModuleDict({name: self.build(self.parameters, self.shape) for name in names})
        self.agents = dict(load_network(networks, folder))
        self.network = self.agents.pop("prior")
        self.classifier = None
        if (Path(folder) / "classifier.skops").exists():
            from skops import io

            self.classifier = io.load(Path(folder) / "classifier.skops", trusted=TRUSTED)

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import molecule as figures

        folder, context = Path(folder), split.context
        titles = {name: TITLES[name] for name in self.progress}
        figures.draw_progress(self.progress, titles, context["origin"], folder / "agents")
        texts = {"validation": [text.decode() for text in np.asarray(split["smiles"])]}
        made = self.predict(split)
        texts["prior"] = self.vocabulary.decode(made["y"])
        texts |= {TITLES[objective]: self.vocabulary.decode(made[f"y_{objective}"]) for objective in self.agents}
        figures.draw_properties(texts, context["origin"], folder / "properties")
        figures.draw_tokens(self.tokens(), context["origin"], folder / "tokens")

    def tokens(self):
        """Compute the log likelihood of each symbol of a string under the prior and under an agent: celecoxib's for
        its agent, where the vocabulary has its symbols, else the best string of an agent's last noted step.

        Returns rows: the agent's title, the symbols, and the log likelihoods under both, the string's end included
        where there is room for it.
        """
        rows = []
        for objective, agent in self.agents.items():
            text = max(self.progress[objective]["stages"][-1]["examples"], key=lambda one: one["score"])["smiles"]
            wanted = molecule_sets.CELECOXIB
            fits = self.vocabulary.knows(wanted) and len(atoms(wanted)) <= self.shape["length"]
            text = wanted if fits and objective == "celecoxib_similarity" else text
            codes = torch.from_numpy(self.vocabulary.encode([text], self.shape["length"], blank=True).astype(np.int64))
            if codes.any():
                shown = [*atoms(text), "end"][: self.shape["length"]]
                with torch.no_grad():
                    both = [one.to("cpu")(codes)[0, : len(shown)].tolist() for one in (self.network, agent)]
                rows.append((TITLES[objective], shown, *both))
        return rows


TITLES = {"sulphur_free": "no sulphur", "celecoxib_similarity": "like celecoxib", "d2_active": "active at D2"}
TRUSTED = ["sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"]


def unique_rows(codes):
    """Find the indices of the rows of codes that are no copy of an earlier row."""
    _, first = np.unique(codes.cpu().numpy(), axis=0, return_index=True)
    return torch.from_numpy(np.sort(first)).to(codes.device)


class Memory:
    """The best strings that an agent has written, from which some join each batch (prioritised replay)."""

    def __init__(self, size, length):
        self.size, self.codes, self.score = size, torch.zeros(0, length, dtype=torch.long), torch.zeros(0)

    def add(self, codes, score):
        codes = torch.cat([self.codes, codes])
        score = torch.cat([self.score, torch.as_tensor(score, dtype=torch.float32)])
        first = unique_rows(codes)
        best = first[score[first].argsort(descending=True, stable=True)[: self.size]]
        self.codes, self.score = codes[best], score[best]

    def draw(self, count, rng):
        """Draw codes and scores of `count` strings, each with a probability proportional to its score."""
        total = float(self.score.sum())
        if total == 0:
            return self.codes[:0], self.score[:0]
        share = self.score.numpy().astype(float) / float(self.score.numpy().astype(float).sum())
        chosen = rng.choice(len(share), min(count, int((share > 0).sum())), replace=False, p=share)
        return self.codes[chosen], self.score[chosen]

    def state_dict(self):
        return {"codes": self.codes, "score": self.score}

    def load_state_dict(self, state):
        self.codes, self.score = state["codes"], state["score"]


class Progress:
    """Molecules that an agent wrote at some steps of its training."""

    def __init__(self):
        self.stages = []

    def note(self, number, texts, score):
        best = np.argsort(-score, kind="stable")[:SHOWN]
        examples = [{"smiles": texts[i], "score": float(score[i])} for i in best]
        self.stages = [one for one in self.stages if one["step"] < number] + [{"step": number, "examples": examples}]

    def state_dict(self):
        return {"stages": self.stages}

    def load_state_dict(self, state):
        self.stages = state["stages"]
