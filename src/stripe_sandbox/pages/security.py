"""What every page of the sandbox sends and demands of a browser.

The sandbox listens on the loopback interface, where any page that a browser has open can aim a
form. A request that changes something must therefore come from one of our own pages; a program
that is no browser (curl, a test) sends neither of the headers looked at here and passes.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Request, Response

_BASE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; "
)

# Browsers apply form-action to the redirects after a form, too, and a merchant's success_url may
# pass through several of its own hosts. Only these two pages end in such a redirect.
CHECKOUT_POLICY = _BASE_POLICY + "form-action 'self' http: https:"
DASHBOARD_POLICY = _BASE_POLICY + "form-action 'self'"


def add_page_headers(response: Response, content_security_policy: str) -> Response:
    """Set the security headers of a page. Static files may be cached, pages may not."""
    response.headers["Content-Security-Policy"] = content_security_policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer: that would make browsers send `Origin: null` with our own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
    return response


def comes_from_our_page(request: Request) -> bool:
    """Whether a changing request was sent by one of our pages or by no browser at all."""
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or origin == request.host_url.rstrip("/")


def is_local_host(request: Request) -> bool:
    """Whether the address bar names this machine: an IP address or a name without a dot.

    A public name here means that someone's DNS points at the reader's own machine.
    """
    host = urlsplit(f"//{request.host}").hostname or ""
    if "." not in host or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
