"""Addresses that operators write: checked once, with sentences for what is wrong with them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

# Letters, digits, dots and hyphens; or an IPv6 address. Underscores occur in names inside container networks.
_HOST = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+(?:%\w+)?")

# RFC 5321, 4.1.2 and 4.5.3.1: an unquoted local part of 64, a domain of 255.
_ATOM = r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?"
_MAILBOX = re.compile(rf"(?=[^@]{{1,64}}@[^@]{{1,255}}$){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")

# One of a list: `"Any name" <address>`, `Plain name <address>` or the address alone, up to a comma or the end.
_ENTRY = re.compile(
    r"""[ \t]*(?:
        (?:"(?P<quoted>[^"\\\x00-\x1f]*)"|(?P<name>[^<>",@\x00-\x1f]*?))[ \t]*<(?P<inner>[^<>\s]+)>
        |(?P<bare>[^<>",\s]+)
    )[ \t]*(?=,|\Z)""",
    re.VERBOSE,
)


class Mailbox(NamedTuple):
    """`address` is what the envelope carries. `name` is shown beside it, "" for none."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def host(text: str) -> str:
    """A name or an IP address without a port; brackets around IPv6 are taken off."""
    found = text.strip().removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(found):
        raise ValueError("this is not a host. Write a name or an IP address, without a scheme and without a port.")
    return found


def is_loopback(name: str) -> bool:
    """Whether a host as `host` returns it can be this machine only."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


def mailboxes(text: str) -> tuple[Mailbox, ...]:
    """`a@example.com, Name <b@example.com>`; repeats are dropped."""
    if not text.strip():
        raise ValueError("a mail address is missing.")
    found: dict[str, Mailbox] = {}
    position = 0
    while position <= len(text):
        entry = _ENTRY.match(text, position)
        address = (entry["inner"] or entry["bare"]) if entry else ""
        if not entry or not _MAILBOX.fullmatch(address):
            raise ValueError("this is not a list of mail addresses. Write a@example.com, Name <b@example.com>.")
        found.setdefault(address, Mailbox(entry["quoted"] or entry["name"] or "", address))
        position = entry.end() + 1
    return tuple(found.values())
