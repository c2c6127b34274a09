"""Export a trained network to ONNX, and check it against torch.

Writes the network as it is called in prediction: the inputs are the tensors of a batch (a dynamic first axis), the
output is what the method makes of it: probabilities, or numbers in the labels' unit. onnxruntime then computes the same
samples as torch, and the export is refused where they differ. Needs `pip install onnx onnxscript onnxruntime`. Methods
that are no single network over plain tensors say so.
"""

import logging
from pathlib import Path

import numpy as np

from deepbio.core import command, predicting
from deepbio.core.data import Split
from deepbio.core.files import BadInput, atomic

CLOSE = 1e-4  # largest difference, relative to the size of the output
SAMPLES = 8


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("run", help="folder of a run or of a model")
    arguments.add_argument("--onnx", required=True, metavar="FILE", help="file to write")
    given = arguments.parse_args()
    model = predicting.load(Path(given.run))
    name = model.facts["method"]
    if getattr(model.fitted, "network", None) is None:
        raise BadInput(f"{given.run}: {name} is no network; its model is loaded by this project (see its card)")
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise BadInput(f"{error}: pip install onnx onnxscript onnxruntime") from None
    for talkative in ("onnxscript", "onnx_ir", "torch.onnx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    network, batch, split = whole(model)
    with atomic(given.onnx) as temporary:
        keys, expected = export(network, batch, temporary, f"{given.run}: {name}")
        session = onnxruntime.InferenceSession(str(temporary))
        for count in (SAMPLES, SAMPLES // 2 + 1):  # the first axis is dynamic
            made = session.run(None, {key: batch[key][:count].numpy() for key in keys})[0]
            off = np.abs(made - expected[:count].numpy()).max() / max(1.0, float(expected.abs().max()))
            if made.shape != tuple(expected[:count].shape) or not off <= CLOSE:
                raise BadInput(f"{given.run}: {name}: onnxruntime and torch differ by {off:.2g}; nothing is written")
    own = model.fitted.predict(split)["y"].reshape(expected.shape)
    if not np.allclose(own, expected.numpy(), atol=CLOSE * max(1.0, float(expected.abs().max()))):
        print(f"{name} predicts by more than one call of its network (both strands, say); the file holds one call")
    print(f"{given.onnx}: inputs {', '.join(keys)}; outputs {', '.join(model.outputs)}; as torch to within {CLOSE:g}")


def whole(model):
    """Give the network with its activation, a batch of samples that fit it, and these samples."""
    import torch
    from torch import nn

    fitted, shapes = model.fitted, model.facts["shapes"]
    rng = np.random.default_rng(0)
    if set(shapes) == {"codes"}:
        arrays = {"codes": rng.integers(0, 4, (SAMPLES, *shapes["codes"])).astype(np.uint8)}
    elif set(shapes) == {"x"}:
        x = rng.standard_normal((SAMPLES, *shapes["x"]))
        genotypes = model.input == "genotype"
        arrays = {"x": rng.integers(0, 3, x.shape).astype(np.int8) if genotypes else x.astype(np.float32)}
    elif set(shapes) == {"image"}:
        arrays = {"image": rng.integers(0, 255, (SAMPLES, *shapes["image"])).astype(np.uint8)}
    else:
        raise BadInput(f"{model.folder}: {model.facts['method']} takes {', '.join(shapes)}, which are no plain tensors")

    class Whole(nn.Module):
        """Tensors of a batch -> what is predicted."""

        def __init__(self, keys):
            super().__init__()
            self.network, self.keys = fitted.network, keys

        def forward(self, *tensors):
            return fitted.activate(self.network(dict(zip(self.keys, tensors, strict=True)))).float()

    split = Split(arrays, dict(model.facts["context"]))
    batch = fitted.batch(split, np.arange(SAMPLES))
    tensors = {key: value for key, value in batch.items() if isinstance(value, torch.Tensor)}
    return Whole(list(tensors)).eval(), tensors, split


def export(network, batch, path, where):
    """Write the network; the names of its inputs and what torch makes of the batch. BadInput where torch cannot."""
    import torch

    try:
        with torch.no_grad():
            expected = network(*batch.values())
            axes = tuple({0: torch.export.Dim("samples", min=1)} for _ in batch)
            torch.onnx.export(
                network,
                tuple(batch.values()),
                path,
                input_names=list(batch),
                output_names=["predicted"],
                dynamic_shapes=(axes,),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # torch has many, each for an operation or a branch of its own
        said = " ".join(str(error).split())[:300]
        raise BadInput(f"{where} cannot be exported: {type(error).__name__}: {said}") from None
    return list(batch), expected


if __name__ == "__main__":
    command.run(main)
