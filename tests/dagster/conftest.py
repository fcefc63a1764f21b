"""Definitions on the lake of a test, and an instance that keeps nothing."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from smartshelf_dagster.definitions import build_definitions
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings


@pytest.fixture
def definitions(settings: Settings, broker: EmbeddedRedis) -> dg.Definitions:
    return build_definitions(LakeResource(lake=settings.lake, redis_url=broker.url))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as ephemeral:
        yield ephemeral
