"""URLs as they were given: they hold signatures, so nothing here decodes, sorts or re-encodes them."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_HTTP = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE | re.ASCII)


def is_http(url: str) -> bool:
    """Whether this can be requested at all: http or https, a host, and no white space."""
    return _HTTP.fullmatch(url) is not None


def host_of(url: str) -> str:
    """Host and port, without who signs in there; "" where there is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def with_parameter(url: str, name: str, value: str) -> str:
    """The same URL, byte for byte, and one more query parameter; unchanged when it has one of that name already."""
    rest, hash_sign, fragment = url.partition("#")
    _, question_mark, query = rest.partition("?")
    if any(part.partition("=")[0] == name for part in query.split("&")):
        return url
    joint = "" if rest.endswith(("?", "&")) else "&" if question_mark else "?"
    return f"{rest}{joint}{name}={quote(value, safe='')}{hash_sign}{fragment}"
