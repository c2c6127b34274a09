"""Multiple alignments of proteins: reading, weights of sequences, frequencies, and couplings between columns.

An alignment is stored as codes (rows, columns) uint8: residues as in domains.protein.sequences, GAP for a gap. What
counts amino acids uses `states`: 20 amino acids and one state (20) for gaps and residues that are not known, STATES in
all. Memory and time grow with (columns x 21) squared: 200 columns take 70 MB a matrix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput
from deepbio.domains.protein import sequences

GAP = 25
STATES = 21
LETTERS = sequences.LETTERS + "-"
_NONE = 255
_CODES = np.full(256, _NONE, np.uint8)
for _code, _letter in enumerate(sequences.LETTERS):
    _CODES[[ord(_letter), ord(_letter.lower())]] = _code
_CODES[[ord(letter) for letter in "Jj"]] = sequences.UNKNOWN
_CODES[[ord(letter) for letter in "-."]] = GAP
_STATE = np.full(26, 20, np.uint8)
_STATE[:25] = np.where(sequences.STANDARD == _NONE, 20, sequences.STANDARD)
ROWS = 512  # rows that are compared with all others at a time


@dataclass(frozen=True)
class Alignment:
    """Aligned homologues of a query: `names` (rows,), `codes` (rows, columns), the query first, and `columns`, the
    number of the query's residue in each column."""

    names: list[str]
    codes: np.ndarray
    columns: np.ndarray

    @property
    def wild_type(self) -> str:
        """Give the query in the kept columns."""
        return sequences.decode(self.codes[0])


# ---- reading


def _fasta_rows(path: Path) -> Iterator[tuple[str, str, int]]:
    name, parts, start = None, [], 0
    for number, line in text.lines(path):
        if line.startswith(">"):
            if name is not None:
                yield name, "".join(parts), start
            name, parts, start = (line[1:].split() or [""])[0], [], number
        else:
            parts.append("".join(line.split()))
    yield name, "".join(parts), start


def _stockholm_rows(path: Path) -> Iterator[tuple[str, str, int]]:
    parts: dict[str, list[str]] = {}
    starts: dict[str, int] = {}
    for number, line in text.lines(path):
        if not line.strip() or line.startswith(("#", "//")):
            continue
        words = line.split()
        if len(words) != 2:
            raise BadInput(f"{path}:{number}: a line of a Stockholm alignment is a name and a row, not {line[:30]!r}")
        starts.setdefault(words[0], number)
        parts.setdefault(words[0], []).append(words[1])
    for name, pieces in parts.items():
        yield name, "".join(pieces), starts[name]


def _plain_rows(path: Path) -> Iterator[tuple[str, str, int]]:
    for number, line in text.lines(path):
        if line.strip():
            yield f"row {number}", line.strip(), number


def read(path: Path, query: str | None = None, first: int | None = None) -> Alignment:
    """Read an alignment: a2m, a3m, aligned FASTA, Stockholm, or rows without names (.aln).

    Parameters
    ----------
    query : the name, or the beginning of the name, of the row to which columns are counted; default: the first row. A
        file without names has its query by its letters.
    first : number of the query's first residue; default: what its name says after a slash (BLAT_ECOLX/24-286), or 1.

    Kept are the columns in which the query has an upper-case letter (a2m: lower case is not modelled). Inserted letters
    of an a3m file, lower case without a column, are left out. Raises BadInput with file, line and record for a row of
    another length, a letter that is no residue, and a query that is not there.
    """
    path = Path(path)
    head = next((line for _, line in text.lines(path) if line.strip()), "")
    reader = _stockholm_rows if head.startswith("# STOCKHOLM") else _fasta_rows if head.startswith(">") else _plain_rows
    found = list(reader(path))
    if not found:
        raise BadInput(f"{path}: no sequence")
    lengths = {len(row) for _, row, _ in found}
    if len(lengths) > 1 and reader is _fasta_rows:  # a3m: insertions have no columns of their own
        drop = str.maketrans("", "", "abcdefghijklmnopqrstuvwxyz.")
        found = [(name, row.translate(drop), line) for name, row, line in found]
    place = _query(path, found, query, reader is _plain_rows)
    width = len(found[place][1])
    for name, row, line in found:
        if len(row) != width:
            raise BadInput(f"{path}:{line}: row '{name}' has {len(row)} columns, the query has {width}")
    codes = _CODES[np.frombuffer("".join(row for _, row, _ in found).encode("ascii", "replace"), np.uint8)]
    codes = codes.reshape(len(found), width)
    wrong = np.argwhere(codes == _NONE)
    if len(wrong):
        row, column = wrong[0]
        name, letters, line = found[row]
        raise BadInput(f"{path}:{line}: row '{name}': {letters[column]!r} in column {column + 1} is no residue")
    name, letters, _ = found[place]
    residue = np.array([letter.isalpha() for letter in letters], bool)
    kept = np.array([letter.isupper() for letter in letters], bool)
    if not kept.any():
        raise BadInput(f"{path}: the query '{name}' has no upper-case residue")
    numbers = np.cumsum(residue) - 1 + (_first(name) if first is None else first)
    order = [place, *(row for row in range(len(found)) if row != place)]
    return Alignment([found[row][0] for row in order], codes[order][:, kept], numbers[kept])


def _query(path, found, query, plain):
    if query is None:
        return 0
    for place, (name, row, _) in enumerate(found):
        letters = row.replace("-", "").replace(".", "").upper()
        if letters == query.upper() if plain else name.startswith(query):
            return place
    raise BadInput(f"{path}: no row of the query '{query[:40]}'")


def _first(name: str) -> int:
    start = name.rpartition("/")[2].partition("-")[0] if "/" in name else ""
    return int(start) if start.isdigit() else 1


# ---- statistics


def states(codes: np.ndarray) -> np.ndarray:
    """Turn codes into numbers of states 0 to 20, of the same shape; gaps and unknown residues are 20."""
    return _STATE[codes]


def one_hot(number: np.ndarray) -> np.ndarray:
    """Turn states (rows, columns) into (rows, columns x 21) float32 of 0 and 1."""
    rows, columns = number.shape
    found = np.zeros((rows, columns * STATES), np.float32)
    found[np.arange(rows)[:, None], np.arange(columns) * STATES + number] = 1
    return found


def sequence_weights(codes: np.ndarray, identity: float = 0.8) -> np.ndarray:
    """Weight each sequence by one over the number of sequences that agree with it in at least a share `identity` of the
    columns, itself included: (rows,). The sum is the effective number of sequences (Morcos et al. 2011, PNAS 108:E1293,
    equation 2).

    Time grows with rows squared times columns: 10,000 rows of 200 columns take some 10 s.
    """
    x, columns = one_hot(states(codes)), codes.shape[1]
    near = np.zeros(len(x))
    for start in range(0, len(x), ROWS):
        agree = x[start : start + ROWS] @ x[start:].T >= identity * columns - 1e-3
        near[start : start + ROWS] += agree.sum(axis=1)
        near[start + ROWS :] += agree[:, ROWS:].sum(axis=0)
    return 1 / near


def gap_shares(codes: np.ndarray, by: str = "column") -> np.ndarray:
    """Compute the share of gaps in each `column`, or in each `row`."""
    return (codes == GAP).mean(axis=0 if by == "column" else 1)


def frequencies(number: np.ndarray, weights: np.ndarray, pseudo: float) -> np.ndarray:
    """Compute the share of each state in each column, (columns, 21), from states (rows, columns).

    `pseudo` is the weight of a uniform distribution beside the data's (0.5: half and half).
    """
    share = (one_hot(number).T @ weights.astype(np.float32)).reshape(-1, STATES) / weights.sum()
    return (1 - pseudo) * share + pseudo / STATES


def pair_frequencies(number: np.ndarray, weights: np.ndarray, pseudo: float) -> np.ndarray:
    """Compute the share of each pair of states in each pair of columns, (columns x 21, columns x 21) float32, with the
    pseudo-counts of `frequencies`: those of a column with itself are on the diagonal (Morcos et al. 2011, equation 3).
    """
    x = one_hot(number)
    share = (x * (weights / weights.sum()).astype(np.float32)[:, None]).T @ x
    share = (1 - pseudo) * share + pseudo / STATES**2
    single = frequencies(number, weights, pseudo)
    for column in range(number.shape[1]):
        here = slice(column * STATES, (column + 1) * STATES)
        share[here, here] = np.diag(single[column])
    return share


def average_product_corrected(scores: np.ndarray) -> np.ndarray:
    """Subtract from each score (columns, columns) the product of the means of its two columns over the mean of all, and
    set the diagonal to 0 (Dunn, Wahl and Gloor 2008, Bioinformatics 24:333)."""
    scores = np.array(scores, float)
    np.fill_diagonal(scores, 0)
    mean = scores.sum(axis=1) / max(len(scores) - 1, 1)
    whole = mean.mean()
    found = scores - np.outer(mean, mean) / whole if whole else scores
    np.fill_diagonal(found, 0)
    return found


# ---- couplings: a score for each pair of columns, (columns, columns), corrected by the average product


def mutual_information(number: np.ndarray, weights: np.ndarray, pseudo: float = 0.1) -> np.ndarray:
    """Score pairs by the mutual information of their states, gaps left out of the sum, in nats."""
    columns = number.shape[1]
    pair = pair_frequencies(number, weights, pseudo).reshape(columns, STATES, columns, STATES)
    log = np.log(frequencies(number, weights, pseudo))
    ratio = np.log(np.maximum(pair, 1e-12)) - log[:, :, None, None] - log[None, None]
    return average_product_corrected((pair * ratio)[:, :20, :, :20].sum(axis=(1, 3)))


def _norms(couplings: np.ndarray) -> np.ndarray:
    """Compute the Frobenius norm of each block of couplings (columns, 21, columns, 21) in the zero-sum gauge, gaps left
    out."""
    centred = couplings - couplings.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=3, keepdims=True)
    return np.sqrt((centred[:, :20, :, :20] ** 2).sum(axis=(1, 3)))


def mean_field(number: np.ndarray, weights: np.ndarray, pseudo: float = 0.5) -> np.ndarray:
    """Score pairs by mean-field direct-coupling analysis: couplings are minus the inverse of the covariance of states
    (Morcos et al. 2011, equation 9), scored by their Frobenius norm (Ekeberg et al. 2013, equation 17)."""
    columns = number.shape[1]
    kept = (np.arange(columns)[:, None] * STATES + np.arange(20)).ravel()
    single = frequencies(number, weights, pseudo)[:, :20].ravel()
    covariance = pair_frequencies(number, weights, pseudo)[np.ix_(kept, kept)] - np.outer(single, single)
    full = np.zeros((columns, STATES, columns, STATES), np.float32)
    full[:, :20, :, :20] = -np.linalg.inv(covariance.astype(np.float64)).reshape(columns, 20, columns, 20)
    return average_product_corrected(_norms(full))


# Eight groups of amino acids and the gap, in whose terms the sparse inverse is taken.
_MEMBERS = ("LVIMC", "A", "G", "STNQ", "P", "FYWH", "KR", "ED")
GROUPS = np.zeros((STATES, len(_MEMBERS) + 1), np.float32)
for _number, _letters in enumerate(_MEMBERS):
    GROUPS[[sequences.AMINO_ACIDS.index(_letter) for _letter in _letters], _number] = 1
GROUPS[20, -1] = 1


def sparse_inverse(
    number: np.ndarray, weights: np.ndarray, penalty: float = 0.005, steps: int = 8, pseudo: float = 0.1
) -> np.ndarray:
    """Score pairs by a sparse inverse covariance, as PSICOV does (Jones et al. 2012, Bioinformatics 28:184): the sum of
    absolute values of the blocks of the graphical lasso's solution.

    States are counted in eight groups of amino acids, so that a family of 200 columns has a matrix of 1,600. The lasso
    is solved by `steps` steps of the alternating direction method (Boyd et al. 2011, section 6.5), each an eigenvalue
    decomposition; time grows with columns cubed.
    """
    columns, groups = number.shape[1], GROUPS.shape[1] - 1
    share = pair_frequencies(number, weights, pseudo).reshape(columns, STATES, columns, STATES)
    share = np.einsum("iajb,ap,bq->ipjq", share, GROUPS, GROUPS, optimize=True)[:, :groups, :, :groups]
    single = (frequencies(number, weights, pseudo) @ GROUPS)[:, :groups].ravel()
    size = columns * groups
    covariance = share.reshape(size, size) - np.outer(single, single) + 1e-3 * np.eye(size)
    inverse = _graphical_lasso(covariance.astype(np.float64), penalty, steps)
    return average_product_corrected(np.abs(inverse).reshape(columns, groups, columns, groups).sum(axis=(1, 3)))


def _graphical_lasso(covariance, penalty, steps, rho=0.1):
    """Minimise trace(S X) - log det X + penalty |X|, off the diagonal, by the alternating direction method."""
    size = len(covariance)
    z, u = np.diag(1 / np.diag(covariance)), np.zeros((size, size))
    off = 1 - np.eye(size)
    for _ in range(steps):
        values, vectors = np.linalg.eigh(rho * (z - u) - covariance)
        x = (vectors * ((values + np.sqrt(values**2 + 4 * rho)) / (2 * rho))) @ vectors.T
        moved = x + u
        z = np.sign(moved) * np.maximum(np.abs(moved) - penalty / rho * off, 0)
        u = moved - z
    return z


@dataclass(frozen=True)
class Potts:
    """A pairwise model: `fields` (columns, 21) and symmetric `couplings` (columns x 21, columns x 21)."""

    fields: np.ndarray
    couplings: np.ndarray

    def energies(self, number: np.ndarray) -> np.ndarray:
        """Compute the log-probability, up to a constant, of states (n, columns): (n,)."""
        from scipy.sparse import csr_matrix

        found = []
        for start in range(0, len(number), 512):
            at = np.arange(number.shape[1]) * STATES + number[start : start + 512]
            ends = np.arange(0, at.size + 1, at.shape[1])
            x = csr_matrix((np.ones(at.size, np.float32), at.ravel(), ends), (len(at), self.fields.size))
            pairs = np.take_along_axis(np.asarray(x @ self.couplings), at, axis=1).sum(axis=1)
            found.append(self.fields.ravel()[at].sum(axis=1) + 0.5 * pairs)
        return np.concatenate(found)

    def scores(self) -> np.ndarray:
        """Score pairs of columns by the Frobenius norm of their couplings, (columns, columns)."""
        columns = len(self.fields)
        return average_product_corrected(_norms(self.couplings.reshape(columns, STATES, columns, STATES)))


def pseudo_likelihood(
    number: np.ndarray,
    weights: np.ndarray,
    seed: int = 0,
    field_penalty: float = 0.01,
    coupling_penalty: float = 0.01,
    epochs: int = 10,
    batch: int = 256,
    rate: float = 0.02,
) -> Potts:
    """Fit a pairwise model by pseudo-likelihood, all columns at once, by Adam on batches of rows.

    Each column is a softmax regression on all others (Ekeberg et al. 2013, Physical Review E 87:012707, equation 9),
    and the two estimates of a coupling are one weight. Penalties are those of EVmutation and plmDCA: `field_penalty`
    times the squared fields and `coupling_penalty` x (columns - 1) x 20 / 2 over the effective number of sequences
    times the squared couplings.

    Parameters
    ----------
    number : (rows, columns) states
    weights : (rows,) of the sequences

    An epoch takes six times rows x (columns x 21) squared operations: 15 s for 8,000 rows of 250 columns on a core.
    """
    import torch

    rows, columns = number.shape
    size = columns * STATES
    x = torch.from_numpy(one_hot(number))
    weight = torch.from_numpy((weights / weights.mean()).astype(np.float32))
    effective = float(weights.sum())
    start = np.log(frequencies(number, weights, 0.1)).astype(np.float32)
    fields = torch.from_numpy((start - start.mean(axis=1, keepdims=True)).ravel())
    couplings, away = torch.zeros(size, size), torch.ones(size, size)
    for column in range(columns):  # a column does not explain itself
        here = slice(column * STATES, (column + 1) * STATES)
        away[here, here] = 0
    strength = coupling_penalty * (columns - 1) * (STATES - 1) / 2 / effective
    moments = [torch.zeros_like(one) for one in (fields, fields, couplings, couplings)]
    rng, step, batches = np.random.default_rng(seed), 0, -(-rows // batch)
    with torch.no_grad():
        for _ in range(epochs):
            for index in np.array_split(rng.permutation(rows), batches):
                some, step = x[index], step + 1
                logits = (some @ couplings + fields).view(len(index), columns, STATES)
                off = (logits.softmax(dim=2).view(len(index), size) - some) * weight[index][:, None] / len(index)
                of_fields = off.sum(dim=0) + 2 * field_penalty / effective * fields
                of_couplings = (some.T @ off) * away
                of_couplings = (of_couplings + of_couplings.T) / 2 + 2 * strength * couplings
                now = rate * min(1.0, 2 * (1 - step / (epochs * batches + 1)))
                for value, slope, first, second, scale in (
                    (fields, of_fields, moments[0], moments[1], now),
                    (couplings, of_couplings, moments[2], moments[3], now / 4),
                ):
                    first.mul_(0.9).add_(slope, alpha=0.1)
                    second.mul_(0.99).addcmul_(slope, slope, value=0.01)
                    corrected = (second / (1 - 0.99**step)).sqrt_().add_(1e-6)
                    value.addcdiv_(first / (1 - 0.9**step), corrected, value=-scale)
    return Potts(fields.view(columns, STATES).numpy(), couplings.numpy())
