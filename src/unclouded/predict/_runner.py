"""Windows through a session: as many at a time as the device takes, fewer where its memory runs out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import ModelError
from unclouded.core.spec import ModelSpec
from unclouded.predict.runtimes import DeviceMemoryError, Session


@dataclass(kw_only=True)
class Runner:
    """A session with what it is told besides reflectance."""

    session: Session
    spec: ModelSpec
    presence: npt.NDArray[np.bool_]
    """(band,), True where the scene has the model's band."""
    most: int = field(init=False)
    """Windows at a time; halved each time that the device's memory runs out, and kept so."""

    spare: list[npt.NDArray[np.float32]] = field(default_factory=list, repr=False)
    """Arrays for inputs that nobody uses: made anew for each window, the system clears them each time."""

    def __post_init__(self) -> None:
        self.most = max(1, self.session.batch)

    @contextmanager
    def arrays(self, shape: tuple[int, int, int], count: int) -> Iterator[list[npt.NDArray[np.float32]]]:
        """So many arrays to lay inputs into, of whatever content, for one caller."""
        taken = [self._array(shape) for _ in range(count)]
        try:
            yield taken
        finally:
            self.spare.extend(taken)

    def _array(self, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
        """A spare one if it fits; one that does not is given up."""
        try:
            found = self.spare.pop()
        except IndexError:
            return np.empty(shape, np.float32)
        return found if found.shape == shape else np.empty(shape, np.float32)

    def run(
        self, inputs: Sequence[npt.NDArray[np.float32]], shape: tuple[int, int]
    ) -> list[npt.NDArray[np.float32]]:
        """Probabilities (class, y, x) of the pixels inside the halo, one array a window.

        Args:
            inputs: (band, y, x) of one shape, the halo around the window.
            shape: of the windows, px.

        Raises:
            ModelError: the device has not the memory for one window.
        """
        found: list[npt.NDArray[np.float32]] = []
        crop = self.spec.halo_px - self.spec.margin_px
        rows, cols = slice(crop, crop + shape[0]), slice(crop, crop + shape[1])
        while len(found) < len(inputs):
            batch = inputs[len(found) : len(found) + self.most]
            try:
                found.extend(self._probabilities(batch)[:, :, rows, cols])
            except DeviceMemoryError as err:
                if len(batch) == 1:
                    raise self._too_large(batch[0].shape[1:]) from err
                self.most = len(batch) // 2
        return found

    def _probabilities(self, batch: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        stacked = batch[0][None] if len(batch) == 1 else np.stack(batch)
        if not self.spec.optional_bands:
            return self.session.run(stacked)
        presence = np.broadcast_to(self.presence.astype(np.float32), (len(batch), len(self.presence)))
        return self.session.run(stacked, np.ascontiguousarray(presence))

    def _too_large(self, shape: tuple[int, ...]) -> ModelError:
        return ModelError(
            f"{self.spec.name}: expected memory on {self.session.device} for a window of {shape[0]} x "
            f"{shape[1]} px, found too little; take a smaller --window-px, or --device cpu"
        )
