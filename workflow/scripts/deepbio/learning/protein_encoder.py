"""Encoders of proteins that read tokens and give a vector for each residue: transformers of the ESM family, a
convolutional network and a bidirectional LSTM, all with the same head for masked residues."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepbio.core.files import BadInput, read_json

# The vocabulary of ESM-1b and ESM-2, in their order.
TOKENS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
CLS, PAD, EOS, MASK = (TOKENS.index(f"<{name}>") for name in ("cls", "pad", "eos", "mask"))
# Tokens of the codes of residues (domains.protein.sequences), and of a hidden one (25).
OF_CODE = np.array([TOKENS.index(letter) for letter in "ACDEFGHIKLMNPQRSTVWYXBZUO"] + [MASK], np.int64)
MASKED = 0.15 * 0.8  # share of the residues that stand as <mask> in training


def rotate(x: Tensor) -> Tensor:
    """Turn queries or keys (n, heads, length, width) by their places (Su et al. 2021, RoFormer, equation 34)."""
    half = x.shape[-1] // 2
    rate = 10000 ** (-torch.arange(half, device=x.device) / half)
    angle = torch.arange(x.shape[-2], device=x.device)[:, None] * torch.cat([rate, rate])
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * angle.cos() + turned * angle.sin()


class Layer(nn.Module):
    """One layer of a pre-norm transformer: attention, then two dense layers with GELU, each added to its input."""

    def __init__(self, width, heads, rotary):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.before_attention, self.before_dense = nn.LayerNorm(width, eps=1e-5), nn.LayerNorm(width, eps=1e-5)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out, self.wide, self.narrow = (
            nn.Linear(width, width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight, gain=2**-0.5)

    def forward(self, x: Tensor, known: Tensor, attention: list | None = None) -> Tensor:
        """Transform x (n, length, width); `known` (n, length) tells tokens from padding. Attention maps (n, heads,
        length, length) are put into a list, where one is given."""
        n, length, width = x.shape
        y = self.before_attention(x)
        q, k, v = (
            layer(y).view(n, length, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if self.rotary:
            q, k = rotate(q), rotate(k)
        if attention is None:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=known[:, None, None, :])
        else:
            scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
            shares = scores.masked_fill(~known[:, None, None, :], -torch.inf).softmax(dim=-1)
            attention.append(shares)
            y = shares @ v
        x = x + self.out(y.transpose(1, 2).reshape(n, length, width))
        return x + self.narrow(F.gelu(self.wide(self.before_dense(x))))


class Encoder(nn.Module):
    """Tokens (n, length) -> vectors (n, length, width) and logits (n, length, 33).

    kind : `transformer`, `lstm` or `cnn`. positions : `learned` (ESM-1b, with a norm before the stack) or `rotary`
    (ESM-2). The head is a dense layer, GELU and a norm, and the transposed embedding.
    """

    def __init__(self, kind, layers, width, heads, positions, length):
        super().__init__()
        self.kind, self.learned = kind, positions == "learned"
        self.embedding = nn.Embedding(len(TOKENS), width)
        nn.init.normal_(self.embedding.weight, std=0.02 if kind == "transformer" else width**-0.5)
        if kind == "transformer":
            if self.learned:
                self.positions, self.before = nn.Embedding(length + 2, width), nn.LayerNorm(width)
                nn.init.normal_(self.positions.weight, std=0.02)
            self.layers = nn.ModuleList([Layer(width, heads, not self.learned) for _ in range(layers)])
        elif kind == "lstm":
            self.layers = nn.LSTM(width, width // 2, layers, batch_first=True, bidirectional=True)
        else:
            self.layers = nn.ModuleList([nn.Conv1d(width, width, 7, padding=3) for _ in range(layers)])
        self.after = nn.LayerNorm(width, eps=1e-5)
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-5)
        self.bias = nn.Parameter(torch.zeros(len(TOKENS)))

    def encode(self, tokens: Tensor, attention: list | None = None) -> Tensor:
        """Compute the vectors of tokens. Masked ones have no embedding, and the others are scaled to make up for it as
        far as a sequence differs from training (ESM-1b's token dropout)."""
        known, masked = tokens != PAD, tokens == MASK
        x = self.embedding(tokens) * (~masked & known)[..., None]
        share = masked.sum(dim=1) / known.sum(dim=1)
        x = x * ((1 - MASKED) / (1 - share))[:, None, None]
        if self.kind == "lstm":
            # Packed, so that the direction from behind reads no padding.
            packed = pack_padded_sequence(x, known.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
            return self.after(pad_packed_sequence(self.layers(packed)[0], True, total_length=x.shape[1])[0])
        if self.kind == "cnn":
            for layer in self.layers:
                x = x + F.gelu(layer((x * known[..., None]).transpose(1, 2))).transpose(1, 2)
            return self.after(x)
        if self.learned:
            x = self.before(x + self.positions(torch.arange(tokens.shape[1], device=tokens.device)))
            x = x * known[..., None]
        for layer in self.layers:
            x = layer(x, known, attention)
        return self.after(x)

    def logits(self, x: Tensor) -> Tensor:
        """Compute the logits of the tokens from vectors (…, width)."""
        return F.linear(self.norm(F.gelu(self.dense(x))), self.embedding.weight, self.bias)

    def forward(self, batch):
        return self.logits(self.encode(batch["tokens"]))


# ---- published weights

_NAMES = {
    "esm.embeddings.word_embeddings.weight": "embedding.weight",
    "esm.encoder.emb_layer_norm_after.": "after.",
    "lm_head.dense.": "dense.",
    "lm_head.layer_norm.": "norm.",
    "lm_head.bias": "bias",
    ".attention.self.query.": ".query.",
    ".attention.self.key.": ".key.",
    ".attention.self.value.": ".value.",
    ".attention.output.dense.": ".out.",
    ".attention.LayerNorm.": ".before_attention.",
    ".intermediate.dense.": ".wide.",
    ".output.dense.": ".narrow.",
    ".LayerNorm.": ".before_dense.",
    "esm.encoder.layer.": "layers.",
}
_LEFT = ("contact_head", "rotary_embeddings", "position_ids", "position_embeddings", "lm_head.decoder")


def load_esm2(folder: Path) -> tuple[Encoder, dict]:
    """Load ESM-2 from a folder with config.json and model.safetensors, as transformers writes it: the encoder, and its
    form (layers, width, heads, positions, length). Nothing is downloaded.

    Raises BadInput where a file is missing, or a weight of the encoder is missing or of another shape.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    facts = read_json(folder / "config.json")
    if facts.get("model_type") != "esm" or facts.get("position_embedding_type") != "rotary":
        raise BadInput(f"{folder}/config.json: no ESM-2 (model_type esm with rotary positions)")
    form = {"kind": "transformer", "layers": facts["num_hidden_layers"], "width": facts["hidden_size"]}
    form |= {
        "heads": facts["num_attention_heads"],
        "positions": "rotary",
        "length": facts["max_position_embeddings"] - 2,
    }
    path = folder / "model.safetensors"
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    encoder, weights = Encoder(**form), {}
    for name, value in load_file(path).items():
        if not any(part in name for part in _LEFT):
            for old, new in _NAMES.items():
                name = name.replace(old, new)
            weights[name] = value
    wanted = encoder.state_dict()
    for name, value in wanted.items():
        if name not in weights:
            raise BadInput(f"{path}: no weight for {name}")
        if weights[name].shape != value.shape:
            raise BadInput(f"{path}: {name} has shape {tuple(weights[name].shape)}, not {tuple(value.shape)}")
    encoder.load_state_dict({name: weights[name] for name in wanted})
    return encoder.eval(), json.loads(json.dumps(form))
