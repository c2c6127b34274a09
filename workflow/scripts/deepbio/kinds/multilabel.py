"""Several labels of 0 or 1 a sample, such as chromatin features; predictions are probabilities of 1."""

from deepbio.kinds.binary import METRICS as METRICS
from deepbio.kinds.binary import check as check
from deepbio.kinds.binary import control as control

ROLE = "output"
TITLE = "several labels of 0 or 1"
LOSS = "binary_cross_entropy"
CURVE = "roc"
