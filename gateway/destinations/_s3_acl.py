"""The ACL of a bucket in Amazon S3 as a value, and which of its grants a rule is about.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html (grantees and permissions)
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import NamedTuple

PERMISSIONS: Mapping[str, str] = {"AR-251": "READ", "AR-252": "READ_ACP", "AR-267": "WRITE", "AR-268": "WRITE_ACP"}
"""What each rule is about. A grant of FULL_CONTROL gives all of them."""
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

_S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NAMED_BY = {"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}


class Grant(NamedTuple):
    """`kind`: of grantee, as the ACL names it. `grantee`: its id, address or group."""

    kind: str
    grantee: str
    permission: str


class Acl(NamedTuple):
    owner: str
    grants: tuple[Grant, ...]

    def written(self) -> str:
        """The same text for the same ACL, whatever the order."""
        return json.dumps({"owner": self.owner, "grants": [list(grant) for grant in sorted(self.grants)]})


def acl_of(text: str) -> Acl:
    found = json.loads(text)
    return Acl(found["owner"], tuple(Grant(*grant) for grant in found["grants"]))


class NotUnderstood(Exception):
    """An ACL that holds what we do not know: it is left alone, because it could not be written back whole."""


def read_acl(body: bytes) -> Acl:
    """Raises NotUnderstood."""
    if b"<!" in body:
        raise NotUnderstood("an answer with a document type or a comment is no ACL of S3")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except ET.ParseError:
        raise NotUnderstood("the ACL is no XML") from None
    owner = root.findtext(f"{{{_S3}}}Owner/{{{_S3}}}ID", "")
    listed = root.find(f"{{{_S3}}}AccessControlList")
    if root.tag != f"{{{_S3}}}AccessControlPolicy" or not owner or listed is None:
        raise NotUnderstood("the ACL has no owner or no list of grants")
    return Acl(owner, tuple(_grant(grant) for grant in listed))


def _grant(grant: ET.Element) -> Grant:
    grantee = grant.find(f"{{{_S3}}}Grantee")
    kind = grantee.get(f"{{{_XSI}}}type", "") if grantee is not None else ""
    name = grantee.findtext(f"{{{_S3}}}{_NAMED_BY[kind]}", "") if grantee is not None and kind in _NAMED_BY else ""
    permission = grant.findtext(f"{{{_S3}}}Permission", "")
    if not name or not permission:
        raise NotUnderstood(f"the ACL has a grant to somebody we do not know ({kind[:60]})")
    return Grant(kind, name, permission)


def write_acl(acl: Acl) -> bytes:
    ET.register_namespace("", _S3)
    ET.register_namespace("xsi", _XSI)
    root = ET.Element(f"{{{_S3}}}AccessControlPolicy")
    ET.SubElement(ET.SubElement(root, f"{{{_S3}}}Owner"), f"{{{_S3}}}ID").text = acl.owner
    listed = ET.SubElement(root, f"{{{_S3}}}AccessControlList")
    for grant in acl.grants:
        entry = ET.SubElement(listed, f"{{{_S3}}}Grant")
        grantee = ET.SubElement(entry, f"{{{_S3}}}Grantee", {f"{{{_XSI}}}type": grant.kind})
        ET.SubElement(grantee, f"{{{_S3}}}{_NAMED_BY[grant.kind]}").text = grant.grantee
        ET.SubElement(entry, f"{{{_S3}}}Permission").text = grant.permission
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def is_meant(grant: Grant, rule: str, *, authenticated: bool) -> bool:
    """Whether the rule is about this grant."""
    groups = (ALL_USERS, AUTHENTICATED_USERS) if authenticated else (ALL_USERS,)
    permissions = (PERMISSIONS.get(rule.strip().upper(), ""), "FULL_CONTROL")
    return grant.kind == "Group" and grant.grantee in groups and grant.permission in permissions
