"""Which addresses an endpoint may have, and which a connection may go to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.endpoints.addresses import Reach, objection
from coinpurse.endpoints.sender import Sender
from coinpurse.endpoints.urls import read_url
from coinpurse.errors import InvalidRequest
from tests.endpoints.receivers import Receiver

PUBLIC, OPEN, DEMO = Reach(), Reach(private=True), Reach(loopback=True)

ACCEPTED = {
    "https://hooks.example.com": "https://hooks.example.com/",
    "  https://Hooks.Example.COM:443/a b".replace(" b", "b"): "https://hooks.example.com/ab",
    "https://hooks.example.com./in?shop=1&x=é": "https://hooks.example.com/in?shop=1&x=%C3%A9",
    "https://hooks.example.com:8443/%2e%2e/": "https://hooks.example.com:8443/%2e%2e/",
    "https://例え.jp/入": "https://xn--r8jz45g.jp/%E5%85%A5",
    "https://8.8.8.8/": "https://8.8.8.8/",
    "https://[2606:4700::1111]/": "https://[2606:4700::1111]/",
}
REFUSED = [
    "",
    "hooks.example.com",
    "//hooks.example.com/",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/_x",
    "https://",
    "https:///x",
    "https://user@hooks.example.com/",
    "https://user:word@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com/#part",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/\r\nX-Evil: 1",
    "https://hooks.example.com/\x00",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:x/",
    "https://hooks..example.com/",
    "https://-hooks.example.com/",
    "https://hooks%2eexample.com/",
    "https://hooks.example.com../",
    "https://" + "a" * 64 + ".com/",
    "https://hooks.example.com/" + "a" * 2048,
    "https://localhost/",
    "https://LOCALHOST./",
    "https://shop.localhost/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.01/",
    "https://①②⑦.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00::1]/",
    "https://[v1.fe80::a]/",
    "https://[127.0.0.1]/",
]


@pytest.mark.parametrize(("text", "url"), ACCEPTED.items())
def test_an_address_is_kept_in_one_form(text: str, url: str) -> None:
    assert read_url(text, PUBLIC).url == url
    assert read_url(url, PUBLIC).url == url


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_may_lead_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_url(text, PUBLIC)

    assert refused.value.field == "url"


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_any_text_is_an_address_in_its_one_form_or_refused(text: str) -> None:
    try:
        target = read_url(text, PUBLIC)
    except InvalidRequest:
        return
    assert target.url.isascii()
    assert read_url(target.url, PUBLIC) == target


FORBIDDEN = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:db8::1",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fdff::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_webhook_goes_to_an_address_that_is_not_public(address: str) -> None:
    assert objection(address, PUBLIC) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]
)
def test_public_addresses_are_open_over_https_alone(address: str) -> None:
    assert objection(address, PUBLIC) is None
    assert objection(address, PUBLIC, encrypted=False) is not None


@given(st.ip_addresses())
def test_what_python_holds_for_private_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert objection(str(address), PUBLIC) is not None


@given(st.ip_addresses(v=4))
def test_no_disguise_opens_an_ipv4_address(address: IPv4Address) -> None:
    number = int(address)
    for disguise in (
        IPv6Address(number),
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0x0064FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80),
    ):
        assert objection(str(disguise), PUBLIC) is not None
        if not address.is_loopback and number > 1:
            assert objection(str(disguise), OPEN) is not None


def test_private_networks_can_be_opened_and_what_is_behind_no_receiver_cannot() -> None:
    for address in ("127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd12::1"):
        assert objection(address, OPEN, encrypted=False) is None
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "fe80::1", "0.1.2.3"):
        assert objection(address, OPEN) is not None


def test_the_demo_reaches_this_machine_and_nothing_else_beside_the_internet() -> None:
    assert read_url("http://localhost:8000/hooks", DEMO).url == "http://localhost:8000/hooks"
    assert objection("127.0.0.1", DEMO, encrypted=False) is None
    assert objection("10.0.0.1", DEMO) is not None
    assert objection("8.8.8.8", DEMO, encrypted=False) is not None
    assert objection("8.8.8.8", DEMO) is None


def test_a_name_that_resolves_inwards_is_not_called(receiver: Receiver) -> None:
    for found in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], []):
        sender = Sender(PUBLIC, resolve=lambda host, port, found=found: found)  # type: ignore[misc]

        answer = sender.post(f"https://hooks.shop.test:{receiver.port}/", b"{}", {})

        assert answer.status is None
        assert "hooks.shop.test" in (answer.error or "")
    assert receiver.received == []


def test_a_name_is_asked_for_once_and_the_answer_that_was_looked_at_is_used(
    receiver: Receiver,
) -> None:
    asked: list[str] = []

    def rebind(host: str, port: int) -> list[str]:
        # A public answer for the check, this machine's for the connection: the second question never comes.
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    answer = Sender(OPEN, resolve=rebind).post(f"http://shop.test:{receiver.port}/", b"{}", {})

    assert answer.accepted
    assert asked == ["shop.test"]
    assert receiver.received[0].headers["host"] == f"shop.test:{receiver.port}"


def test_a_stored_address_is_looked_at_again_before_each_request(receiver: Receiver) -> None:
    # It was accepted while private networks were open.
    answer = Sender(PUBLIC).post(receiver.url, b"{}", {})

    assert (answer.status, receiver.received) == (None, [])
    assert "https" in (answer.error or "")
