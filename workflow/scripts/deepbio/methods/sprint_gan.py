"""AC-GAN of trial participants with a private discriminator (Beaulieu-Jones et al. 2019).

A person is an image of one channel, variables x visits. Only the discriminator sees real people. It is trained by
DP-SGD: the gradient of a pair of a real and a synthetic person is clipped as a whole, and noise is added to the sum
over a Poisson sample of people. The generator learns from the discriminator alone, and so costs no further privacy. The
epochs whose generators are kept are chosen on real people, which costs privacy again. The cost is epsilon at delta for
one person more or less (with all visits and the arm) among the training people, whose number is public.
"""

import math
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from deepbio.core.files import atomic
from deepbio.domains.clinic import synthetic
from deepbio.learning import training
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod, load_network, trained


class Generator(nn.Module):
    """Noise (n, latent) within ±1 and arms (n,) -> standardised values (n, variables, visits)."""

    def __init__(self, latent, hidden, channels, filters, shape):
        super().__init__()
        self.latent = latent
        rows, columns = len(shape["variables"]), shape["visits"]
        self.base = (channels, rows, max(1, columns // 3))
        self.arm = nn.Embedding(shape["arms"], latent)
        self.first = nn.Linear(latent, hidden)
        self.second = nn.Linear(hidden, math.prod(self.base))
        self.large = nn.Upsample((2 * rows, 2 * columns))
        self.third = nn.Conv2d(channels, filters, 5, padding=2)
        self.last = nn.Conv2d(filters, 1, 4, stride=2, padding=1)
        glorot(self)
        for layer in (self.arm, self.third, self.last):
            nn.init.xavier_normal_(layer.weight)

    def forward(self, noise, arm):
        x = F.relu(self.first(noise * self.arm(arm)))
        x = self.large(F.relu(self.second(x)).unflatten(1, self.base))
        return self.last(F.relu(self.third(x)))[:, 0]


class Discriminator(nn.Module):
    """Standardised values (n, variables, visits) -> logits (n, 1 + arms): real, and each arm."""

    def __init__(self, filters, dense, dropout, shape):
        super().__init__()
        rows, columns = len(shape["variables"]), shape["visits"]
        # Keras's "same" padding at stride 2: an even side is padded at its end only.
        self.pad = nn.ZeroPad2d((columns % 2, 1, rows % 2, 1))
        self.first = nn.Conv2d(1, filters[0], 3, stride=2)
        self.second = nn.Conv2d(filters[0], filters[1], 3, padding=1)
        self.third = nn.Linear(filters[1] * ((rows + 1) // 2) * ((columns + 1) // 2), dense)
        self.fourth = nn.Linear(dense, dense)
        self.real, self.arm = nn.Linear(dense, 1), nn.Linear(dense, shape["arms"])
        self.dropout = dropout
        glorot(self)

    def forward(self, x):
        x = self.pad(x[:, None])
        for layer in (self.first, self.second):
            x = F.dropout(F.leaky_relu(layer(x), 0.3), self.dropout, self.training)
        x = F.dropout(F.relu(self.third(x.flatten(1))), self.dropout, self.training)
        x = F.relu(self.fourth(x))
        return torch.cat([self.real(x), self.arm(x)], dim=1)


class Pair(nn.Module):
    """Generator and discriminator."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


def adversarial_loss(logits, real, arm):
    """Compute the loss (n,) of the discriminator's logits: cross-entropy of being real (0 or 1) and that of the arm."""
    truth = F.binary_cross_entropy_with_logits(logits[:, 0], torch.full_like(logits[:, 0], real), reduction="none")
    return truth + F.cross_entropy(logits[:, 1:], arm, reduction="none")


# ---- privacy


def spent(privacy, rate, steps):
    """Compute epsilon after a number of steps, each on a Poisson sample of people at `rate`, by opacus' accountant
    (RDP).
    """
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(privacy["noise"], rate, steps)]
    return accountant.get_epsilon(privacy["delta"]) if steps else 0.0


def affordable(privacy, rate, steps, budget):
    """Find the largest number of steps, up to `steps`, that does not spend more than `budget`."""
    low, high = 0, steps
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if spent(privacy, rate, middle) <= budget else (low, middle - 1)
    return low


def choose(accuracy, count, people, epsilon, rng):
    """Choose the indices of the `count` best of some accuracies on `people` real people, the best first.

    With `epsilon`, each choice is the report-noisy-max of those that are left. One person more or less changes every
    number of right answers by at most 1, and all in one direction. Therefore Laplace noise of 1 / epsilon on the
    numbers spends `epsilon` (Dwork and Roth 2014, Algorithmic Foundations of Differential Privacy, claim 3.9).
    """
    accuracy, picked = np.array(accuracy, float), []
    for _ in range(min(count, len(accuracy))):
        noise = rng.laplace(scale=1 / (people * epsilon), size=len(accuracy)) if epsilon else 0.0
        value = accuracy + noise
        value[picked] = -np.inf
        picked.append(int(np.argmax(value)))
    return picked


@contextmanager
def frozen(network):
    """Let gradients pass through a network without computing those of its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


class Method(NetworkMethod):
    """Parameters

    generator, discriminator : sizes of the networks.
    privacy : epsilon and delta (the whole budget), noise (its standard deviation over `clip`), clip (norm of a pair's
        gradient), choice (epsilon of choosing one epoch); null for training without privacy.
    training : learning_rate, beta (Adam's first), batch_size (the expected one, with privacy), epochs.
    evaluate_every : epochs between two generators to choose from.
    chosen : how many of them each of the two classifiers chooses. trees : of the forest that chooses.
    """

    def describe(self, split):
        context = split.context
        return {
            "variables": context["variables"],
            "visits": len(context["visits"]),
            "arms": len(context["classes"]),
        }

    def build(self, parameters, shape):
        generator = Generator(**parameters["generator"], shape=shape)
        return Pair(generator, Discriminator(**parameters["discriminator"], shape=shape))

    def count_parameters(self):
        return trained(self.build(self.parameters, self.shape))

    def fit(self, train, valid, job):
        self.shape = self.describe(train) | {"seed": job.number("people")}
        kept = self.train_adversaries(train, job)
        self.shape["kept"] = self.choose_epochs(kept, train, job)
        self.network = nn.ModuleList(self.stored_generator(kept[index]) for index in self.shape["kept"])
        self.network.to(job.device).eval()
        self.shape["kept"] = [int(kept[index].stem.split("-")[-1]) for index in self.shape["kept"]]

    # ---- training

    def train_adversaries(self, train, job):
        """Train both networks; return the files of the generators that were stored during training, in order."""
        settings, privacy = self.parameters["training"], self.parameters["privacy"]
        people, size = len(train), min(settings["batch_size"], len(train))
        rate, per_epoch = size / people, math.ceil(people / size)
        steps = settings["epochs"] * per_epoch
        if privacy:
            steps = self.steps_within_budget(privacy, rate, steps, people)
        real = torch.from_numpy(self.standardise(np.asarray(train.y))).to(job.device)
        arm = torch.from_numpy(np.asarray(train["arm"]).astype(np.int64)).to(job.device)

        job.seed_torch("build")
        networks = self.build(self.parameters, self.shape).to(job.device).train()
        generator, discriminator = networks.generator, networks.discriminator
        adam = {"lr": settings["learning_rate"], "betas": (settings["beta"], 0.999)}
        optimizers = [torch.optim.Adam(network.parameters(), **adam) for network in (generator, discriminator)]
        learn = (
            self.private_step(discriminator, optimizers[1], size)
            if privacy
            else plain_step(discriminator, optimizers[1])
        )

        def ask(count):
            """Draw noise and arms of `count` people; the arms are drawn evenly, as their true shares are private."""
            noise = 2 * torch.rand(count, generator.latent, device=job.device) - 1
            return noise, torch.randint(self.shape["arms"], (count,), device=job.device)

        def step(number):
            if privacy:
                index = np.flatnonzero(job.rng("fit", "sample", number).random(people) < rate)
            else:
                order = job.rng("fit", "order", number // per_epoch).permutation(people)
                index = order[number % per_epoch * size :][:size]
            noise, asked = ask(len(index))
            with torch.no_grad():
                made = generator(noise, asked)
            value = learn(real[index], arm[index], made, asked)
            noise, asked = ask(2 * size)  # the generator sees as many people as the discriminator
            with frozen(discriminator):
                loss = adversarial_loss(discriminator(generator(noise, asked)), 1.0, asked).mean()
                optimizers[0].zero_grad(set_to_none=True)
                loss.backward()
            optimizers[0].step()
            # The discriminator's loss is computed from real people without noise: with privacy it is left out.
            losses = {"generator_loss": loss.detach()}
            return losses if privacy else losses | {"discriminator_loss": value}

        folder = Path(job.scratch) / "generators"
        folder.mkdir(exist_ok=True)

        def evaluate(row):
            with atomic(folder / f"step-{row['step']:08d}.safetensors") as temporary:
                save_file(generator.state_dict(), temporary)
            return {"epsilon": spent(privacy, rate, row["step"])} if privacy else None

        parts = {"networks": networks, "generator": optimizers[0], "discriminator": optimizers[1]}
        every = per_epoch * self.parameters["evaluate_every"]
        result = training.play(parts, step, steps, job, every=every, evaluate=evaluate, samples=size)
        if privacy:
            self.shape["spent"] = [[row["step"] / per_epoch, row["epsilon"]] for row in result.history]
            self.shape["epsilon"] = spent(privacy, rate, steps) + self.price_of_choice()
        return sorted(folder.glob("*.safetensors"))

    def price_of_choice(self):
        return 2 * self.parameters["chosen"] * self.parameters["privacy"]["choice"]

    def steps_within_budget(self, privacy, rate, steps, people):
        if not privacy["delta"] < 1 / people:
            raise ValueError(f"delta {privacy['delta']:g} is not below 1 / {people}, the number of training people")
        steps = affordable(privacy, rate, steps, privacy["epsilon"] - self.price_of_choice())
        if not steps:
            raise ValueError(f"an epsilon of {privacy['epsilon']:g} does not pay for one step and the choice of epochs")
        return steps

    def private_step(self, discriminator, optimizer, size):
        """Make a function that takes one step of DP-SGD on pairs of a real and a synthetic person."""
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer

        privacy = self.parameters["privacy"]
        wrapped = GradSampleModule(discriminator, loss_reduction="sum")
        optimizer = DPOptimizer(
            optimizer, noise_multiplier=privacy["noise"], max_grad_norm=privacy["clip"], expected_batch_size=size
        )

        def step(real, arm, made, asked):
            optimizer.zero_grad(set_to_none=True)
            if len(real):
                wrapped.enable_hooks()
                pair_losses(wrapped, real, arm, made, asked).sum().backward()
                wrapped.disable_hooks()
            for parameter in discriminator.parameters():
                # A pair's gradient is clipped as a whole. An empty sample still gets its noise.
                each = parameter.grad_sample if len(real) else parameter.new_zeros(0, *parameter.shape)
                parameter.grad_sample = each[: len(real)] + each[len(real) :]
            optimizer.step()

        wrapped.disable_hooks()
        return step

    # ---- the choice of epochs

    def choose_epochs(self, files, train, job):
        """Choose the stored generators whose people teach a classifier most about real people: their indices.

        A random forest and a logistic regression each choose `chosen` of them by accuracy on the training people.
        """
        y, arm = np.asarray(train.y), np.asarray(train["arm"])
        asked = job.rng("asked").integers(self.shape["arms"], size=len(train))
        accuracy = [
            job.remember(f"accuracy-{file.stem}", lambda file=file: self.accuracies(file, asked, y, arm))
            for file in files
        ]
        epsilon = (self.parameters["privacy"] or {}).get("choice")
        picked = []
        for kind in synthetic.CHOOSERS:
            values = [found[kind] for found in accuracy]
            picked += choose(values, self.parameters["chosen"], len(train), epsilon, job.rng("choice", kind))
        return sorted(set(picked))

    def accuracies(self, file, asked, y, arm):
        """Compute the accuracy on real people of each classifier that learned from one generator's people."""
        made = self.generate(self.stored_generator(file), asked, self.shape["seed"])
        right = {
            kind: (synthetic.classify(kind, made, asked, y, self.parameters["trees"]) > 0.5) == arm
            for kind in synthetic.CHOOSERS
        }
        return {kind: float(values.mean()) for kind, values in right.items()}

    def stored_generator(self, file):
        generator = Generator(**self.parameters["generator"], shape=self.shape)
        generator.load_state_dict(load_file(file))
        return generator.eval()

    # ---- people

    def scale(self):
        """Return the centre, scale (`spread`), minimum, maximum and wholeness of each variable: (variables, 1) each."""
        variables = self.shape["variables"]
        return (np.array([[one[key]] for one in variables]) for key in ("centre", "spread", "low", "high", "whole"))

    def standardise(self, y):
        """Standardise values (n, variables · visits) in their units: (n, variables, visits) about zero.

        The centre and scale are public knowledge; if they were computed from the people, they would cost privacy.
        """
        centre, spread, *_ = self.scale()
        return ((y.reshape(len(y), len(centre), -1) - centre) / spread).astype(np.float32)

    def generate(self, generator, arm, seed):
        """Generate people of the given arms: (n, variables · visits) in the variables' units, within their ranges."""
        noise = 2 * np.random.default_rng(seed).random((len(arm), generator.latent), dtype=np.float32) - 1
        device = next(generator.parameters()).device
        with torch.no_grad():
            made = generator(torch.from_numpy(noise).to(device), torch.from_numpy(np.asarray(arm, np.int64)).to(device))
        centre, spread, low, high, whole = self.scale()
        values = np.clip(made.cpu().numpy() * spread + centre, low, high)
        return np.where(whole, np.round(values), values).reshape(len(arm), -1)

    def predict(self, split):
        """Generate people with each generator in turn; with privacy, also return the spent epsilon and delta."""

        def draw(arm, count):
            pool = len(self.network)
            drawn = [
                self.generate(generator, np.full(-(-count // pool), arm), [self.shape["seed"], arm, number])
                for number, generator in enumerate(self.network)
            ]
            return np.stack(drawn, axis=1).reshape(pool * len(drawn[0]), -1)[:count]

        found = {"y": synthetic.for_arms(split["arm"], draw)}
        if self.parameters["privacy"]:
            found |= {"epsilon": np.float64(self.shape["epsilon"])}
            found |= {"delta": np.float64(self.parameters["privacy"]["delta"])}
        return found

    def load(self, folder):
        from deepbio.core.files import read_json

        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        sizes = self.parameters["generator"]
        pool = nn.ModuleList(Generator(**sizes, shape=self.shape) for _ in self.shape["kept"])
        self.network = load_network(pool, folder)

    def interpret(self, split, folder):
        from deepbio.figures import synthetic as figures

        privacy, spent = self.parameters["privacy"], self.shape["spent"]
        figures.draw_privacy(spent, self.shape["epsilon"], privacy, split.context["origin"], Path(folder) / "epsilon")


def pair_losses(discriminator, real, arm, made, asked):
    """Compute the loss (n,) of each pair of a real and a synthetic person, the mean of the two, in one pass."""
    logits = discriminator(torch.cat([real, made]))
    halves = adversarial_loss(logits[: len(real)], 1.0, arm), adversarial_loss(logits[len(real) :], 0.0, asked)
    return (halves[0] + halves[1]) / 2


def plain_step(discriminator, optimizer):
    """Make a function that takes one step without privacy, on the mean over pairs."""

    def step(real, arm, made, asked):
        loss = pair_losses(discriminator, real, arm, made, asked).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
