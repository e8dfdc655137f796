"""VGG-16 over the samples of a window, with batch normalisation and without its dense layers."""

from torch import nn

from seisbench_lcl.extractors._network import SampleNetwork

_STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))  # convolutions, and channels in widths


class VGG16Encoder(SampleNetwork):
    """The thirteen convolutions of VGG-16, over time.

    Each of five stages has two or three convolutions of 3 samples with batch normalisation, and ends in a maximum over
    2 samples. Features are the means over time, 8 × width. They replace two dense layers of 4,096, which would tie the
    network to one window length: for windows of 2,000 samples and the published width of 64 they would have 146.8
    million parameters, next to 4.9 million of the convolutions. The default width of 16 has 0.31 million.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 32 samples.
    sampling_rate : float
        Sampling rate of the windows in Hz.
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
        If a number is out of range or a parameter unknown.

    References
    ----------
    Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR. Batch
    normalisation: Ioffe and Szegedy (2015), ICML. Means in place of dense layers: Lin, Chen and Yan (2014), Network in
    network, ICLR. Over time: Yin et al. (2022), Applied Sciences 12(16):8389, section 4.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(16, 3, 200, generator=torch.Generator().manual_seed(0))
    >>> extractor = VGG16Encoder(3, 200, 100.0, width=4, epochs=1, augmentations={})
    >>> extractor.fit(windows, torch.arange(16) % 2)(windows).shape
    torch.Size([16, 32])
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
