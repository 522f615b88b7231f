"""`unclouded download`: products into a folder."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import output_folder, transfer_progress
from unclouded.core.errors import InputError, ScenesFailedError, ServiceError

if TYPE_CHECKING:
    from unclouded.catalog import DownloadReport, ProductReport, Wanted


@click.command("download", short_help="Fetch products.")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option(
    "--from-search",
    "search_file",
    type=click.Path(allow_dash=True, dir_okay=False),
    metavar="FILE",
    help="Products of `unclouded search --json` or --stac; - reads them from stdin.",
)
@click.option("--dataset", metavar="NAME", help="The labels of a data set and its products: baetens-hagolle.")
@click.option("--labels-only", is_flag=True, help="Of a data set the labels alone.")
@output_folder("Folder for the products; made where missing.")
@click.option(
    "--provider",
    metavar="NAME",
    help="Who is asked: google, cdse, earth-search, planetary-computer, aws. Default: who was searched, "
    "else google, which needs no account.",
)
@click.option(
    "--wait",
    "wait_minutes",
    type=click.FloatRange(min=0),
    default=0,
    metavar="MINUTES",
    help="Wait so long for products that were ordered from an archive.",
)
@click.option("--totp", "code", metavar="CODE", help="Code of an authenticator, for accounts that have one.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    ids: tuple[str, ...],
    search_file: str | None,
    dataset: str | None,
    folder: Path,
    *,
    labels_only: bool,
    provider: str | None,
    wait_minutes: float,
    code: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch products by name, from a search, or those of a data set.

    \b
    Examples:
      unclouded download S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458 -o products
      unclouded download --from-search found.json -o products
      unclouded download --dataset baetens-hagolle -o baetens-hagolle

    What is there already is not fetched again; what was begun is gone on with. Every file is held against
    the size and checksum that the provider states, every product against its own manifest.

    The account of cdse comes from UNCLOUDED_CDSE_USERNAME and UNCLOUDED_CDSE_PASSWORD, from netrc, or from
    eodag's configuration; keys of aws from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.catalog import download, download_dataset
    from unclouded.cli._services import service

    if sum((bool(ids), search_file is not None, dataset is not None)) != 1:
        raise click.UsageError("give product names, --from-search FILE or --dataset NAME")
    if labels_only and dataset is None:
        raise click.UsageError("--labels-only goes with --dataset")
    wanted, source = _wanted(ids, search_file, provider)
    asked = service(source, code=code)
    with transfer_progress(quiet=quiet) as progress:
        if dataset is None:
            report = download(wanted, folder, asked, wait_s=60 * wait_minutes, progress=progress)
        else:
            report = download_dataset(
                dataset,
                folder,
                asked,
                products=not labels_only,
                wait_s=60 * wait_minutes,
                progress=progress,
            )
    _show(report, as_json=as_json)
    _leave(report)


def _wanted(
    ids: tuple[str, ...], search_file: str | None, provider: str | None
) -> "tuple[tuple[Wanted, ...], str]":
    """Products and who has them."""
    from unclouded.catalog import Wanted, read_search

    if search_file is None:
        return tuple(Wanted(id=name) for name in ids), provider or "google"
    found = read_search(_text(search_file), where=search_file)
    source = provider or found.provider
    if source is None:
        raise click.UsageError(f"{search_file} does not say who has its products; name one with --provider")
    return found.wanted_of(source), source


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(
            f"{name}: expected a file of unclouded search, found one that cannot be read"
        ) from err


def _show(report: "DownloadReport", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_plain(product) for product in report.products], indent=1))
        return
    for product in report.products:
        if product.error is not None:
            click.echo(f"{product.id}: {product.state}: {product.error}", err=True)
        else:
            note = " (done before)" if product.state == "skipped" else f" in {product.seconds:.1f} s"
            click.echo(f"{product.path}  {product.bytes / 1e6:.1f} MB{note}")


def _plain(product: "ProductReport") -> dict[str, object]:
    return {
        "id": product.id,
        "state": product.state,
        "path": str(product.path) if product.path else None,
        "bytes": product.bytes,
        "seconds": product.seconds,
        "error": str(product.error) if product.error else None,
    }


def _leave(report: "DownloadReport") -> None:
    """Raise where not all is there: the error itself where there is one product, else how many failed."""
    missing = [product for product in report.products if product.error is not None]
    if not missing:
        return
    error = missing[0].error
    if error is not None and len(report.products) == 1:
        raise error
    kinds = f"{len(report.of('failed'))} failed, {len(report.of('ordered'))} ordered from an archive"
    if len(missing) == len(report.products):
        raise ServiceError(f"none of {len(missing)} products is there: {kinds}; run the same command later")
    raise ScenesFailedError(
        f"{len(missing)} of {len(report.products)} products are not there: {kinds}; the rest are done: run "
        "the same command later"
    )
