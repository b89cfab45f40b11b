"""Sends one webhook and reports what came of it, within a bounded time, whatever the other side does."""

from __future__ import annotations

import http.client
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from coinpurse.endpoints.addresses import Reach, objection
from coinpurse.endpoints.urls import Target, read_url
from coinpurse.errors import InvalidRequest

# Returns the IP addresses of a host; raises OSError.
Resolver = Callable[[str, int], Sequence[str]]

# To connect, and again to agree on encryption. TOTAL_SECONDS bounds everything.
STEP_SECONDS = 5.0
TOTAL_SECONDS = 15.0
# How much of an answer is read, and how much of that is kept.
MOST_BYTES = 4096
KEPT_CHARACTERS = 1000
LONGEST_ERROR = 300
# How urllib3 begins: with the connection as Python writes objects, and the host, which is told beside it.
OBJECT_NAME = re.compile(r"^HTTPS?Connection\([^)]*\): ")
# What connecting, sending and reading garbage can raise.
ANY_FAILURE = (HTTPError, http.client.HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    status: of the HTTP answer; None where there was none, and then `error` says why.
    body: its beginning, as text.
    """

    status: int | None
    error: str | None = None
    body: str = ""
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it: any 2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300


class _Refused(Exception):
    """The request is not made at all."""


class Sender:
    """Posts to endpoints. Safe to share between threads.

    reach: what may be reached besides the public Internet.
    resolve: asked once for each request; the connection goes to an address that it named and that was looked at.
    ssl_context: what certificates are checked against; default: those that this machine and certifi trust.
    total_seconds: how long a request may take in all, from the look-up of the name to the end of the answer.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        resolve: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._reach = reach
        self._resolve = resolve or resolve_by_system
        self._ssl_context = ssl_context or _trust_public_authorities()
        self._total_seconds = total_seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body once. Follows no redirect and asks no proxy. Never raises over what the other side does."""
        begun = time.monotonic()
        try:
            target = read_url(url, self._reach)
            address = self._find_address(target, begun + self._total_seconds)
            answer = self._exchange(target, address, body, headers, begun + self._total_seconds)
        except (InvalidRequest, _Refused) as refusal:
            answer = Answer(None, str(refusal))
        return Answer(answer.status, answer.error, answer.body, time.monotonic() - begun)

    def _find_address(self, target: Target, deadline: float) -> str:
        """Resolve the host and look at every address. Raises _Refused."""
        try:
            found = _within_deadline(lambda: self._resolve(target.host, target.port), deadline)
        except OSError as error:
            raise _Refused(f"The host {target.host} was not found: {_words(error)}") from None
        for address in found:
            # One bad address among good ones is a trick or a mistake; either way a person should see it.
            problem = objection(address, self._reach, encrypted=target.encrypted)
            if problem:
                raise _Refused(f"The host {target.host} has the address {address}, which {problem}")
        if not found:
            raise _Refused(f"The host {target.host} has no address")
        return found[0]

    def _exchange(
        self, target: Target, address: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        """Send the request to the address and read the beginning of the answer."""
        connection = self._connection(target, address, deadline)
        watchdog = None
        try:
            connection.connect()
            # From here on the watchdog alone counts.
            connection.timeout = self._total_seconds + STEP_SECONDS
            watchdog = _Watchdog(connection.sock, deadline)
            # Who refuses early may close early, and its answer is readable all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    "POST",
                    target.path,
                    body=body,
                    headers={"Host": target.netloc, **headers},
                    preload_content=False,
                    decode_content=False,
                )
            response = connection.getresponse()
            if watchdog.barked:
                # Headers that end in the middle pass for whole ones.
                return Answer(None, self._too_slow())
            return Answer(response.status, None, _beginning(response))
        except ANY_FAILURE as error:
            late = watchdog is not None and watchdog.barked
            return Answer(None, self._too_slow() if late else _words(error))
        finally:
            if watchdog is not None:
                watchdog.end()
            connection.close()

    def _connection(
        self, target: Target, address: str, deadline: float
    ) -> HTTPConnection | HTTPSConnection:
        seconds = max(min(STEP_SECONDS, deadline - time.monotonic()), 0.001)
        if not target.encrypted:
            return HTTPConnection(address, target.port, timeout=seconds)
        return HTTPSConnection(
            address,
            target.port,
            timeout=seconds,
            ssl_context=self._ssl_context,
            # The address was chosen here; the certificate must be that of the name.
            server_hostname=target.host,
        )

    def _too_slow(self) -> str:
        return f"There was no answer within {self._total_seconds:g} seconds"


class _Watchdog:
    """Ends a conversation at its deadline: the time-outs of sockets begin anew with every byte."""

    def __init__(self, conversation: socket.socket, deadline: float) -> None:
        self.barked = False
        self._socket = conversation
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0), self._bark)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Call it off. Afterwards the socket may be closed: nobody else touches it."""
        self._timer.cancel()
        self._timer.join()

    def _bark(self) -> None:
        self.barked = True
        with suppress(OSError):
            # Not SSLSocket's own: it drops the state that another thread is reading with.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as this machine knows them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _within_deadline(act: Callable[[], Sequence[str]], deadline: float) -> Sequence[str]:
    """Run what may take longer than it should in a thread of its own. Raises TimeoutError and what it raises."""
    outcome: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(act())
        except (OSError, UnicodeError) as error:
            outcome.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=run, name="webhook-name", daemon=True).start()
    try:
        found = outcome.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise TimeoutError("the name servers did not answer in time") from None
    if isinstance(found, OSError):
        raise found
    return found


def _beginning(response: HTTPResponse) -> str:
    """The first part of an answer's body as text that the database takes. An answer that breaks off is one too."""
    try:
        data = response.read(MOST_BYTES, decode_content=False)
    except ANY_FAILURE:
        return ""
    text = data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text[:KEPT_CHARACTERS]


def _words(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, TimeoutError) and not str(error):
        return "There was no answer in time"
    said = OBJECT_NAME.sub("", str(error))
    words = " ".join(said.split()).replace("\0", "") or type(error).__name__
    return words[:LONGEST_ERROR]


@cache
def _trust_public_authorities() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # Small containers have no authorities of their own.
    context.load_verify_locations(certifi.where())
    return context
