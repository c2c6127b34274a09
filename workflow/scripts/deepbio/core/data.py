"""A dataset on disk and in memory: three splits of named arrays, opened as memory maps, never pickled."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput, atomic, digest, read_json, write_json

NAMES = ("train", "valid", "test")
LABEL = "y"
GROUP = "group"
# Keys of the context that figures and tables make use of, and nothing that is trained.
SHOWN = frozenset({"jaspar_groups", "output_groups"})


@dataclass(frozen=True)
class Ragged:
    """Samples of unequal length: sample i is `values[offsets[i]:offsets[i + 1]]`."""

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self):
        return len(self.offsets) - 1

    @property
    def lengths(self):
        return np.diff(self.offsets)

    @classmethod
    def join(cls, samples):
        """Join a sequence of arrays, one for each sample."""
        offsets = np.concatenate([[0], np.cumsum([len(sample) for sample in samples])]).astype(np.int64)
        return cls(np.concatenate(samples), offsets)

    def take(self, index):
        """Take the samples of `index` (integers), in that order."""
        index = np.asarray(index)
        starts, lengths = self.offsets[index], self.lengths[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[rows], offsets)


@dataclass
class Split:
    """Named arrays whose first axis is the sample, and a context that all samples share.

    `y` holds the labels, float32 (NaN: missing) or, where millions of 0/1 labels are all known, uint8; `group` says
    what must not be in two splits at once (chromosome, scaffold, patient, …). Arrays `y_…` are labels of another kind.
    Every other array is input. The context
    holds JSON-able facts (names of features, the kind of output) and arrays without a sample axis (a graph, an
    ontology).
    """

    arrays: dict
    context: dict = field(default_factory=dict)

    def __post_init__(self):
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1:
            raise BadInput(f"arrays of one split must have the same number of samples, not {lengths}")
        for name, array in self.arrays.items():
            values = array.values if isinstance(array, Ragged) else array
            if values.dtype.hasobject:
                raise BadInput(f"array '{name}' holds Python objects; only plain numbers and byte strings are stored")

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, name):
        return self.arrays[name]

    def __contains__(self, name):
        return name in self.arrays

    @property
    def y(self):
        return self.arrays[LABEL]

    def take(self, index):
        """Take the samples of `index` (integers or a mask), in that order."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        return Split(
            {name: a.take(index) if isinstance(a, Ragged) else np.asarray(a)[index] for name, a in self.arrays.items()},
            self.context,
        )

    def at_most(self, samples, rng):
        """Draw `samples` samples at random, in the split's order; all where it has no more, or for None."""
        if not samples or len(self) <= samples:
            return self
        return self.take(np.sort(rng.choice(len(self), samples, replace=False)))

    def inputs(self):
        """Return the split as a method sees it when it predicts: without groups, labels, and what else
        is named as one."""
        hidden = (LABEL, GROUP)
        return Split(
            {k: a for k, a in self.arrays.items() if k not in hidden and not k.startswith(f"{LABEL}_")}, self.context
        )

    def digest(self):
        """Compute a digest that changes with any value, shape, type or name of the arrays and of the context, save what
        is only shown."""
        parts = []
        for name, array in sorted(self.arrays.items()):
            parts += [name, *([array.values, array.offsets] if isinstance(array, Ragged) else [array])]
        for name, value in sorted(self.context.items()):
            if name not in SHOWN:
                parts += [name, value]
        return digest(*parts)


def concatenate(*splits):
    """Join the samples of several splits of one dataset, in order; the context is the first one's."""

    def join(arrays):
        if isinstance(arrays[0], Ragged):
            offsets = np.concatenate([[0], np.cumsum(np.concatenate([a.lengths for a in arrays]))])
            return Ragged(np.concatenate([a.values for a in arrays]), offsets)
        return np.concatenate(arrays)

    first = splits[0]
    return Split({name: join([split[name] for split in splits]) for name in first.arrays}, first.context)


def save_dataset(folder, splits, facts):
    """Write train, valid and test under `folder`, each array a `.npy` file, and `dataset.json` with `facts`.

    The digest in dataset.json stands for all of the data: later stages take that small file as their input.
    """
    context = splits["train"].context
    with atomic(folder, folder=True) as temporary:
        layout: dict = {}
        for name in NAMES:
            split = splits[name]
            if split.context is not context and digest(_plain(split.context)) != digest(_plain(context)):
                raise BadInput(f"split '{name}' has another context than 'train'")
            (temporary / name).mkdir()
            layout[name] = {"samples": len(split), "arrays": {}}
            for key, array in split.arrays.items():
                parts = {key: array}
                if isinstance(array, Ragged):
                    parts = {f"{key}.values": array.values, f"{key}.offsets": array.offsets}
                for part, values in parts.items():
                    np.save(temporary / name / f"{part}.npy", np.ascontiguousarray(values), allow_pickle=False)
                    layout[name]["arrays"][part] = [str(values.dtype), list(values.shape)]
        shared = {key: value for key, value in context.items() if isinstance(value, np.ndarray)}
        if shared:
            (temporary / "context").mkdir()
        for key, value in shared.items():
            np.save(temporary / "context" / f"{key}.npy", value, allow_pickle=False)
        write_json(
            temporary / "dataset.json",
            {
                **facts,
                "splits": layout,
                "context": {key: value for key, value in context.items() if key not in shared},
                "context_arrays": sorted(shared),
                "digest": digest(*[splits[name].digest() for name in NAMES]),
            },
        )


def save_speed(folder, splits, seconds):
    """Write preparation.json: how long a dataset took. It stands apart from dataset.json, whose content decides
    what is trained anew."""
    samples = sum(map(len, splits.values()))
    speed = {"samples": samples, "seconds": round(seconds, 2), "samples_per_second": round(samples / seconds, 1)}
    write_json(Path(folder) / "preparation.json", speed)


def read_speed(folder):
    """Read what save_speed wrote; an empty dict where there is none."""
    path = Path(folder) / "preparation.json"
    return read_json(path) if path.exists() else {}


def _plain(context):
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in context.items()}


def read_facts(folder):
    """Read dataset.json of a prepared dataset."""
    return read_json(Path(folder) / "dataset.json")


def read_split(folder, name, **about):
    """Open one split of a prepared dataset, its arrays as read-only memory maps; `about` is added to its context."""
    folder = Path(folder)
    facts = read_facts(folder)
    context = facts["context"] | about
    for key in facts["context_arrays"]:
        context[key] = np.load(folder / "context" / f"{key}.npy", mmap_mode="r", allow_pickle=False)
    stored = {}
    for part in facts["splits"][name]["arrays"]:
        path = folder / name / f"{part}.npy"
        try:
            stored[part] = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise BadInput(f"{path}: damaged array: {error}") from None
    arrays = {part: array for part, array in stored.items() if not part.endswith((".values", ".offsets"))}
    for part in stored:
        if part.endswith(".values"):
            key = part.removesuffix(".values")
            arrays[key] = Ragged(stored[part], stored[f"{key}.offsets"])
    return Split(arrays, context)
