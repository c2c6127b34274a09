"""A model of crossbars of resistive devices with spin neurons: what a trained network computes on them, and its cost.

A layer's weights are differences of two conductances with few levels (a differential pair), scaled by column. What
goes into a layer are the outputs of the neurons before it, a saturating staircase of few levels. Biases are currents
of full precision, batch normalisation is folded into weights and biases, and everything else (pooling, attention, the
largest output) is left to digital logic as it is.
"""

import copy

import torch
from torch import nn
from torch.func import functional_call

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CLIPS = torch.linspace(0.3, 1, 15)  # shares of a column's largest weight that are tried as its largest level


def straight(x, changed):
    """`changed` with the gradient of x: the straight-through estimator (Bengio et al. 2013)."""
    return x + (changed - x).detach()


def staircase(x, bits, low, high):
    """x cut to low … high and rounded to 2^bits even levels; gradient 1 inside and 0 where the neuron is saturated."""
    cut = torch.minimum(torch.maximum(x, low), high)
    step = (high - low) / (2**bits - 1)
    return straight(cut, low + ((cut - low) / step).round() * step)


def levels(weight, scale, bits):
    """Weights (columns, …) in units of their column's scale (columns, 1, …), on the levels of a differential pair: -1 …
    1 in 2^bits - 1 levels, beyond which the gradient is cut; for one bit -1 and 1."""
    share = weight / scale
    if bits == 1:
        return straight(share, torch.where(share < 0, -1.0, 1.0))
    cut = share.clamp(-1, 1)
    most = 2 ** (bits - 1) - 1
    return straight(cut, (cut * most).round() / most)


class Crossbar(nn.Module):
    """A linear or convolutional layer on a crossbar; its float weights stay and can be trained on.

    weight_bits, input_bits : precision of the weights and of what comes in.
    floor : conductance of the lowest level, as a share of the highest.
    noise : relative standard deviation of conductances that is drawn anew at every step of training.
    """

    def __init__(self, layer, weight_bits, input_bits, floor=0.0, noise=0.0):
        super().__init__()
        self.layer, self.weight_bits, self.input_bits = layer, weight_bits, input_bits
        self.floor, self.noise = floor, noise
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.ones(()))
        self.register_buffer("clip", torch.ones(len(layer.weight)))
        self.errors = None  # factors and stuck devices of a chip, as `program` draws them
        self.exact = False  # whether it computes what the float layer does, without rounding
        self.fit_scale()

    @torch.no_grad()
    def fit_scale(self):
        """Choose each column's largest level so that rounding loses least, as a share of its largest weight."""
        if self.weight_bits == 1:
            return
        weight = self.layer.weight
        lost = torch.stack([self._lost(weight, clip) for clip in CLIPS])
        self.clip.copy_(CLIPS.to(weight.device)[lost.argmin(0)])

    def _lost(self, weight, clip):
        scale = self._column(weight.flatten(1).abs().amax(1) * clip)
        return (levels(weight, scale, self.weight_bits) * scale - weight).square().flatten(1).sum(1)

    def _column(self, values):
        """Values (columns,) in a shape that goes with the weights, none of them 0."""
        return values.clamp(min=1e-12).view(-1, *[1] * (self.layer.weight.dim() - 1))

    def scale(self):
        """The weight (columns, 1, …) that the largest level stands for; of one bit, the mean size of a weight."""
        size = self.layer.weight.detach().flatten(1).abs()
        return self._column(size.mean(1) if self.weight_bits == 1 else size.amax(1) * self.clip)

    def conductances(self):
        """The pair (2, columns, …) in shares of the highest conductance, as it was meant to be."""
        level = levels(self.layer.weight, self.scale(), self.weight_bits)
        return self.floor + (1 - self.floor) * torch.stack([level.clamp(min=0), (-level).clamp(min=0)])

    def weight(self):
        """The weights that the devices amount to."""
        pair = self.conductances()
        if self.errors is not None:
            factor, stuck, value = self.errors
            pair = torch.where(stuck, value, pair * factor)
        elif self.training and self.noise:
            pair = pair * vary(pair, self.noise)
        return self.scale() * (pair[0] - pair[1]) / (1 - self.floor)

    def forward(self, x):
        if self.exact:
            return self.layer(x)
        x = staircase(x, self.input_bits, self.low, self.high)
        # By its own forward: a layer may do more with its weights than multiply, as layers.ClassPair does.
        return functional_call(self.layer, {"weight": self.weight()}, (x,))


def vary(pair, sigma, generator=None):
    """Factors of Gaussian conductances around 1, none negative, drawn by torch's generator of the CPU."""
    return (1 + sigma * torch.randn(pair.shape, generator=generator)).clamp(min=0).to(pair.device)


def crossbars(network):
    """The crossbars of a network, in the order of its modules."""
    return [module for module in network.modules() if isinstance(module, Crossbar)]


def program(network, sigma, stuck, generator):
    """Draw one chip: conductances that are off by a relative standard deviation `sigma`, and a share `stuck` of
    devices at their lowest or highest level."""
    for one in crossbars(network):
        shape = one.layer.weight.shape
        pair = torch.empty(2, *shape, device=one.layer.weight.device)
        dead = (torch.rand(pair.shape, generator=generator) < stuck).to(pair.device)
        value = torch.where(torch.rand(pair.shape, generator=generator) < 0.5, one.floor, 1.0).to(pair.device)
        one.errors = vary(pair, sigma, generator), dead, value


def perfect(network):
    """Take back what `program` drew."""
    for one in crossbars(network):
        one.errors = None


# ---- mapping a trained network


def map(network, weight_bits, output_bits, input_bits=None, floor=0.0, noise=0.0):
    """A copy of a network, in eval mode or not, whose dense and convolutional layers are crossbars.

    The first layer's inputs have `input_bits`, all others the `output_bits` of the neurons before them. Batch
    normalisation directly beside a layer in an nn.Sequential is folded into it (between them only dropout). `calibrate`
    then finds the neurons' ranges.
    """
    network = copy.deepcopy(network)
    fold(network)
    first = True
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, KINDS) and not isinstance(parent, Crossbar):
                bits = input_bits if first and input_bits else output_bits
                setattr(parent, name, Crossbar(child, weight_bits, bits, floor, noise))
                first = False
    if first:
        raise ValueError("the network has no dense and no convolutional layer to map")
    return network


def fold(network):
    """Fold batch normalisation, by its running statistics, into the layer before it or else after it, in place."""
    for parent in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for place, norm in enumerate(list(parent)):
            if not isinstance(norm, NORMS):
                continue
            before = _beside(parent, range(place - 1, -1, -1))
            after = _beside(parent, range(place + 1, len(parent)))
            gain = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
            shift = (0 if norm.bias is None else norm.bias) - norm.running_mean * gain
            with torch.no_grad():
                if before is not None:
                    _scale_columns(before, gain, shift)
                elif isinstance(after, nn.Linear) or (after is not None and not any(_padding(after))):
                    _scale_rows(after, gain, shift)
                else:
                    continue  # it stays, in digital logic
            parent[place] = nn.Identity()


def _beside(parent, places):
    """The layer at the first of `places` that holds no dropout, or None."""
    for place in places:
        if not isinstance(parent[place], (nn.Dropout, nn.Identity)):
            return parent[place] if isinstance(parent[place], KINDS) else None
    return None


def _padding(layer):
    return layer.padding if isinstance(layer.padding, tuple) else (1,)  # "same" pads


def _bias(layer):
    if layer.bias is None:
        layer.bias = nn.Parameter(torch.zeros(len(layer.weight), device=layer.weight.device))
    return layer.bias


def _scale_columns(layer, gain, shift):
    bias = _bias(layer)
    layer.weight.mul_(gain.view(-1, *[1] * (layer.weight.dim() - 1)))
    bias.mul_(gain).add_(shift)


def _scale_rows(layer, gain, shift):
    bias, rest = _bias(layer), [1] * (layer.weight.dim() - 2)
    groups = getattr(layer, "groups", 1)
    if groups > 1:
        raise ValueError("batch normalisation before a layer of several groups cannot be folded")
    bias.add_((layer.weight * shift.view(1, -1, *rest)).flatten(1).sum(1))
    layer.weight.mul_(gain.view(1, -1, *rest))


@torch.no_grad()
def calibrate(network, run, share=0.999):
    """Set each crossbar's input range from what a trained network puts in, up to the quantile `share`.

    `run()` sends training samples through `network`, whose layers meanwhile round nothing. A range begins at 0 where
    nothing negative comes in, as after a ReLU.
    """
    seen = {}

    def note(module, given):
        x = given[0].detach().flatten().float()
        x = x[:: -(-len(x) // 2**20)]  # torch.quantile takes some 16 million numbers; a million are enough
        ends = torch.quantile(x, x.new_tensor([1 - share, share]))
        low = ends[0] if x.min() < 0 else torch.zeros_like(ends[0])
        seen[module] = low, torch.maximum(ends[1], low + 1e-6)

    handles = [one.register_forward_pre_hook(note) for one in crossbars(network)]
    for one in crossbars(network):
        one.exact = True
    run()
    for handle in handles:
        handle.remove()
    for one in crossbars(network):
        one.exact = False
    for one, (low, high) in seen.items():
        one.low.copy_(low)
        one.high.copy_(high)


# ---- what an inference costs


@torch.no_grad()
def shapes(network, batch):
    """Rows (inputs), columns (outputs) and positions (uses of the array for one sample) of each layer, by sending a
    batch of one sample through the network."""
    found = []

    def note(module, given, output):
        layer = module.layer if isinstance(module, Crossbar) else module
        rows = layer.weight[0].numel()
        found.append((rows, len(layer.weight), output.numel() // len(layer.weight)))

    inside = {one.layer for one in crossbars(network)}
    wanted = [m for m in network.modules() if isinstance(m, (Crossbar, *KINDS)) and m not in inside]
    handles = [module.register_forward_hook(note) for module in wanted]
    network(batch)
    for handle in handles:
        handle.remove()
    return found


def cost(layers, weight_bits, output_bits, input_bits, facts, digital):
    """Energy (pJ) of one inference for compute, conversion and memory, and its delay (ns), by the cost model `facts`.

    Crossbar: every device of a pair is read once for each use of its array; an input is driven bit by bit, an output
    costs a neuron's switching for each level above the lowest; the bits of a weight cost nothing. Weights stay where
    they are; inputs and outputs go through memory, anew for each use. Arrays work one after the other, all columns at
    once.
    Digital: a multiplication's energy goes with the product of both precisions; each weight is fetched once.
    """
    compute = conversion = memory = delay = 0.0
    for number, (rows, columns, uses) in enumerate(layers):
        come = input_bits if number == 0 else output_bits
        products = rows * columns * uses
        traffic = uses * (rows * come + columns * output_bits)
        if digital:
            compute += products * facts["mac8"] * weight_bits * come / 64
            memory += (traffic + rows * columns * weight_bits) * facts["bit"]
            delay += products / facts["lanes"] * facts["cycle"]
        else:
            compute += 2 * products * facts["read"]
            conversion += uses * (rows * come * facts["drive"] + columns * (2**output_bits - 1) * facts["neuron"])
            memory += traffic * facts["bit"]
            delay += uses * facts["settle"]
    return {"compute": compute, "conversion": conversion, "memory": memory, "delay": delay}


def energy(found):
    """The sum of a cost's energies (pJ)."""
    return found["compute"] + found["conversion"] + found["memory"]


def ratios(layers, bits, facts):
    """How many times less energy, and energy times delay, crossbars of `bits` (weights, outputs, inputs) need than
    digital logic of 8 bits; and the least and largest energy ratio when any one constant is halved or doubled."""

    def both(these):
        return cost(layers, *bits, these, False), cost(layers, 8, 8, 8, these, True)

    spin, logic = both(facts)
    save = energy(logic) / energy(spin)
    moved = [facts | {name: value * factor} for name, value in facts.items() for factor in (0.5, 2)]
    range_ = [energy(b) / energy(a) for a, b in (both(these) for these in moved)]
    return {
        "energy_ratio": save,
        "energy_delay_ratio": save * logic["delay"] / spin["delay"],
        "energy_ratio_low": min(range_),
        "energy_ratio_high": max(range_),
    }
