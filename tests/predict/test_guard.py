import numpy as np
import pytest

from unclouded.predict import InputStatistics, OutputStatistics

BANDS = ("B02", "B04", "B08", "B10", "B12")
# Plausible clear land, water and cloud, reflectance by band (literature: typical TOA values)
SURFACES = np.array(
    [
        [0.09, 0.055, 0.30, 0.0015, 0.08],
        [0.13, 0.16, 0.22, 0.0012, 0.25],
        [0.085, 0.03, 0.016, 0.001, 0.003],
        [0.55, 0.55, 0.57, 0.003, 0.33],
    ]
)


def scene(shares=(0.4, 0.3, 0.2, 0.1), seed=0):
    """Reflectance (band, 200, 200) with these shares of vegetation, soil, water and cloud."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(4, (200, 200), p=shares)
    return (SURFACES[kind] * rng.uniform(0.85, 1.15, (200, 200, 1))).transpose(2, 0, 1).astype(np.float32)


def warnings_for(reflectance, valid=None):
    statistics = InputStatistics(bands=BANDS[: len(reflectance)])
    statistics.add(reflectance, np.ones(reflectance.shape[1:], bool) if valid is None else valid)
    return " ".join(statistics.warnings())


@pytest.mark.parametrize(
    "shares", [(0.4, 0.3, 0.2, 0.1), (0, 0, 1, 0), (0, 1, 0, 0), (0, 0, 0, 1), (1, 0, 0, 0)]
)
def test_reflectance_passes(shares):
    """Land, open sea, desert, overcast, forest: none of them is suspicious."""
    assert not warnings_for(scene(shares))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda r: r * 10_000, "unscaled"),
        (lambda r: r * 10_000 + 1000, "unscaled"),
        (lambda r: r * 255, "unscaled"),
        (lambda r: r * 255 / 10_000, "wrongly scaled"),
        (lambda r: r + 0.1, "un-offset"),
        (lambda r: r - 0.1, "twice offset"),
    ],
    ids=["DN", "DN with offset", "8 bit", "8 bit by 10000", "offset left in", "offset taken twice"],
)
@pytest.mark.parametrize("shares", [(0.4, 0.3, 0.2, 0.1), (0.6, 0.4, 0, 0)])
def test_wrong_units_are_named(wrong, name, shares):
    assert f"input looks {name}" in warnings_for(wrong(scene(shares)))


def test_nodata_is_not_looked_at():
    reflectance = scene()
    valid = np.zeros((200, 200), bool)
    valid[:, :100] = True
    reflectance[:, :, 100:] = -0.1
    assert not warnings_for(reflectance, valid)
    assert not warnings_for(reflectance, np.zeros_like(valid))


def test_statistics_do_not_depend_on_the_cut():
    reflectance, valid = scene(), np.ones((200, 200), bool)
    whole, parts = InputStatistics(bands=BANDS), InputStatistics(bands=BANDS)
    whole.add(reflectance, valid)
    for start in range(0, 200, 40):
        parts.add(reflectance[:, start : start + 40], valid[start : start + 40])
    np.testing.assert_array_equal(whole.counts, parts.counts)


def test_percentiles_are_those_of_numpy():
    reflectance, valid = scene(), np.ones((200, 200), bool)
    statistics = InputStatistics(bands=BANDS)
    statistics.add(reflectance, valid)
    sampled = reflectance[:, ::4, ::4].reshape(len(BANDS), -1)
    for share in (0.01, 0.5, 0.99):
        expected = np.quantile(sampled, share, axis=1, method="inverted_cdf")
        np.testing.assert_allclose(statistics.percentile(share), expected, atol=0.0026)


@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_constant_output_is_named(level):
    statistics = OutputStatistics()
    statistics.add(np.full((40, 40), level, np.float32), np.ones((40, 40), bool))
    assert f"output is constant: clear has probability {level:.3f}" in " ".join(statistics.warnings())


def test_varied_output_passes():
    statistics = OutputStatistics()
    clear = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    statistics.add(clear, np.ones((40, 40), bool))
    assert statistics.warnings() == ()


def test_blue_bands_alone_cannot_tell_an_offset():
    """The air alone is 0.1 bright in them: a product of B01 was taken for un-offset."""
    statistics = InputStatistics(bands=("B01", "B02"))
    statistics.add(np.full((2, 100, 100), 0.119, np.float32), np.ones((100, 100), bool))
    assert statistics.warnings() == ()
