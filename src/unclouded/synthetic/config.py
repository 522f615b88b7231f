"""What a scene depends on, and where its pixels lie."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from unclouded.core.errors import OptionError
from unclouded.core.windows import Window
from unclouded.synthetic._noise import Sampling, seed_of
from unclouded.synthetic.clouds import KINDS, CloudLayer, Layer, settle
from unclouded.synthetic.landscapes import LANDSCAPES, Landscape

Choice = TypeVar("Choice")


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """Everything that a scene depends on."""

    seed: int = 1
    """Two scenes differ in all their details where their seeds differ."""
    landscape: str | Landscape = "temperate"
    """A name of `landscapes.LANDSCAPES`, or one's own."""
    clouds: tuple[CloudLayer, ...] = (
        CloudLayer(kind="cumulus", cover=0.25),
        CloudLayer(kind="cirrus", cover=0.15),
    )
    """Layers in any order, one of a kind at most."""
    sun_zenith: float = 40.0
    """Degrees from vertical, 0 … 80."""
    sun_azimuth: float = 150.0
    """Degrees clockwise from north."""
    view_zenith: float = 4.0
    """Degrees from vertical, 0 … 15."""
    view_azimuth: float = 105.0
    """From the ground to the satellite, degrees clockwise from north."""
    origin: tuple[float, float] = (600_000.0, 5_300_040.0)
    """Easting and northing of the upper left corner, m; multiples of 60."""
    size_m: float = 109_800.0
    """Side of the scene, m: the share of clouds holds within it."""
    unseen: float = 0.0
    """Share of the scene that lies west of the swath's edge and has no data."""

    def __post_init__(self) -> None:
        if not 0 <= self.sun_zenith <= 80:
            raise OptionError(f"sun zenith: expected 0 to 80 degrees, found {self.sun_zenith:g}")
        if any(value % 60 for value in self.origin):
            raise OptionError(f"scene origin: expected multiples of 60 m, found {self.origin}")
        if isinstance(self.landscape, str) and self.landscape not in LANDSCAPES:
            raise OptionError(f"landscape '{self.landscape}': expected one of {', '.join(LANDSCAPES)}")
        kinds = [layer.kind for layer in self.clouds]
        if len(set(kinds)) < len(kinds):
            raise OptionError(f"cloud layers: expected one of a kind, found {', '.join(kinds)}")

    @property
    def extent(self) -> Sampling:
        """The scene as points 60 m apart."""
        return pixels_of(self, whole_window(self, 60.0), 60.0)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Cloud layers with all values settled, lowest first."""
        settled = (settle(layer, seed_of(self.seed, "clouds")) for layer in self.clouds)
        return tuple(sorted(settled, key=lambda layer: layer.height_m))


def whole_window(config: SceneConfig, gsd: float) -> Window:
    """The window of all of a scene, in pixels of a gsd."""
    side = round(config.size_m / gsd)
    return Window(row_off=0, col_off=0, height=side, width=side)


def pixels_of(config: SceneConfig, window: Window, gsd: float) -> Sampling:
    """Where on the map the pixels of a window lie.

    Raises:
        OptionError: a spacing that does not nest with 60 m.
    """
    east, north = config.origin
    if not _nests(gsd):
        raise OptionError(f"gsd: expected a divisor of 60 m or a multiple of it, found {gsd:g}")
    return Sampling(
        spacing=float(gsd),
        row0=round(-north / gsd) + window.row_off,
        col0=round(east / gsd) + window.col_off,
        height=window.height,
        width=window.width,
    )


def _nests(gsd: float) -> bool:
    return gsd > 0 and ((60.0 / gsd).is_integer() or (gsd / 60.0).is_integer())


SKIES: Mapping[str, tuple[CloudLayer, ...]] = MappingProxyType(
    {
        "clear": (),
        "fair": (CloudLayer(kind="cumulus", cover=0.2), CloudLayer(kind="haze", cover=0.1)),
        "mixed": (
            CloudLayer(kind="cumulus", cover=0.25),
            CloudLayer(kind="cirrus", cover=0.15),
        ),
        "veiled": (CloudLayer(kind="cirrus", cover=0.6), CloudLayer(kind="haze", cover=0.3)),
        "broken": (CloudLayer(kind="stratocumulus", cover=0.65),),
        "rolls": (CloudLayer(kind="altocumulus", cover=0.35), CloudLayer(kind="cumulus", cover=0.1)),
        "stormy": (
            CloudLayer(kind="storm", cover=0.2),
            CloudLayer(kind="cumulus", cover=0.2),
            CloudLayer(kind="cirrus", cover=0.35),
        ),
        "overcast": (CloudLayer(kind="overcast", cover=1.0),),
        "dusty": (CloudLayer(kind="dust", cover=0.5), CloudLayer(kind="cumulus", cover=0.05)),
    }
)
"""Cloud layers for common kinds of sky."""


_CLOUDS = tuple(kind for kind in KINDS if kind not in {"dust", "haze"})


def draw_scene(
    seed: int, *, size_m: float, origin: tuple[float, float] = (600_000.0, 5_300_040.0)
) -> SceneConfig:
    """A scene whose land, sky, sun and view are drawn from a seed: variety for training.

    One to three kinds of cloud, no cloud at all one time in eight. Never dust or haze: nobody tells dust from
    the desert that it came from, and where people see haze is not a matter of its depth.
    """
    draw = _Draws(seed)
    count = 0 if draw.number("clear", 0, 1) < 1 / 8 else 1 + int(draw.number("count", 0, 2.999))
    return SceneConfig(
        seed=seed,
        landscape=draw.one_of("landscape", tuple(LANDSCAPES)),
        clouds=tuple(draw.layer(kind) for kind in draw.several("kinds", _CLOUDS, count)),
        sun_zenith=draw.number("sun zenith", 20, 70),
        sun_azimuth=draw.number("sun azimuth", 110, 200),
        view_zenith=draw.number("view zenith", 0, 11),
        view_azimuth=draw.one_of("view azimuth", (105.0, 285.0)),
        origin=origin,
        size_m=size_m,
    )


@dataclass(frozen=True)
class _Draws:
    """Choices that depend on a seed and on what is chosen, not on their order."""

    seed: int

    def number(self, what: str, low: float, high: float) -> float:
        return low + (high - low) * seed_of(self.seed, what) / 2**32

    def one_of(self, what: str, choices: tuple[Choice, ...]) -> Choice:
        return choices[seed_of(self.seed, what) % len(choices)]

    def several(self, what: str, choices: tuple[str, ...], count: int) -> tuple[str, ...]:
        return tuple(sorted(choices, key=lambda choice: seed_of(self.seed, what, choice))[:count])

    def layer(self, kind: str) -> CloudLayer:
        # clouds of 27 Landsat scenes: 0.25 to 1.0 in the red, 1.6 um 0.15 to 1.1 times the near infra-red
        return replace(
            self._shaped(kind),
            brightness=2 ** self.number(f"{kind} brightness", -0.5, 0.75),
            short_wave=2 ** self.number(f"{kind} short wave", -1.3, 0.4),
            air=max(0.0, self.number(f"{kind} air", -0.08, 0.1)),
        )

    def _shaped(self, kind: str) -> CloudLayer:
        usual, share = KINDS[kind], self.number(f"{kind} cover", 0, 1)
        return CloudLayer(
            kind=kind,
            # small shares are as common as large ones, the square of an even number; a deck may close
            cover=0.03 + (0.97 * share if kind == "overcast" else 0.85 * share**2),
            height_m=usual.height_m * self.number(f"{kind} height", 0.6, 1.3),
            depth=usual.depth * self.number(f"{kind} depth", 0.5, 1.4),
            scale_m=usual.scale_m * 2 ** self.number(f"{kind} scale", -1, 1),
            direction_deg=self.number(f"{kind} direction", 0, 180),
        )
