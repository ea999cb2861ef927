"""The credentials that requests to AWS are signed with, found and renewed by botocore.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html is the order in which the default chain looks.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from botocore import exceptions as faults
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
    RefreshableCredentials,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session

from gateway.domain.message import AwsAccess, Declined, HttpAnswer, NoAnswer

_SESSION_NAME = "optix-gateway"
_WAIT_S = 5
_EARLY_S = 15 * 60
_LATE_S = 60
_MOST_THREADS = 32

_UNREACHABLE = (faults.HTTPClientError, faults.ConnectionError)


class NoKeys(Exception):
    """There are no credentials: what takes the place of the receiver's answer."""

    def __init__(self, answer: HttpAnswer | Declined | NoAnswer) -> None:
        super().__init__()
        self.answer = answer


class _Held(NamedTuple):
    """`keys` as they were found last; `source` knows when they end and finds new ones."""

    source: Credentials
    keys: ReadOnlyCredentials


@dataclass(slots=True)
class _Entry:
    held: _Held | None = None
    finding: asyncio.Future[_Held] | None = None


class AwsKeys:
    """Credentials for each access, kept until shortly before they end. Usable in one event loop.

    To find them may take a question to STS, to a metadata service or to a program. That happens in threads of its own:
    those of the loop resolve the names of every other receiver.
    """

    def __init__(self) -> None:
        self._entries: dict[AwsAccess, _Entry] = {}
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="aws-credentials")

    async def of(self, access: AwsAccess) -> ReadOnlyCredentials:
        """Raises NoKeys. Whoever comes while they are looked for waits for the same answer."""
        entry = self._entries.setdefault(access, _Entry())
        if entry.held is None or _ends_within(entry.held.source, _LATE_S):
            return (await asyncio.shield(self._find(access, entry))).keys
        if _ends_within(entry.held.source, _EARLY_S):
            self._find(access, entry)
        return entry.held.keys

    def forget(self, access: AwsAccess) -> None:
        """AWS refuses them: look anew, from the beginning."""
        self._entries.pop(access, None)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._entries.clear()
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="aws-credentials")

    def _find(self, access: AwsAccess, entry: _Entry) -> asyncio.Future[_Held]:
        if entry.finding is None:
            source = entry.held.source if entry.held else None
            entry.finding = asyncio.get_running_loop().run_in_executor(self._threads, _found, access, source)
            entry.finding.add_done_callback(partial(_settle, entry))
        return entry.finding


def _settle(entry: _Entry, finding: asyncio.Future[_Held]) -> None:
    entry.finding = None
    if not finding.cancelled() and finding.exception() is None:
        entry.held = finding.result()


def _ends_within(source: Credentials, seconds: int) -> bool:
    return isinstance(source, RefreshableCredentials) and source.refresh_needed(refresh_in=seconds)


def _found(access: AwsAccess, source: Credentials | None) -> _Held:
    """Takes its time. Raises NoKeys."""
    try:
        source = source or _source(access)
        return _Held(source, source.get_frozen_credentials())
    except faults.ClientError as error:
        raise NoKeys(_as_answer(error)) from None
    except _UNREACHABLE as error:
        raise NoKeys(NoAnswer(f"AWS STS gave no answer ({type(error).__name__})")) from None
    except (ResponseParserError, LookupError) as error:
        raise NoKeys(NoAnswer("what answered in the place of AWS STS is something else")) from error
    except (faults.BotoCoreError, OSError, ValueError) as error:
        raise NoKeys(Declined("credentials", _said(error))) from None


def _source(access: AwsAccess) -> Credentials:
    session = Session(profile=access.profile or None)
    session.set_default_client_config(_patience())
    found: Credentials | None
    if access.access_key_id:
        found = Credentials(access.access_key_id, access.secret_access_key, access.session_token or None)
    else:
        found = session.get_credentials()
    if found is None:
        raise NoKeys(
            Declined(
                "credentials",
                "none were found in the environment, the AWS files, a container's or an instance's role: "
                "set ACCESS_KEY_ID and SECRET_ACCESS_KEY, or PROFILE",
            )
        )
    return _assumed(session, found, access) if access.role_arn else found


def _patience() -> Config:
    """One question: what comes of it is the outcome of an attempt, and the schedule asks again."""
    return Config(connect_timeout=_WAIT_S, read_timeout=_WAIT_S, retries={"total_max_attempts": 1})


def _assumed(session: Session, source: Credentials, access: AwsAccess) -> Credentials:
    more = {"RoleSessionName": _SESSION_NAME} | ({"ExternalId": access.external_id} if access.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(partial(_sts, session, access), source, access.role_arn, extra_args=more)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, method="assume-role")


def _sts(session: Session, access: AwsAccess, _service: str, **keys: str | None) -> BaseClient:
    """As the library asks for it: the service is always STS."""
    return session.create_client(
        "sts",
        region_name=access.region,
        endpoint_url=access.sts_url or None,
        verify=(access.tls.ca_file or None) if access.tls.verify else False,
        config=_patience(),
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
        aws_session_token=keys["aws_session_token"],
    )


def _as_answer(error: faults.ClientError) -> HttpAnswer:
    """STS's refusal as it came over the wire, so that it is judged as any other."""
    said, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    text = f"{error.operation_name}: {said.get('Message', '')}"
    return HttpAnswer(status, {}, json.dumps({"__type": said.get("Code", ""), "message": text}).encode())


def _said(error: Exception) -> str:
    """What a program printed that was to give credentials may hold them, and so may a file that cannot be read."""
    if isinstance(error, OSError):
        return f"{error.filename or 'the AWS files'}: {error.strerror or type(error).__name__}"
    if not isinstance(error, faults.BotoCoreError):
        return f"the AWS files cannot be read ({type(error).__name__})"
    text = str(error)
    return "credential_process of the AWS files failed" if "custom-process" in text else text
