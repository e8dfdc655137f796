"""The named models: pairs of extractor and head."""

from seisbench_lcl.models.discriminator import Discriminator

_MINIROCKET = (
    "Dempster, Schmidt and Webb (2021), MiniRocket: a very fast (almost) deterministic transform for time series "
    "classification, doi:10.1145/3447548.3467231"
)
_LCL = "Yin et al. (2022), Research on seismic signal analysis based on machine learning, doi:10.3390/app12168389"
_SCAN = "Van Gansbeke et al. (2020), SCAN: learning to classify images without labels, doi:10.1007/978-3-030-58607-2_16"
_DEEP_CLUSTERING = (
    "Jenkins et al. (2021), Unsupervised deep clustering of seismic data: monitoring the Ross Ice Shelf, Antarctica, "
    "doi:10.1029/2021JB021716"
)
_PACIFIC_NORTHWEST = (
    "Kharita et al. (2025), Exploration of machine learning methods to seismic event discrimination in the Pacific "
    "Northwest, arXiv:2510.23795"
)
_PHASENET = (
    "Zhu and Beroza (2019), PhaseNet: a deep-neural-network-based seismic arrival-time picking method, "
    "doi:10.1093/gji/ggy423\n"
    "Woollam et al. (2022), SeisBench: a toolbox for machine learning in seismology, doi:10.1785/0220210324"
)
_ENVELOPES = "Joswig (1990), Pattern recognition for earthquake detection, BSSA 80"
_PHYSICAL = (
    "Kim, Simpson and Richards (1993), Discrimination of earthquakes and explosions in the eastern United States using "
    "regional high-frequency data, GRL 20(14)\n"
    "Taylor, Sherman and Denny (1988), Spectral discrimination between NTS explosions and western United States "
    "earthquakes at regional distances, BSSA 78\n"
    "Baumgardt and Ziegler (1988), Spectral evidence for source multiplicity in explosions, BSSA 78"
)
_STACKING = (
    "Wolpert (1992), Stacked generalization, Neural Networks 5\n"
    "Breiman (1996), Stacked regressions, Machine Learning 24"
)


class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge"):
    """MiniRocket features and a ridge classifier with leave-one-event-out and calibrated probabilities.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Dempster, Schmidt and Webb (2021), doi:10.1145/3447548.3467231. Yin et al. (2022), doi:10.3390/app12168389.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> windows = rng.normal(size=(12, 3, 500))
    >>> windows[::2] = windows[::2].cumsum(axis=-1)
    >>> model = MiniRocketRidge(labels=["low", "high"], in_samples=500, extractor_args={"max_features": 84})
    >>> model.fit(windows, ["low", "high"] * 6).predict(windows[:2]).tolist()
    ['low', 'high']
    """

    default_citation = f"{_MINIROCKET}\n{_LCL}"


class MiniRocketSCAN(Discriminator, extractor="minirocket", head="scan", normalisation="joint-peak"):
    """LCL-SSS: MiniRocket features and the SCAN cluster head. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`. By default a window is divided by the
    largest amplitude of all its components: clusters then agree better with event types.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389. Van Gansbeke et al. (2020), ECCV.

    Examples
    --------
    >>> model = MiniRocketSCAN(clusters=4, head_args={"n_neighbours": 10})
    >>> model.labels, model.preprocessing.normalisation
    (['cluster 0', 'cluster 1', 'cluster 2', 'cluster 3'], 'joint-peak')
    """

    default_citation = f"{_LCL}\n{_MINIROCKET}\n{_SCAN}"


class MiniRocketKMeans(Discriminator, extractor="minirocket", head="kmeans", normalisation="joint-peak"):
    """MiniRocket features and k-means. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`; normalised like `MiniRocketSCAN`.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389, section 4.

    Examples
    --------
    >>> MiniRocketKMeans(clusters=2).event_types
    {'cluster 0': 'not reported', 'cluster 1': 'not reported'}
    """

    default_citation = f"{_LCL}\n{_MINIROCKET}"


class WaveformKMeans(Discriminator, extractor="raw", head="kmeans"):
    """k-means of the normalised waveforms: the baseline for other models. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Yin et al. (2022), doi:10.3390/app12168389, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> windows = np.sin(np.outer([1.0, 1.1, 3.0, 3.1, 1.05], np.arange(200) / 10))[:, None]
    >>> model = WaveformKMeans(clusters=2, in_samples=200, before=0.5, component_order="Z").fit(windows)
    >>> model.predict(windows).tolist()
    ['cluster 0', 'cluster 0', 'cluster 1', 'cluster 1', 'cluster 0']
    """

    default_citation = _LCL


class SimCLRKMeans(Discriminator, extractor="simclr", head="kmeans"):
    """SimCLR features and k-means. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Kinzel et al. (2024), doi:10.1785/0220230078. Chen et al. (2020), ICML.

    Examples
    --------
    >>> model = SimCLRKMeans(clusters=3, extractor_args={"epochs": 10, "augmentations": {"noise": {}}})
    >>> model.extractor.n_features
    128
    """

    default_citation = (
        "Kinzel et al. (2024), Unsupervised deep feature learning for icequake discrimination at Neumayer Station, "
        "Antarctica, doi:10.1785/0220230078\n"
        "Chen et al. (2020), A simple framework for contrastive learning of visual representations, arXiv:2002.05709"
    )


class AutoencoderGMM(Discriminator, extractor="spectrogram_autoencoder", head="gmm"):
    """The latent of a spectrogram autoencoder, and a Gaussian mixture. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Jenkins et al. (2021), JGR Solid Earth, doi:10.1029/2021JB021716.

    Examples
    --------
    >>> AutoencoderGMM(clusters=8, extractor_args={"n_latent": 12}).extractor.n_features
    12
    """

    default_citation = _DEEP_CLUSTERING


class UNetGMM(Discriminator, extractor="spectrogram_unet", head="gmm"):
    """The latent of a spectrogram U-Net, and a Gaussian mixture. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    O'Boyle, Lewis and Huntley, Embedded clustering of seismic data. Ronneberger et al. (2015), MICCAI.

    Examples
    --------
    >>> UNetGMM(clusters=8).extractor.n_features
    9
    """

    default_citation = (
        "O'Boyle, Lewis and Huntley, Embedded clustering of seismic data, University of California San Diego\n"
        "Ronneberger, Fischer and Brox (2015), U-Net: convolutional networks for biomedical image segmentation, "
        "doi:10.1007/978-3-319-24574-4_28"
    )


class DEC(Discriminator, extractor="spectrogram_autoencoder", head="dec"):
    """Deep embedded clustering: a spectrogram autoencoder and its clusters, trained together. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Xie, Girshick and Farhadi (2016), ICML. Jenkins et al. (2021), JGR Solid Earth, doi:10.1029/2021JB021716.

    Examples
    --------
    >>> DEC(clusters=8).pair
    ('spectrogram_autoencoder', 'dec')
    """

    default_citation = (
        "Xie, Girshick and Farhadi (2016), Unsupervised deep embedding for clustering analysis, arXiv:1511.06335\n"
        f"{_DEEP_CLUSTERING}"
    )


class ResNet18(Discriminator, extractor="resnet18", head="linear"):
    """A residual network over samples and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    He et al. (2016), CVPR. Yin et al. (2022), doi:10.3390/app12168389.

    Examples
    --------
    >>> model = ResNet18(labels=["earthquake", "noise"], extractor_args={"width": 16, "epochs": 40})
    >>> model.extractor.n_features
    128
    """

    default_citation = f"He et al. (2016), Deep residual learning for image recognition, arXiv:1512.03385\n{_LCL}"


class VGG16(Discriminator, extractor="vgg16", head="linear"):
    """The convolutions of VGG-16 over samples and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Simonyan and Zisserman (2015), ICLR. Yin et al. (2022), doi:10.3390/app12168389.

    Examples
    --------
    >>> VGG16(labels=["earthquake", "noise"]).extractor.n_features
    128
    """

    default_citation = (
        "Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image recognition, "
        f"arXiv:1409.1556\n{_LCL}"
    )


class Inception10(Discriminator, extractor="inception10", head="linear"):
    """Convolutions of several lengths side by side, ten layers deep, and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Szegedy et al. (2015), CVPR. Yin et al. (2022), doi:10.3390/app12168389.

    Examples
    --------
    >>> Inception10(labels=["earthquake", "noise"]).extractor.n_features
    64
    """

    default_citation = f"Szegedy et al. (2015), Going deeper with convolutions, arXiv:1409.4842\n{_LCL}"


class SpectrogramCNN(Discriminator, extractor="spectrogram_cnn", head="linear"):
    """A small network over spectrograms and a linear head, trained together.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Kharita et al. (2025), arXiv:2510.23795.

    Examples
    --------
    >>> SpectrogramCNN(labels=["earthquake", "noise"]).extractor.n_features
    192
    """

    default_citation = _PACIFIC_NORTHWEST


class PhysicalRidge(Discriminator, extractor="physical", head="ridge", normalisation="joint-std"):
    """Classical discriminants (P/S amplitude ratios, spectra, cepstrum, envelope) and a ridge classifier.

    Takes the parameters of `Discriminator` except `extractor` and `head`. Components keep their amplitude ratios.

    References
    ----------
    See `seisbench_lcl.extractors.discriminants`.

    Examples
    --------
    >>> model = PhysicalRidge(labels=["earthquake", "explosion"])
    >>> model.extractor.feature_names[:2], model.preprocessing.normalisation
    (['P/S amplitude, band 1', 'P/S amplitude, band 2'], 'joint-std')
    """

    default_citation = _PHYSICAL


class PhaseNetRidge(Discriminator, extractor="seisbench", head="ridge"):
    """What the layers of the pretrained picker PhaseNet respond to a window, and a ridge classifier.

    Takes the parameters of `Discriminator` except `extractor` and `head`. PhaseNet itself is not part of the weights:
    SeisBench finds it in its cache, or downloads it.

    References
    ----------
    Zhu and Beroza (2019), doi:10.1093/gji/ggy423. See `seisbench_lcl.extractors.SeisBenchEncoder`.

    Examples
    --------
    >>> PhaseNetRidge.pair
    ('seisbench', 'ridge')
    """

    default_citation = _PHASENET


class PhaseNetPhysicalRidge(
    Discriminator,
    extractor="seisbench+physical",
    head="stack",
    normalisation="joint-std",
    head_args={"weighting": "equal"},
):
    """Features of PhaseNet and physical discriminants, each with a ridge and equal weight.

    Takes the parameters of `Discriminator` except `extractor` and `head`. Components keep their amplitude ratios for
    the physical discriminants; PhaseNet normalises each on its own.

    References
    ----------
    See `PhaseNetRidge`, `PhysicalRidge` and `seisbench_lcl.heads.Stack`.

    Examples
    --------
    >>> PhaseNetPhysicalRidge.pair, PhaseNetPhysicalRidge.default_normalisation
    (('seisbench+physical', 'stack'), 'joint-std')
    """

    default_citation = f"{_PHASENET}\n{_PHYSICAL}\n{_STACKING}"


class PhaseNetKMeans(Discriminator, extractor="seisbench", head="kmeans"):
    """What the layers of the pretrained picker PhaseNet respond to a window, and k-means. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    See `PhaseNetRidge`.

    Examples
    --------
    >>> PhaseNetKMeans.pair
    ('seisbench', 'kmeans')
    """

    default_citation = _PHASENET


class PhaseNetNamedSCAN(Discriminator, extractor="seisbench", head="named_scan"):
    """Clusters of features of the pretrained picker PhaseNet, found without labels; labels only name them.

    Takes the parameters of `Discriminator` except `extractor` and `head`. For networks and regions that gave no
    training data.

    References
    ----------
    See `PhaseNetSCAN` and `seisbench_lcl.heads.NamedSCAN`.

    Examples
    --------
    >>> PhaseNetNamedSCAN.pair, PhaseNetNamedSCAN.list_pretrained(remote=False)
    (('seisbench', 'named_scan'), ['mixed-3c'])
    """

    default_citation = f"{_PHASENET}\n{_SCAN}\n{_LCL}"


class PhaseNetSCAN(Discriminator, extractor="seisbench", head="scan"):
    """What the layers of the pretrained picker PhaseNet respond to a window, and the SCAN head. Needs no labels.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    See `PhaseNetRidge` and `MiniRocketSCAN`.

    Examples
    --------
    >>> PhaseNetSCAN.pair
    ('seisbench', 'scan')
    """

    default_citation = f"{_PHASENET}\n{_SCAN}"


class EnvelopeMiniRocketRidge(Discriminator, extractor="envelope>minirocket", head="ridge"):
    """MiniRocket features of band-wise log envelopes, and a ridge classifier.

    Takes the parameters of `Discriminator` except `extractor` and `head`.

    References
    ----------
    Dempster, Schmidt and Webb (2021), doi:10.1145/3447548.3467231. See `seisbench_lcl.extractors.stages.Envelope`.

    Examples
    --------
    >>> EnvelopeMiniRocketRidge(labels=["earthquake", "noise"]).extractor.n_features
    9996
    """

    default_citation = f"{_MINIROCKET}\n{_ENVELOPES}"


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

    Examples
    --------
    >>> HybridRidge(labels=["earthquake", "noise"]).extractor.blocks
    [9996, 9996, 38]
    """

    default_citation = f"{_MINIROCKET}\n{_ENVELOPES}\n{_PHYSICAL}\n{_STACKING}"


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

    Examples
    --------
    >>> import obspy
    >>> model = EnvelopePhysicalRidge.from_pretrained("mixed-3c")
    >>> [(found.label, str(found.onset)) for found in model.classify(obspy.read()).detections]
    [('earthquake', '2009-08-24T00:20:06.000000Z')]
    """

    default_citation = f"{_MINIROCKET}\n{_ENVELOPES}\n{_PHYSICAL}\n{_STACKING}"
