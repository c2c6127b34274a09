"""New records: `y` holds records like those that a generator should make, and a prediction is as many new ones.

The inputs say what is asked for, such as a class. A task of this kind brings its own metrics and `score`, which is
given the training split and so can tell whether its records were copied.
"""

from deepbio.kinds.regression import check as check
from deepbio.kinds.regression import control as control

ROLE = "output"
TITLE = "new records"
METRICS = ()
LOSS = None
CURVE = None
