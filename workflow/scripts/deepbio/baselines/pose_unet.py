"""A U-Net of LEAP's cost for the same maps: as many levels of resolution, and skip connections between them."""

from torch import nn
from torch.nn import functional as F

from deepbio.baselines import unet
from deepbio.methods import leap


class Network(unet.Network):
    """Frames (n, height, width), 0 to 255 -> maps (n, parts, rows, columns), a map pixel for `downscale`² frame pixels.

    The U-Net of micrographs on the reduced frame, with a map for each part in place of scores of classes.
    """

    def __init__(self, widths, downscale, parts):
        super().__init__(widths)
        self.downscale = downscale
        self.output = nn.Conv2d(widths[0], parts, 1)
        # Weights as in the paper, but maps next to empty (Xiao et al. 2018, section 3): from larger ones they become
        # empty, and stay so for long.
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.output.weight, std=1e-3)

    def forward(self, batch):
        image = batch["image"]
        height, width = image.shape[1:]
        step = self.downscale
        x = F.pad(image[:, None].float() / 255, (0, -width % step, 0, -height % step), mode="replicate")
        return super().forward({"x": F.avg_pool2d(x, step)[:, 0]})


class Method(leap.Method):
    """Parameters: widths (filters of the three levels), and those of LEAP but its filters; frames are rotated, maps
    drawn and parts found as LEAP does."""

    def build(self, parameters, shape):
        return Network(parameters["widths"], parameters["downscale"], shape["parts"])
