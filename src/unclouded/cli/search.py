"""`unclouded search`: which products there are."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from unclouded.cli._show import warn

if TYPE_CHECKING:
    from unclouded.catalog import Found


@click.command("search", short_help="Find products of an area and a time.")
@click.option(
    "--area",
    "area_text",
    required=True,
    metavar="AREA",
    help="west,south,east,north in degrees, a GeoJSON file, or a tile such as 32TQM.",
)
@click.option("--from", "start", required=True, metavar="TIME", help="First day or moment, UTC: 2024-03-01.")
@click.option("--to", "end", required=True, metavar="TIME", help="Last day or moment, UTC, included.")
@click.option("--level", type=click.Choice(["L1C", "L2A"]), default="L1C", show_default=True)
@click.option(
    "--max-cloud",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="At most this cloud cover, as the provider states it of the whole tile.",
)
@click.option(
    "--provider",
    default="earth-search",
    show_default=True,
    metavar="NAME",
    help="Whose catalogue: earth-search, cdse, planetary-computer.",
)
@click.option(
    "--collection", metavar="NAME", help="Another of the provider's collections than the usual one."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="N",
    help="Products at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the products as JSON.")
@click.option("--stac", "as_stac", is_flag=True, help="Print the STAC items as a feature collection.")
def command(
    area_text: str, start: str, end: str, provider: str, *, as_json: bool, as_stac: bool, **asked: Any
) -> None:
    """Find Sentinel-2 products.

    No account is needed. --json and --stac are what `unclouded download --from-search` reads.

    \b
    Examples:
      unclouded search --area 32TQM --from 2024-03-01 --to 2024-03-31 --max-cloud 20
      unclouded search --area 11.2,44.3,11.6,44.6 --from 2024-03-01 --to 2024-03-31 --level L2A
      unclouded search --area farm.geojson --from 2024-03-01 --to 2024-03-31 --json > found.json

    The cloud cover is the provider's, of the whole tile; it may be far from the truth over your own area.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.catalog import Query, parse_area, parse_time, search
    from unclouded.cli._services import service

    if as_json and as_stac:
        raise click.UsageError("give --json or --stac, not both")
    collection = asked.pop("collection")
    query = Query(area=parse_area(area_text), start=parse_time(start), end=parse_time(end, end=True), **asked)
    found = search(query, service(provider, collection=collection))
    _remark(found, query.limit)
    if as_stac:
        click.echo(json.dumps(_collection(found, provider), indent=1))
    elif as_json:
        click.echo(json.dumps([_plain(item) for item in found], indent=1))
    else:
        _table(found)


def _remark(found: "tuple[Found, ...]", limit: int) -> None:
    from unclouded.catalog import same_scene

    if not found:
        click.echo("nothing found: no product of this area, time, level and cloud cover", err=True)
    if len(found) == limit:
        warn(f"stopped at {limit} products; there may be more: raise --limit or narrow the time")
    for group in same_scene(found):
        newest = group[-1]
        warn(
            f"{len(group)} products of the same scene ({newest.sensing_time:%Y-%m-%d}, {newest.tile}): "
            f"{newest.id} has the latest baseline"
        )


def _table(found: "tuple[Found, ...]") -> None:
    rows = [("product", "time (UTC)", "tile", "level", "baseline", "cloud %", "MB")]
    rows += [
        (
            item.id,
            f"{item.sensing_time:%Y-%m-%d %H:%M}",
            item.tile or "",
            item.level,
            item.baseline or "",
            "" if item.cloud_cover_stated is None else f"{item.cloud_cover_stated:.1f}",
            "" if item.size is None else f"{item.size / 1e6:.0f}",
        )
        for item in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if found else ():
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _plain(item: "Found") -> dict[str, object]:
    fields = {name: value for name, value in asdict(item).items() if name != "item"}
    return {**fields, "sensing_time": item.sensing_time.isoformat()}


def _collection(found: "tuple[Found, ...]", provider: str) -> dict[str, object]:
    from unclouded.catalog import PROVIDER

    return {"type": "FeatureCollection", PROVIDER: provider, "features": [item.item for item in found]}
