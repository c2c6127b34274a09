"""Genotypes: readers of the formats of people's SNPs, relatedness, and counts by class.

A genotype is the number of copies of one of a site's two alleles: 0, 1 or 2, and UNKNOWN where it was not called. A
table of genotypes is int8 (people, sites).
"""

import hashlib
import multiprocessing
import shutil
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.files import BadInput
from deepbio.domains.variation import variants

UNKNOWN = -1
BASES = frozenset("ACGT")
BLOCK = 4096  # sites transposed at a time
SECONDS = 600  # that reading an R data file may take


class People:
    """Names, populations and continental groups (arrays of strings) of people, in the order of a file.

    `home` maps a population to its continental group. Raises BadInput for a person who occurs twice or has no group,
    and for a population in two groups.
    """

    def __init__(self, path, names, population, continent):
        self.names, self.population, self.continent = (np.asarray(one, str) for one in (names, population, continent))
        once, counts = np.unique(self.names, return_counts=True)
        if (counts > 1).any():
            raise BadInput(f"{path}: person {once[counts > 1][0]} stands twice")
        home = {}
        for name, group, continent in zip(self.names, self.population, self.continent, strict=True):
            if not group or not continent:
                raise BadInput(f"{path}: person {name} has no population or no continental group")
            if home.setdefault(group, continent) != continent:
                raise BadInput(f"{path}: person {name}: population {group} lies in {home[group]} and in {continent}")
        self.home = home

    def __len__(self):
        return len(self.names)


def read_panel(path, columns, separator=","):
    """Read People from a delimited file (separator None: white space).

    `columns` name the columns of person, population and continental group.
    """
    table = _loose(path, separator) if separator is None else tables.read_csv(path, separator)
    return People(path, *(table.column(name) for name in columns))


def _loose(path, separator):
    """Read a table whose lines may lack empty columns at their end, as in files of the 1000 Genomes Project.

    Missing fields become empty. A row split by white space must have as many fields as the header, because an empty
    field would shift the others. Raises BadInput with file and line.
    """
    header, rows, lines = [], [], []
    for number, line in text.lines(path):
        row = line.rstrip().split(separator)
        if not line.strip():
            continue
        if not header:
            header = [name.strip() for name in row]
            continue
        if len(row) < (2 if separator else len(header)) or len(row) > len(header):
            raise BadInput(f"{path}:{number}: {len(row)} columns in place of {len(header)}")
        if separator is None and "\t" in line and [one.strip() for one in line.rstrip().split("\t")] != row:
            raise BadInput(f"{path}:{number}: an empty field, or blanks and tabs mixed; which column is which?")
        rows.append(row + [""] * (len(header) - len(row)))
        lines.append(number)
    if not header:
        raise BadInput(f"{path}:1: the file is empty")
    return tables.Table(Path(path), header, rows, lines)


# ---- genotypes


def read_matrix(path, sites, people, every=1):
    """Read genotypes of a gzipped matrix of bytes (sites, people), for every `every`-th site of the file `sites`.

    Raises BadInput for a wrong size, and for a value above 2 with its site and person.
    """
    with text.readable(path), text.open_bytes(path) as handle:
        flat = np.frombuffer(handle.read(), np.uint8)
    names = [name for _, line in text.lines(sites) for name in line.split()]
    if len(flat) != len(names) * people:
        raise BadInput(f"{path}: {len(flat)} genotypes in place of {len(names)} sites x {people} people ({sites})")
    table = flat.reshape(len(names), people)
    wrong = np.argwhere(table > 2)
    if len(wrong):
        site, person = wrong[0]
        raise BadInput(f"{path}: site {names[site]} (record {site + 1}), person {person + 1}: {table[site, person]}")
    return np.ascontiguousarray(table[::every].T).astype(np.int8)


def read_letters(path, without):
    """Read genotypes (people, sites) and names of the sites of a file with a pair of letters, such as CT, per person.

    Copies of the allele that is later in the alphabet are counted. `without`: columns that are not sites. Raises
    BadInput for other text than a pair of bases, and for a site with more than two alleles.
    """
    table = tables.read_csv(path)
    sites = [name for name in table.header if name not in without]
    found = []
    for name in sites:
        values = np.array(table.column(name), str)
        letters = sorted(set("".join(values)))
        good = np.isin(values, [a + b for a in "ACGT" for b in "ACGT"])
        if not good.all():
            line = int(np.argmin(good))
            raise BadInput(f"{table.where(line)}: column '{name}': {str(values[line])!r} is no pair of bases")
        if len(letters) > 2:
            raise BadInput(f"{path}: column '{name}' has the alleles {', '.join(letters)}; two are expected")
        found.append(np.char.count(values, letters[-1]) if len(letters) == 2 else np.zeros(len(values), int))
    return np.stack(found, axis=1).astype(np.int8), sites


def read_haplotypes(path, name):
    """Read genotypes (people, sites) and People from an R data file.

    It has the frames <name>.hap and <name>.sample, with two rows per person.
    """
    alleles, rows = _frames(path, f"{name}.hap", f"{name}.sample")
    return pair(path, alleles.to_numpy(np.int8), rows.astype(str))


def read_phased(path, name):
    """Read haplotypes (haplotypes, sites) of 0 and 1, the sites' positions, and each haplotype's population.

    The file is as for read_haplotypes, with a third frame <name>.snps. Raises BadInput where positions decrease.
    """
    alleles, rows, sites = _frames(path, f"{name}.hap", f"{name}.sample", f"{name}.snps")
    alleles, rows = alleles.to_numpy(np.int8), rows.astype(str)
    pair(path, alleles, rows)
    places = sites["pos"].to_numpy(np.int64)
    if len(places) != alleles.shape[1]:
        raise BadInput(f"{path}: table '{name}.snps' has {len(places)} records for {alleles.shape[1]} sites")
    falls = np.flatnonzero(np.diff(places) < 0)
    if len(falls):
        raise BadInput(f"{path}: table '{name}.snps', record {falls[0] + 2}: places must not fall")
    return alleles, places, rows["population"].to_numpy(str)


def _frames(path, *names):
    """Read frames of an R data file.

    The C library behind pyreadr may crash over a damaged file, so it reads in a process of its own.
    """
    import pyreadr  # noqa: F401  slow to import, and not in each child

    with text.readable(path), open(path, "rb"):
        pass
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=_send_r, args=(path, theirs))
    child.start()
    theirs.close()
    try:
        frames = ours.recv() if ours.poll(SECONDS) else f"damaged R data file: nothing was read in {SECONDS} seconds"
    except EOFError:  # the child ended without a word
        frames = "damaged R data file"
    finally:
        child.kill()
        child.join()
        ours.close()
    if isinstance(frames, str):
        raise BadInput(f"{path}: {frames}")
    for part in names:
        if part not in frames:
            raise BadInput(f"{path}: no table '{part}'; tables are: {', '.join(frames)}")
    return [frames[part] for part in names]


def _send_r(path, pipe):
    """Send the frames of an R data file, or what is wrong with it."""
    import faulthandler

    import pyreadr

    faulthandler.disable()  # the parent says what a crash means
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the caller reports a file without frames
            pipe.send(dict(pyreadr.read_r(path)))
    except (pyreadr.LibrdataError, pyreadr.PyreadrError, ValueError, TypeError, OverflowError) as error:
        pipe.send(f"not an R data file: {error}")


def pair(path, alleles, rows):
    """Return the sums of the two haplotypes (0 and 1) of each person, and People; `rows` has a row per haplotype.

    Raises BadInput for another number of haplotypes, another allele, and a pair of two people.
    """
    if len(rows) != len(alleles) or len(rows) % 2:
        raise BadInput(f"{path}: {len(alleles)} haplotypes of {len(rows)} rows; two for each person are expected")
    wrong = np.argwhere((alleles < 0) | (alleles > 1))
    if len(wrong):
        raise BadInput(
            f"{path}: haplotype {wrong[0][0] + 1}, site {wrong[0][1] + 1}: an allele that is neither 0 nor 1"
        )
    one, other = rows.iloc[::2], rows.iloc[1::2]
    apart = (one["sample"].to_numpy() != other["sample"].to_numpy()).nonzero()[0]
    if len(apart):
        raise BadInput(f"{path}: haplotypes {2 * apart[0] + 1} and {2 * apart[0] + 2} are of two people")
    people = People(path, one["sample"], one["population"], one["super.population"])
    return alleles[::2] + alleles[1::2], people


def read_vcf(paths, wanted, learn, rules):
    """Read genotypes (people, sites) of VCF files as a memory map; people are the names `wanted`, in that order.

    Sites are biallelic SNPs, chosen by the people `learn` (a mask) alone. A site has a minor allele frequency of at
    least `rules["minor"]`, lies at least `spacing` bases after the last one considered, and has r² of at most `r2` with
    each of the last `window` sites chosen on its chromosome. Of more than `most` sites, `most` evenly spread ones are
    kept. Sites that are rare by the file's own AF are skipped unread. Only a few sites are in memory at a time.
    """
    folder = Path(tempfile.mkdtemp(prefix="genotypes-"))
    taken = 0
    with open(folder / "sites", "wb") as target:
        for path in paths:
            for row in _chosen_sites(path, wanted, learn, rules):
                target.write(row.tobytes())
                taken += 1
    if not taken:
        raise BadInput(f"{paths[0]}: no site passes: {rules}")
    stored = np.memmap(folder / "sites", np.int8, "r", shape=(taken, len(wanted)))
    count = min(taken, rules.get("most") or taken)
    kept = np.arange(count) * taken // count
    turned = np.memmap(folder / "people", np.int8, "w+", shape=(len(wanted), count))
    for start in range(0, count, BLOCK):
        turned[:, start : start + BLOCK] = stored[kept[start : start + BLOCK]].T
    shutil.rmtree(folder)  # a map outlives the name of its file
    return turned


def _chosen_sites(path, wanted, learn, rules):
    """Yield rows (people,) of the sites of one file that pass read_vcf's rules."""
    recent, chromosome, last = [], None, 0
    for where, place, frequency, genotypes in _records(path, wanted):
        if where != chromosome:
            chromosome, last, recent = where, -rules["spacing"], []
        if place - last < rules["spacing"] or not rules["minor"] <= frequency <= 1 - rules["minor"]:
            continue
        row = genotypes()
        known = row[learn] >= 0
        seen = row[learn][known]
        share = seen.mean() / 2 if len(seen) else 0
        if min(share, 1 - share) < max(rules["minor"], 1e-9):
            continue
        last = place
        # Unknown genotypes are set to the mean, so that they correlate with nothing.
        scaled = np.where(known, row[learn] - 2 * share, 0.0)
        scaled /= np.linalg.norm(scaled) or 1
        if recent and ((np.stack(recent) @ scaled) ** 2).max() > rules["r2"]:
            continue
        recent = [*recent, scaled][-rules["window"] :]
        yield row


def _records(path, wanted):
    """Yield (chromosome, position, AF or 0.5, function that returns the genotypes) of each biallelic SNP of a VCF
    file."""
    columns, previous = None, (None, 0)
    for number, record in variants.records(path, whole=False):
        if columns is None:
            have = {name: i for i, name in enumerate(record.header.samples)}
            lacking = [name for name in wanted if name not in have]
            if lacking:
                raise BadInput(f"{path}: {len(lacking)} people have no column, such as {lacking[0]}")
            columns = np.array([have[name] for name in wanted])
        if record.chrom == previous[0] and record.pos < previous[1]:
            raise BadInput(f"{path}: record {number} ({record.chrom}:{record.pos}): places must not fall")
        previous = record.chrom, record.pos
        if len(record.alleles) != 2 or not all(allele.upper() in BASES for allele in record.alleles):
            continue
        try:
            frequency = record.info.get("AF", (0.5,))
        except (UnicodeDecodeError, ValueError):
            frequency = 0.5  # no number in the file's own frequency: the genotypes decide
        frequency = next(iter(frequency), None) if isinstance(frequency, tuple) else frequency
        if not isinstance(frequency, float | int) or not np.isfinite(frequency):
            frequency = 0.5  # AF=. or text, in a file whose header says another type
        yield record.chrom, record.pos, frequency, partial(_genotypes, path, record, number, columns)


def _genotypes(path, record, number, columns):
    """Count the second allele (people,) in one record, for the people in `columns`."""
    try:
        fields = str(record).rstrip("\n").split("\t")[8:]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: record {number} ({record.chrom}:{record.pos}): no text: {error}") from None
    if len(fields) < 2 or fields[0].split(":")[0] != "GT":
        raise BadInput(f"{path}: record {number} ({record.chrom}:{record.pos}): no genotypes (GT comes first)")
    # Three letters of the genotype, and the one behind them, which ends it: ":" or nothing.
    calls = np.array(fields[1:], "S4").view("S1").reshape(-1, 4)
    alleles = calls[:, [0, 2]]
    good = np.isin(alleles, [b"0", b"1", b"."]).all(1)
    good &= np.isin(calls[:, 1], [b"|", b"/"]) & np.isin(calls[:, 3], [b"", b":"])
    if not good.all():
        person = int(np.argmin(good))
        raise BadInput(
            f"{path}: record {number} ({record.chrom}:{record.pos}), person {person + 1}: genotype "
            f"{fields[1 + person].split(':')[0]!r}; two alleles 0, 1 or . are expected"
        )
    row = (alleles == b"1").sum(axis=1).astype(np.int8)
    row[(alleles == b".").any(axis=1)] = UNKNOWN
    return row[columns]


# ---- relatives and duplicates


def read_families(path, names):
    """Return a label for each of `names`: relatives in a pedigree of the 1000 Genomes Project share one.

    Relatives have a common family, or one is named in the other's row, up to the third degree.
    """
    table = _loose(path, "\t")
    person, family = table.column("Individual ID"), table.column("Family ID")
    own = {name: f"family:{label}" for name, label in zip(person, family, strict=True)}
    known = set(names)
    for name in names:
        if name not in own:
            raise BadInput(f"{path}: person {name} has no row")
    leader = {label: label for label in own.values()}

    def find(label):
        while leader[label] != label:
            label = leader[label]
        return label

    relatives = ("Paternal ID", "Maternal ID", "Siblings", "Second Order", "Third Order", "Children")
    for column in (name for name in relatives if name in table.header):
        for one, others in zip(person, table.column(column), strict=True):
            for other in others.replace(",", " ").replace(";", " ").split():
                if one in known and other in own:
                    leader[find(own[other])] = find(own[one])
    return np.array([find(own[name]) for name in names])


def together(genotypes, family):
    """Return the group number of each person: members of a family, and people of equal genotypes, share a group."""
    alike = np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in genotypes])
    return tables.linked(family, alike)


# ---- counts by class


def class_counts(genotypes, number, classes):
    """Count the people of each class with 0, 1 and 2 copies: int32 (classes, 3, sites).

    `number` is the class of each person.
    """
    found = np.zeros((classes, 3, genotypes.shape[1]), np.int32)
    for one in range(classes):
        rows = np.asarray(genotypes[np.flatnonzero(number == one)])
        for copies in range(3):
            found[one, copies] = (rows == copies).sum(axis=0)
    return found
