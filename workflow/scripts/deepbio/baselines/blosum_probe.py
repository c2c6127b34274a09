"""The probe of secondary structure on rows of BLOSUM62 of a window of residues; its entries score substitutions."""

from deepbio.baselines.onehot_probe import BLOSUM
from deepbio.baselines.onehot_probe import Method as OneHot
from deepbio.domains.protein.blosum import BLOSUM62


class Method(OneHot):
    """As the one-hot probe, by BLOSUM62. Parameters as there."""

    def table(self):
        return BLOSUM

    def effects(self, wild):
        return BLOSUM62[wild] - BLOSUM62[wild, wild][:, None]
