"""What the destinations in AWS have in common: credentials, region, address, and requests that are signed.

https://docs.aws.amazon.com/general/latest/gr/rande.html (addresses of services)
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.destinations._http import Token, base_url
from gateway.destinations._sign_in import Server
from gateway.domain.message import AwsAccess, AwsRequest

_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)
_REGION_IN_ARN = re.compile(r"arn:[^:]+:[^:]+:([a-z0-9-]+):")
REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}"
_ROLE = r"^(arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+)?$"

Endpoint = Annotated[str, AfterValidator(lambda url: base_url(url) if url else "")]


class AwsSettings(Server):
    """`service` is its name in addresses and signatures."""

    service: ClassVar[str]
    rotated: ClassVar[frozenset[str]] = frozenset({"access_key_id"})

    region: str = Field("", pattern=rf"^({REGION})?$", description="the region; not needed where the target says it")
    access_key_id: str = Field(
        "", pattern=r"^[A-Za-z0-9_]*$", description="with SECRET_ACCESS_KEY; without, AWS's default chain is asked"
    )
    secret_access_key: Token | None = Field(None, description="goes with ACCESS_KEY_ID")
    session_token: Token | None = Field(None, description="where the keys are temporary ones")
    profile: str = Field("", pattern=r"^[^\r\n]*$", description="a profile of the AWS files instead of the default one")
    role_arn: str = Field("", pattern=_ROLE, description="a role to assume with these credentials")
    external_id: str = Field(
        "", pattern=r"^[A-Za-z0-9_+=,.@:/-]*$", description="what the role asks for of third parties"
    )
    endpoint_url: Endpoint = Field("", description="another address of the service, as of a VPC endpoint")
    sts_endpoint_url: Endpoint = Field("", description="another address of STS, which gives out roles")

    def named_region(self) -> str:
        """The region that the target's own name says, "" when it does not."""
        return ""

    @property
    def place(self) -> str:
        return self.region or self.named_region()

    @property
    def endpoint(self) -> str:
        """Scheme and host, without a slash at the end."""
        return self.endpoint_url or address(self.service, self.place)

    @property
    def access(self) -> AwsAccess:
        return AwsAccess(
            region=self.place,
            access_key_id=self.access_key_id,
            secret_access_key=_plain(self.secret_access_key),
            session_token=_plain(self.session_token),
            profile=self.profile,
            role_arn=self.role_arn,
            external_id=self.external_id,
            sts_url=self.sts_endpoint_url,
            tls=self.tls,
        )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if bool(self.access_key_id) != (self.secret_access_key is not None):
            raise ValueError("ACCESS_KEY_ID and SECRET_ACCESS_KEY go together")
        if self.session_token is not None and not self.access_key_id:
            raise ValueError("SESSION_TOKEN goes with ACCESS_KEY_ID and SECRET_ACCESS_KEY")
        if self.access_key_id and self.profile:
            raise ValueError("PROFILE, or ACCESS_KEY_ID and SECRET_ACCESS_KEY, not both")
        if self.external_id and not self.role_arn:
            raise ValueError("EXTERNAL_ID goes with ROLE_ARN")
        return self

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.place:
            raise ValueError("REGION is missing: set it as in eu-west-1")
        if self.region and self.named_region() not in ("", self.region):
            raise ValueError(f"REGION is {self.region}, but the target is in {self.named_region()}")
        return self


def _plain(secret: Token | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def region_of_arn(arn: str) -> str:
    match = _REGION_IN_ARN.match(arn)
    return match[1] if match else ""


def domain_of(region: str) -> str:
    """What the names of hosts of that region end in."""
    return next((suffix for prefix, suffix in _SUFFIXES if region.startswith(prefix)), "amazonaws.com")


def address(service: str, region: str) -> str:
    return f"https://{service}.{region}.{domain_of(region)}"


def aws_request(
    settings: AwsSettings, url: str, body: bytes, headers: tuple[tuple[str, str], ...], *, method: str = "POST"
) -> AwsRequest:
    return AwsRequest(url, body, method, headers, settings.tls, service=settings.service, access=settings.access)


def call(settings: AwsSettings, target: str, version: str, body: bytes) -> AwsRequest:
    """A request of AWS's JSON protocol (`version` 1.0 or 1.1). `target`: prefix and operation."""
    headers = (("Content-Type", f"application/x-amz-json-{version}"), ("X-Amz-Target", target))
    return aws_request(settings, f"{settings.endpoint}/", body, headers)
