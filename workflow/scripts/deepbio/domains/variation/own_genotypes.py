"""Genotypes of a user's own VCF files: all biallelic SNPs, or the sites that a model knows."""

from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput
from deepbio.domains.variation import variants
from deepbio.domains.variation.genotypes import BASES, UNKNOWN


def read(paths: list[Path], known: list | None) -> tuple[np.ndarray, list, list[str], int]:
    """Read genotypes (people, sites) int8, the sites [chromosome, place, ref, alt], the people, and how many records
    are no biallelic SNP.

    With `known` sites the table has these, in their order; where ref and alt are exchanged the copies are counted from
    the other end, and a site that no file has is unknown. BadInput names a record whose genotype has not two alleles.
    """
    people, rows, sites, left = None, [], [], 0
    place = {tuple(site): number for number, site in enumerate(known or ())}
    table = None
    for path in paths:
        for number, record in variants.records(path):
            here = list(record.header.samples)
            if people is None:
                people = here
                if not people:
                    raise BadInput(f"{path}: no person; a VCF file with genotypes is expected")
                table = np.full((len(people), len(place)), UNKNOWN, np.int8) if known is not None else None
            elif here != people:
                raise BadInput(f"{path}: other people, or another order of them, than in {paths[0]}")
            if len(record.alleles or ()) != 2 or not all(allele.upper() in BASES for allele in record.alleles):
                left += 1
                continue
            ref, alt = (allele.upper() for allele in record.alleles)
            site, turned = (record.chrom, record.pos, ref, alt), (record.chrom, record.pos, alt, ref)
            if known is not None and site not in place and turned not in place:
                continue
            row = copies(record, f"{path}: record {number} ({record.chrom}:{record.pos})")
            if known is None:
                rows.append(row)
                sites.append(list(site))
            elif site in place:
                table[:, place[site]] = row
            else:
                table[:, place[turned]] = np.where(row < 0, row, 2 - row)
    if people is None:
        raise BadInput(f"{paths[0]}: no record")
    if known is None:
        if not rows:
            raise BadInput(f"{paths[0]}: no biallelic SNP; {left} other records")
        table, known = np.stack(rows, axis=1), sites
    return table, [list(site) for site in known], people, left


def copies(record, where: str) -> np.ndarray:
    """Count the second allele of each person, (people,) int8; UNKNOWN where an allele is not called."""
    found = np.empty(len(record.samples), np.int8)
    for row, sample in enumerate(record.samples.values()):
        alleles = sample.get("GT") or (None,)
        if None in alleles:
            found[row] = UNKNOWN
        elif len(alleles) != 2:
            raise BadInput(f"{where}, person {sample.name}: {len(alleles)} alleles; two are expected")
        else:
            found[row] = sum(alleles)
    return found
