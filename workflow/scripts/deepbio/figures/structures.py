"""Figures of structures: maps of a surface, the last layer, and calls."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.protein.surfaces import CHANNELS, VIEWS
from deepbio.figures.style import PALETTE, components, plt, save


def _classes(split):
    return split.context.get("classes", ["0", "1"])


def draw_views(maps, split, path):
    """Draw {svg,png,csv}: the maps (6, 5, cells, cells) of the first validation protein, and how much of each is
    filled."""
    figure, axes = plt.subplots(len(CHANNELS), len(VIEWS), figsize=(10.5, 9.0))
    rows = []
    for channel, name in enumerate(CHANNELS):
        limit = max(np.abs(maps[:, channel]).max(), 1e-6)
        low = 0 if name in ("depth", "mass") else -limit
        for view, side in enumerate(VIEWS):
            axis, shown = axes[channel, view], np.where(maps[view, 0] > 0, maps[view, channel], np.nan)
            image = axis.imshow(shown, cmap="viridis" if low == 0 else "coolwarm", vmin=low, vmax=limit)
            axis.set(xticks=[], yticks=[])
            axis.set_facecolor("#f2f2f2")
            if not channel:
                axis.set_title(side, fontsize=9)
                rows.append([side, f"{(maps[view, 0] > 0).mean():.4f}"])
            if not view:
                axis.set_ylabel(name, fontsize=9)
        figure.colorbar(image, ax=axes[channel], pad=0.01).set_label("scaled value", fontsize=8)
    tables.write_csv(path.with_suffix(".csv"), ["view", "share_of_cells_filled"], rows)
    figure.suptitle("Surface of a validation protein from six sides", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_layer(dense, split, path):
    """Draw {svg,png,csv}: validation proteins by the principal components of the last layer, coloured by class."""
    y, names = np.asarray(split.y), _classes(split)
    places, share = components(dense, dense)
    figure, axis = plt.subplots(figsize=(4.8, 4.0))
    for value, (name, mark) in enumerate(zip(names, "os", strict=False)):
        axis.plot(*places[y == value].T, mark, ms=5, color=PALETTE[value], label=name)
    axis.set(
        xlabel=f"component 1 ({share[0]:.0%})",
        ylabel=f"component 2 ({share[1]:.0%})",
        title="Validation proteins by the last layer",
    )
    axis.legend(fontsize=8)
    rows = [[names[int(label)], *(f"{v:.5g}" for v in place)] for label, place in zip(y, places, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["class", "x", "y"], rows)
    save(figure, path, split.context["origin"])


def draw_calls(p, split, path):
    """Draw {svg,png,csv}: the predicted probability of each validation protein, by class, and the table of calls."""
    y, names = np.asarray(split.y), _classes(split)
    figure, axis = plt.subplots(figsize=(5.2, 2.6))
    rows = []
    for value, name in enumerate(names):
        here = p[y == value]
        spread = np.linspace(-0.15, 0.15, len(here)) if len(here) > 1 else np.zeros(len(here))
        axis.plot(here, value + spread, "o", ms=5, color=PALETTE[value], alpha=0.7)
        rows.append([name, len(here), int((here > 0.5).sum())])
    axis.axvline(0.5, color="black", lw=0.8, ls=":")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(names) - 0.5), xlabel=f"probability of {names[-1]}")
    axis.set_title("Validation proteins")
    tables.write_csv(path.with_suffix(".csv"), ["class", "proteins", f"called {names[-1]}"], rows)
    save(figure, path, split.context["origin"])
