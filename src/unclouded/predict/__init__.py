"""From a scene to probabilities and classes: runtimes, windows with a halo, guards. Writes no file."""

from unclouded.predict._guard import InputStatistics, OutputStatistics
from unclouded.predict._model import Model, bundled_models, load_model, read_model
from unclouded.predict._predict import Prediction, Watch, predict, predict_strips, to_codes
from unclouded.predict._reading import as_trained, fast
from unclouded.predict._running import Device, Precision, Running, Runtime
from unclouded.predict._sizing import DEFAULT_MEMORY, Task, windowing_for, windowing_of_size
from unclouded.predict._windows import Edge, Windowing

__all__ = [
    "DEFAULT_MEMORY",
    "Device",
    "Edge",
    "InputStatistics",
    "Model",
    "OutputStatistics",
    "Precision",
    "Prediction",
    "Running",
    "Runtime",
    "Task",
    "Watch",
    "Windowing",
    "as_trained",
    "bundled_models",
    "fast",
    "load_model",
    "predict",
    "predict_strips",
    "read_model",
    "to_codes",
    "windowing_for",
    "windowing_of_size",
]
