"""Synthetic records of people compared with real ones: utility and privacy.

Records are arrays (people, values); `arm` is the class of each person.
"""

import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

# The four classifiers of the paper's Figure 3, and the two of them by which it chooses epochs.
CLASSIFIERS = {
    "forest": lambda trees: RandomForestClassifier(trees, random_state=0),
    "logistic": lambda trees: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "svm": lambda trees: make_pipeline(StandardScaler(), SVC()),
    "neighbours": lambda trees: make_pipeline(StandardScaler(), KNeighborsClassifier(20)),
}
CHOOSERS = ("forest", "logistic")


def classify(kind, records, arm, others, trees=100):
    """Predict for each of `others` the probability of the second arm (of a support vector machine: its decision value),
    with a classifier trained only on `records`.

    Where the records have only one arm, the probability is one half.
    """
    if len(np.unique(arm)) < 2:
        return np.full(len(others), 0.5)
    model = CLASSIFIERS[kind](trees).fit(records, arm)
    return model.decision_function(others) if kind == "svm" else model.predict_proba(others)[:, 1]


def correlations(records):
    """Compute Pearson's correlation of every two values over people; it is 0 for a constant value."""
    records = np.asarray(records, float)
    varies = np.ptp(records, axis=0) > 0
    found = np.zeros((records.shape[1], records.shape[1]))
    found[np.ix_(varies, varies)] = np.corrcoef(records[:, varies].T)
    return found


def correlation_of_correlations(one, other):
    """Compute Spearman's correlation between the pairwise correlations of two sets of records.

    Figure 4 of Beaulieu-Jones et al. 2019. The result is 0 where all correlations of a set are equal.
    """
    above = np.triu_indices(np.shape(one)[1], 1)
    a, b = correlations(one)[above], correlations(other)[above]
    return _spearman(a, b)


def resampled_correlations(one, other, counts):
    """Compute correlation_of_correlations with `other` (n, values) resampled: counts (repeats, n) -> (repeats,)."""
    above = np.triu_indices(np.shape(one)[1], 1)
    fixed, records = correlations(one)[above], np.asarray(other, float)
    return np.array([_spearman(fixed, correlations(np.repeat(records, row, axis=0))[above]) for row in counts])


def _spearman(a, b):
    return 0.0 if np.ptp(a) == 0 or np.ptp(b) == 0 else float(stats.spearmanr(a, b)[0])


def closest(records, others):
    """Compute the Euclidean distance of each record to the closest of `others`."""
    return NearestNeighbors(n_neighbors=1).fit(others).kneighbors(records)[0][:, 0]


def privacy(synthetic, members, fresh):
    """Measure what synthetic records reveal of the people they were learned from, compared with `fresh` people.

    closest_record_gap : from the median distance of a synthetic record to the closest member to that of fresh people,
        over the larger of the two. 0 where synthetic people are as new as real ones, 1 where members were copied, 1/2
        at half and at twice the distance. (The logarithm of their ratio would be infinite for copies.)
    membership_gap : distance from 1/2, which is chance level, of the AUROC of an attacker who takes people close to a
        synthetic record for members; 0 to 1/2. Below chance he knows as much, for he can take the others.

    Values are divided by their standard deviation over members. Fresh people come from the same population as the
    members.
    """
    std = members.std(axis=0)
    std[std == 0] = 1
    synthetic, members, fresh = (np.asarray(people, float) / std for people in (synthetic, members, fresh))
    near, usual = (np.median(closest(people, members)) for people in (synthetic, fresh))
    larger = max(near, usual)
    distance = np.concatenate([closest(people, synthetic) for people in (members, fresh)])
    auroc = roc_auc_score(np.arange(len(distance)) < len(members), -distance)
    return {
        "closest_record_gap": float(abs(near - usual) / larger) if larger else 0.0,
        "membership_gap": float(abs(auroc - 0.5)),
    }


def for_arms(arm, draw):
    """Draw records for the given arms; `draw(arm, count)` returns those of one arm.

    The first records of a draw must not depend on its count, so that a person drawn alone is the same person.
    """
    arm = np.asarray(arm)
    drawn = {int(one): draw(int(one), int((arm == one).sum())) for one in np.unique(arm)}
    records = np.empty((len(arm), next(iter(drawn.values())).shape[1]), np.float32)
    for one, rows in drawn.items():
        records[arm == one] = rows
    return records
