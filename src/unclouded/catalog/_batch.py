"""Many products into a folder: in parallel, resumable, each under its name only when it is whole."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unclouded.catalog._archive import check_archive, unpack
from unclouded.catalog._endpoints import shown
from unclouded.catalog._ledger import Ledger, Record, size_of
from unclouded.catalog._lock import alone
from unclouded.catalog._manifest import NAME as MANIFEST
from unclouded.catalog._manifest import check_files, read_manifest
from unclouded.catalog._patience import CancelledError
from unclouded.catalog._records import Context, Delivery, Provider, Wanted
from unclouded.catalog._transfer import RemoteFile, Transfer, fetch
from unclouded.catalog.providers._items import asset_names
from unclouded.core.errors import OfflineError, OutputError, UncloudedError

POLL_S = 60.0
"""Between looks at a product that was ordered."""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """How far one product is."""

    product: str
    file: str
    """The file that has grown."""
    received: int
    """Bytes of the product that are there."""
    size: int | None
    """Of the whole product, where known."""
    done: bool


@dataclass(frozen=True, kw_only=True)
class ProductReport:
    """What became of one product."""

    id: str
    state: str
    """`downloaded`, `skipped` (it was there), `ordered` (from an archive) or `failed`."""
    path: Path | None
    bytes: int
    """That it has, whether fetched now or before."""
    seconds: float
    error: UncloudedError | None = None


@dataclass(frozen=True, kw_only=True)
class DownloadReport:
    """What became of all of them, in the order asked for."""

    folder: Path
    products: tuple[ProductReport, ...]

    def of(self, state: str) -> tuple[ProductReport, ...]:
        """The products of one state."""
        return tuple(product for product in self.products if product.state == state)


def download_all(
    provider: Provider,
    provider_name: str,
    wanted: Iterable[Wanted],
    folder: Path,
    *,
    context: Context,
    wait_s: float = 0.0,
    progress: Callable[[Tick], None] | None = None,
) -> DownloadReport:
    """Every product in the folder, or why not. One that fails stops no other.

    Args:
        wait_s: how long to wait for products that an archive brings back.
        progress: called from several threads, one at a time.
    """
    run = _Run(provider, provider_name, _prepared(folder), context, progress)
    asked = list({item.id: item for item in wanted}.values())
    try:
        reports = run.products(asked)
        ends = time.monotonic() + wait_s
        while (late := _ordered(reports, asked)) and time.monotonic() < ends:
            if context.stop.wait(min(POLL_S, max(0.0, ends - time.monotonic()))):
                break
            reports |= run.products(late)
    finally:
        run.close()
    return DownloadReport(folder=folder, products=tuple(reports[item.id] for item in asked))


def _ordered(reports: Mapping[str, ProductReport], asked: Iterable[Wanted]) -> list[Wanted]:
    return [item for item in asked if reports[item.id].state == "ordered"]


class _Run:
    """One run: two pools, of which the inner one is as wide as the provider allows."""

    def __init__(
        self,
        provider: Provider,
        provider_name: str,
        folder: Path,
        context: Context,
        progress: Callable[[Tick], None] | None,
    ) -> None:
        self._provider = provider
        self._name = provider_name
        self._folder = folder
        self._context = context
        self._progress = progress
        self._ledger = Ledger(folder)
        self._telling = threading.Lock()
        self._files = ThreadPoolExecutor(provider.connections, "file")
        self._products = ThreadPoolExecutor(provider.connections, "product")

    def products(self, wanted: Iterable[Wanted]) -> dict[str, ProductReport]:
        """Reports by id. Ends all transfers before it raises."""
        futures = {item.id: self._products.submit(self._report, item) for item in wanted}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            self._context.stop.set()
            for future in futures.values():
                future.cancel()
            raise

    def close(self) -> None:
        self._products.shutdown(cancel_futures=True)
        self._files.shutdown(cancel_futures=True)

    def _report(self, wanted: Wanted) -> ProductReport:
        started = time.monotonic()
        state, path, size = "failed", None, 0
        error: UncloudedError | None = None
        try:
            state, path = self._product(wanted)
            size = size_of(path)
        except OfflineError as err:
            state, error = "ordered", err
        except UncloudedError as err:
            error = err
        return ProductReport(
            id=wanted.id,
            state=state,
            path=path,
            bytes=size,
            seconds=time.monotonic() - started,
            error=error,
        )

    def _product(self, wanted: Wanted) -> tuple[str, Path]:
        there = self._ledger.find(wanted.id)
        if there is not None:
            return "skipped", self._folder / there.name
        delivery = self._provider.deliver(wanted)
        part = self._folder / f"{delivery.name}.part"
        with alone(part):
            return self._bring(delivery, part, wanted.id)

    def _bring(self, delivery: Delivery, part: Path, product: str) -> tuple[str, Path]:
        target = self._folder / delivery.name
        _check_space(part, delivery)
        try:
            self._transfer(delivery, part, product)
        except UncloudedError:
            with suppress(OSError):  # only where nothing has arrived
                part.rmdir()
            raise
        try:
            self._check(delivery, part)
        except UncloudedError:
            shutil.rmtree(part)  # what is wrong is not gone on with
            raise
        _write_item(delivery, part)
        _settle(delivery, part, target)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._ledger.add(
            Record(id=product, provider=self._name, name=target.name, bytes=size_of(target), finished=now)
        )
        return "downloaded", target

    def _transfer(self, delivery: Delivery, folder: Path, product: str) -> None:
        counter = _Counter(product, delivery.size, self._progress, self._telling)
        futures = [self._files.submit(self._fetch, file, folder, counter) for file in delivery.files]
        done, late = wait(futures, return_when=FIRST_EXCEPTION)
        for future in late:
            future.cancel()
        wait(late)
        _raise_first(done)
        _raise_first(late)
        counter.finish()

    def _fetch(self, file: RemoteFile, folder: Path, counter: "_Counter") -> None:
        target = folder / file.path
        if target.is_file() and file.size in {None, target.stat().st_size}:
            counter.received(str(file.path), target.stat().st_size)  # checked when it took its name
            return
        transfer = Transfer(
            opener=self._provider.opener,
            patience=self._context.patience,
            stop=self._context.stop,
            received=lambda count: counter.received(str(file.path), count),
        )
        fetch(file, target, transfer)

    def _check(self, delivery: Delivery, folder: Path) -> None:
        """The product as a whole: its archive's directory, its manifest."""
        for path in sorted(folder.glob("*.zip")):
            if delivery.unpack:
                unpack(path, folder / path.stem, where=path.name, between=self._between)
            else:
                check_archive(path, where=path.name, between=self._between)
        manifest = folder / MANIFEST
        if manifest.is_file():
            entries = read_manifest(manifest.read_bytes(), where=delivery.name)
            check_files(
                entries, lambda name: _inside(folder, name), where=delivery.name, between=self._between
            )

    def _between(self) -> None:
        if self._context.stop.is_set():
            raise CancelledError


class _Counter:
    """Bytes of one product's files."""

    def __init__(
        self,
        product: str,
        size: int | None,
        progress: Callable[[Tick], None] | None,
        lock: threading.Lock,
    ) -> None:
        self._product = product
        self._size = size
        self._progress = progress
        self._lock = lock
        self._bytes: dict[str, int] = {}

    def received(self, file: str, count: int) -> None:
        with self._lock:
            self._bytes[file] = count
            self._tell(file, done=False)

    def finish(self) -> None:
        with self._lock:
            self._tell("", done=True)

    def _tell(self, file: str, *, done: bool) -> None:
        if self._progress is None:
            return
        got = sum(self._bytes.values())
        size = got if done else self._size
        self._progress(Tick(product=self._product, file=file, received=got, size=size, done=done))


def _prepared(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(
            f"output folder {folder}: expected a folder that can be written, found: {err.strerror or err}; "
            "name another with -o"
        ) from err
    return folder


def _check_space(part: Path, delivery: Delivery) -> None:
    """Not begun what cannot end: the same error as of a full disk, before the hour of download."""
    needed = (delivery.size or 0) - (size_of(part) if part.exists() else 0)
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise OutputError(
            f"{part.parent}: expected {needed / 1e9:.2f} GB free for {delivery.id}, found "
            f"{free / 1e9:.2f} GB; make room and run the same command again"
        )


def _raise_first(futures: "Iterable[Future[None]]") -> None:
    """The error that came first in the order of files, other than that a neighbour was called off."""
    for future in futures:
        if not future.cancelled():
            future.result()


def _inside(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.is_file() else None


def _settle(delivery: Delivery, part: Path, target: Path) -> None:
    """The whole product takes its name in one step."""
    try:
        if delivery.folder:
            part.rename(target)
        else:
            (part / delivery.files[0].path).replace(target)
            part.rmdir()
    except OSError as err:
        raise OutputError(
            f"{target}: cannot take its name: {err.strerror or err}; remove what is there"
        ) from err


def _write_item(delivery: Delivery, folder: Path) -> None:
    """The STAC item beside its files, pointing at them and saying where they came from."""
    if delivery.item is None:
        return
    names = asset_names(delivery.item)
    own: dict[str, Any] = {
        key: {**delivery.item["assets"][key], "href": f"./{name}"} for key, name in names.items()
    }
    for asset in own.values():
        asset.pop("alternate", None)
    links = [{"rel": "via", "href": shown(url)} for url in _self_links(delivery.item)]
    text = json.dumps({**delivery.item, "assets": own, "links": links}, indent=1)
    (folder / f"{delivery.name}.json").write_text(f"{text}\n", encoding="utf-8")


def _self_links(item: Mapping[str, Any]) -> list[str]:
    links = item.get("links")
    rows = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    hrefs = [str(link.get("href")) for link in rows if link.get("rel") == "self"]
    return [href for href in hrefs if urlsplit(href).scheme == "https"]
