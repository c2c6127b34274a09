"""ORGAN (Guimaraes et al. 2017): a language model of SMILES rewarded by a discriminator and by an objective.

The reward of a symbol is the mean of lambda · P(real) + (1 - lambda) · objective over strings that a slower copy of the
model completes from there (section 3). Lambda 1 is SeqGAN; lambda 0 is reinforcement by the objective alone.
"""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.files import read_json, write_json
from deepbio.domains.chemistry import molecule_sets
from deepbio.domains.chemistry.smiles import END
from deepbio.learning import training
from deepbio.learning.layers import Highway
from deepbio.learning.network import load_network, save_network, trained
from deepbio.learning.settings import optimizer_of
from deepbio.learning.smiles_network import LanguageModel, SmilesMethod, counted

# Objective: property, and its values that score 0 and 1.
OBJECTIVES = {"druglikeness": ("QED", 0, 1), "solubility": ("logP", -2.12, 6.04), "synthesizability": ("SAS", 10, 1)}
ROWS = 4096  # strings completed at a time


class Discriminator(nn.Module):
    """Codes (n, length) -> score (n,): parallel convolutions, the maximum of each over positions, a highway, linear."""

    def __init__(self, symbols, length, embedding, filters, dropout):
        super().__init__()
        filters = {int(width): count for width, count in filters.items() if count and int(width) <= length}
        total = sum(filters.values())
        self.embedding = nn.Embedding(symbols + 1, embedding)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, count, width) for width, count in filters.items())
        self.highway = Highway(total)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(total, 1)

    def forward(self, codes):
        x = self.embedding(codes).transpose(1, 2)
        x = torch.cat([F.relu(layer(x)).amax(2) for layer in self.convolutions], dim=1)
        return self.head(self.dropout(self.highway(x)))[:, 0]


class Written(Counter):
    """How often each string was written, in a form that a checkpoint keeps."""

    def state_dict(self):
        return dict(self)

    def load_state_dict(self, state):
        self.clear()
        self.update(state)


class Method(SmilesMethod):
    """Parameters: embedding and units of the generator; `training` by likelihood; `discriminator` (embedding, filters
    by width, dropout, l2, clip, batch_size, epochs before the game); `game`: objective, mix (lambda), wasserstein,
    rounds, generator_steps and discriminator_epochs of a round, batch_size, rollouts of each prefix, stride (symbols
    from one prefix to the next), follow (share of its weights that the copy that completes strings keeps at each
    round), learning_rate, and remember: strings of earlier batches count as copies, too. An epoch of the discriminator
    is one pass over the real strings, with as many of the generator's. Where `reinforced` is false, the generator is
    the one trained by likelihood.
    """

    def build(self, parameters, shape):
        return LanguageModel(len(shape["symbols"]), parameters["embedding"], parameters["units"], 1, "lstm")

    def fit(self, train, valid, job):
        self.shape = {**self.describe(train), "samples": job.number("samples")}
        self.network, _ = self.train_network(self.parameters, train, valid, job, "likelihood")
        self.prior, self.progress = copy.deepcopy(self.network), []
        if self.parameters["reinforced"]:
            with molecule_sets.Reader() as reader:
                self.play(train, reader, job)

    def play(self, train, reader, job):
        """Train the generator and the discriminator against each other, in rounds."""
        facts, settings, real = self.parameters["game"], self.parameters["discriminator"], np.asarray(train.y)
        length = self.shape["length"]
        job.seed_torch("discriminator", "build")
        shape = {name: settings[name] for name in ("embedding", "filters", "dropout")}
        judge = Discriminator(len(self.shape["symbols"]), length, **shape).to(job.device)
        generator, follower = self.network, copy.deepcopy(self.network)
        optimizers = {
            "generator_optimizer": optimizer_of(generator.parameters(), facts),
            "judge_optimizer": optimizer_of(judge.parameters(), settings),
        }
        self.memory, self.written = {}, Written()
        per_epoch = max(1, len(real) // settings["batch_size"])

        def judged(number, name):
            """Train the discriminator for one step, on real strings and as many of the generator's; return the loss."""
            epoch, step = divmod(number, per_epoch)
            order = job.rng(name, "order", epoch).permutation(len(real))
            index = order[step * settings["batch_size"] :][: settings["batch_size"]]
            truth = torch.from_numpy(real[index].astype(np.int64)).to(job.device)
            judge.train()
            scores = judge(truth), judge(generator.write(len(truth), length))
            loss = self.adversarial(judge, *scores)
            optimizers["judge_optimizer"].zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_value_(judge.parameters(), settings["clip"])
            optimizers["judge_optimizer"].step()
            return loss.detach()

        if facts["mix"] > 0:
            before = {"judge": judge, "optimizer": optimizers["judge_optimizer"]}
            steps = settings["epochs"] * per_epoch
            size = settings["batch_size"]

            def alone(number):
                return {"train_loss": judged(number, "before")}

            training.play(before, alone, steps, job, "discriminator", samples=size)

        def step(number):
            found = []
            for _ in range(facts["generator_steps"]):
                found.append(self.reinforce(generator, follower, judge, optimizers["generator_optimizer"], reader))
            follow(follower, generator, facts["follow"])
            steps = facts["discriminator_epochs"] * per_epoch if facts["mix"] > 0 else 0
            losses = [judged(number * steps + i, "game") for i in range(steps)]
            means = {key: torch.tensor(np.mean([one[key] for one in found])) for key in found[0]}
            return means | ({"judge_loss": torch.stack(losses).mean()} if losses else {})

        parts = {"generator": generator, "follower": follower, "judge": judge, "written": self.written, **optimizers}
        every, written = max(1, facts["rounds"] // 50), facts["generator_steps"] * facts["batch_size"]
        result = training.play(parts, step, facts["rounds"], job, "game", every, samples=written)
        keys = ("step", "reward", "objective", "valid")
        self.progress = [{key: row[key] for key in keys} for row in result.history]
        generator.eval()

    def adversarial(self, judge, real, fake):
        """Compute the discriminator's loss: the cross-entropy of all strings or, with `wasserstein`, the difference of
        the mean scores; with the penalty on the weights of the last layer."""
        last = judge.head
        penalty = self.parameters["discriminator"]["l2"] * (last.weight.square().sum() + last.bias.square().sum()) / 2
        if self.parameters["game"]["wasserstein"]:
            return fake.mean() - real.mean() + penalty
        return F.softplus(-real).sum() + F.softplus(fake).sum() + penalty

    def reinforce(self, generator, follower, judge, optimizer, reader):
        """Take one step of REINFORCE with the rewards of completed strings; return the means of the batch."""
        facts, length = self.parameters["game"], self.shape["length"]
        codes = generator.write(facts["batch_size"], length)
        rewards, seen = self.rewards(codes, follower, judge, reader)
        generator.train()
        each = generator(codes)
        loss = -(each * (rewards - rewards[counted(codes)].mean())).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), self.parameters["training"]["clip_norm"])
        optimizer.step()
        return {"train_loss": float(loss.detach()), **seen}

    @torch.no_grad()
    def rewards(self, codes, follower, judge, reader):
        """Compute the rewards (n, length) of every symbol of codes, and the means of the batch of whole strings.

        All roll-outs of all prefixes are completed in one batch. Symbols between two prefixes get the reward of the
        later one.
        """
        facts, (count, length) = self.parameters["game"], codes.shape
        ends = (codes != END).sum(1)
        positions = torch.arange(facts["stride"], length, facts["stride"], device=codes.device)
        given = positions.repeat_interleave(facts["rollouts"] * count)
        forced = codes.repeat(len(positions) * facts["rollouts"], 1)
        open_ = given <= ends.repeat(len(positions) * facts["rollouts"])  # a prefix beyond the end is the whole string
        finished = forced.clone()
        rows = torch.where(open_)[0].split(ROWS)
        for part in rows:
            finished[part] = follower.write(len(part), length, forced[part], given[part])
        whole = torch.cat([codes, finished[open_]])
        # The strings themselves are one group, the completions in one roll-out of one prefix are another.
        groups = np.concatenate([np.zeros(count, int), 1 + torch.where(open_)[0].cpu().numpy() // count])
        reward, objective, valid = self.judged(whole, count, groups, judge, reader)
        table = torch.zeros(len(forced), device=codes.device)
        table[open_] = reward[count:]
        table = table.view(len(positions), facts["rollouts"], count).mean(1)  # (prefixes, n)
        own = reward[:count]
        found = torch.empty(count, length, device=codes.device)
        for column in range(length):
            index = column // facts["stride"]
            later = table[index] if index < len(positions) else own
            done = positions[index] > ends if index < len(positions) else torch.ones_like(ends, dtype=torch.bool)
            found[:, column] = torch.where(done, own, later)
        means = {"reward": float(own.mean()), "objective": float(objective.mean()), "valid": float(valid.mean())}
        return found, means

    def judged(self, codes, count, groups, judge, reader):
        """Compute rewards of strings and, for the first `count`, the objective and whether they are molecules.

        The objective of a string is multiplied by the share of distinct strings in its group, of `groups` (n,), and
        divided by the number of its copies there; with `remember`, also by one more than those of earlier batches.
        """
        facts = self.parameters["game"]
        mix = facts["mix"]
        texts = self.vocabulary.decode(codes.cpu())
        objective = self.objective(texts, reader)
        weights = np.nan_to_num(objective) * uniqueness(texts, groups)
        if facts["remember"]:
            weights /= 1 + np.array([self.written[text] for text in texts])
            self.written.update(texts[:count])
        weights = torch.from_numpy(weights).float()
        found = weights.to(codes.device) * (1 - mix)
        if mix > 0:
            judge.eval()
            score = torch.cat([judge(part) for part in codes.split(ROWS)])
            found = found + mix * torch.sigmoid(score)
        return found, np.nan_to_num(objective[:count]), ~np.isnan(objective[:count])

    def objective(self, texts, reader):
        """Compute the objective (n,), 0 to 1, NaN where a string is no molecule; known strings are not read again."""
        name, low, high = OBJECTIVES[self.parameters["game"]["objective"]]
        unknown = list(dict.fromkeys(text for text in texts if text not in self.memory))
        if unknown:
            self.memory.update(zip(unknown, reader.measure(name, unknown).tolist(), strict=True))
        values = np.array([self.memory[text] for text in texts])
        return np.clip((values - low) / (high - low), 0, 1)

    # ---- the contract

    def predict(self, split):
        made = {"y": self.samples(self.network, len(split), self.shape["samples"])}
        if self.parameters["reinforced"]:
            made["y_prior"] = self.samples(self.prior, len(split), self.shape["samples"])
        return made

    def count_parameters(self):
        return trained(self.network)

    def save(self, folder):
        networks = nn.ModuleDict({"generator": self.network, "prior": self.prior})
        save_network(networks, folder, {"parameters": self.parameters, "shape": self.shape})
        write_json(Path(folder) / "game.json", self.progress)

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        names = ("generator", "prior")
        networks = nn.ModuleDict({name: self.build(self.parameters, self.shape) for name in names})
        networks = load_network(networks, folder)
        self.network, self.prior = (networks[name] for name in names)
        self.progress = read_json(Path(folder) / "game.json")

    def interpret(self, split, folder):
        from deepbio.figures import molecule as figures

        folder, origin = Path(folder), split.context["origin"]
        texts = self.vocabulary.decode(self.predict(split)["y"])
        figures.draw_game(self.progress, self.parameters["game"]["objective"], origin, folder / "game")
        figures.draw_best(texts, origin, folder / "molecules")
        known = [text.decode() for text in np.asarray(split["smiles"])]
        figures.draw_properties({"validation": known, "made": texts}, origin, folder / "properties")


def uniqueness(texts, groups):
    """Compute for each text (n,) the share of distinct texts in its group (n,), divided by its copies there."""
    _, text = np.unique(texts, return_inverse=True)
    pairs = groups * (text.max() + 1) + text
    _, first, member, copies = np.unique(pairs, return_index=True, return_inverse=True, return_counts=True)
    distinct, size = np.bincount(groups[first], minlength=groups.max() + 1), np.bincount(groups)
    return distinct[groups] / size[groups] / copies[member]


@torch.no_grad()
def follow(follower, generator, rate):
    """Move the slower copy towards the generator; it keeps `rate` of itself (the roll-out policy of SeqGAN)."""
    for slow, fast in zip(follower.parameters(), generator.parameters(), strict=True):
        slow.mul_(rate).add_(fast, alpha=1 - rate)
