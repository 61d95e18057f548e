"""Which addresses a webhook may reach: those of the public internet, unless private ones are allowed.

`url_fault` checks the url of a subscription. `is_public` checks each address when a connection to it is made: only then
is it known which address a name has.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2048

# The IANA special-purpose registries, written out: `is_global` differs between Python versions, accepts multicast, and
# does not look at the IPv4 address that an IPv6 address carries.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # loopback; Lambda's runtime API listens there
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocols
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, carries an IPv4 address
        "3ffe::/16",  # returned from the 6bone
        "3fff::/20",  # documentation
    )
)

# All of IPv6 that has been allocated. Loopback, NAT64, link-local, site-local, unique local and multicast are outside.
_IPV6_UNICAST = IPv6Network("2000::/3")

_PRINTABLE_ASCII = re.compile(r"[!-~]*")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LOOPBACK_NAME = re.compile(r"(^|\.)localhost\.?$")  # by RFC 6761, never looked up
_FREE_PORTS = range(1024, 65536)


def url_fault(url: str, *, allow_private: bool) -> str | None:
    """Say in one sentence why `url` may not be a webhook; None when it may.

    It does not look names up: a name with a private address passes here, and is refused when the connection is made.
    """
    if len(url) > MAX_URL_LENGTH or not _PRINTABLE_ASCII.fullmatch(url):
        return f"the url is not at most {MAX_URL_LENGTH} characters of printable ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "the url is malformed"
    address = _literal(host)
    public = is_public(address) if address else not _LOOPBACK_NAME.search(host)
    faults = {
        "the url is neither http nor https": parts.scheme not in {"http", "https"},
        "the url has user information": "@" in parts.netloc,
        "the url has a fragment": "#" in url,
        "the url has no host": not host,
        "the url's host is malformed": not address and not _NAME.fullmatch(host),
        "the url's port is neither 80, 443 nor from 1024 on": port not in {None, 80, 443} and port not in _FREE_PORTS,
        "the url's host is not a public address": not public and not allow_private,
    }
    return next((sentence for sentence, found in faults.items() if found), None)


def is_public(address: str) -> bool:
    """Whether `address`, IPv4 or IPv6 in text, is one of the public internet.

    An IPv4-mapped address counts as the IPv4 address that it carries. Text that is not an address is not public.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip.scope_id is not None:
            return False
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip not in _IPV6_UNICAST:
            return False
    return not any(ip in network for network in _SPECIAL)


def _literal(host: str) -> str | None:
    """Return the address that `host` spells, also in the ways that only C reads: `127.1`, `0x7f.1`, `2130706433`."""
    host = host.removesuffix(".")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return None
