"""One file a runtime: `open_session(content, wanted) -> Session`."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


class DeviceMemoryError(RuntimeError):
    """The device has not the memory for what it was given; less of it may still go."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a network is to be run."""

    where: str
    """What to call the model in an error."""
    threads: int = 1
    """Of one operator of the network."""
    parallel: int = 1
    """Windows that are run at the same time, each by a thread of the caller."""
    precision: str = "fp32"
    """`fp32` or `bf16`: what a runtime cannot do, it refuses."""


class Session(Protocol):
    """A network ready to run; called from several threads."""

    @property
    def metadata(self) -> dict[str, str]:
        """The model file's own key-value metadata."""
        ...

    @property
    def takes_presence(self) -> bool:
        """Whether the network wants to know which bands are there."""
        ...

    @property
    def device(self) -> str:
        """What it runs on, by what: `CPU, onnxruntime 1.32.0, fp32`."""
        ...

    @property
    def batch(self) -> int:
        """Windows that it takes at a time."""
        ...

    def run(
        self, reflectance: npt.NDArray[np.float32], presence: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x).

        Args:
            presence: (n, band), 1 where the band is there, else 0: for networks that take it, and only them.

        Raises:
            DeviceMemoryError: the device has not the memory for so many windows.
        """
        ...
