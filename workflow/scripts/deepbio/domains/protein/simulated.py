"""Simulated proteins with known answers: families that evolve from ancestors, and families with known couplings."""

import numpy as np

# Mean shares of the amino acids in UniProtKB/Swiss-Prot, in the order of sequences.AMINO_ACIDS, in per cent.
BACKGROUND = np.array(
    [
        8.25,
        1.38,
        5.46,
        6.72,
        3.86,
        7.07,
        2.27,
        5.91,
        5.8,
        9.65,
        2.41,
        4.06,
        4.74,
        3.93,
        5.53,
        6.65,
        5.36,
        6.86,
        1.1,
        2.92,
    ]
)
BACKGROUND = BACKGROUND / BACKGROUND.sum()


def ancestor(rng: np.random.Generator, length: int, shares: np.ndarray | None = None) -> np.ndarray:
    """Draw a sequence (length,) of residues with the given shares of the amino acids, or the background's."""
    return rng.choice(20, length, p=BACKGROUND if shares is None else shares).astype(np.uint8)


def descendants(
    rng: np.random.Generator, root: np.ndarray, count: int, distance: float, slow: float = 0.3
) -> list[np.ndarray]:
    """Evolve `count` leaves from a root along a random tree of two levels: branches, and leaves of each branch.

    `distance` is the mean number of substitutions a site from the root to a leaf; a share `slow` of the sites changes
    at a tenth of the rate. One short insertion or deletion in each second leaf makes lengths differ.
    """
    rate = np.where(rng.random(len(root)) < slow, 0.1, 1.0)
    branches = [_mutate(rng, root, distance / 2, rate) for _ in range(max(1, count // 5))]
    found = []
    for number in range(count):
        leaf = _mutate(rng, branches[number % len(branches)], distance / 2, rate)
        if rng.random() < 0.5 and len(leaf) > 20:
            at, size = rng.integers(5, len(leaf) - 5), int(rng.integers(1, 5))
            cut = rng.random() < 0.5
            leaf = np.delete(leaf, slice(at, at + size)) if cut else np.insert(leaf, at, ancestor(rng, size))
        found.append(leaf)
    return found


def _mutate(rng, sequence, distance, rate):
    changed = rng.random(len(sequence)) < 1 - np.exp(-distance * rate)
    return np.where(changed, ancestor(rng, len(sequence)), sequence).astype(np.uint8)


def families(
    rng: np.random.Generator, count: int, members: int, lengths: tuple[int, int], distance: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw `count` families of `members` proteins each: sequences, and the number of the family of each, (n,)."""
    found, number = [], []
    for family in range(count):
        shares = rng.dirichlet(60 * BACKGROUND)
        found += descendants(rng, ancestor(rng, int(rng.integers(*lengths)), shares), members, distance)
        number += [family] * members
    return found, np.array(number)


def binding_families(
    rng: np.random.Generator, count: int, members: int, lengths: tuple[int, int], distance: float
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Draw families of which every second one has a binding region rich in K, R, G, F and Y: sequences, their families
    (n,) and labels (n,) 0/1.

    Binders begin with Met and are longer by half, as whole proteins beside pieces of chains are (44 % of the others
    begin with Met), so that length and the first residue tell the classes without biology.
    """
    found, number, label = [], [], []
    rich = np.array([3.0 if letter in "KRGFY" else 0.6 for letter in "ACDEFGHIKLMNPQRSTVWY"]) * BACKGROUND
    for family in range(count):
        binds = family % 2
        length = int(rng.integers(*lengths) * (1.5 if binds else 1))
        root = ancestor(rng, length, rng.dirichlet(200 * BACKGROUND))
        if binds:
            size = length // 3
            at = int(rng.integers(1, length - size))
            root[at : at + size] = ancestor(rng, size, rich / rich.sum())
        for leaf in descendants(rng, root, members, distance):
            if binds or rng.random() < 0.44:
                leaf[0] = 10  # Met
            found.append(leaf)
            number.append(family)
            label.append(binds)
    return found, np.array(number), np.array(label)


def coupled_family(
    rng: np.random.Generator,
    columns: int,
    rows: int,
    contacts: np.ndarray,
    strength: float = 1.0,
    sweeps: int = 25,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a family from a pairwise (Potts) model with known couplings.

    Parameters
    ----------
    contacts : (pairs, 2) columns that are coupled
    strength : size of the couplings; that of the fields is 1
    sweeps : Gibbs sweeps over all columns, from random sequences

    Returns sequences (rows, columns) uint8, fields (columns, 20) and couplings (pairs, 20, 20).
    """
    fields = rng.standard_normal((columns, 20)) * rng.uniform(0.3, 1.6, (columns, 1)) + np.log(BACKGROUND)
    # A coupling favours a few pairs of residues, as charges and sizes that fit do.
    low = rng.standard_normal((len(contacts), 20, 2, 2))
    couplings = strength * np.einsum("pak,pbk->pab", low[..., 0], low[..., 1])
    neighbours: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(columns)]
    for (one, other), table in zip(contacts, couplings, strict=True):
        neighbours[one].append((other, table.T))  # (other's residue, own residue)
        neighbours[other].append((one, table))
    found = np.stack([rng.choice(20, rows, p=np.exp(h) / np.exp(h).sum()) for h in fields], axis=1)
    for _ in range(sweeps):
        for column in range(columns):
            logits = np.tile(fields[column], (rows, 1))
            for other, table in neighbours[column]:
                logits += table[found[:, other]]
            # The Gumbel trick draws from a softmax.
            found[:, column] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return found.astype(np.uint8), fields, couplings


def energies(number: np.ndarray, contacts: np.ndarray, fields: np.ndarray, couplings: np.ndarray) -> np.ndarray:
    """Compute the log-probability, up to a constant, of sequences (n, columns) under such a model: (n,)."""
    found = np.take_along_axis(fields.T, number.astype(int), axis=0).sum(axis=1)
    for (one, other), table in zip(contacts, couplings, strict=True):
        found = found + table[number[:, one], number[:, other]]
    return found


def random_contacts(rng: np.random.Generator, columns: int, count: int, apart: int = 3) -> np.ndarray:
    """Draw `count` distinct pairs of columns at least `apart` from each other: (count, 2), each pair once."""
    one, other = np.triu_indices(columns, apart)
    chosen = np.sort(rng.choice(len(one), min(count, len(one)), replace=False))
    return np.stack([one[chosen], other[chosen]], axis=1)


def ellipsoid(
    rng: np.random.Generator, count: int, patch: bool, axes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw residues on the surface of an ellipsoid: codes (count,) and places (count, 3), ångström.

    With a `patch`, the fifth of the residues nearest to a random point of the surface are K or R, and as many negative
    ones are elsewhere; without, charges lie at random. `axes` (3,) are the half axes; default: drawn.
    """
    axes = rng.uniform(9, 18, 3) if axes is None else axes
    way = rng.standard_normal((count, 3))
    x = way / np.linalg.norm(way, axis=1, keepdims=True) * axes + rng.standard_normal((count, 3)) * 0.7
    codes = rng.choice(20, count, p=BACKGROUND).astype(np.uint8)
    share = count // 5
    order = np.argsort(np.linalg.norm(x - x[rng.integers(count)], axis=1), kind="stable")
    order = order if patch else rng.permutation(count)
    codes[order[:share]] = rng.choice([8, 14], share)
    rest = order[share:]
    codes[rest] = np.where(np.isin(codes[rest], (8, 14)), 15, codes[rest])  # Ser for what else is positive
    codes[rng.choice(rest, share, replace=False)] = rng.choice([2, 3], share)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return codes, (x @ turn).astype(np.float32)
