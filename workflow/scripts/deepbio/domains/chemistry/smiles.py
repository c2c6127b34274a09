"""SMILES as text for networks: tokens, vocabularies, codes, and other ways to write the same molecule.

Codes are uint8: 0 ends a string and fills what is left of its row, 1 … symbols are the symbols of the vocabulary in
their order, and the one after them (`start`) is what a network reads before the first symbol.
"""

import re

import numpy as np
from rdkit import Chem

from deepbio.core.files import BadInput

END = 0
# A bracket atom, an element of two letters, a ring closure of two digits, or one character.
_ATOMS = re.compile(r"\[[^\]]*\]|Br|Cl|%\d\d|.")


def characters(text):
    """Split a text into one symbol a character (Gómez-Bombarelli et al. 2018): chlorine is two."""
    return list(text)


def atoms(text):
    """Split a text so that bracket atoms, Cl and Br are one symbol each (Olivecrona et al. 2017); every other character
    is one."""
    return _ATOMS.findall(text)


TOKENIZERS = {"characters": characters, "atoms": atoms}


class Vocabulary:
    """The symbols of a set of SMILES, and the way between text and codes."""

    def __init__(self, symbols, tokenizer="atoms"):
        if len(symbols) > 253:
            raise BadInput(f"{len(symbols)} symbols; codes of one byte hold at most 253")
        self.symbols, self.tokenizer = list(symbols), tokenizer
        self.start = len(self.symbols) + 1
        self.tokens = TOKENIZERS[tokenizer]
        self._number = {symbol: i for i, symbol in enumerate(self.symbols, 1)}

    @classmethod
    def of(cls, texts, tokenizer="atoms"):
        """Collect the symbols that `texts` hold, in alphabetical order."""
        return cls(sorted({symbol for text in texts for symbol in TOKENIZERS[tokenizer](text)}), tokenizer)

    def __len__(self):
        """Count the symbols and the end."""
        return len(self.symbols) + 1

    def knows(self, text):
        return all(symbol in self._number for symbol in self.tokens(text))

    def encode(self, texts, length=None, blank=False):
        """Encode texts as codes (n, length) uint8; the default length is that of the longest text. Every row ends with
        an END where there is room for it. BadInput names a text that is too long or has an unknown symbol; with `blank`
        it is written as no symbol at all."""
        if blank:
            texts = [text if self.knows(text) and len(self.tokens(text)) <= length else "" for text in texts]
        rows = []
        for text in texts:
            try:
                rows.append([self._number[symbol] for symbol in self.tokens(text)])
            except KeyError as error:
                raise BadInput(f"{text!r}: the symbol {error} is not in the vocabulary") from None
        longest = max(map(len, rows), default=0)
        if length is not None and longest > length:
            raise BadInput(
                f"{texts[max(range(len(rows)), key=lambda i: len(rows[i]))]!r} has more than {length} symbols"
            )
        codes = np.zeros((len(rows), length or longest), np.uint8)
        for row, found in zip(codes, rows, strict=True):
            row[: len(found)] = found
        return codes

    def decode(self, codes):
        """Decode codes (n, length) into texts, each up to its first END."""
        codes = np.asarray(codes)
        over = np.concatenate([codes == END, np.ones((len(codes), 1), bool)], axis=1)
        table = ["", *self.symbols]
        return ["".join(table[code] for code in row[:stop]) for row, stop in zip(codes, over.argmax(1), strict=True)]


def rewritten(texts, rng):
    """Write each molecule anew from a random atom order (randomised SMILES); BadInput where one is wrong."""
    from deepbio.domains.chemistry import molecules

    found = []
    for text in texts:
        molecule = molecules.parse(text, "SMILES")
        order = rng.permutation(molecule.GetNumAtoms()).tolist()
        found.append(Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False))
    return found
