"""Where connections may go: anywhere but to what only the machine's own cloud should be asked.

Loopback and private addresses are allowed, because a sidecar or an internal receiver lives there.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohappyeyeballs import AddrInfoType, start_connection

Address: TypeAlias = IPv4Address | IPv6Address

# Metadata services outside the link-local ranges: AWS over IPv6, Alibaba Cloud, Azure, Google over IPv6.
_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "fd20:ce::254")))
# An IPv4 address in the NAT64 prefix (RFC 6052, 2.1) is reached through a translator.
_NAT64 = IPv6Network("64:ff9b::/96")

_SECOND_ADDRESS_AFTER_S = 0.25


class ForbiddenAddress(OSError):
    """Nothing is ever sent to such an address. The text is the same for all of them, and safe to show."""

    def __init__(self) -> None:
        super().__init__("refused: the address is link-local or a cloud metadata service")


def refuse(address: str) -> None:
    """Raise ForbiddenAddress when this literal address is off limits. A text that is no address passes."""
    try:
        meant = _meant(ip_address(address))
    except ValueError:
        return
    if meant.is_link_local or meant in _METADATA:
        raise ForbiddenAddress


def _meant(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def guarded_socket(addr_info: AddrInfoType) -> socket.socket:
    """A socket for an address that is about to be connected to: the last moment to look, after name resolution."""
    refuse(str(addr_info[4][0]))
    return open_socket(addr_info)


def open_socket(addr_info: AddrInfoType) -> socket.socket:
    """A socket for any address: for questions to the machine's own cloud about who this machine is."""
    family, kind, protocol, _, _ = addr_info
    return socket.socket(family, kind, protocol)


def addresses_in(url: str, default_port: int) -> tuple[tuple[str, int], ...]:
    """Host and port of each that a URL names: some protocols have several, separated by commas."""
    scheme, _, rest = url.partition("://")
    parts = [urlsplit(f"{scheme}://{one}") for one in rest.split(",")]
    return tuple((part.hostname or "", part.port or default_port) for part in parts)


async def dial(host: str, port: int) -> socket.socket:
    """A connected TCP socket. Raises OSError (ForbiddenAddress and socket.gaierror among them)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await start_connection(found, happy_eyeballs_delay=_SECOND_ADDRESS_AFTER_S, socket_factory=guarded_socket)
