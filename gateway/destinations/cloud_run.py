"""Google Cloud Run and Cloud Run functions: a request that says by an ID token who makes it.

Sources: https://cloud.google.com/run/docs/authenticating/service-to-service (Bearer; the audience is the service's URL
or a custom one), https://cloud.google.com/functions/docs/securing/authenticating (the audience of a 1st generation
function is its whole URL), https://cloud.google.com/run/quotas (32 MB a request with HTTP/1),
https://cloud.google.com/run/docs/troubleshooting (401, 403, 404, 429 and 503 from before the service).
"""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._content import content
from gateway.destinations._function import MARKS, FunctionUrl, marks
from gateway.destinations._google import GoogleSettings, verify
from gateway.domain.alert import Alert
from gateway.domain.grant import GoogleGrant
from gateway.domain.message import GrantedRequest


class CloudRunSettings(GoogleSettings):
    url: FunctionUrl = Field(description="the service, with its path; kept byte for byte")
    audience: str = Field(
        "",
        pattern=r"^\S*$",
        description="whom the token is for; default: URL without its query, at run.app also without its path",
    )

    @property
    def token_is_for(self) -> str:
        parts = urlsplit(self.url)
        path = "" if (parts.hostname or "").endswith(".run.app") else parts.path
        return self.audience or f"{parts.scheme}://{parts.netloc}{path}"

    @model_validator(mode="after")
    def _can_have_id_tokens(self) -> Self:
        if self.is_federated():
            raise ValueError("CREDENTIALS must be a service account's key here: federation gives no ID tokens")
        return self


def format_message(alert: Alert, context: Context, settings: CloudRunSettings) -> GrantedRequest:
    body, content_type = content(alert, context, settings)
    return GrantedRequest(
        settings.url,
        body,
        headers=(("Content-Type", content_type), *marks(context)),
        tls=settings.tls,
        grant=GoogleGrant(audience=settings.token_is_for, credentials=settings.credentials_text),
    )


DESTINATION = Destination(
    summary="Google Cloud Run or a Cloud Run function, signed in to by an ID token",
    settings=CloudRunSettings,
    format=format_message,
    backlog="all",
    can_shrink=True,
    verify=verify,
    limits={
        "body": "FORMAT=original sends the vendor's event as received; else MAX_BYTES, 1 MiB unless set",
        "success": "any 2xx; 404 pauses the route",
        **MARKS,
    },
    example="""\
# A function written for the vendor's event gets it as received: leave FORMAT out.
# On Google Cloud leave CREDENTIALS out; with a file: CREDENTIALS_FILE=/run/secrets/google.json
DESTINATION=cloud-run
URL=https://remediate-123456789.europe-west1.run.app/
FORMAT=cloudevents
CREDENTIALS={"type":"service_account","client_email":"optix@acme-security.iam.gserviceaccount.com",\
"private_key_id":"0123456789abcdef","private_key":"-----BEGIN PRIVATE KEY-----\\nnot-a-real-key\\n\
-----END PRIVATE KEY-----\\n","token_uri":"https://oauth2.googleapis.com/token"}
""",
)
