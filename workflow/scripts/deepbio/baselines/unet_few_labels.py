"""The U-Net with labels of as many pixels as the patch network has at its last round, drawn at random."""

from deepbio.baselines.unet import Method as Whole


class Method(Whole):
    """Parameters: as those of unet, with `first` labelled pixels of each class."""
