"""A model of crossbars of resistive devices with spin neurons: the output of a trained network on them, and its cost.

A layer's weights are differences of two conductances with few levels (a differential pair), scaled by column. The
inputs of a layer are the outputs of the neurons before it, a saturating staircase of few levels. Biases are currents of
full precision. Batch normalisation is folded into weights and biases. All other operations (pooling, attention, argmax)
are unchanged and run in digital logic.
"""

import copy

import torch
from torch import nn
from torch.func import functional_call

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CLIPS = torch.linspace(0.3, 1, 15)  # candidates for a column's largest level, as shares of its largest weight


def straight(x, changed):
    """Return `changed` with the gradient of x: the straight-through estimator (Bengio et al. 2013)."""
    return x + (changed - x).detach()


def staircase(x, bits, low, high):
    """Clip x to low … high and round it to 2^bits even levels.

    The gradient is 1 inside the range and 0 where the neuron is saturated.
    """
    cut = torch.minimum(torch.maximum(x, low), high)
    step = (high - low) / (2**bits - 1)
    return straight(cut, low + ((cut - low) / step).round() * step)


def levels(weight, scale, bits):
    """Round weights (columns, …) to the levels of a differential pair.

    Weights and levels are in units of their column's `scale` (columns, 1, …). There are 2^bits - 1 levels from -1 to 1;
    the gradient is cut outside this range. For one bit the levels are -1 and 1.
    """
    share = weight / scale
    if bits == 1:
        return straight(share, torch.where(share < 0, -1.0, 1.0))
    cut = share.clamp(-1, 1)
    most = 2 ** (bits - 1) - 1
    return straight(cut, (cut * most).round() / most)


class Crossbar(nn.Module):
    """A linear or convolutional layer on a crossbar; it keeps its float weights, which can be trained further.

    weight_bits, input_bits : precision of the weights and of the inputs
    floor : conductance of the lowest level, as a share of the highest
    noise : relative standard deviation of conductances, drawn anew at every step of training
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
        """Choose each column's largest level with the smallest rounding error, as a share of its largest weight."""
        if self.weight_bits == 1:
            return
        weight = self.layer.weight
        lost = torch.stack([self._lost(weight, clip) for clip in CLIPS])
        self.clip.copy_(CLIPS.to(weight.device)[lost.argmin(0)])

    def _lost(self, weight, clip):
        scale = self._column(weight.flatten(1).abs().amax(1) * clip)
        return (levels(weight, scale, self.weight_bits) * scale - weight).square().flatten(1).sum(1)

    def _column(self, values):
        """Reshape values (columns,) to broadcast over the weights, and bound them away from 0."""
        return values.clamp(min=1e-12).view(-1, *[1] * (self.layer.weight.dim() - 1))

    def scale(self):
        """Return the weight (columns, 1, …) of the largest level; for one bit, the mean absolute weight."""
        size = self.layer.weight.detach().flatten(1).abs()
        return self._column(size.mean(1) if self.weight_bits == 1 else size.amax(1) * self.clip)

    def conductances(self):
        """Return the intended pair of conductances (2, columns, …), in shares of the highest conductance."""
        level = levels(self.layer.weight, self.scale(), self.weight_bits)
        return self.floor + (1 - self.floor) * torch.stack([level.clamp(min=0), (-level).clamp(min=0)])

    def weight(self):
        """Return the effective weights of the devices, with the errors of a chip or the noise of training."""
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
    """Draw factors of Gaussian conductances around 1, none negative, with torch's generator of the CPU."""
    return (1 + sigma * torch.randn(pair.shape, generator=generator)).clamp(min=0).to(pair.device)


def crossbars(network):
    """List the crossbars of a network, in the order of its modules."""
    return [module for module in network.modules() if isinstance(module, Crossbar)]


def program(network, sigma, stuck, generator):
    """Draw one chip: conductances with a relative standard deviation `sigma`, and a share `stuck` of stuck devices.

    A stuck device is at its lowest or highest level.
    """
    for one in crossbars(network):
        shape = one.layer.weight.shape
        pair = torch.empty(2, *shape, device=one.layer.weight.device)
        dead = (torch.rand(pair.shape, generator=generator) < stuck).to(pair.device)
        value = torch.where(torch.rand(pair.shape, generator=generator) < 0.5, one.floor, 1.0).to(pair.device)
        one.errors = vary(pair, sigma, generator), dead, value


def perfect(network):
    """Remove the errors that `program` drew."""
    for one in crossbars(network):
        one.errors = None


# ---- mapping a trained network


def map(network, weight_bits, output_bits, input_bits=None, floor=0.0, noise=0.0):
    """Return a copy of a network, in any mode, whose dense and convolutional layers are crossbars.

    The first layer's inputs have `input_bits`, all others the `output_bits` of the neurons before them. Batch
    normalisation directly beside a layer in an nn.Sequential is folded into it (only dropout may lie between them).
    `calibrate` then sets the neurons' ranges. Raises ValueError where no layer can be mapped.
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
                    continue  # it stays and runs in digital logic
            parent[place] = nn.Identity()


def _beside(parent, places):
    """Return the layer at the first of `places` without dropout, or None if it is not one of KINDS."""
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
    """Set each crossbar's input range to the range of its inputs in a trained network, up to the quantile `share`.

    `run()` sends training samples through `network`, whose layers do not round meanwhile. A range begins at 0 where no
    input is negative, as after a ReLU.
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


# ---- the cost of an inference


@torch.no_grad()
def shapes(network, batch):
    """Return rows (inputs), columns (outputs) and positions (uses of the array for one sample) of each layer.

    They are measured by sending `batch`, which has one sample, through the network.
    """
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
    """Compute energy (pJ) and delay (ns) of one inference by the cost model `facts`.

    Energies are those of compute, conversion and memory.

    Crossbar: every device of a pair is read once for each use of its array. An input is driven bit by bit; an output
    costs one switching of a neuron for each level above the lowest; the bits of a weight cost nothing. Weights stay in
    the array; inputs and outputs go through memory for each use. Arrays work one after the other, all columns at once.

    Digital: a multiplication's energy is proportional to the product of both precisions; each weight is fetched once.
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
    """Sum the energies of a cost (pJ)."""
    return found["compute"] + found["conversion"] + found["memory"]


def ratios(layers, bits, facts):
    """Compute the ratios of energy, and of energy times delay, of 8-bit digital logic to crossbars.

    `bits` are those of weights, outputs and inputs of the crossbars. The result has the smallest and largest energy
    ratio when any one constant is halved or doubled, too.
    """

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
