"""Language of proteins: hiding and revealing, the encoder, published weights, probes, n-grams, and the scores."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from deepbio.baselines import onehot_probe, residue_ngram
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.core.records import Given
from deepbio.domains.protein import sequences
from deepbio.kinds import masked_protein
from deepbio.learning import probes, protein_encoder
from deepbio.methods import esm
from deepbio.tasks import protein_language

FORM = {
    "encoder": "transformer",
    "layers": 2,
    "width": 16,
    "heads": 4,
    "positions": "learned",
    "length": 12,
    "masked": 0.15,
}


def test_hidden_residues_are_put_back():
    found = [sequences.encode("ACDEFGHIKL" * 3), sequences.encode("WXW")]
    arrays = masked_protein.hide(found, 0.2, 4, np.random.default_rng(0))
    split = Split(arrays, {})
    assert (np.asarray(arrays["residues"].values) == masked_protein.HIDDEN).sum() == 5
    assert (arrays["hidden"] >= 0).sum(axis=1).tolist() == [4, 1]
    assert masked_protein.revealed(split).values.tolist() == np.concatenate(found).tolist()
    assert np.isnan(arrays["y"][1, 1:]).all() and arrays["y"][1, 0].sum() == 1


def test_hidden_residues_of_a_user_are_question_marks(tmp_path):
    (tmp_path / "a.fa").write_text(">one\nAC?D\n>two\n???\n>three\nA1\n")
    given = Given({"a.fa": tmp_path / "a.fa"}, {}, {})
    found = list(masked_protein.read(given, {"shapes": {"hidden": [2]}}))
    assert found[0].arrays["hidden"].tolist() == [2, -1] and found[0].arrays["residues"].values.tolist() == [
        0,
        1,
        25,
        2,
    ]
    assert (
        found[1].problem == "3 residues are hidden, at most 2 are predicted" and "'1' at residue 2" in found[2].problem
    )


def test_tokens_are_those_of_esm_and_long_proteins_are_cut_evenly():
    model = esm.Method(FORM)
    residues = Ragged.join([sequences.encode("LAGV"), sequences.encode("A" * 25)])
    assert model.pieces(residues) == [(0, 0, 4), (1, 0, 8), (1, 8, 17), (1, 17, 25)]
    assert model.tokens(residues, [(0, 0, 4)]).tolist() == [[0, 4, 5, 6, 7, 2]]
    hidden = Ragged.join([np.array([25, 20], np.uint8)])
    assert model.tokens(hidden, [(0, 0, 2)]).tolist() == [[0, 32, 24, 2]]


@pytest.mark.parametrize(
    ("kind", "positions"), [("transformer", "learned"), ("transformer", "rotary"), ("cnn", ""), ("lstm", "")]
)
def test_padding_changes_no_vector(kind, positions):
    torch.manual_seed(0)
    encoder = protein_encoder.Encoder(kind, 2, 16, 4, positions, 20).eval()
    tokens = torch.tensor([[0, 5, 6, 32, 7, 2]])
    padded = torch.cat([tokens, torch.full((1, 4), protein_encoder.PAD)], dim=1)
    with torch.no_grad():
        one, other = encoder.encode(tokens), encoder.encode(padded)[:, :6]
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_attention_maps_are_the_shares_that_the_fused_form_uses():
    torch.manual_seed(0)
    encoder = protein_encoder.Encoder("transformer", 2, 16, 4, "rotary", 20).eval()
    tokens, maps = torch.tensor([[0, 5, 6, 8, 7, 2]]), []
    with torch.no_grad():
        torch.testing.assert_close(encoder.encode(tokens, maps), encoder.encode(tokens), rtol=1e-4, atol=1e-5)
    assert len(maps) == 2 and maps[0].shape == (1, 4, 6, 6)
    torch.testing.assert_close(maps[0].sum(dim=-1), torch.ones(1, 4, 6))


def test_rotary_attention_sees_distances_only():
    x = torch.randn(1, 1, 1, 8)
    turned = protein_encoder.rotate(x.expand(1, 1, 6, 8))[0, 0]
    scores = turned @ turned.T
    torch.testing.assert_close(scores[0, 2], scores[3, 5], rtol=1e-4, atol=1e-5)


def published(folder, encoder, layers=2, **facts):
    """A folder as transformers writes ESM-2, with the weights of an encoder under their published names."""
    names, state = {}, encoder.state_dict()
    for old, new in [("embedding.weight", "esm.embeddings.word_embeddings.weight"), ("bias", "lm_head.bias")]:
        names[old] = new
    for part in ("weight", "bias"):
        names |= {f"after.{part}": f"esm.encoder.emb_layer_norm_after.{part}", f"dense.{part}": f"lm_head.dense.{part}"}
        names[f"norm.{part}"] = f"lm_head.layer_norm.{part}"
        for i in range(layers):
            inner = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value"}
            inner |= {
                "out": "attention.output.dense",
                "before_attention": "attention.LayerNorm",
                "wide": "intermediate.dense",
            }
            inner |= {"narrow": "output.dense", "before_dense": "LayerNorm"}
            names |= {f"layers.{i}.{a}.{part}": f"esm.encoder.layer.{i}.{b}.{part}" for a, b in inner.items()}
    assert set(names) == set(state)
    folder.mkdir(exist_ok=True)
    weights = {names[key]: value.contiguous() for key, value in state.items()}
    weights["esm.contact_head.regression.weight"] = torch.zeros(1, 8)
    save_file(weights, folder / "model.safetensors")
    config = {"model_type": "esm", "position_embedding_type": "rotary", "num_hidden_layers": layers, "hidden_size": 16}
    config |= {"num_attention_heads": 4, "max_position_embeddings": 1026}
    (folder / "config.json").write_text(json.dumps(config | facts))
    return folder


def test_published_weights_are_loaded_from_a_folder(tmp_path):
    torch.manual_seed(3)
    encoder = protein_encoder.Encoder("transformer", 2, 16, 4, "rotary", 1024).eval()
    found, form = protein_encoder.load_esm2(published(tmp_path / "esm2", encoder))
    assert form == {"kind": "transformer", "layers": 2, "width": 16, "heads": 4, "positions": "rotary", "length": 1024}
    tokens = torch.tensor([[0, 5, 6, 32, 7, 2]])
    with torch.no_grad():
        torch.testing.assert_close(found({"tokens": tokens}), encoder({"tokens": tokens}))
    with pytest.raises(BadInput, match="config.json: no ESM-2"):
        protein_encoder.load_esm2(published(tmp_path / "other", encoder, position_embedding_type="absolute"))
    with pytest.raises(BadInput, match=r"embedding.weight has shape \(33, 16\), not \(33, 32\)"):
        protein_encoder.load_esm2(published(tmp_path / "wide", encoder, hidden_size=32))
    (tmp_path / "esm2" / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="model.safetensors: no such file"):
        protein_encoder.load_esm2(tmp_path / "esm2")


def test_a_checkpoint_takes_the_place_of_training(tmp_path):
    from support import CATALOG, predict

    from deepbio.core import kind, method
    from deepbio.core.job import Job

    torch.manual_seed(3)
    folder = published(tmp_path / "esm2", protein_encoder.Encoder("transformer", 2, 16, 4, "rotary", 1024))
    parameters = {**CATALOG.parameters("esm", "protein_language", "chains"), "checkpoint": str(folder)}
    splits = kind.small_problem("masked_protein", "residues", 30)
    model = esm.Method(parameters)
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    model.save(tmp_path)
    again = method.create("esm", "listed", {})
    again.load(tmp_path)
    np.testing.assert_array_equal(predict(model, splits["test"]), predict(again, splits["test"]))
    assert model.count_parameters() == sum(p.numel() for p in model.network.parameters())


def test_probes_tell_classes_and_fill_those_that_training_lacks():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3))
    y = np.where(x[:, 0] > 0, 2, 0)
    probe = probes.fit(x, y)
    p = probes.predict(probe, x, 3)
    assert p.shape == (400, 3) and not p[:, 1].any() and (p.argmax(axis=1) == y).mean() > 0.97
    lasso = probes.fit(np.concatenate([x, rng.standard_normal((400, 5))], axis=1), y, 50.0, l1=True)
    assert (lasso["weight"] == 0).sum() >= 5


def test_windows_hold_neighbours_of_one_protein():
    residues = Ragged.join([np.array([0, 1], np.uint8), np.array([2], np.uint8)])
    found = onehot_probe.windows(residues, 1, np.eye(26, 20, dtype=np.float32)).reshape(3, 3, 20)
    assert found[0, 0].sum() == 0 and found[0, 1, 0] == 1 and found[0, 2, 1] == 1
    assert found[1, 2].sum() == 0 and found[2, 0].sum() == 0 and found[2, 1, 2] == 1


def test_ngrams_know_what_stands_between_two_residues():
    text = [sequences.encode("ACDACDACDACDACD") for _ in range(20)]
    rng = np.random.default_rng(0)
    split = Split(masked_protein.hide(text, 0.1, 2, rng) | {"asked": np.zeros(20, np.uint8)}, {"output": "residues"})
    model = residue_ngram.Method({"pseudo": [1.0]})
    model.fit(split, split, None)
    p, y = model.predict(split)["y"], split.y
    known = ~np.isnan(y).any(axis=2)
    np.testing.assert_allclose(p.sum(axis=2), 1)
    assert (p[known].argmax(axis=1) == y[known].argmax(axis=1)).all()


def test_cross_entropy_of_a_uniform_guess_is_twenty():
    arrays = masked_protein.hide([sequences.encode("ACDEFGHIKL")] * 3, 0.3, 3, np.random.default_rng(0))
    arrays |= {
        "asked": np.array([0, 0, 4], np.uint8),
        "y_states": Ragged.join([np.zeros(0, np.uint8)] * 2 + [np.zeros(10, np.uint8)]),
    }
    arrays["y_states"].values[:2] = 255
    test = Split(arrays, {})
    states = np.tile([0.2, 0.8, 0.0], (10, 1))
    states[:6] = [1, 0, 0]
    found = protein_language.score(test, {"y": np.full((9, 20), 0.05), "states": states}, ["ece"])
    assert found["ece"] == pytest.approx(20) and found["q3"] == 4 / 8
    again = protein_language.resampled(test, {"y": np.full((9, 20), 0.05)}, "ece")
    np.testing.assert_allclose(again.function(np.array([[1, 1, 1], [0, 3, 0]])), 20)
    # Equally likely residues are looked at in random order, and win nothing by it.
    found = protein_language.curve(test, {"y": np.full((9, 20), 0.05)})
    np.testing.assert_allclose(found.y, np.arange(1, 21) / 20)
    found = protein_language.curve(test, {"y": np.nan_to_num(test.y.reshape(9, 20))})
    np.testing.assert_allclose(found.y, 1)


def test_flip_and_ts115_name_what_is_wrong(tmp_path):
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(BadInput, match="a.zip: not FLIP's archive"):
        protein_language._read_flip(tmp_path / "a.zip")
    (tmp_path / "t.csv").write_text("input, dssp3, dssp8, disorder, mask\nA C,H E,x,1 1,1 0\nA C,H,x,1,1 1\n")
    with pytest.raises(BadInput, match="t.csv:3: lists of unequal length"):
        protein_language._read_ts115(tmp_path / "t.csv")
