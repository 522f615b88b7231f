"""Hosts that a provider's own addresses and links may lead to."""

from collections.abc import Mapping

from unclouded.catalog._endpoints import host_of


def hosts(endpoints: Mapping[str, str], *names: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Hosts of some base addresses, and others that the provider keeps files on."""
    return (*dict.fromkeys(host_of(endpoints[name]) for name in names), *also)
