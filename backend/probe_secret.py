"""Fetch the secret by which VerifyTenant proves who it is, shared with it through Secrets Manager."""

import time
from collections.abc import Callable
from typing import Any

import boto3

from backend.settings import BackendSettings

_KEPT_SECONDS = 60.0


class ProbeSecret:
    """Give the secret's bytes, fetched when first needed and again after a minute, so that it can be rotated."""

    def __init__(
        self, settings: BackendSettings, *, client: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._fetched: tuple[bytes, float] | None = None

    def value(self) -> bytes:
        """Return the secret. May call AWS, so not for the event loop. Raises what boto3 raises."""
        if self._settings.probe_secret:
            return self._settings.probe_secret.get_secret_value().encode()
        arn = self._settings.probe_secret_arn
        assert arn is not None, "the settings accept one of the two"  # noqa: S101
        if self._fetched is None or self._clock() - self._fetched[1] > _KEPT_SECONDS:
            client = self._client or boto3.client("secretsmanager")
            found = client.get_secret_value(SecretId=arn)
            self._fetched = (found["SecretString"].encode(), self._clock())
        return self._fetched[0]
