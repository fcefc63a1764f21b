"""The HTTP API over a socket: formats, filters, pages, versions, tokens, its own description."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import httpx
import polars as pl
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from fastapi.openapi.models import OpenAPI

from smartshelf_dagster.api.app import create_app
from smartshelf_dagster.api.server import create_server
from smartshelf_dagster.settings import Settings, load_settings
from tests.dashboard import serving_files as files
from tests.helpers.api import running_api

PUBLISHED = datetime(2026, 1, 3, 12, tzinfo=UTC)
VERSION = "20260103T120000.000000Z"
ALERTS = "/v1/tables/ops/alerts"
ALL_TOKEN, STORE_TOKEN, NO_STORE_TOKEN = "t" * 16, "token-of-S001", "token-of-none"
AWKWARD = ("", "a,b", 'say "no"', "two\nlines", "=1+1", "Grüße 🛒", "';drop table ops.alerts;--")


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """A lake in which nothing has been published yet."""
    return load_settings(lake=str(tmp_path / "lake"))


def alert(number: int, store: str = "S001", **more: Any) -> dict[str, Any]:
    return {
        "alert_id": f"{store}-{number:04d}",
        "store_id": store,
        "status": ("open", "ack", "resolved")[number % 3],
        "is_active": number % 3 != 2,
        "opened_ts": files.ago(number),
        "current_stock": number,
        "last_note": None if number % 2 else "",
    } | more


def publish(lake: Settings, *parts: files.Rows, minutes: int = 0) -> None:
    """Publish two stores, and what else is given."""
    moment = PUBLISHED + timedelta(minutes=minutes)
    stores = [files.store(), files.store("S002", name="Smart Shelf Turku")]
    files.write(lake.serving_path, files.catalogue(), *stores, *parts, published_at=moment)


def alerts(count: int, *, stores: tuple[str, ...] = ("S001", "S002")) -> files.Rows:
    return {"ops.alerts": [alert(number, store) for store in stores for number in range(count)]}


@pytest.fixture
def start(lake: Settings) -> Iterator[Callable[..., httpx.Client]]:
    """Start the API on the lake, with settings."""
    with ExitStack() as stack:

        def run(**more: Any) -> httpx.Client:
            settings = load_settings(lake=lake.lake, **more)
            return stack.enter_context(running_api(settings))

        yield run


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The API on a lake with ten alerts in each of two stores, which nobody changes."""
    lake = load_settings(lake=str(tmp_path_factory.mktemp("api") / "lake"))
    publish(lake, alerts(10))
    with running_api(lake) as running:
        yield running


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["alert_id"] for row in answer.json()["rows"]]


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_health_says_why_there_is_nothing_and_sees_the_first_publication(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    client = start()
    for address in ("/v1/health", "/v1/tables", ALERTS):
        assert "smartshelf run --days 1" in error(client.get(address), 503)["message"]
    publish(lake)
    answer = client.get("/v1/health")
    assert answer.status_code == 200
    health = answer.json()
    assert (health["version"], health["as_of"]) == (VERSION, "2026-01-03T11:48:00Z")
    assert health["published_at"] == "2026-01-03T12:00:00Z"
    assert health["age_s"] > 0


def test_a_file_that_does_not_say_when_it_was_made_is_named(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    files.write(lake.serving_path, is_described=False)
    assert "smartshelf rebuild" in error(start().get("/v1/health"), 503)["message"]
    files.write(lake.serving_path, leave_out=("meta.publication",), is_described=False)
    assert "publication does not exist" in error(start().get("/v1/health"), 503)["message"]


def test_answers_name_version_and_time_in_their_headers(client: httpx.Client) -> None:
    for address in ("/v1/health", "/v1/tables", ALERTS, f"{ALERTS}?format=csv", f"{ALERTS}?nix=1"):
        headers = client.get(address).headers
        assert headers["X-SmartShelf-Version"] == VERSION
        assert headers["X-SmartShelf-As-Of"] == "2026-01-03T11:48:00+00:00"


def test_tables_are_listed_with_rows_types_and_meaning(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    said = {
        "meta.catalog": [{"table": "ops/alerts", "description": "Alerts.", "is_shared": False}],
        "meta.columns": [
            {"table": "ops/alerts", "column_name": "store_id", "description": "Store."}
        ],
    }
    publish(lake, alerts(3), said)
    listed = {table["name"]: table for table in start().get("/v1/tables").json()["tables"]}
    assert set(listed) == {name.replace(".", "/") for name in files.TABLES}
    found = listed["ops/alerts"]
    assert (found["rows"], found["description"]) == (6, "Alerts.")
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["store_id"] == {"name": "store_id", "type": "VARCHAR", "description": "Store."}
    assert columns["opened_ts"]["type"] == "TIMESTAMP WITH TIME ZONE"


def test_a_file_of_before_the_catalogue_is_listed_without_meaning(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    files.write(lake.serving_path, alerts(1), leave_out=("meta.catalog", "meta.columns"))
    listed = start().get("/v1/tables").json()["tables"]
    assert {table["description"] for table in listed} == {""}


def read(answer: httpx.Response, form: str) -> pa.Table:
    """Read rows of sales lines back."""
    assert answer.status_code == 200, answer.text
    if form == "parquet":
        return pq.read_table(io.BytesIO(answer.content))
    if form == "arrow":
        return pa.ipc.open_stream(answer.content).read_all()
    schema = pa.schema(
        [
            ("line_no", pa.int32()),
            ("item_description", pa.string()),
            ("net", pa.decimal128(18, 2)),
            ("unit_price", pa.decimal128(18, 4)),
            ("is_merchandise", pa.bool_()),
            ("business_date", pa.date32()),
            ("event_ts", pa.timestamp("us", "UTC")),
        ]
    )
    if form == "csv":
        options = pcsv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        lines = pcsv.ParseOptions(newlines_in_values=True)
        return pcsv.read_csv(io.BytesIO(answer.content), None, lines, options)
    rows = answer.json()["rows"]
    for row in rows:
        row["net"] = row["net"] and Decimal(row["net"])
        row["unit_price"] = row["unit_price"] and Decimal(row["unit_price"])
        row["business_date"] = row["business_date"] and datetime.fromisoformat(row["business_date"])
        row["event_ts"] = row["event_ts"] and datetime.fromisoformat(row["event_ts"])
    return pa.Table.from_pylist(rows, schema)


@pytest.mark.parametrize("form", ["json", "csv", "parquet", "arrow"])
def test_every_format_gives_the_same_values_and_types(
    lake: Settings, start: Callable[..., httpx.Client], form: str
) -> None:
    lines = [
        {
            "line_no": number,
            "item_description": text,
            "net": Decimal("9999999999999999.99") - number,
            "unit_price": Decimal("0.0001"),
            "is_merchandise": True,
            "business_date": files.AS_OF.date(),
            "event_ts": files.AS_OF + timedelta(microseconds=number),
        }
        for number, text in enumerate(AWKWARD)
    ]
    empty = dict.fromkeys(lines[0])
    publish(lake, {"cleansed.sales_lines": [*lines, empty]})
    names = ",".join(lines[0])
    address = f"/v1/tables/cleansed/sales_lines?columns={names}&format={form}"
    found = read(start().get(address), form)
    assert found.to_pylist() == [*lines, empty]
    assert found.schema.field("net").type == pa.decimal128(18, 2)
    assert found.schema.field("event_ts").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("form", ["json", "csv", "parquet", "arrow"])
def test_no_rows_are_an_answer_with_columns(client: httpx.Client, form: str) -> None:
    answer = client.get(f"{ALERTS}?columns=alert_id,status&status=none&format={form}")
    assert answer.status_code == 200
    if form == "json":
        assert answer.json()["rows"] == []
        return
    if form == "csv":
        assert answer.text.strip() == '"alert_id","status"'
        return
    assert read(answer, form).schema.names == ["alert_id", "status"]


def test_files_say_where_they_are_from(client: httpx.Client) -> None:
    answer = client.get(f"{ALERTS}?format=parquet")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ops.alerts.parquet"'
    said = json.loads(pq.read_schema(io.BytesIO(answer.content)).metadata[b"smartshelf"])
    assert said == {"table": "ops/alerts", "version": VERSION, "as_of": "2026-01-03T11:48:00Z"}


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("status=open", [0, 3, 6, 9]),
        ("status.ne=open&current_stock.lt=5", [1, 2, 4]),
        ("status.in=open,ack&current_stock.ge=6", [6, 7, 9]),
        ("is_active=false", [2, 5, 8]),
        ("opened_ts.ge=2026-01-03T11:45:00Z", [0, 1, 2, 3]),
        ("opened_ts.gt=2026-01-03T12:45:00%2B01:00", [0, 1, 2]),
        ("last_note.null=true&current_stock.le=4", [1, 3]),
        ("last_note=", [0, 2, 4, 6, 8]),
        ("current_stock.gt=2&current_stock.lt=5", [3, 4]),
        ("order=-current_stock&limit=2", [9, 8]),
        ("order=status,-current_stock&limit=4&columns=alert_id", [7, 4, 1, 9]),
        ("limit=2&offset=3", [3, 4]),
    ],
)
def test_filters_order_and_limits(client: httpx.Client, query: str, numbers: list[int]) -> None:
    expected = [f"S001-{number:04d}" for number in numbers]
    assert ids(client.get(f"{ALERTS}?store_id=S001&{query}")) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=10001", "limit"),
        ("limit=9223372036854775808&format=csv", "limit"),
        ("offset=-1", "offset"),
        ("format=xml", "format"),
        ("columns=", "columns"),
        ("current_stock=1.5", "current_stock"),
        ("opened_ts.ge=today", "opened_ts.ge"),
        ("store=S001", "filter"),
    ],
)
def test_a_bad_request_names_field_value_and_expectation(
    client: httpx.Client, query: str, field: str
) -> None:
    found = error(client.get(f"{ALERTS}?{query}"), 422)
    assert found["field"] == field
    assert found["value"] in query
    assert found["expected"]
    assert f"expected {found['expected']}" in found["message"]


HOSTILE = (
    "1;drop table ops.alerts",
    "' or '1'='1",
    '"; drop table ops.alerts; --',
    "S001' union select * from ref.stores --",
    "$1", "?", "/* */", "read_csv('/etc/passwd')", "%", "\u02bc or 1=1", "\uff07 or 1=1", "*",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a47_sql_in_a_request_is_refused_or_a_mere_value(client: httpx.Client, text: str) -> None:
    for name in ("where", "columns", "order", text, f"{text}.eq"):
        assert error(client.get(ALERTS, params={name: text}), 422)["expected"]
    quoted = '"' + text.replace('"', '""') + '"'
    for name, value in (("store_id", text), ("store_id.in", quoted), ("alert_id", text)):
        assert ids(client.get(ALERTS, params={name: value})) == []
    assert len(ids(client.get(ALERTS, params={"store_id.ne": text}))) == 20
    for name in ("limit", "offset", "format", "current_stock", "opened_ts", "is_active"):
        assert error(client.get(ALERTS, params={name: text}), 422)
    assert error(client.get(ALERTS, params={"version": text}), 409)
    assert error(client.get(f"/v1/tables/ops/{quote(text, safe='')}"), 404)
    assert len(ids(client.get(ALERTS))) == 20


def test_only_published_tables_are_there_and_only_to_be_read(client: httpx.Client) -> None:
    for name in ("ops/none", "main/duckdb_settings", "information_schema/tables", "memory/x"):
        assert "expected one of" in error(client.get(f"/v1/tables/{name}"), 404)["message"]
    assert "/v1/health" in error(client.get("/nothing"), 404)["message"]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert error(client.request(method, ALERTS), 405)


def test_pages_follow_each_other_without_gap_or_overlap(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    publish(lake, alerts(50))
    client = start()
    found: list[str] = []
    # Only three values: the order of equal ones is what could go wrong.
    address: str | None = f"{ALERTS}?order=status&limit=7&columns=alert_id"
    while address:
        answer = client.get(address)
        found += ids(answer)
        address = answer.json()["next"]
    assert len(found) == 100
    assert set(found) == {row["alert_id"] for row in alerts(50)["ops.alerts"]}


def test_pages_of_one_reading_are_from_one_version(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    publish(lake, alerts(4, stores=("S001",)))
    client = start()
    first = client.get(f"{ALERTS}?limit=2").json()
    publish(lake, alerts(1, stores=("S003",)), minutes=1)
    assert ids(client.get(ALERTS)) == ["S003-0000"]
    second = client.get(first["next"])
    assert ids(second) == ["S001-0002", "S001-0003"]
    assert second.headers["X-SmartShelf-Version"] == first["version"]
    assert second.json()["next"] is None
    for minutes in range(2, 8):
        publish(lake, minutes=minutes)
        client.get("/v1/health")
    assert first["version"] in error(client.get(first["next"]), 409)["message"]


def test_a_long_answer_goes_on_from_the_version_it_began_with(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    def big(value: int, minutes: int) -> None:
        aside = lake.serving_path.with_name("aside.duckdb")
        files.write(aside, published_at=PUBLISHED + timedelta(minutes=minutes))
        with duckdb.connect(str(aside)) as connection:
            connection.execute(
                f"create table live.numbers as select {value} as v, i from range(1_200_000) r(i)"
            )
        aside.replace(lake.serving_path)

    big(1, 0)
    client = start()
    with client.stream("GET", "/v1/tables/live/numbers?format=csv") as answer:
        lines = answer.iter_lines()
        assert next(lines) == '"v","i"'
        # More versions than are kept: the one that is being read is not closed.
        for minutes in range(1, 8):
            big(2, minutes)
            assert client.get("/v1/tables/live/numbers?limit=1").json()["rows"][0]["v"] == 2
        assert sum(line.startswith("1,") for line in lines) == 1_200_000


def test_an_idle_connection_is_closed_by_the_client_first(lake: Settings) -> None:
    """A server that closes it may do so while the next request is on its way."""
    kept = create_server(create_app(lake)).config.timeout_keep_alive
    assert kept > (httpx.Limits().keepalive_expiry or 0)
    # nginx, as the proxy in front, and balancers of load keep it for a minute.
    assert kept > 60


def test_concurrent_reads_while_the_file_is_replaced_give_no_error_and_no_mixture(
    lake: Settings, start: Callable[..., httpx.Client]
) -> None:
    def version(number: int) -> None:
        rows = [alert(n, current_stock=number) for n in range(200)]
        publish(lake, {"ops.alerts": rows}, minutes=number)

    version(0)
    client = start()
    done = threading.Event()

    def replace() -> None:
        number = 1
        while not done.is_set():
            version(number)
            number += 1

    def one(number: int) -> tuple[str, set[int], int]:
        form = ("json", "csv", "parquet")[number % 3]
        answer = client.get(f"{ALERTS}?columns=current_stock&format={form}")
        assert answer.status_code == 200, answer.text
        if form == "json":
            stock = [row["current_stock"] for row in answer.json()["rows"]]
        else:
            source = io.BytesIO(answer.content)
            frame = pl.read_csv(source) if form == "csv" else pl.read_parquet(source)
            stock = frame["current_stock"].to_list()
        return answer.headers["X-SmartShelf-Version"], set(stock), len(stock)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        with ThreadPoolExecutor(100) as pool:
            found = list(pool.map(one, range(400)))
    finally:
        done.set()
        writer.join()
    assert {rows for _, _, rows in found} == {200}
    for name, stock, _ in found:
        moment = datetime.strptime(name, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        assert stock == {round((moment - PUBLISHED).total_seconds() / 60)}
    assert len({name for name, _, _ in found}) > 1


def test_a_file_that_is_looked_through_to_and_gone_is_explained(
    lake: Settings, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    publish(lake)
    lines = tmp_path / "lines.parquet"
    with duckdb.connect(str(lake.serving_path)) as connection:
        connection.execute(f"copy (select 1 as one) to '{lines}'")
        connection.execute(f"create view live.lines as from read_parquet('{lines}')")
    client = start()
    lines.unlink()
    for form in ("json", "csv", "parquet", "arrow"):
        answer = client.get(f"/v1/tables/live/lines?format={form}")
        assert "smartshelf rebuild" in error(answer, 503)["message"]


@pytest.fixture
def guarded(
    lake: Settings, start: Callable[..., httpx.Client], tmp_path: Path
) -> Callable[[str | None], httpx.Client]:
    """The API with tokens; a client that shows one of them."""
    shared = {
        "meta.catalog": [
            {"table": name, "description": "", "is_shared": True} for name in ("ref/items",)
        ]
    }
    publish(lake, alerts(10), shared, files.quarantine())
    tokens = tmp_path / "tokens.json"
    opened = {STORE_TOKEN: ["S001"], NO_STORE_TOKEN: []}
    tokens.write_text(json.dumps({sha256(t.encode()).hexdigest(): s for t, s in opened.items()}))
    client = start(api_token=ALL_TOKEN, api_tokens=tokens)

    def show(token: str | None) -> httpx.Client:
        client.headers.pop("Authorization", None)
        if token is not None:
            client.headers["Authorization"] = f"Bearer {token}"
        return client

    return show


@pytest.mark.parametrize("token", [None, "wrong", STORE_TOKEN + "x", "*"])
def test_a_token_that_is_not_known_reads_nothing(
    guarded: Callable[[str | None], httpx.Client], token: str | None
) -> None:
    client = guarded(token)
    for address in ("/v1/tables", ALERTS, f"{ALERTS}?format=csv", "/v1/tables/ops/none"):
        answer = client.get(address)
        assert "token" in error(answer, 401)["message"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/health").status_code == 200


def test_a47_a_token_in_the_address_is_no_token(
    guarded: Callable[[str | None], httpx.Client],
) -> None:
    assert error(guarded(None).get(ALERTS, params={"token": ALL_TOKEN}), 401)


def test_a_token_of_a_store_gets_no_row_of_another(
    guarded: Callable[[str | None], httpx.Client],
) -> None:
    def found(answer: httpx.Response, form: str) -> set[str]:
        source = io.BytesIO(answer.content)
        if form == "json":
            return set(ids(answer))
        readers = {"csv": pl.read_csv, "parquet": pl.read_parquet, "arrow": pl.read_ipc_stream}
        return set(readers[form](source)["alert_id"].to_list())

    client = guarded(STORE_TOKEN)
    tricks = (
        "", "store_id=S002", "store_id.in=S001,S002", "store_id.ne=S001", "store_id.null=true",
        "store_id.ge=", "order=-store_id", "offset=5", "columns=alert_id,current_stock",
        "alert_id.in=S001-0000,S002-0001", "alert_id=S002-0003",
    )  # fmt: skip
    for form in ("json", "csv", "parquet", "arrow"):
        for trick in tricks:
            answer = client.get(f"{ALERTS}?{trick}&format={form}".replace("?&", "?"))
            assert answer.status_code == 200
            assert found(answer, form) <= {f"S001-{number:04d}" for number in range(10)}
    for table in client.get("/v1/tables").json()["tables"]:
        answer = client.get(f"/v1/tables/{table['name']}")
        assert answer.status_code == 200
        rows = answer.json()["rows"]
        assert len(rows) == table["rows"]
        names = {column["name"] for column in table["columns"]}
        if told_by := {"store_id", "scope"} & names:
            assert {row[name] for row in rows for name in told_by} <= {"S001"}
        else:
            assert table["name"] == "ref/items"
    for name in ("dq/quarantine_latest", "live/stream_status", "meta/tables"):
        message = error(client.get(f"/v1/tables/{name}"), 403)["message"]
        assert "does not name the store" in message
        # Nor is it told what would be a good request.
        assert error(client.get(f"/v1/tables/{name}?nix=1"), 403)["message"] == message


def test_a_token_of_no_store_sees_zero_rows(
    guarded: Callable[[str | None], httpx.Client],
) -> None:
    client = guarded(NO_STORE_TOKEN)
    assert ids(client.get(ALERTS)) == []
    assert client.get(f"{ALERTS}?format=csv").text.count("\n") == 1


def test_stores_add_up_to_the_whole(guarded: Callable[[str | None], httpx.Client]) -> None:
    everything = guarded(ALL_TOKEN).get(f"{ALERTS}?columns=store_id,current_stock").json()["rows"]
    of_store = guarded(STORE_TOKEN).get(f"{ALERTS}?columns=current_stock").json()["rows"]
    rest = [row for row in everything if row["store_id"] != "S001"]
    assert len(of_store) == len(rest) == 10
    total = sum(row["current_stock"] for row in everything)
    assert total == sum(row["current_stock"] for row in [*of_store, *rest])
    assert guarded(ALL_TOKEN).get("/v1/tables/dq/quarantine_latest").status_code == 200


def test_the_description_is_valid_and_tells_every_address_and_parameter(
    client: httpx.Client,
) -> None:
    schema = client.get("/openapi.json").json()
    OpenAPI.model_validate(schema)
    assert set(schema["paths"]) == {
        "/v1/health", "/v1/tables", "/v1/tables/{layer}/{name}", "/v1/metrics", "/v1/metrics/{kpi}",
        "/v1/reports", "/v1/reports/{report_type}/{report_date}/{store_id}",
    }  # fmt: skip
    for path, methods in schema["paths"].items():
        assert set(methods) == {"get"}
        operation = methods["get"]
        assert all(parameter["description"] for parameter in operation.get("parameters", []))
        assert all(answer["description"] for answer in operation["responses"].values())
        assert set(operation.get("security", [{}])[0]) == (
            set() if path == "/v1/health" else {"HTTPBearer"}
        )
    names = [p["name"] for p in schema["paths"]["/v1/tables/{layer}/{name}"]["get"]["parameters"]]
    assert set(names) == {
        "layer", "name", "columns", "order", "limit", "offset", "format", "version", "filters",
    }  # fmt: skip
