"""The named models: pairs of extractor and head."""

from seisbench_lcl.models.discriminator import Discriminator


class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge"):
    """MiniRocket features and a ridge classifier with leave-one-event-out and calibrated probabilities.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Dempster, Schmidt and Webb (2021), doi:10.1145/3447548.3467231. Yin et al. (2022), doi:10.3390/app12168389.
    """


class MiniRocketSCAN(Discriminator, extractor="minirocket", head="scan", normalisation="joint-peak"):
    """LCL-SSS: MiniRocket features and the SCAN cluster head. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`. By default a window is divided by the
    largest amplitude of all its components: clusters then agree better with event types.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389. Van Gansbeke et al. (2020), ECCV.
    """


class MiniRocketKMeans(Discriminator, extractor="minirocket", head="kmeans", normalisation="joint-peak"):
    """MiniRocket features and k-means. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`; normalised like `MiniRocketSCAN`.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389, section 4.
    """


class WaveformKMeans(Discriminator, extractor="raw", head="kmeans"):
    """k-means of the normalised waveforms: the baseline for other models. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389, section 4.
    """


class SimCLRKMeans(Discriminator, extractor="simclr", head="kmeans"):
    """SimCLR features and k-means. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Kinzel et al. (2024), doi:10.1785/0220230078. Chen et al. (2020), ICML.
    """


class AutoencoderGMM(Discriminator, extractor="spectrogram_autoencoder", head="gmm"):
    """The latent of a spectrogram autoencoder, and a Gaussian mixture. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Jenkins et al. (2021), JGR Solid Earth, doi:10.1029/2021JB021716.
    """


class UNetGMM(Discriminator, extractor="spectrogram_unet", head="gmm"):
    """The latent of a spectrogram U-Net, and a Gaussian mixture. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    O'Boyle, Lewis and Huntley, Embedded clustering of seismic data. Ronneberger et al. (2015), MICCAI.
    """


class DEC(Discriminator, extractor="spectrogram_autoencoder", head="dec"):
    """Deep embedded clustering: a spectrogram autoencoder and its clusters, trained together. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Xie, Girshick and Farhadi (2016), ICML. Jenkins et al. (2021), JGR Solid Earth, doi:10.1029/2021JB021716.
    """


class ResNet18(Discriminator, extractor="resnet18", head="linear"):
    """A residual network over samples and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    He et al. (2016), CVPR. Yin et al. (2022), doi:10.3390/app12168389.
    """


class VGG16(Discriminator, extractor="vgg16", head="linear"):
    """The convolutions of VGG-16 over samples and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Simonyan and Zisserman (2015), ICLR. Yin et al. (2022), doi:10.3390/app12168389.
    """


class Inception10(Discriminator, extractor="inception10", head="linear"):
    """Convolutions of several lengths side by side, ten layers deep, and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Szegedy et al. (2015), CVPR. Yin et al. (2022), doi:10.3390/app12168389.
    """


class SpectrogramCNN(Discriminator, extractor="spectrogram_cnn", head="linear"):
    """A small network over spectrograms and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Kharita et al. (2025), arXiv:2510.23795.
    """


class PhysicalRidge(Discriminator, extractor="physical", head="ridge", normalisation="joint-std"):
    """Classical discriminants (P/S amplitude ratios, spectra, cepstrum, envelope) and a ridge classifier.

    Takes the parameters of `Discriminator` except `extractor` and `head`. Components keep their amplitude ratios.

    References
    ----------
    See `seisbench_lcl.extractors.discriminants`.
    """


class EnvelopeMiniRocketRidge(Discriminator, extractor="envelope>minirocket", head="ridge"):
    """MiniRocket features of band-wise log envelopes, and a ridge classifier.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Dempster, Schmidt and Webb (2021), doi:10.1145/3447548.3467231. See `seisbench_lcl.extractors.stages.Envelope`.
    """


class HybridRidge(
    Discriminator,
    extractor="component-std>minirocket+envelope>minirocket+physical",
    head="stack",
    normalisation="joint-std",
):
    """MiniRocket of waveforms, MiniRocket of envelopes and physical discriminants, each with a ridge, stacked.

    Takes the parameters of `Discriminator` except `extractor` and `head`. Components keep their amplitude ratios for
    the physical discriminants; for MiniRocket, each is divided by its own standard deviation.

    References
    ----------
    See `MiniRocketRidge`, `EnvelopeMiniRocketRidge`, `PhysicalRidge` and `seisbench_lcl.heads.Stack`.
    """


class EnvelopePhysicalRidge(
    Discriminator,
    extractor="envelope>minirocket+physical",
    head="stack",
    normalisation="joint-std",
    head_args={"weighting": "equal"},
):
    """MiniRocket of envelopes and physical discriminants, each with a ridge and equal weight, for unseen regions.

    `HybridRidge` without waveforms, which mainly reveal the recording network, and without weights learnt from events
    of the training networks. Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    See `EnvelopeMiniRocketRidge`, `PhysicalRidge` and `seisbench_lcl.heads.Stack`.
    """
