"""A warehouse that another version has built is refused in words, and a rebuild makes it good."""

import pytest

from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.warehouse import connect
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.transform.runner import OutdatedWarehouseError


def test_a_warehouse_of_another_version_is_refused_until_it_is_rebuilt(
    session: LakeSession, settings: Settings, client: Client
) -> None:
    session.turn()
    with connect(settings.warehouse_path, read_only=False) as warehouse:
        warehouse.execute("alter table ops.alert_transitions drop column levels_seq")
        warehouse.execute("update last_preparation set fingerprint = 'of another project'")
    with pytest.raises(
        OutdatedWarehouseError, match=r"ops/alert_transitions lacks levels_seq.*smartshelf rebuild"
    ):
        LakeSession(settings, client).turn()
    assert rebuild(settings).differences == 0
    with connect(settings.warehouse_path, read_only=False) as warehouse:
        warehouse.execute("drop table ops.markdowns")
    with pytest.raises(OutdatedWarehouseError, match=r"ops/markdowns lacks the table"):
        analyse(settings)
    assert rebuild(settings).differences == 0
    assert analyse(settings).tables
