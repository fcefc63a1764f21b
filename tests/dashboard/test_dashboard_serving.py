"""Reading the serving file while others replace it."""

import gc
import threading
import time
import weakref

import duckdb
import pytest
import serving_files as files

from dashboard import serving as module
from dashboard.data import stores
from dashboard.serving import ServingUnavailableError, query, serving_identity
from smartshelf_dagster.domain.access import StoreScope
from smartshelf_dagster.settings import load_settings

PEOPLE = "select people_in_store from live.store_status"


def publish(path, people):
    return files.write(path, files.catalogue(), files.store(people=people))


def test_identity_changes_with_every_publication(serving):
    assert serving_identity() is None
    publish(serving, 1)
    first = serving_identity()
    assert serving_identity() == first
    publish(serving, 1)
    assert serving_identity() != first


def test_answers_are_remembered_until_a_new_publication(serving, monkeypatch):
    publish(serving, 1)
    asked = []
    cursor = module.OpenPublication.cursor
    monkeypatch.setattr(
        module.OpenPublication,
        "cursor",
        lambda self, scope: asked.append(scope) or cursor(self, scope),
    )
    assert query(PEOPLE).item() == 1
    assert query(PEOPLE).item() == 1
    assert len(asked) == 1
    publish(serving, 2)
    assert query(PEOPLE).item() == 2
    assert len(asked) == 2


def test_a_publication_is_opened_once_however_much_is_asked(serving, monkeypatch):
    opened = []
    monkeypatch.setattr(module, "OpenPublication", _remembering(opened))
    publish(serving, 1)
    for rest in range(5):
        query("select count(*) from range(9) as t(i) where i = $rest", rest=rest)
    assert len(opened) == 1
    publish(serving, 2)
    assert query(PEOPLE).item() == 2
    assert len(opened) == 2
    # Nobody reads the older one any more, so it is closed.
    gc.collect()
    assert [publication() is None for publication in opened] == [True, False]


def _remembering(opened):
    class Remembering(module.OpenPublication):
        def __init__(self, path, **more):
            super().__init__(path, **more)
            opened.append(weakref.ref(self))

    return Remembering


def test_a_reader_of_the_older_publication_does_not_bring_it_back(serving, monkeypatch):
    publish(serving, 1)
    older = serving_identity()
    publish(serving, 2)
    assert query(PEOPLE).item() == 2
    opened = []
    monkeypatch.setattr(module, "OpenPublication", _remembering(opened))
    cursor = module._place.cursor(older, StoreScope(), load_settings())
    assert cursor.execute(PEOPLE).fetchall() == [(2,)]
    assert not opened


def test_a_new_publication_is_seen_while_a_slow_query_reads_the_old_one(serving):
    publish(serving, 1)
    slow = "select count(*) from range(150_000_000) as t(i) where hash(i) % 7 = $rest"
    started = threading.Event()

    def read_slowly():
        started.set()
        query(slow, rest=3)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    started.wait()
    time.sleep(0.1)
    publish(serving, 2)
    assert query(PEOPLE).item() == 2
    reader.join()
    assert query(PEOPLE).item() == 2


def test_the_file_is_opened_read_only(serving):
    publish(serving, 1)
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        query("create table live.mine as select 1")


def test_values_are_bound(serving):
    publish(serving, 1)
    sql = "select count(*) from ref.stores where store_id = $store_id"
    assert query(sql, store_id="S001").item() == 1
    assert query(sql, store_id="x' or '1' = '1").item() == 0


def test_a_missing_file_names_the_path_and_the_commands(serving):
    with pytest.raises(ServingUnavailableError, match=str(serving)) as caught:
        query(PEOPLE)
    assert [command for command, _ in caught.value.remedies] == [
        "make up",
        "smartshelf run --days 1",
    ]


def test_vanished_parquet_files_are_explained(serving, tmp_path):
    publish(serving, 1)
    connection = duckdb.connect(str(serving))
    parquet = tmp_path / "lines.parquet"
    connection.execute(f"copy (select 1 as one) to '{parquet}'")
    connection.execute(f"create view live.lines as from read_parquet('{parquet}')")
    connection.close()
    parquet.unlink()
    with pytest.raises(ServingUnavailableError, match="cannot be read"):
        query("from live.lines")


def test_times_come_back_in_utc(serving):
    publish(serving, 1)
    assert stores.publication().as_of == files.AS_OF
    assert query("select as_of_ts from meta.publication").schema["as_of_ts"].time_zone == "UTC"
