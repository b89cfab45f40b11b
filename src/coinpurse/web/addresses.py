"""The IP addresses that requests come from. Pure: no request is looked at here."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

SUBSCRIBER_BITS = 64
UNREADABLE = "unreadable"


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; one of IPv4 in IPv6's dress (`::ffff:192.0.2.1`) as the one of IPv4. None: it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def network_of(peer: str) -> str:
    """Return who asks, as limits count them: an IPv4 address, or the network that one IPv6 subscriber has whole.

    Some proxies write the port of their client behind its address. All that cannot be read are one: whoever invents
    another text for each request is counted on.
    """
    address = read_address(_without_port(peer))
    if address is None:
        return UNREADABLE
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, SUBSCRIBER_BITS), strict=False))


def _without_port(peer: str) -> str:
    if peer.count(":") != 1 and not peer.startswith("["):
        return peer
    try:
        return urlsplit(f"//{peer}").hostname or ""
    except ValueError:
        return ""
