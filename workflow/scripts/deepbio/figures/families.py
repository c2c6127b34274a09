"""Figures of vectors of words and proteins: maps coloured by physical properties and by family."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.protein.scales import SCALES
from deepbio.figures.style import PALETTE, panels, plt, save

SHOWN = 1000  # words in a map


def _map(x, seed=0):
    """Lay x (n, d) out in two dimensions by t-SNE."""
    from sklearn.manifold import TSNE

    near = min(30, max(2, len(x) // 4))
    return TSNE(2, perplexity=near, init="pca", random_state=seed, max_iter=400).fit_transform(x)


def word_properties(words: np.ndarray) -> dict[str, np.ndarray]:
    """Average each property over the three residues of words (n,) that are numbers to the base 20: name → (n,)."""
    residues = np.stack([words // 400, words // 20 % 20, words % 20], axis=1)
    return {name: values[residues].mean(axis=1) for name, values in SCALES.items()}


def roughness(x: np.ndarray, values: np.ndarray, rng: np.random.Generator, pairs: int = 4000) -> float:
    """Average the change of a property over the distance of vectors x (n, d), over random pairs: the Lipschitz number
    by which Asgari and Mofrad measure how smooth a property is over the space."""
    one, other = rng.integers(0, len(x), (2, pairs))
    away = np.linalg.norm(x[one] - x[other], axis=1)
    usable = away > 0
    return float(np.mean(np.abs(values[one] - values[other])[usable] / away[usable]))


def draw_words(vectors, seen, context, path):
    """Draw {svg,png,csv}: the most frequent words by t-SNE of their vectors, a panel for each property; how rough each
    property is over the space, over the same with vectors dealt anew."""
    chosen = np.argsort(-seen, kind="stable")[:SHOWN]
    chosen = chosen[seen[chosen] > 0]
    x, properties = vectors[chosen], word_properties(chosen)
    places, rng, rows = _map(x), np.random.default_rng(0), []
    figure, axes = panels(len(properties), 3, (3.1, 2.7))
    for axis, (name, values) in zip(axes, properties.items(), strict=True):
        marks = axis.scatter(*places.T, c=values, s=5, cmap="coolwarm", rasterized=True)
        figure.colorbar(marks, ax=axis)
        axis.set_xticks([])
        axis.set_yticks([])
        ratio = roughness(x, values, rng) / roughness(rng.permutation(x), values, rng)
        axis.set_title(f"{name}: roughness {ratio:.2f} of chance", fontsize=9)
        rows.append([name, len(chosen), f"{ratio:.4f}"])
    tables.write_csv(path.with_suffix(".csv"), ["property", "words", "roughness_over_chance"], rows)
    figure.suptitle("Words of three residues by their vectors (t-SNE)", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_map(x, split, path):
    """Draw {svg,png,csv}: validation proteins by t-SNE of their standardised vectors, by class."""
    y, context = np.asarray(split.y).astype(int), split.context
    names = context.get("classes") or ["others", "of the class"]
    places = _map((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9))
    figure, axis = plt.subplots(figsize=(7.6, 4.8))
    marks = "os^Dvx"
    for value in np.unique(y):
        here = places[y == value]
        mark = marks[(value + value // len(PALETTE)) % len(marks)]
        axis.plot(*here.T, mark, ms=4, color=PALETTE[value % len(PALETTE)], label=names[value])
    axis.set(xticks=[], yticks=[], title="Validation proteins by their vectors (t-SNE)")
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), ncol=1 + (len(names) > 16))
    rows = [[names[value], f"{a:.4f}", f"{b:.4f}"] for value, (a, b) in zip(y, places, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["class", "x", "y"], rows)
    save(figure, path, context["origin"])
