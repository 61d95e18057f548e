"""A webhook reaches the public internet and nothing else, however its address is spelt."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.webhooks import addresses

PRIVATE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::/32",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "192.0.1.1", "198.20.0.1"]
PUBLIC_V6 = ["2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"]


def members(networks):
    """Any address of one of the networks."""
    return st.sampled_from([ip_network(network) for network in networks]).flatmap(
        lambda network: st.integers(0, network.num_addresses - 1).map(lambda offset: network[offset])
    )


@given(members(PRIVATE))
def test_an_address_of_a_special_network_is_not_public(address):
    assert not addresses.is_public(str(address))


@given(members(network for network in PRIVATE if "." in network))
def test_an_ipv4_address_stays_private_when_mapped_into_ipv6(address):
    assert not addresses.is_public(f"::ffff:{address}")


@given(st.ip_addresses())
def test_a_public_address_is_global_to_python_too(address):
    assert addresses.is_public(str(address)) <= address.is_global


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_V6, "::ffff:8.8.8.8"])
def test_an_ordinary_address_of_the_internet_is_public(address):
    assert addresses.is_public(address)


@pytest.mark.parametrize("address", ["", "localhost", "8.8.8.8%1", "2606:4700::1111%eth0", "8.8.8", "8.8.8.8/32"])
def test_text_that_is_not_a_plain_address_is_not_public(address):
    assert not addresses.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:80/hooks?a=b%20c",
        "HTTPS://EXAMPLE.COM.:443/",
        "https://hooks_1.example.com:8443/a/../b",
        "http://8.8.8.8:1024/",
        "https://[2606:4700:4700::1111]/",
        "https://xn--bcher-kva.example/",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_a_public_url_may_be_a_webhook(url):
    assert addresses.url_fault(url, allow_private=False) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "neither http nor https"),
        ("example.com/hook", "neither http nor https"),
        ("ftp://example.com", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("http://", "no host"),
        ("http:///hook", "no host"),
        ("http:example.com", "no host"),
        ("http://:8080/", "no host"),
        ("http://user@example.com", "user information"),
        ("http://user:pass@example.com", "user information"),
        ("http://@example.com", "user information"),
        (r"http://example.com\@10.0.0.1/", "user information"),
        (r"http://example.com\.evil/", "host is malformed"),
        ("http://%31%30.0.0.1/", "host is malformed"),
        ("http://exa[mple.com/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://::1/", "malformed"),
        ("http://example.com/#", "fragment"),
        ("http://example.com/#part", "fragment"),
        ("http://example.com:0/", "port"),
        ("http://example.com:22/", "port"),
        ("http://example.com:1023/", "port"),
        ("http://example.com:65536/", "malformed"),
        ("http://example.com:http/", "malformed"),
        ("http://example.com/a b", "printable ASCII"),
        ("http://example.com/\n", "printable ASCII"),
        ("http://example.com/\0", "printable ASCII"),
        ("http://bücher.example/", "printable ASCII"),
        ("http://example.com/" + "a" * 2030, "2048 characters"),
    ],
)
def test_a_url_that_may_not_be_a_webhook_is_refused_with_a_reason(url, fault):
    assert fault in addresses.url_fault(url, allow_private=True)


LOOPBACK = [
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::1%25lo]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://my.localhost:3000/",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_no_spelling_of_loopback_passes(url):
    assert addresses.url_fault(url, allow_private=False) == "the url's host is not a public address"


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_passes_where_private_addresses_are_allowed(url):
    assert addresses.url_fault(url, allow_private=True) is None


@given(members(PRIVATE))
def test_a_url_with_a_private_address_is_refused(address):
    host = f"[{address}]" if address.version == 6 else str(address)

    assert addresses.url_fault(f"https://{host}/", allow_private=False)


@given(members(network for network in PRIVATE if "." in network), st.sampled_from(["{}", "{:#x}", "0{:o}"]))
def test_a_url_with_a_private_address_written_as_a_number_is_refused(address, form):
    url = "http://" + form.format(int(ip_address(address))) + "/"

    assert addresses.url_fault(url, allow_private=False)
