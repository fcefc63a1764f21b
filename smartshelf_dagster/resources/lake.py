"""The lake as a Dagster resource.

Belongs here: giving every asset of a run the same session. Does not belong here: work.
"""

from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import socket_url
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import Client, connect


class LakeResource(dg.ConfigurableResource[Any]):
    """Settings, broker and session of one lake; opened when first used, shared by a run."""

    lake: str | None = None
    redis_url: str | None = None

    _settings: Settings | None = PrivateAttr(default=None)
    _session: LakeSession | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        """Settings from the environment; what is configured here wins."""
        if self._settings is None:
            self._settings = load_settings(lake=self.lake, redis_url=self.redis_url)
        return self._settings

    def connect(self) -> Client:
        """Open a connection to the broker: the configured one, or the lake's own."""
        url = self.settings.redis_url or socket_url(self.settings.state_path / "redis")
        return connect(url, self.settings.redis_timeout_s)

    def session(self) -> LakeSession:
        """Return the session of this run."""
        if self._session is None:
            self._session = LakeSession(self.settings, self.connect())
        return self._session
