"""Scenes with known truth: land, clouds and shadows out of a seed, and whole products of them."""

from unclouded.synthetic._sky import Rendered, classify
from unclouded.synthetic.clouds import SHADOW_DEPTH, THICK_DEPTH, THIN_DEPTH, CloudLayer
from unclouded.synthetic.config import SKIES, SceneConfig, draw_scene
from unclouded.synthetic.landscapes import LANDSCAPES, Landscape
from unclouded.synthetic.safe import SafePaths, write_safe
from unclouded.synthetic.scene import clouds_over, render
from unclouded.synthetic.stack import StackPaths, write_stack

__all__ = [
    "LANDSCAPES",
    "SHADOW_DEPTH",
    "SKIES",
    "THICK_DEPTH",
    "THIN_DEPTH",
    "CloudLayer",
    "Landscape",
    "Rendered",
    "SafePaths",
    "SceneConfig",
    "StackPaths",
    "classify",
    "clouds_over",
    "draw_scene",
    "render",
    "write_safe",
    "write_stack",
]
