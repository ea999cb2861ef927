"""Headers that operators write for outgoing requests."""

from __future__ import annotations

import json
import re

Headers = tuple[tuple[str, str], ...]

# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# The transport sets these from the request itself; a second opinion would break the framing.
_OF_THE_TRANSPORT = frozenset(
    {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)

_WORDS = re.compile(r"[a-z0-9]+")
_IS_SECRET = re.compile(
    r"^(auth.*|cookies?|credentials?|jwt|pass.*|pin|pwd|sessions?|session_?id|sig|signature|sso)$"
    r"|(auth|keys?|password|secrets?|signature|tokens?)$"
)
_SIGNS_IN = re.compile(r"(basic|bearer|digest|token|apikey|aws4\S*)\s", re.IGNORECASE)
"""https://www.rfc-editor.org/rfc/rfc9110#name-authentication-scheme, whatever the header is called."""


def read_headers(text: str) -> Headers:
    """`Name: value | Name: value`, or a JSON object (for values with a bar in them). Values are never in a message:
    they may be secret.
    """
    pairs = _from_json(text) if text.lstrip().startswith("{") else _from_list(text)
    seen: set[str] = set()
    for name, value in pairs:
        _check(name, value)
        if name.lower() in seen:
            raise ValueError(f"the header {name} is given twice.")
        seen.add(name.lower())
    return pairs


def value_of(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name.lower()), None)


def instructions(headers: Headers) -> Headers:
    """What they tell a receiver, apart from who sends: in lower case and sorted, and a credential without its value. A
    name that might be a credential's counts as one.
    """
    told = ((name.lower(), "" if _is_credential(name, value) else value) for name, value in headers)
    return tuple(sorted(told))


def _is_credential(name: str, value: str) -> bool:
    words = _WORDS.findall(name.lower())
    return _SIGNS_IN.match(value) is not None or any(_IS_SECRET.search(word) is not None for word in words)


def _from_list(text: str) -> Headers:
    parts = [part.partition(":") for part in text.split("|") if part.strip()]
    if not all(colon for _, colon, _ in parts):
        raise ValueError("headers are written Name: value, with | between them; one has no colon.")
    return tuple((name.strip(), value.strip()) for name, _, value in parts)


def _from_json(text: str) -> Headers:
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise ValueError(f"the headers are not JSON: {error.msg} at column {error.colno}.") from None
    if not all(isinstance(value, str) for _, value in pairs):
        raise ValueError("each header's value must be a text in quotation marks.")
    return tuple((name, value.strip()) for name, value in pairs)


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("a header's name is not one: letters, digits and hyphens, as in X-Api-Key.")
    if name.lower() in _OF_THE_TRANSPORT:
        raise ValueError(f"the header {name} is set by the connection itself; leave it out.")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of the header {name} holds a character that is not printable ASCII.")
