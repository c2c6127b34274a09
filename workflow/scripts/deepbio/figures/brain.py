"""Figures of brain tables: weights of first-layer units, scores by depth, and samples in two dimensions."""

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import PALETTE, plt, save
from deepbio.figures.table import mark_labels
from deepbio.scoring import metrics

UNITS = 12  # of the first layer that are drawn
EACH = 5  # regions of each
METRICS = {"binary": ("auroc", "f1"), "regression": ("pearson", "mae")}
TITLES = {"linear": "linear", "svm": "SVM (RBF)", "knn": "nearest neighbours"}


def group(name):
    """Return measure and hemisphere of a column of FreeSurfer's tables, such as ("cortical thickness", "left")."""
    start = name[:3].lower()
    side = {"lh_": "left", "rh_": "right", "lef": "left", "rig": "right", "lhc": "left", "rhc": "right"}
    for measure in ("thickness", "volume"):
        if name.endswith(f"_{measure}"):
            return f"cortical {measure}", side.get(start, "both")
    return "other volume", side.get(start, "both")


def region(name):
    """Return the name of a column without its measure and hemisphere."""
    for end in ("_thickness", "_volume"):
        name = name.removesuffix(end)
    for start in ("lh_", "rh_", "Left-", "Right-"):
        name = name.removeprefix(start)
    return name


def draw_filters(weights, levels, names, marked, origin, path):
    """Draw the weights of the first-layer units that vary most over samples, for the regions with the largest weights.

    weights : (units, features)
    levels : (n, units) activations
    marked : names of features to print in bold

    Regions are grouped by measure and hemisphere. Writes {path}.{svg,png,csv}.
    """
    units = np.argsort(-levels.std(axis=0), kind="stable")[:UNITS]
    steep = np.argsort(-np.abs(weights[units]), axis=1, kind="stable")[:, :EACH]
    chosen = sorted(set(steep.ravel().tolist()), key=lambda i: (*group(names[i]), -np.abs(weights[units, i]).max()))
    rows = ([names[i], *group(names[i]), *(f"{value:.4f}" for value in weights[units, i])] for i in chosen)
    header = ["feature", "measure", "hemisphere", *(f"unit{unit}" for unit in units)]
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    figure, axis = plt.subplots(figsize=(3.6 + 0.42 * len(units), 1.6 + 0.19 * len(chosen)))
    limit = np.abs(weights[np.ix_(units, chosen)]).max()
    image = axis.imshow(
        weights[np.ix_(units, chosen)].T, aspect="auto", cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest"
    )
    axis.set_yticks(range(len(chosen)), [region(names[i]) for i in chosen], fontsize=7)
    for label, i in zip(axis.get_yticklabels(), chosen, strict=True):
        mark_labels([label], {region(names[i])} if names[i] in marked else ())
    axis.set_xticks(range(len(units)), units, fontsize=8)
    axis.set_xlabel("hidden unit of the first layer")
    kinds = [group(names[i]) for i in chosen]
    for kind in dict.fromkeys(kinds):
        first, count = kinds.index(kind), kinds.count(kind)
        axis.axhline(first - 0.5, color="black", lw=0.8)
        text = f"{kind[0]},\n{kind[1]}" if count > 1 else ", ".join(kind)
        axis.text(len(units) - 0.35, first + (count - 1) / 2, text, va="center", fontsize=7)
    figure.colorbar(image, ax=axis, label="weight", location="top", shrink=0.5, pad=0.01)
    note = "\nbold: regions with a simulated difference" if set(marked) & set(names) else ""
    figure.suptitle("Weights of first-layer units" + note, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def depths(train, train_y, held, held_y, kind, learners):
    """Fit simple learners to the raw features and to the activations of each layer, and score them.

    `train` and `held` are lists of arrays (n, units), one for each depth; `learners()` builds the learners, by name.
    They are fitted on training samples and scored on held-out ones, as in the paper's tables. Returns rows (depth,
    learner, metric, value).
    """
    rows = []
    for depth, (x, other) in enumerate(zip(train, held, strict=True)):
        for name, learner in learners().items():
            learner.fit(x, train_y)
            guess = learner.predict(other)
            values = metrics.evaluate(METRICS[kind][1:], held_y, guess)
            if kind == "binary":
                # The ranking metric needs a score; the other one uses the learner's own classes.
                ranked = hasattr(learner, "decision_function")
                guess = learner.decision_function(other) if ranked else learner.predict_proba(other)[:, 1]
            values |= metrics.evaluate(METRICS[kind][:1], held_y, guess)
            rows += [(depth, name, metric, value) for metric, value in values.items()]
    return rows


def draw_depths(rows, origin, path):
    """Draw the rows of `depths`, one panel per metric. Writes {path}.{svg,png,csv}."""
    tables.write_csv(path.with_suffix(".csv"), ["depth", "learner", "metric", "value"], rows)
    wanted = list(dict.fromkeys(row[2] for row in rows))[::-1]
    figure, axes = plt.subplots(1, len(wanted), figsize=(4.4 * len(wanted), 3.8), squeeze=False)
    for axis, metric in zip(axes[0], wanted, strict=True):
        for place, (name, title) in enumerate(TITLES.items()):
            points = [(depth, value) for depth, one, what, value in rows if (one, what) == (name, metric)]
            mark = "osD"[place]
            axis.plot(*zip(*points, strict=True), f"{mark}-", color=PALETTE[place], label=title)
        count = max(row[0] for row in rows)
        axis.set_xticks(range(count + 1), ["raw", *(f"layer {i}" for i in range(1, count + 1))])
        axis.set(xlabel="features given to the learner", ylabel=metrics.title(metric))
        axis.grid(axis="y", alpha=0.25)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    title = "Simple learners on raw features and on fine-tuned layers, validation people"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_embeddings(levels, y, context, path):
    """Draw samples in two dimensions (t-SNE) by raw features and by each layer, coloured by label.

    Writes {path}.{svg,png,csv}.
    """
    from sklearn.manifold import TSNE

    near = min(30, (len(y) - 1) / 3)
    places = [TSNE(perplexity=near, init="pca", random_state=0).fit_transform(level) for level in levels]
    titles = ["raw features", *(f"layer {i}" for i in range(1, len(levels)))]
    header = ["label", *(f"{title.replace(' ', '_')}_{axis}" for title in titles for axis in "xy")]
    rows = ([f"{label:g}", *(f"{v:.3f}" for v in row)] for label, row in zip(y, np.hstack(places), strict=True))
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    figure, axes = plt.subplots(1, len(levels), figsize=(3.1 * len(levels), 3.7), squeeze=False)
    for axis, place, title in zip(axes[0], places, titles, strict=True):
        if context["output"] == "regression":
            shown = axis.scatter(*place.T, c=y, s=9, cmap="viridis")
        else:
            for one, name in enumerate(context.get("classes", ["class 0", "class 1"])):
                axis.plot(*place[y == one].T, "os"[one], color=PALETTE[one], ms=4, alpha=0.6, mew=0, label=name)
        axis.set(title=title, xticks=[], yticks=[])
    if context["output"] == "regression":
        figure.colorbar(shown, ax=axes, label="label", shrink=0.8)
    else:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    figure.suptitle("Validation people in two dimensions (t-SNE)", x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, context["origin"])
