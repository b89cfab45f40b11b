"""Which addresses a webhook may be sent to. Pure: names are resolved elsewhere.

An endpoint's address is chosen by whoever may edit endpoints; our server must not become their way into the
network behind it. Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


LOOPBACK = _networks("127.0.0.0/8", "::1/128")
# What an operator may open: the networks that companies number themselves.
PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
# Where clouds keep the credentials of their machines; nobody receives webhooks there.
METADATA = _networks("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32")
# Of IPv4 all is public but this and the above.
SPECIAL = _networks(
    "0.0.0.0/8",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    # Within the public part of IPv6: protocol assignments with Teredo, documentation, and 6to4, which carries an
    # IPv4 address.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
# Of IPv6 nothing is public but this. IPv4 in disguise (mapped, compatible, NAT64) lies outside of it.
PUBLIC_IPV6 = ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Reach:
    """What webhooks may reach besides public addresses over https.

    private: private networks and this machine, over http too. loopback: this machine alone, over http too.
    """

    private: bool = False
    loopback: bool = False


def objection(text: str, reach: Reach, *, encrypted: bool = True) -> str | None:
    """Say why a webhook may not be sent to an IP address; None where it may.

    encrypted: whether it would go over https.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "is not an IP address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "is on a link of this machine"
    # Loopback first: ::1 lies outside of what is public.
    if _within(address, LOOPBACK):
        return None if reach.private or reach.loopback else "is this machine itself"
    if _within(address, METADATA):
        return "is link-local or a cloud's metadata service"
    if _within(address, PRIVATE):
        return None if reach.private else "is in a private network"
    if _within(address, SPECIAL):
        return "is reserved"
    if isinstance(address, IPv6Address) and address not in PUBLIC_IPV6:
        return "is reserved"
    if not encrypted and not reach.private:
        return "can be reached over https alone"
    return None


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
