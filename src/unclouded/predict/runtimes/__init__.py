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

    def run(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x)."""
        ...
