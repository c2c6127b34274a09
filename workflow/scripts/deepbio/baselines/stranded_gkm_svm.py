"""Support vector machine on gapped k-mers of the strand that is read."""

from deepbio.baselines import gkm_svm


class Method(gkm_svm.Method):
    both_strands = False
