"""One file a runtime: `open_session(model, *, threads) -> Session`."""

from typing import Protocol

import numpy as np
import numpy.typing as npt


class Session(Protocol):
    """A network ready to run."""

    @property
    def metadata(self) -> dict[str, str]:
        """The model file's own key-value metadata."""
        ...

    def run(
        self, reflectance: npt.NDArray[np.float32], presence: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x).

        Args:
            presence: (n, band), 1 where the band is there, else 0: for networks that take it, and only them.
        """
        ...
