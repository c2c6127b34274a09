"""Regions under selection in a population whose size changed twice, simulated backwards in time with msprime.

A region is neutral, or its centre is under selection: a hard sweep (of a new copy), a soft sweep (of an allele that
existed before), or balancing selection, which keeps two alleles at a constant frequency for a long time. msprime
simulates sweeps but refuses size changes during one; so these happen at the sweep's beginning at the latest. It has no
balancing selection. Therefore the two allelic classes are simulated here, with recombination as migration between them
(Hudson and Kaplan 1988, Genetics 120:831), up to the age of the polymorphism; msprime continues from there.
"""

import logging

import msprime
import numpy as np
import tskit

from deepbio.domains.variation import population_statistics
from deepbio.domains.variation.population_statistics import CLASSES

logging.getLogger("msprime").setLevel(logging.WARNING)  # else it logs the steps of every region
BINS = 200  # stretches of a region within which the two classes' simulation does not recombine


def simulate(parameters, batch):
    """Simulate one batch of regions.

    Parameters, of which a pair is a range to draw from:

    demographies, regions : number of demographies in a batch, and of regions of each, in equal numbers per class.
    haplotypes, length : of a region; length in bases.
    sizes, times : three log-uniform ranges of the recent, middle and ancient number of diploids; and the two
        generations before now at which the size changes.
    mutation_rate, recombination_rate : log-uniform, per base and generation; each region has its own.
    selection : coefficient of sweeps, log-uniform; soft_start: frequency at which a soft sweep begins.
    frequency : present frequency of the allele that sweeps. balancing: present `frequency`, and `age` in units of 2 N3
        generations.
    scaling : sizes and times are divided, and rates multiplied, by it; this hardly changes the genealogies.
    least_count : as `least` of population_statistics.summarize.

    Returns x (regions, statistics) float32, sizes (regions, 3), number (index of the class), frequency (NaN where
    neutral), selection (NaN where there is no sweep) and demography (number within the batch).
    """
    found = {name: [] for name in ("x", "sizes", "number", "frequency", "selection", "demography")}
    for one in range(parameters["demographies"]):
        rng = np.random.default_rng([2016, batch, one])
        sizes = np.array([_log_uniform(rng, span) for span in parameters["sizes"]])
        count = parameters["regions"]
        number = np.arange(count) * len(CLASSES) // count
        regions = [region(parameters, sizes, CLASSES[kind], rng) for kind in number]
        alleles = np.concatenate([alleles for alleles, *_ in regions])
        places = np.concatenate([places for _, places, *_ in regions])
        window = np.repeat(np.arange(count), [len(places) for _, places, *_ in regions])
        found["x"].append(
            population_statistics.summarize(
                alleles, places, window, count, parameters["length"], parameters["least_count"]
            )
        )
        found["sizes"].append(np.tile(sizes, (count, 1)))
        found["number"].append(number)
        found["frequency"].append([frequency for *_, frequency, _ in regions])
        found["selection"].append([selection for *_, selection in regions])
        found["demography"].append(np.full(count, one))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def region(parameters, sizes, kind, rng):
    """Simulate one region: alleles (sites, haplotypes) uint8 and positions, and the selected allele.

    The last two results are the selected allele's frequency and its selection coefficient, NaN where there is none.
    """
    scale, haplotypes, length = parameters["scaling"], parameters["haplotypes"], parameters["length"]
    sizes, times = np.asarray(sizes) / scale, np.asarray(parameters["times"]) / scale
    mutation, recombination = (
        _log_uniform(rng, parameters[f"{what}_rate"]) * scale for what in ("mutation", "recombination")
    )
    frequency = strength = np.nan
    shared = {"recombination_rate": recombination}
    start = {"samples": haplotypes // 2, "sequence_length": length, **shared}
    if kind == "neutral":
        ancestry = msprime.sim_ancestry(demography=history(sizes, times), random_seed=_seed(rng), **start)
    elif kind == "balancing selection":
        frequency = np.round(rng.uniform(*parameters["balancing"]["frequency"]) * haplotypes) / haplotypes
        age = _log_uniform(rng, parameters["balancing"]["age"]) * 2 * sizes[2]
        ancestry = two_classes(haplotypes, length, recombination, sizes, times, frequency, age, rng)
        ancestry = _further(ancestry, sizes, times, age, shared, rng)
    else:
        frequency, strength = rng.uniform(*parameters["frequency"]), _log_uniform(rng, parameters["selection"])
        once = 1 / (2 * sizes[0])
        frequency = min(frequency, 1 - once)
        begin = once if kind == "hard sweep" else min(rng.uniform(*parameters["soft_start"]), frequency / 2)
        sweep = msprime.SweepGenicSelection(
            position=length / 2,
            start_frequency=begin,
            end_frequency=frequency,
            s=strength * scale,
            dt=1 / (40 * sizes[0]),
        )
        ancestry = msprime.sim_ancestry(population_size=sizes[0], model=[sweep], random_seed=_seed(rng), **start)
        ancestry = _further(ancestry, sizes, times, ancestry.max_time, shared, rng)
    mutated = msprime.sim_mutations(
        ancestry, rate=mutation, model=msprime.BinaryMutationModel(), random_seed=_seed(rng)
    )
    alleles = (mutated.genotype_matrix() > 0).astype(np.uint8)
    # Haplotypes in random order: those of one allelic class must not stand together.
    return alleles[:, rng.permutation(haplotypes)], mutated.tables.sites.position, frequency, strength


def history(sizes, times, since=0.0):
    """Return the population's sizes backwards in time from the generation `since`."""
    epoch = int(np.searchsorted(times, since, side="right"))
    found = msprime.Demography()
    found.add_population(name="pop_0", initial_size=sizes[epoch])
    for time, size in zip(times[epoch:], sizes[epoch + 1 :], strict=True):
        found.add_population_parameters_change(time=time, initial_size=size)
    return found


def _further(ancestry, sizes, times, since, shared, rng):
    """Continue, as neutral, the simulation of lineages without a common ancestor after a sweep or two classes."""
    if all(tree.num_roots == 1 for tree in ancestry.trees()):
        return ancestry
    return msprime.sim_ancestry(
        initial_state=ancestry,
        demography=history(sizes, times, since),
        start_time=since,
        random_seed=_seed(rng),
        **shared,
    )


def two_classes(haplotypes, length, recombination, sizes, times, frequency, age, rng):
    """Simulate the ancestry, up to `age`, of haplotypes around a balanced polymorphism at the region's centre.

    A lineage is in the class of the allele that it is linked to. Lineages of a class coalesce as in a population of the
    class's share of the size. When a lineage recombines, the part without the selected site is put in a class at
    random, by the classes' frequencies. Recombination happens between BINS bins.
    """
    bins, centre, share = np.arange(BINS), BINS // 2, np.array([1 - frequency, frequency])
    rate = recombination * length / BINS
    most = 4 * haplotypes
    node = np.full((most, BINS), -1, np.int32)  # the node of each bin, -1 where the lineage has no ancestor of a sample
    node[:haplotypes] = np.arange(haplotypes)[:, None]
    kind = np.zeros(most, int)
    kind[: round(frequency * haplotypes)] = 1
    low, high = np.zeros(most, int), np.full(most, BINS - 1)  # outermost bins, the centre's among them
    ancestors = np.full(BINS, haplotypes)  # lineages that each bin still has
    alive, now, nodes, birth, edges = haplotypes, 0.0, haplotypes, [], []

    def settle(row):
        held = np.flatnonzero(node[row] >= 0)
        low[row], high[row] = min(held[0], centre), max(held[-1], centre)

    def remove(row):
        nonlocal alive
        alive -= 1
        for array in (node, kind, low, high):
            array[row] = array[alive]

    while alive:
        epoch = int(np.searchsorted(times, now, side="right"))
        border = min(age, times[epoch] if epoch < len(times) else np.inf)
        ones = int(kind[:alive].sum())
        counts = np.array([alive - ones, ones])
        span = high[:alive] - low[:alive]
        rates = np.append(counts * (counts - 1) / 2 / (2 * sizes[epoch] * share), span.sum() * rate)
        total = rates.sum()
        now += rng.exponential(1 / total) if total > 0 else np.inf
        if now >= border:
            now = border
            if now >= age:
                break
            continue
        event = np.searchsorted(np.cumsum(rates), rng.random() * total)
        if event < 2:
            one, other = rng.choice(np.flatnonzero(kind[:alive] == event), 2, replace=False)
            meet = (node[one] >= 0) & (node[other] >= 0)
            if meet.any():
                for child in (node[one], node[other]):
                    edges.append(_runs(np.where(meet, child, -1), nodes))
                birth.append(now)
                ancestors -= meet
            joined = np.where(meet, nodes, np.maximum(node[one], node[other]))
            nodes += int(meet.any())
            joined[ancestors == 1] = -1  # nothing above a common ancestor of all is wanted
            node[one] = joined
            remove(other)
            one = other if one == alive else one  # the last lineage has taken the place of the removed one
            if (joined >= 0).any():
                settle(one)
            else:
                remove(one)
            continue
        row = np.searchsorted(np.cumsum(span), rng.integers(span.sum()), side="right")
        cut = rng.integers(low[row] + 1, high[row] + 1)  # bins from here on are cut from those before
        off = (bins < cut) == (centre >= cut)  # the side without the selected site
        away, stay = np.where(off, node[row], -1), np.where(off, -1, node[row])
        if not (away >= 0).any():
            continue
        drawn = int(rng.random() < frequency)
        if not (stay >= 0).any():
            kind[row] = drawn
            continue
        if alive == len(node):
            node = np.concatenate([node, np.full_like(node, -1)])
            kind, low, high = (np.concatenate([array, np.zeros_like(array)]) for array in (kind, low, high))
        node[row], node[alive], kind[alive] = stay, away, drawn
        alive += 1
        settle(row)
        settle(alive - 1)
    return _tree_sequence(haplotypes, length, sizes[0], birth, edges)


def _runs(child, parent):
    """Return edges (first bin, bin after the last, parent, child) of the bins where `child` is a node."""
    border = np.flatnonzero(np.diff(child, prepend=-1, append=-1))
    first, last = border[:-1], border[1:]
    held = child[first] >= 0
    first, last = first[held], last[held]
    return np.stack([first, last, np.full(len(first), parent), child[first]], axis=1)


def _tree_sequence(haplotypes, length, size, birth, edges):
    """Make a tskit tree sequence of nodes born at the times `birth`, and of edges.

    msprime makes the frame, so that it can continue the simulation.
    """
    tables = msprime.sim_ancestry(
        haplotypes // 2, population_size=size, sequence_length=length, end_time=0, random_seed=1
    ).dump_tables()
    tables.edges.clear()
    tables.nodes.truncate(haplotypes)
    tables.nodes.append_columns(
        flags=np.zeros(len(birth), np.uint32),
        time=np.array(birth, float),
        population=np.zeros(len(birth), np.int32),
        individual=np.full(len(birth), tskit.NULL, np.int32),
    )
    if edges:
        first, last, parent, child = np.concatenate(edges).T
        tables.edges.set_columns(
            left=first * (length / BINS),
            right=last * (length / BINS),
            parent=parent.astype(np.int32),
            child=child.astype(np.int32),
        )
    tables.sort()
    return tables.tree_sequence()


def _log_uniform(rng, span):
    return float(np.exp(rng.uniform(*np.log(span))))


def _seed(rng):
    return int(rng.integers(1, 2**31))
