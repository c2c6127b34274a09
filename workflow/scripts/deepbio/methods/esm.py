"""ESM (Rives et al. 2021): a transformer that learns to fill in masked residues, and what its frozen vectors and
attention know of structure and of substitutions."""

import numpy as np
import torch
from torch.nn import functional as F

from deepbio.core.data import Ragged, Split
from deepbio.domains.protein.alignments import average_product_corrected
from deepbio.kinds.masked_protein import CONTACTS, EFFECTS, HIDDEN, STATES, revealed
from deepbio.learning import device, probes
from deepbio.learning.network import NetworkMethod
from deepbio.learning.protein_encoder import CLS, EOS, MASK, OF_CODE, PAD, Encoder, load_esm2

AMINO_TOKENS = OF_CODE[:20]
APART = 6  # least separation of residues whose contact is predicted
ALIKE = 64  # residues by which proteins of a batch may differ in length


class Method(NetworkMethod):
    """Parameters: encoder (`transformer`, `lstm` or `cnn`), layers, width, heads, positions (`learned` or `rotary`),
    length (residues that are read at a time), masked (share of residues that are to be filled in), probe_residues,
    structures (proteins that the contact regression is fitted on), contact_penalty, checkpoint (folder of published
    ESM-2 weights in place of training; null: none), training."""

    def build(self, parameters, shape):
        form = {"kind": parameters["encoder"], **{key: parameters[key] for key in ("layers", "width", "heads")}}
        form |= {"positions": parameters["positions"], "length": parameters["length"]}
        return Encoder(**shape.get("form", form))

    def describe(self, split):
        return {}

    # ---- tokens

    def pieces(self, residues):
        """Cut proteins into pieces of at most `length` residues: (protein, start, end) each."""
        length, found = self.parameters["length"], []
        for row, size in enumerate(residues.lengths):
            count = -(-int(size) // length)
            edges = np.round(np.linspace(0, size, count + 1)).astype(int)
            found += [(row, int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        return found

    def tokens(self, residues, pieces):
        """Make tokens (pieces, longest + 2) of pieces of proteins: <cls>, residues, <eos>, padding."""
        longest = max(end - start for _, start, end in pieces)
        found = np.full((len(pieces), longest + 2), PAD, np.int64)
        found[:, 0] = CLS
        for place, (row, start, end) in enumerate(pieces):
            at = residues.offsets[row]
            found[place, 1 : end - start + 1] = OF_CODE[residues.values[at + start : at + end]]
            found[place, end - start + 1] = EOS
        return torch.from_numpy(found)

    def batch(self, split, index):
        if "tokens" in split:
            tokens = torch.from_numpy(np.asarray(split["tokens"][index], np.int64))
            return {"tokens": tokens[:, : int((tokens != PAD).sum(dim=1).max())]}
        residues = revealed(split.take(index))
        return {"tokens": self.tokens(residues, self.pieces(residues))}

    def loss(self, network, batch):
        """Compute the cross-entropy of masked residues: of 15 %, 80 % stand as <mask>, 10 % as another residue and 10 %
        as they are (Devlin et al. 2019, section 3.1)."""
        tokens = batch["tokens"]
        amino = torch.as_tensor(AMINO_TOKENS, device=tokens.device)
        residue = torch.isin(tokens, amino)
        # Drawn on the CPU, whose generator a checkpoint holds.
        lot, kind = (torch.rand(tokens.shape).to(tokens.device) for _ in range(2))
        other = amino[torch.randint(20, tokens.shape).to(tokens.device)]
        chosen = residue & (lot < self.parameters["masked"])
        if not chosen.any():
            chosen = residue & (lot == lot[residue].min())
        shown = torch.where(chosen & (kind < 0.8), MASK, tokens)
        shown = torch.where(chosen & (kind >= 0.9), other, shown)
        x = network.encode(shown)[chosen]
        return F.cross_entropy(network.logits(x).float(), tokens[chosen])

    # ---- fitting

    def fit(self, train, valid, job):
        if self.parameters["checkpoint"]:
            self.network, form = load_esm2(self.parameters["checkpoint"])
            self.shape = {"form": form}
            self.parameters["length"] = form["length"]
        else:
            self.shape = {}
            residues = revealed(train)
            pieces = self.pieces(residues)
            whole = Split({"tokens": self.tokens(residues, pieces).numpy().astype(np.uint8)}, train.context)
            self.network, _ = self.train_network(self.parameters, whole, valid, job)
        self.network = self.network.to(job.device).eval()
        self.learn_states(train, job)
        self.learn_contacts(train)

    def validate(self, network, valid, where, monitor="loss"):
        p, y = self.fill(valid, network), np.asarray(valid.y)
        known = ~np.isnan(y).any(axis=2)
        return {"loss": float(-np.log(np.maximum((p * np.nan_to_num(y)).sum(axis=2)[known], 1e-9)).mean())}

    def learn_states(self, train, job):
        """Fit the probe of helix, strand and others on the vectors of single residues."""
        states, self.states = train["y_states"], None
        rows = np.flatnonzero(states.lengths == train["residues"].lengths)
        if not len(rows) or states.lengths.sum() == 0:
            return
        most = self.parameters["probe_residues"]
        rows = job.rng("probe").permutation(rows)
        rows = rows[: int(np.searchsorted(np.cumsum(states.lengths[rows]), most)) + 1]
        part = train.take(np.sort(rows))
        x, y = self.vectors(revealed(part)), np.asarray(part["y_states"].values)
        self.states = probes.fit(x[y < 3], y[y < 3].astype(int), most=most)

    def learn_contacts(self, train):
        """Fit a sparse logistic regression on the corrected attention of pairs of residues in a few structures."""
        self.contacts = None
        if "y_contacts" not in train or self.network.kind != "transformer":
            return
        sizes = train["residues"].lengths
        rows = np.flatnonzero((train["y_contacts"].lengths > 0) & (sizes <= self.parameters["length"]))
        x, y = [], []
        for row in rows[: self.parameters["structures"]]:
            part = train.take([row])
            label = np.asarray(part["y_contacts"].values).reshape(sizes[row], -1)
            upper = np.triu(label != 255, APART)
            x.append(self.attention(revealed(part))[upper])
            y.append(label[upper])
        if x and len(np.unique(np.concatenate(y))) == 2:
            penalty = self.parameters["contact_penalty"]
            self.contacts = probes.fit(np.concatenate(x), np.concatenate(y).astype(int), penalty, l1=True)

    # ---- what the network says of proteins

    def batches(self, residues):
        """Group pieces of like length, so that little is padding: lists of pieces."""
        pieces = sorted(self.pieces(residues), key=lambda one: (one[1] - one[2], one[0]))
        found, count = [], 0
        for piece in pieces:
            size = piece[2] - piece[1]
            if not found or count + size > 16384 or found[-1][0][2] - found[-1][0][1] - size > ALIKE:
                found.append([])
                count = 0
            found[-1].append(piece)
            count += size
        return found

    @torch.no_grad()
    def vectors(self, residues, network=None):
        """Compute the vectors of all residues, (residues of all, width) float32."""
        network = network or self.network
        found, where = None, device.of(network)
        for pieces in self.batches(residues):
            x = network.encode(self.tokens(residues, pieces).to(where)).float().cpu().numpy()
            if found is None:
                found = np.zeros((len(residues.values), x.shape[2]), np.float32)
            for place, (row, start, end) in enumerate(pieces):
                at = residues.offsets[row]
                found[at + start : at + end] = x[place, 1 : end - start + 1]
        return found

    @torch.no_grad()
    def shares(self, x, network):
        """Turn vectors (n, width) into probabilities (n, 20) of the amino acids."""
        where = device.of(network)
        logits = network.logits(torch.from_numpy(x).to(where))[:, torch.as_tensor(AMINO_TOKENS, device=where)]
        return logits.float().softmax(dim=1).cpu().numpy()

    def fill(self, split, network=None):
        """Predict the hidden residues: (n, hidden, 20); the shares of a uniform guess where there is none."""
        network = network or self.network
        residues, hidden = split["residues"], np.asarray(split["hidden"])
        found = np.full((*hidden.shape, 20), 0.05)
        row, place = np.nonzero(hidden >= 0)
        if len(row):
            x = self.vectors(residues, network)[residues.offsets[row] + hidden[row, place]]
            found[row, place] = self.shares(x, network)
        return found

    @torch.no_grad()
    def attention(self, residues):
        """Compute the symmetrised and corrected attention of one protein: (residues, residues, layers x heads)."""
        maps: list[torch.Tensor] = []
        tokens = self.tokens(residues, [(0, 0, len(residues.values))])
        self.network.encode(tokens.to(device.of(self.network)), maps)
        found = torch.cat(maps, dim=1)[0, :, 1:-1, 1:-1].cpu().numpy()
        return np.stack([average_product_corrected(one + one.T) for one in found], axis=2).astype(np.float32)

    def effects(self, residues):
        """Score all substitutions of one protein by masked marginals (Meier et al. 2021, equation 3): the difference of
        the logarithms of the shares of mutant and wild type where the residue is masked. (residues x 20,)"""
        codes = np.asarray(residues.values)
        size, found = len(codes), np.zeros((len(codes), 20))
        for start in range(0, size, 32):
            places = np.arange(start, min(start + 32, size))
            copies = np.tile(codes, (len(places), 1))
            copies[np.arange(len(places)), places] = HIDDEN
            many = Ragged(copies.ravel(), np.arange(len(places) + 1) * size)
            x = self.vectors(many)[np.arange(len(places)) * size + places]
            found[places] = np.log(np.maximum(self.shares(x, self.network), 1e-9))
        wild = np.where(codes < 20, codes, 0)
        return (found - found[np.arange(size), wild][:, None]).ravel()

    def predict(self, split):
        """Predict the hidden residues `y` (n, hidden, 20), and of the proteins that are asked for `states` (residues,
        3), `contacts` (pairs,) and `effects` (residues x 20,), one protein after the other."""
        found, asked = {"y": self.fill(split)}, np.asarray(split["asked"])
        if self.states is not None and (asked & STATES).any():
            x = self.vectors(split.take(asked & STATES > 0)["residues"])
            found["states"] = probes.predict(self.states, x, 3)
        # Attention and masked marginals are of few proteins.
        for key, bit, known in (("contacts", CONTACTS, self.contacts is not None), ("effects", EFFECTS, True)):
            rows = np.flatnonzero(asked & bit)
            if known and len(rows):
                made = [getattr(self, f"{key}_of")(split.take([row])["residues"]) for row in rows]
                found[key] = np.concatenate(made)
        return found

    effects_of = effects

    def contacts_of(self, residues):
        """Predict the contacts of one protein, flattened."""
        x = self.attention(residues)
        return probes.predict(self.contacts, x.reshape(-1, x.shape[2]), 2)[:, 1]

    # ---- storage and figures

    def save(self, folder):
        for name in ("states", "contacts"):
            probe = getattr(self, name)
            self.shape[name] = None if probe is None else {key: value.tolist() for key, value in probe.items()}
        super().save(folder)

    def load(self, folder):
        super().load(folder)
        for name in ("states", "contacts"):
            probe = self.shape.pop(name)
            kinds = {"classes": np.int64}
            known = probe and {key: np.array(value, kinds.get(key, np.float32)) for key, value in probe.items()}
            setattr(self, name, known)

    def interpret(self, split, folder):
        from deepbio.figures import language as figures

        weights = self.network.embedding.weight.detach().cpu().numpy()[AMINO_TOKENS]
        figures.draw_amino_acids(weights, split.context, folder / "amino_acids")
        figures.draw_hidden(split, self.fill(split), folder / "hidden")
        rows = np.flatnonzero(split["y_contacts"].lengths) if "y_contacts" in split else []
        rows = [row for row in rows if split["residues"].lengths[row] <= self.parameters["length"]]
        if len(rows) and self.network.kind == "transformer":
            part = split.take([rows[0]])
            maps, size = self.attention(revealed(part)), int(part["residues"].lengths[0])
            label = np.asarray(part["y_contacts"].values).reshape(size, size)
            predicted = None if self.contacts is None else self.contacts_of(revealed(part)).reshape(size, size)
            figures.draw_attention(maps, label, predicted, split.context, folder / "attention")
