"""The address of an endpoint: what is accepted as one. Pure: names are resolved elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote, urlsplit

import idna

from coinpurse.endpoints.addresses import Reach, objection
from coinpurse.errors import InvalidRequest

LONGEST_URL = 2048
LONGEST_HOST = 253
# Below these, other protocols live; a web server that is meant for others is not among them.
FIRST_FREE_PORT = 1024
HTTP, HTTPS = 80, 443
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# What resolvers may read as a number, and with it as an address: 127.1, 0x7f.1, 0177.0.0.1, 2130706433.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint's address, taken apart.

    host: in lower case, ASCII, without brackets. path: with the query, as it goes into the request line.
    """

    encrypted: bool
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (HTTPS if self.encrypted else HTTP) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address in the one form in which it is stored and shown."""
        return f"http{'s' if self.encrypted else ''}://{self.netloc}{self.path}"


def read_url(text: str, reach: Reach) -> Target:
    """Take the address of an endpoint apart. Raises InvalidRequest where it cannot be one.

    A name in another script becomes its xn-- form, so that look-alikes are seen for what they are.
    """
    text = text.strip()
    if not text or len(text) > LONGEST_URL or not text.isprintable() or re.search(r"[\s\\]", text):
        raise _refuse(f"must be an address of at most {LONGEST_URL} characters, without spaces")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refuse("is not an address") from None
    insecure_allowed = reach.private or reach.loopback
    if parts.scheme not in (("https", "http") if insecure_allowed else ("https",)):
        raise _refuse("must begin with https://")
    if "@" in parts.netloc:
        raise _refuse("must not hold a user name or a password; the signature proves who sends")
    if parts.fragment:
        raise _refuse("must not hold a part after #")
    encrypted = parts.scheme == "https"
    port = (HTTPS if encrypted else HTTP) if port is None else port
    if port not in (HTTP, HTTPS) and port < FIRST_FREE_PORT:
        raise _refuse(f"must have the port {HTTPS}, or one from {FIRST_FREE_PORT} up")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    bracketed = parts.netloc.startswith("[")
    return Target(encrypted, _read_host(host, bracketed, reach, encrypted), port, path)


def _read_host(host: str, bracketed: bool, reach: Reach, encrypted: bool) -> str:
    """Return the host's canonical form. Raises InvalidRequest."""
    if bracketed:
        return _read_ip(host, reach, encrypted)
    # A dot at the end makes the same host another name, which no certificate has.
    host = host.removesuffix(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _refuse("has a host that is no name of the Internet") from None
    labels = host.split(".")
    if len(host) > LONGEST_HOST or not all(LABEL.fullmatch(label) for label in labels):
        raise _refuse("has a host that is no name of the Internet")
    if NUMBER.fullmatch(labels[-1]):
        return _read_ip(host, reach, encrypted)
    if labels[-1] == "localhost" and not (reach.private or reach.loopback):
        raise _refuse("is this machine itself")
    return host


def _read_ip(host: str, reach: Reach, encrypted: bool) -> str:
    try:
        # Python takes four decimal numbers and nothing else: no octal, hexadecimal or shortened forms.
        address = ip_address(host)
    except ValueError:
        raise _refuse("has a host that is neither a name nor a plain IP address") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise _refuse("is on a link of this machine")
    problem = objection(str(address), reach, encrypted=encrypted)
    if problem:
        raise _refuse(problem)
    return str(address)


def _refuse(problem: str) -> InvalidRequest:
    return InvalidRequest("url", problem)
