"""VGG-16 over the samples of a window, with batch normalisation and without its dense layers."""

from torch import nn

from seisbench_lcl.extractors._network import SampleNetwork

_STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))  # convolutions, and channels in widths


class VGG16Encoder(SampleNetwork):
    """The thirteen convolutions of VGG-16, over time.

    Five stages of two or three convolutions of 3 samples, each with batch normalisation, end in a maximum over 2. The
    means over time, 8 × width, are the features. They stand in place of two dense layers of 4,096, which for windows
    of 2,000 samples would have 146.8 million parameters beside the 4.9 million of the convolutions of the published
    width, 64, and tie the network to one length of window. The default width of 16 has 0.31 million.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 32 samples.
    sampling_rate : float
        In Hz.
    width : int, optional
        Channels of the first stage.
    **recipe
        Parameters of `seisbench_lcl.training.TrainingRecipe`.

    Attributes
    ----------
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Raises
    ------
    WindowError
        If windows are too short.
    ConfigurationError
        If a number is out of range, or there is no such parameter.

    References
    ----------
    Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR. Batch
    normalisation: Ioffe and Szegedy (2015), ICML. Means in place of dense layers: Lin, Chen and Yan (2014), Network in
    network, ICLR. Over time: Yin et al. (2022), Applied Sciences 12(16):8389, section 4.
    """

    name = "vgg16"
    reduction = 32
    default_width = 16
    features = 8

    @staticmethod
    def build(in_channels: int, width: int) -> nn.Sequential:  # noqa: D102
        stages = nn.Sequential()
        channels = in_channels
        for n_convolutions, widths in _STAGES:
            layers: list[nn.Module] = []
            for _ in range(n_convolutions):
                layers += [nn.Conv1d(channels, widths * width, 3, padding=1, bias=False)]
                layers += [nn.BatchNorm1d(widths * width), nn.ReLU()]
                channels = widths * width
            stages.append(nn.Sequential(*layers, nn.MaxPool1d(2)))
        return stages
