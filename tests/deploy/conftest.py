"""Web servers in front of the store, as `deploy/` sets them up, with a certificate of our own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.conftest import Store
from tests.waiting import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs. authority: the file of the certificate by which its own is believed."""

    url: str
    authority: Path

    def browser(self) -> requests.Session:
        """What a browser on the store's pages is: believes the authority alone, and names its Origin."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.authority)
        session.headers["Origin"] = self.url
        return session


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def behind(store: Store, url: str) -> None:
    """Start the store as one that is reached at another address, through one proxy."""
    store.environment |= {"COINPURSE_BASE_URL": url, "COINPURSE_TRUSTED_PROXIES": "1"}
    store.start_web()


def start_nginx(store: Store, folder: Path) -> tuple[Proxy, subprocess.Popen[bytes]]:
    """Run nginx with the file of `deploy/`; only addresses and paths are this test's."""
    plain, secure = free_port(), free_port()
    url = f"https://localhost:{secure}"
    behind(store, url)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    text = (DEPLOY / "nginx" / "coinpurse.conf").read_text(encoding="utf-8")
    for written, here in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{secure} ssl http2;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "coins.example.com;": "localhost;",
        "/etc/letsencrypt/live/coins.example.com/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/coins.example.com/privkey.pem": str(key),
        "server 127.0.0.1:5000;": f"server 127.0.0.1:{store.port};",
        # nginx tells the port only where it is not the usual one.
        "$host;": "$http_host;",
    }.items():
        assert written in text, written
        text = text.replace(written, here)
    whole = folder / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(["nginx", "-c", str(whole), "-e", str(folder / "error.log")])
    return Proxy(url, certificate), process


def start_caddy(store: Store, folder: Path) -> tuple[Proxy, subprocess.Popen[bytes]]:
    """Run Caddy with the file of `deploy/`; its own authority makes the certificate of `localhost`."""
    plain, secure = free_port(), free_port()
    url = f"https://localhost:{secure}"
    behind(store, url)
    whole = folder / "Caddyfile"
    whole.write_text(
        f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {secure}\n\tskip_install_trust\n"
        f"\tdefault_bind 127.0.0.1\n}}\n"
        + (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        ["caddy", "run", "--adapter", "caddyfile", "--config", str(whole)],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "DOMAIN": url,
            "UPSTREAM": f"127.0.0.1:{store.port}",
            **_words_of_this_caddy(),
        },
        stderr=subprocess.DEVNULL,
    )
    return Proxy(url, folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"), process


def _words_of_this_caddy() -> dict[str, str]:
    printed = subprocess.run(
        ["caddy", "version"], check=True, capture_output=True, text=True
    ).stdout
    version = [int(part) for part in printed.split()[0].lstrip("v").split(".")[:2]]
    return {"REQUEST_BUFFERS": "buffer_requests"} if version < [2, 7] else {}


STARTS: dict[str, Callable[[Store, Path], tuple[Proxy, subprocess.Popen[bytes]]]] = {
    "nginx": start_nginx,
    "caddy": start_caddy,
}


@pytest.fixture(params=STARTS)
def proxy(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Iterator[Proxy]:
    """The store behind each of the two, over TLS."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param}: apt-get install it")
    running, process = STARTS[request.param](store, tmp_path)
    try:
        wait_until(lambda: _answers(running) or process.poll() is not None)
        assert process.poll() is None, f"{request.param} ended"
        yield running
    finally:
        process.terminate()
        process.wait(15)


def _answers(proxy: Proxy) -> bool:
    if not proxy.authority.exists():
        return False
    try:
        return proxy.browser().get(f"{proxy.url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False
