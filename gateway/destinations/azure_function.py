"""Azure Functions with an HTTP trigger: a request with the function's key, or signed in to by Entra ID, or both.

Sources: https://learn.microsoft.com/en-us/azure/azure-functions/functions-bindings-http-webhook-trigger
(`x-functions-key`, or `code` in the query; any status is the function's own, 204 unless it says another; 100 MB; after
230 seconds the load balancer answers 502 while the function goes on),
https://learn.microsoft.com/en-us/azure/app-service/configure-authentication-provider-aad (App Service authentication:
tokens for `api://<client id>`; 401 without one, 403 where the caller is not allowed).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._aws_gateway import Webhook, enveloped
from gateway.destinations._azure import EntraSettings
from gateway.destinations._content import JSON_TYPE, ContentSettings, content
from gateway.destinations._function import MARKS, FunctionUrl, marks
from gateway.destinations._http import Token
from gateway.domain.alert import Alert
from gateway.domain.http_header import Headers
from gateway.domain.message import GrantedRequest, HttpRequest


def _without_key(url: str) -> str:
    if any(name.lower() == "code" for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)):
        raise ValueError("holds the function's key as code=: put the key into KEY, and leave it out here")
    return url


class AzureFunctionSettings(EntraSettings, ContentSettings):
    url: Annotated[FunctionUrl, AfterValidator(_without_key)] = Field(
        description="the function, as in https://optix.azurewebsites.net/api/remediate; kept byte for byte"
    )
    key: Token | None = Field(None, description="a key of the function or of its app (x-functions-key)")
    scope: str = Field(
        "", pattern=r"^\S*$", description="what the token is for, as in api://CLIENT-ID-OF-THE-APP/.default"
    )
    envelope: Literal["none", "apigateway-v1", "apigateway-v2"] = Field(
        "none", description="as a request that came through AWS API Gateway, for functions written for that"
    )

    def ways(self) -> dict[str, bool]:
        """A key may come on top of a token: App Service asks for the one, the function for the other."""
        by_token = super().ways()
        return {"KEY": self.key is not None and not any(by_token.values()), **by_token}

    @model_validator(mode="after")
    def _scope_of_a_token(self) -> Self:
        if any(super().ways().values()) != bool(self.scope):
            raise ValueError("SCOPE goes with CLIENT_SECRET or IDENTITY, as in api://CLIENT-ID-OF-THE-APP/.default")
        return self


def format_message(alert: Alert, context: Context, settings: AzureFunctionSettings) -> HttpRequest:
    body, content_type = _body(alert, context, settings)
    headers = (("Content-Type", content_type), *marks(context), *_key(settings))
    if not settings.scope:
        return HttpRequest(settings.url, body, headers=headers, tls=settings.tls)
    return GrantedRequest(settings.url, body, headers=headers, tls=settings.tls, grant=settings.entra)


def _key(settings: AzureFunctionSettings) -> Headers:
    return (("x-functions-key", settings.key.get_secret_value()),) if settings.key is not None else ()


def _body(alert: Alert, context: Context, settings: AzureFunctionSettings) -> tuple[bytes, str]:
    body, content_type = content(alert, context, settings)
    if settings.envelope == "none":
        return body, content_type
    webhook = Webhook(alert, context, urlsplit(settings.url).path or "/", content_type)
    return enveloped(settings.envelope, webhook, body), JSON_TYPE


DESTINATION = Destination(
    summary="Azure Functions: a function called with the event as received, alone or as if through AWS API Gateway",
    settings=AzureFunctionSettings,
    format=format_message,
    backlog="all",
    can_shrink=True,
    limits={
        "body": "FORMAT=original sends the vendor's event as received; else MAX_BYTES, 1 MiB unless set",
        "success": "any 2xx; 404 pauses the route",
        "time": "set TIMEOUT above the function's own; beyond 230 s Azure answers 502, and the alert comes again",
        **MARKS,
    },
    example="""\
# A function written for the vendor's event gets it as received: leave FORMAT out, or set ENVELOPE.
# Behind App Service authentication: IDENTITY=managed (or TENANT, CLIENT_ID and CLIENT_SECRET) and SCOPE
DESTINATION=azure-function
URL=https://optix.azurewebsites.net/api/remediate
KEY=bm90LWEtcmVhbC1rZXktYnV0LWxvbmctZW5vdWdo
FORMAT=cloudevents
""",
)
