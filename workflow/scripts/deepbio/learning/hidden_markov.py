"""Hidden Markov models over chains of samples whose emissions a network gives: the best path, and posteriors."""

import numpy as np


def viterbi(emission: np.ndarray, transition: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """Find the most probable path (steps,) of states, from log likelihoods (steps, states), log transition
    probabilities (from, to) and log initial ones."""
    score, back = initial + emission[0], []
    for row in emission[1:]:
        each = score[:, None] + transition
        back.append(each.argmax(axis=0))
        score = each.max(axis=0) + row
    path = [int(score.argmax())]
    for best in reversed(back):
        path.append(int(best[path[-1]]))
    return np.array(path[::-1])


def posterior(emission: np.ndarray, transition: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """Compute the probability of each state at each step (steps, states), by the forward and the backward pass."""
    forward = [initial + emission[0]]
    for row in emission[1:]:
        forward.append(np.logaddexp.reduce(forward[-1][:, None] + transition, axis=0) + row)
    backward = [np.zeros(len(initial))]
    for row in emission[:0:-1]:
        backward.append(np.logaddexp.reduce(transition + row + backward[-1], axis=1))
    both = np.array(forward) + np.array(backward[::-1])
    return np.exp(both - np.logaddexp.reduce(both, axis=1, keepdims=True))


def transitions(states: np.ndarray, chain: np.ndarray, count: int, pseudocount: float = 1.0) -> np.ndarray:
    """Estimate transition probabilities (from, to) from states (n,) in order, within chains."""
    same = chain[1:] == chain[:-1]
    pairs = np.bincount(states[:-1][same] * count + states[1:][same], minlength=count**2).reshape(count, count)
    pairs = pairs + pseudocount
    return pairs / pairs.sum(axis=1, keepdims=True)


def starts(states: np.ndarray, chain: np.ndarray, count: int, pseudocount: float = 1.0) -> np.ndarray:
    """Estimate the probabilities of the first states of chains, (states,)."""
    first = np.r_[True, chain[1:] != chain[:-1]]
    counts = np.bincount(states[first], minlength=count) + pseudocount
    return counts / counts.sum()
