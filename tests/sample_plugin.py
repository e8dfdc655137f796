"""A plugin with one extractor, one head and one model, for `install`."""

GOOD = """
    from seisbench_lcl import Discriminator, hookimpl
    from seisbench_lcl.extractors import FeatureExtractor
    from seisbench_lcl.heads import Head

    class Power(FeatureExtractor):
        name = "{name}"
        supervised = True

        def __init__(self, in_channels, in_samples, sampling_rate, *, before=9.0, order=1.0, component_order="Z"):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.before, self.order, self.component_order = before, order, component_order
            self.n_features = in_channels

        def config(self):
            return {{"before": self.before, "order": self.order}}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return (windows.abs() ** self.order).mean(dim=-1)

    class Uniform(Head):
        name = "{name}"

        def config(self):
            return {{}}

        def _fit(self, features, labels, groups):
            pass

        def _probabilities(self, features):
            return features.new_full((len(features), self.n_classes), 1 / self.n_classes)

    class PowerRidge(Discriminator, extractor="{name}", head="ridge"):
        pass

    @hookimpl
    def register_feature_extractors():
        return [Power]

    @hookimpl
    def register_heads():
        return [Uniform]

    @hookimpl
    def register_models():
        return [PowerRidge]
"""
