"""From a scene to probabilities and classes: runtimes, windows with a halo, guards. Writes no file."""

from unclouded.predict._guard import InputStatistics, OutputStatistics
from unclouded.predict._model import Model, bundled_models, load_model, read_model
from unclouded.predict._windows import Edge, Prediction, Windowing, predict, to_codes

__all__ = [
    "Edge",
    "InputStatistics",
    "Model",
    "OutputStatistics",
    "Prediction",
    "Windowing",
    "bundled_models",
    "load_model",
    "predict",
    "read_model",
    "to_codes",
]
