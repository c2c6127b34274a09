"""Physical properties of the amino acids, in the order of sequences.AMINO_ACIDS (A C D E F G H I K L M N P Q R S T V W
Y)."""

import numpy as np

_VALUES = {
    # daltons, of the residue in a chain
    "mass": [71.08, 103.14, 115.09, 129.12, 147.18, 57.05, 137.14, 113.16, 128.17, 113.16,
             131.19, 114.10, 97.12, 128.13, 156.19, 87.08, 101.11, 99.13, 186.21, 163.18],
    # cubic ångström (Zamyatnin 1972)
    "volume": [88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7,
               162.9, 114.1, 112.7, 143.8, 173.4, 89.0, 116.1, 140.0, 227.8, 193.6],
    # Kyte and Doolittle 1982
    "hydrophobicity": [1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8,
                       1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2, -0.9, -1.3],
    # Grantham 1974
    "polarity": [8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9,
                 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6, 5.9, 5.4, 6.2],
    "charge": [0, 0, -1, -1, 0, 0, 0.1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
}  # fmt: skip
SCALES = {name: np.array(values, float) for name, values in _VALUES.items()}
