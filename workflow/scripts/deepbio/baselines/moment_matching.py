"""Mean and standard deviation of each marker made those of the target."""

from deepbio.baselines import uncorrected
from deepbio.core import tables


class Method(uncorrected.Method):
    """Parameter: denoising."""

    def learn(self, source, target):
        self.facts["source"], self.facts["target"] = tables.column_moments(source), tables.column_moments(target)

    def align(self, source):
        (mean, std), (wanted, wanted_std) = self.facts["source"], self.facts["target"]
        return (source - mean) / std * wanted_std + wanted
