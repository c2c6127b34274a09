"""Ontologies: terms in a hierarchy with one root, and the genes that are annotated with them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput


@dataclass(frozen=True)
class Ontology:
    """A hierarchy of terms with their genes.

    terms, genes : names
    edges : (n, 2) integers, parent and child
    annotations : (n, 2) integers, term and gene

    A gene may be annotated with several terms. It also belongs to all terms above them.
    """

    terms: list
    genes: list
    edges: np.ndarray
    annotations: np.ndarray

    @classmethod
    def of(cls, context):
        """Read the ontology from a split's context."""
        arrays = (np.asarray(context[key], int).reshape(-1, 2) for key in ("term_edges", "term_genes"))
        return cls(list(context["terms"]), list(context["features"]), *arrays)

    def context(self):
        """Return the ontology as a split's context, which `of` reads."""
        arrays = {"term_edges": self.edges.astype(np.int32), "term_genes": self.annotations.astype(np.int32)}
        return {"terms": self.terms, "features": self.genes, **arrays}

    def heights(self):
        """Compute the longest path down from every term, 0 for a term without children; ValueError on a cycle."""
        height = np.zeros(len(self.terms), int)
        for _ in range(len(self.terms)):
            new = np.zeros_like(height)
            np.maximum.at(new, self.edges[:, 0], height[self.edges[:, 1]] + 1)
            if (new == height).all():
                return height
            height = new
        raise ValueError("the terms make a cycle")

    def root(self):
        """Return the index of the root."""
        return int(np.setdiff1d(np.arange(len(self.terms)), self.edges[:, 1])[0])

    def members(self):
        """Return (terms, genes) bool: whether a gene is annotated with a term or with one below it."""
        held = np.zeros((len(self.terms), len(self.genes)), bool)
        held[tuple(self.annotations.T)] = True
        height = self.heights()
        for parent, child in self.edges[np.argsort(height[self.edges[:, 0]], kind="stable")]:
            held[parent] |= held[child]
        return held

    def permuted(self, rng):
        """Return the same hierarchy with the genes permuted at random."""
        annotations = self.annotations.copy()
        annotations[:, 1] = rng.permutation(len(self.genes))[annotations[:, 1]]
        return Ontology(self.terms, self.genes, self.edges, annotations)


def read_topology(path):
    """Read an ontology in DCell's own format: for each term the lines `ROOT: term genes`, `GENES: …` and `TERMS: …`.

    The number beside a term is the number of its genes, including those of terms below it. Raises BadInput with file
    and line for a cycle, a child without lines of its own, no root or two roots, or a wrong number.
    """
    path = Path(path)
    terms, place, sizes, genes, annotations, edges, number = [], {}, [], {}, [], [], 0
    for number, line in text.lines(path):
        key, colon, rest = line.partition(": " if ": " in line else ":")
        words, wanted = rest.split(), ("ROOT", "GENES", "TERMS")[(number - 1) % 3]
        if key != wanted or not colon:
            raise BadInput(f"{path}:{number}: '{wanted}:' was expected, not {line[:40]!r}")
        if key == "ROOT":
            if len(words) != 2 or not words[1].isdigit():
                raise BadInput(f"{path}:{number}: a term and its number of genes were expected, not {rest!r}")
            if words[0] in terms:
                raise BadInput(f"{path}:{number}: term {words[0]} stands a second time")
            terms.append(words[0])
            place[words[0]] = number
            sizes.append(int(words[1]))
        elif key == "GENES":
            annotations += [(len(terms) - 1, genes.setdefault(gene, len(genes))) for gene in words]
        else:
            edges += [(terms[-1], child, number) for child in words]
    if not terms or number % 3:
        raise BadInput(f"{path}:{number}: the file ends within a term")
    ontology = _checked(path, terms, list(genes), edges, annotations, place)
    found = ontology.members().sum(1)
    for term, size, count in zip(terms, sizes, found, strict=True):
        if size != count:
            raise BadInput(f"{path}:{place[term]}: term {term} contains {count} genes, not {size}")
    return ontology


def read_pairs(path, genes):
    """Read an ontology in the format of DrugCell and NeST-VNN: lines `parent child default` and `term gene gene`.

    `genes`: names of all genes. Raises BadInput as read_topology does; a parent that is no child of a term is a second
    root.
    """
    path, known = Path(path), {gene: i for i, gene in enumerate(genes)}
    terms, place, annotations, edges = [], {}, [], []
    for number, line in text.lines(path):
        words = line.split("\t")
        if len(words) != 3 or words[2] not in ("default", "gene"):
            raise BadInput(f"{path}:{number}: 'parent, child, default' or 'term, gene, gene' was expected")
        for term in words[: 2 if words[2] == "default" else 1]:
            if term not in place:
                place[term] = number
                terms.append(term)
        if words[2] == "default":
            edges.append((words[0], words[1], number))
        elif words[1] not in known:
            raise BadInput(f"{path}:{number}: gene {words[1]} is not among the genes")
        else:
            annotations.append((terms.index(words[0]), known[words[1]]))
    return _checked(path, terms, list(genes), edges, annotations, place)


def _checked(path, terms, genes, edges, annotations, place):
    """Check the terms and return them as an Ontology; BadInput where they form none.

    `edges` are (parent, child, line); `place` is the line of every term.
    """
    number = {term: i for i, term in enumerate(terms)}
    for parent, child, line in edges:
        if child not in number:
            raise BadInput(f"{path}:{line}: term {child}, a child of {parent}, is unknown: it has no lines of its own")
    numbered = np.array([(number[parent], number[child]) for parent, child, _ in edges], int).reshape(-1, 2)
    roots = np.setdiff1d(np.arange(len(terms)), numbered[:, 1])
    if not len(roots):
        raise BadInput(f"{path}:{place[terms[0]]}: no root: every term, such as {terms[0]}, is a child of another")
    if len(roots) > 1:
        one, other = (terms[i] for i in roots[:2])
        raise BadInput(f"{path}:{place[other]}: two roots: neither {one} nor {other} is a child of a term")
    annotations = np.unique(np.array(annotations, int).reshape(-1, 2), axis=0)
    ontology = Ontology(terms, genes, np.unique(numbered, axis=0), annotations)
    try:
        ontology.heights()
    except ValueError:
        term = _on_cycle(numbered, len(terms))
        raise BadInput(f"{path}:{place[terms[term]]}: cycle: term {terms[term]} is below itself") from None
    empty = np.setdiff1d(np.arange(len(terms)), np.r_[annotations[:, 0], numbered[:, 0]])
    if len(empty):
        raise BadInput(f"{path}:{place[terms[empty[0]]]}: term {terms[empty[0]]} has neither genes nor children")
    return ontology


def _on_cycle(edges, terms):
    """Return the first term that is below itself."""
    below = np.zeros((terms, terms), bool)
    below[tuple(edges.T)] = True
    for middle in range(terms):
        below |= below[:, [middle]] & below[middle]
    return int(np.argmax(below.diagonal()))
