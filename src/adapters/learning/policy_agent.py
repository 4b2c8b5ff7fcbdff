"""A trained policy as an agent: scaler and native network, no learning library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import _native
from ...application.learning.artefact import Network, PolicyArtefact, PolicyManifest
from ...application.learning.scaler import FeatureScaler
from ...domain.errors import ArtefactError
from ...domain.signals.features import FeatureSet


def native_network(network: Network) -> _native.Mlp:
    """Return the network in the one kernel that every engine decides with."""
    return _native.Mlp(
        [one.weight for one in network.layers],
        [one.bias for one in network.layers],
        network.activation,
    )


class PolicyAgent:
    """Decides as a trained policy does, to the bit the same in every engine.

    The fast engine takes ``network``, ``scaler`` and ``window`` and runs the same kernel inside
    its loop; every other engine calls :meth:`decide`. One thread at a time.
    """

    def __init__(self, artefact: PolicyArtefact) -> None:
        self._manifest = artefact.manifest
        self._network = native_network(artefact.network)
        assets, features = artefact.manifest.scaler.mean.shape
        self._portfolio = 1 + 3 * assets
        self._shape = (artefact.manifest.window, assets, features)
        self._observation = np.zeros(self._network.input_size, dtype=np.float32)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._manifest.name

    @property
    def feature_set(self) -> FeatureSet:
        """The unscaled features that it was trained on."""
        return self._manifest.feature_set

    @property
    def window(self) -> int:
        """Bars of features in one observation."""
        return self._manifest.window

    @property
    def manifest(self) -> PolicyManifest:
        """What the model says about itself."""
        return self._manifest

    @property
    def network(self) -> _native.Mlp:
        """The native network: observation in, actions in [−1, 1] out."""
        return self._network

    @property
    def scaler(self) -> FeatureScaler:
        """The scaler fitted on the training window."""
        return self._manifest.scaler

    def require(self, feature_set: FeatureSet) -> None:
        """Refuse features of another set; they are never padded or reordered.

        Raises:
            ArtefactError: If the sets differ.
        """
        if feature_set.hash != self.feature_set.hash:
            raise ArtefactError(
                f"model {self.name} was trained on the features {', '.join(self.feature_set.names)}"
                f", not on {', '.join(feature_set.names)}",
                mend="compute the model's own feature set",
            )

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See :class:`~mettle.application.ports.agent.Agent`.

        Raises:
            ArtefactError: If a shape or type is not that of the training.
        """
        if features.shape != self._shape or portfolio.shape != (self._portfolio,):
            raise ArtefactError(
                f"model {self.name} wants features {self._shape} and portfolio "
                f"({self._portfolio},), had {features.shape} and {portfolio.shape}"
            )
        if features.dtype != np.float64 or portfolio.dtype != np.float32:
            raise ArtefactError(
                f"model {self.name} wants float64 features and a float32 portfolio, had "
                f"{features.dtype} and {portfolio.dtype}"
            )
        self._observation[: self._portfolio] = portfolio
        self._observation[self._portfolio :] = self.scaler.transform(features).ravel()
        return self._network.forward(self._observation)
