"""Figures of sample-dependent accessibility: sites that a network predicts as open or closed depending on
expression."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import plt, save

SITES = 60  # drawn at most


def draw_samples(p, measured, context, folder):
    """Draw predicted probabilities of the sites whose prediction changes most between samples.

    p : (sites, samples) predicted
    measured : the same shape, 1 open, 0 closed, NaN where unknown

    A dot marks a site that was measured as open. Sites are ordered by the sample in which they have the highest
    probability. Writes samples.{svg,png,csv}.
    """
    names = context.get("samples", [f"sample {i}" for i in range(p.shape[1])])
    chosen = np.argsort(-p.std(axis=1), kind="stable")[:SITES]
    chosen = chosen[np.lexsort([-p[chosen].max(axis=1), p[chosen].argmax(axis=1)])]
    header = ["site", *(f"predicted {name}" for name in names), *(f"measured {name}" for name in names)]
    rows = ([int(i), *(f"{v:.4f}" for v in p[i]), *(f"{v:g}" for v in measured[i])] for i in chosen)
    tables.write_csv(Path(folder) / "samples.csv", header, rows)
    figure, axis = plt.subplots(figsize=(2.6 + 0.42 * len(names), 1.8 + 0.09 * len(chosen)))
    image = axis.imshow(p[chosen], aspect="auto", cmap="viridis", vmin=0, vmax=1)
    site, sample = np.nonzero(measured[chosen] == 1)
    axis.plot(sample, site, "o", color="white", mec="black", mew=0.4, ms=3, label="measured as open")
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axis.set_yticks([])
    axis.set(ylabel=f"{len(chosen)} of {len(p)} validation sites")
    axis.set_title("Sites whose prediction changes most")
    figure.legend(frameon=False, fontsize=8, loc="outside lower left")
    figure.colorbar(image, ax=axis, label="predicted probability of being open", pad=0.02)
    save(figure, Path(folder) / "samples", context["origin"])
