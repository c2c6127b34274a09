"""The mean position of each part, whatever the frame."""

from deepbio.baselines.mean_profile import Method as MeanProfile


class Method(MeanProfile):
    """Predicts for each part the mean over the training frames in which it is labelled."""
