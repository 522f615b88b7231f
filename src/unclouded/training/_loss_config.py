"""Options of the loss: a record alone, so that a configuration is read without torch."""

from dataclasses import dataclass

from unclouded.core.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The sum that is made small, for networks that label pixels."""

    smoothing: float = 0.0
    """Share of each target that is spread evenly over all classes, 0 <= s < 1."""
    dice: float = 0.0
    """Weight of the soft Dice loss beside cross-entropy's 1."""
    teacher: float = 0.0
    """Share of the loss that a teacher's probabilities make up where a batch has them, 0 to 1."""
    class_weights: tuple[float, ...] = ()
    """Weight of a pixel by output channel, where its class is sure; empty: 1 everywhere."""

    def __post_init__(self) -> None:
        if not (0 <= self.smoothing < 1 and self.dice >= 0 and 0 <= self.teacher <= 1):
            raise OptionError(
                "loss: expected smoothing of 0 to below 1, dice of at least 0 and teacher of 0 to 1, found "
                f"{self.smoothing}, {self.dice}, {self.teacher}"
            )
        if any(weight <= 0 for weight in self.class_weights):
            raise OptionError(f"loss class_weights: expected numbers above 0, found {self.class_weights}")
