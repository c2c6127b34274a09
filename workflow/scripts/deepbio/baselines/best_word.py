"""The presence of one exact word: the rule that finds planted motifs without learning weights."""

import numpy as np

from deepbio.core.data import concatenate
from deepbio.domains.dna import sequences
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: widths, the least and the greatest length of a word. Of equally good words the longest is taken."""

    def fit(self, train, valid, job):
        both = concatenate(train, valid)
        codes, y = np.asarray(both["codes"]), np.asarray(both.y).ravel() == 1
        best = (-1.0, None, None)
        first, last = self.parameters["widths"]
        for width in range(first, min(last, codes.shape[1]) + 1):
            words = sequences.kmer_words(codes, width)
            known, number = np.unique(words, return_inverse=True)
            # A word counts once in a sequence however often it occurs there.
            pairs = np.unique(number.reshape(words.shape) + len(known) * np.arange(len(codes))[:, None])
            word, holder = pairs % len(known), y[pairs // len(known)]
            gain = np.bincount(word, np.where(holder, 1.0, -1.0), len(known))
            gain[known < 0] = -np.inf
            accuracy = (gain.max() + (~y).sum()) / len(y)
            if accuracy >= best[0]:
                best = (float(accuracy), int(known[gain.argmax()]), width)
        word = "".join(sequences.BASES[best[1] // 4**index % 4] for index in reversed(range(best[2])))
        # The odds that a sequence with, or without, the word is positive, with one count added to each cell.
        with_word = (sequences.kmer_words(codes, best[2]) == best[1]).any(1)
        odds = [float((y[with_word == side].sum() + 1) / ((with_word == side).sum() + 2)) for side in (False, True)]
        self.facts = {"word": word, "training_accuracy": best[0], "probability": odds}

    def predict(self, split):
        width = len(self.facts["word"])
        code = sequences.kmer_words(sequences.encode([self.facts["word"]]), width)[0, 0]
        holds = (sequences.kmer_words(split["codes"], width) == code).any(1)
        return {"y": np.array(self.facts["probability"])[holds.astype(int)][:, None]}
