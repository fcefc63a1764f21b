"""The command line: lockstep, live, kill -9, and one clear line for every error."""

import io
import json
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
import redis
from sim_support import (
    ENVIRONMENT,
    PYTHON_M_SIMULATOR,
    all_streams,
    command_event,
    restock_event,
    warehouse_lots,
)

from simulator.cli import main
from simulator.clock import HOUR_MS
from simulator.simulation import Simulation
from simulator.streams import Streams

TOPICS = {"shelf_events", "pos_transactions", "foot_traffic", "warehouse_events"}


def run(*arguments: object, requests: list | None = None) -> subprocess.CompletedProcess:
    text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in requests or [])
    return subprocess.run(
        [*PYTHON_M_SIMULATOR, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [*PYTHON_M_SIMULATOR, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def test_lockstep_speaks_json_lines(redis_url, one_store_dir, client, tmp_path):
    stock = tmp_path / "deep" / "stock.parquet"
    done = run(
        "lockstep", "--redis", redis_url, "--state-dir", one_store_dir,
        "--noise", "foot_traffic:loss=0.5",
        requests=[
            {"op": "advance", "to": "2026-01-01T10:30:00+01:00"},
            "",
            {"op": "advance", "to": "2026-01-01T08:00:00Z"},
            {"op": "ledger"},
            {"op": "stock", "path": str(stock)},
            {"op": "stop"},
            {"op": "ledger"},
        ],
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    advanced, stayed, ledger, stocked, stopped = map(json.loads, done.stdout.splitlines())
    assert advanced["now"] == "2026-01-01T09:30:00Z"
    assert advanced["events"].keys() == TOPICS
    assert advanced["events"]["shelf_events"] > 500
    assert stayed == {"now": "2026-01-01T09:30:00Z", "events": dict.fromkeys(TOPICS, 0)}
    assert ledger["events"] == advanced["events"]
    assert ledger["sim_now"] == "2026-01-01T09:30:00Z"
    assert ledger["noise"]["foot_traffic"]["lost"] > 20
    for name in ("customers", "receipts", "demand_units", "sold_units"):
        assert ledger[name] > 0
    assert (ledger["wasted_units"], 0.9 < ledger["fill_rate"] <= 1) == (0, True)
    rows = pl.read_parquet(stock)
    assert stocked == {"path": str(stock), "rows": len(rows)}
    assert stopped == {"now": "2026-01-01T09:30:00Z"}
    assert client.xlen("shelf_events:S001") == advanced["events"]["shelf_events"]


def test_lockstep_ends_with_its_input_and_goes_on_later(redis_url, one_store_dir, client):
    for hour in (8, 9):
        request = {"op": "advance", "to": f"2026-01-01T{hour:02d}:00:00Z"}
        done = run(
            "lockstep", "--redis", redis_url, "--state-dir", one_store_dir, requests=[request]
        )
        assert done.returncode == 0
    once = all_streams(client)
    client.flushall()
    run("lockstep", "--redis", redis_url, "--state-dir", one_store_dir, requests=[request])
    assert all_streams(client) == once


def test_live_stops_where_told_and_logs_every_hour(redis_url, one_store_dir, client):
    done = run(
        "live", "--redis", redis_url, "--state-dir", one_store_dir, "--speed", 1e6,
        "--tick-seconds", 0.01, "--until", "2026-01-01T10:30:00Z", "--events-per-entry", 50,
    )  # fmt: skip
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [
        f"2026-01-01T{hour:02d}:00:00Z" for hour in (8, 9, 10)
    ]
    assert all("customers=" in line and "events=" in line for line in lines[:3])
    assert lines[3:] == ["stopped at 2026-01-01T10:30:00Z"]
    assert client.get("sim:now") == b"2026-01-01T10:30:00Z"


@pytest.mark.parametrize(
    ("number", "speed"), [(signal.SIGTERM, 60), (signal.SIGINT, 60), (signal.SIGTERM, 1e9)]
)
def test_a_signal_ends_live_after_the_tick(redis_url, one_store_dir, client, number, speed):
    """Also in the middle of a step of years, which is gone hour by hour."""
    process = start(
        "live", "--redis", redis_url, "--state-dir", one_store_dir,
        "--speed", speed, "--tick-seconds", 0.05,
    )  # fmt: skip
    wait_for(client, lambda now: now > b"2026-01-01T07:00:09Z", process)
    process.send_signal(number)
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    *hours, last = errors.splitlines()
    assert last == f"stopped at {client.get('sim:now').decode()}"
    assert bool(hours) == (speed > 60)


def wait_for(client: redis.Redis, reached, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    while not reached(client.get("sim:now") or b""):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_d32_kill_9_at_any_instant_loses_and_repeats_nothing(
    redis_url, one_store_dir, client, reference
):
    """A live world is killed again and again; the streams are those of an undisturbed one."""
    until, end_ms = "2026-01-02T01:00:00Z", reference.start_ms + 18 * HOUR_MS
    item, _ = warehouse_lots(reference, 3)

    def command():
        for number in range(20):
            event = restock_event(reference, item, 3, f"c{number}", priority=number / 20)
            client.xadd("commands:S001", {"e": event})
        for other in range(0, 1142, 60):
            lot = reference.lots.item.index(other)
            about = {"batch_code": reference.lots.batch_code[lot]}
            times = {
                "cutoff_ts": "2026-01-01T07:00:00Z",
                "delivery_ts": f"2026-01-01T{8 + other // 120:02d}:00:00Z",
                "valid_from_ts": "2026-01-01T07:00:00Z",
                "valid_to_ts": "2026-01-02T00:00:00Z",
            }
            for kind, data in (
                ("supplier_order", {"quantity": 30, "batch_size": 12, **times}),
                ("markdown", {**about, "discount": 0.5, **times}),
                (
                    "removal",
                    {**about, "location": "warehouse", "expiry_date": "2025-12-31"},
                ),
            ):
                event = command_event(reference, kind, other, f"{kind}-{other}", **data)
                client.xadd("commands:S001", {"e": event})

    command()
    streams = Streams(redis_url, 1)
    Simulation(streams, one_store_dir, {}).advance(end_ms)
    streams.close()
    undisturbed = all_streams(client)
    client.flushall()

    command()
    arguments = (
        "live", "--redis", redis_url, "--state-dir", one_store_dir, "--speed", 36_000,
        "--tick-seconds", 0.01, "--until", until, "--noise", "all:loss=0",
    )  # fmt: skip
    for kill in range(6):
        process = start(*arguments)
        before = client.get("sim:now") or b""
        wait_for(client, lambda now, seen=before: now > seen, process)
        time.sleep(0.004 * kill)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert b"2026-01-01T07:00:00Z" < client.get("sim:now") < until.encode()
    assert run(*arguments).returncode == 0
    assert client.get("sim:now") == until.encode()
    assert all_streams(client) == undisturbed
    days = one_store_dir / "ledger" / "store=S001"
    assert [path.name for path in days.iterdir()] == ["2026-01-01.parquet"]


def test_bootstrap_prints_what_it_made(tmp_path):
    out = tmp_path / "reference"
    done = run(
        "bootstrap", "--out", out, "--stores", 3, "--seed", 5, "--start", "2025-06-01T00:00:00Z"
    )
    assert done.returncode == 0
    assert "3 stores from 2025-06-01T00:00:00Z" in done.stdout
    world = json.loads((out / "world.json").read_text())
    assert (world["seed"], world["stores"]) == (5, ["S001", "S002", "S003"])


@pytest.fixture
def fails(monkeypatch, capsys):
    """Runs the command line in this process; gives the one clear line of its error."""

    def call(*arguments: object, request_line: str = "") -> str:
        monkeypatch.setattr(sys, "argv", ["simulator", *map(str, arguments)])
        stdin = io.TextIOWrapper(io.BytesIO(request_line.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("simulator: ")
        return line

    return call


@pytest.mark.parametrize("command", [("live", "--speed", "1"), ("lockstep",)])
def test_no_reference_data_is_an_error_that_helps(command, redis_url, tmp_path):
    done = run(*command, "--redis", redis_url, "--state-dir", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"no reference data in {tmp_path / 'reference'}" in line
    assert f"simulator bootstrap --out {tmp_path / 'reference'}" in line


@pytest.mark.parametrize("url", ["unix:///tmp/no/socket", "redis://127.0.0.1:1/0", "http://x"])
def test_no_redis_is_an_error_that_helps(fails, one_store_dir, url):
    assert f"no Redis at {url}" in fails("lockstep", "--redis", url, "--state-dir", one_store_dir)


@pytest.mark.parametrize(
    ("request_line", "word"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"op": "rewind"}', "rewind"),
        ('{"op": "advance"}', "to is None"),
        ('{"op": "advance", "to": "noon"}', "noon"),
        ('{"op": "stock", "path": "/proc/none/x.parquet"}', "/proc/none"),
    ],
)
def test_a_request_that_is_not_understood_ends_lockstep(
    fails, redis_url, one_store_dir, request_line, word
):
    arguments = ("lockstep", "--redis", redis_url, "--state-dir", one_store_dir)
    assert word in fails(*arguments, request_line=request_line)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "Missing command"),
        (("fly",), "fly"),
        (("bootstrap",), "--out"),
        (("bootstrap", "--out", "{tmp}", "--stores", "0"), "--stores"),
        (("bootstrap", "--out", "{tmp}", "--start", "2026-01-01T07:00:00"), "offset"),
        (("bootstrap", "--out", "{tmp}", "--parameters", "{tmp}/none.json"), "none.json"),
        (("bootstrap", "--out", "/proc/none"), "/proc/none"),
        (("live", "--redis", "{url}", "--state-dir", "{one}", "--speed", "0"), "--speed"),
        (("live", "--redis", "{url}", "--state-dir", "{one}", "--speed", "x"), "--speed"),
        (("lockstep", "--redis", "{url}", "--state-dir", "{one}", "--noise", "x:loss=1"), "x"),
        (
            (
                "lockstep", "--redis", "{url}", "--state-dir", "{one}",
                "--noise", "all:loss=1", "--noise-file", "{tmp}/n",
            ),
            "either",
        ),
    ],
)  # fmt: skip
def test_bad_usage_is_an_error_that_helps(
    *, fails, arguments, word, redis_url, one_store_dir, tmp_path
):
    names = {"tmp": tmp_path, "url": redis_url, "one": one_store_dir}
    assert word in fails(*(argument.format(**names) for argument in arguments))


def test_noise_from_a_file(redis_url, one_store_dir, client, tmp_path):
    path = tmp_path / "noise.json"
    path.write_text('{"foot_traffic": {"loss": 1}, "shelf_events": {"duplication": 1}}')
    done = run(
        "lockstep", "--redis", redis_url, "--state-dir", one_store_dir, "--noise-file", path,
        requests=[{"op": "advance", "to": "2026-01-01T08:00:00Z"}, {"op": "ledger"}],
    )  # fmt: skip
    advanced, ledger = map(json.loads, done.stdout.splitlines())
    assert client.xlen("foot_traffic:S001") == advanced["events"]["foot_traffic"] == 0
    shelf = ledger["noise"]["shelf_events"]
    assert shelf["sent"] == 2 * shelf["emitted"] > 0


def test_the_help_names_the_commands():
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("bootstrap", "live", "lockstep"))


def test_orders_removals_and_faults_through_the_command_line(
    redis_url, one_store_dir, client, reference
):
    def send(kind: str, command_id: str, **data: object) -> None:
        event = command_event(reference, kind, 0, command_id, **data)
        client.xadd("commands:S001", {"e": event})

    times = {"cutoff_ts": "2026-01-01T07:00:00Z", "delivery_ts": "2026-01-01T08:00:00Z"}
    for _ in range(2):
        send("supplier_order", "order-1", quantity=30, batch_size=10, **times)
    lot = next(n for n, (on_shelf, _) in enumerate(reference.opening) if on_shelf)
    send(
        "removal",
        "removal-1",
        batch_code=reference.lots.batch_code[lot],
        location="shelf",
        expiry_date=reference.lots.expiry_date[lot],
    )
    done = run(
        "lockstep", "--redis", redis_url, "--state-dir", one_store_dir,
        "--supplier-faults", "short=1,damaged=1",
        requests=[
            {"op": "advance", "to": "2026-01-01T09:00:00Z"},
            {"op": "ledger"},
        ],
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    ledger = json.loads(done.stdout.splitlines()[1])
    assert ledger["ordered_units"] == 30
    assert 0 < ledger["delivered_units"] < 30
    assert ledger["wasted_units"] > 0
    assert ledger["wasted_value"] > ledger["wasted_units"] * 0.5
    assert ledger["returned_units"] == 0
    assert ledger["commands"]["accepted"] == 2
    assert ledger["commands"]["repeated"] == 1
    assert ledger["by_store"]["S001"]["wasted_value"] == ledger["wasted_value"]


@pytest.mark.parametrize(("faults", "word"), [("late=2", "late is 2"), ("x=1", "--supplier-f")])
def test_faults_that_make_no_sense_are_an_error_that_helps(
    fails, redis_url, one_store_dir, faults, word
):
    arguments = ("lockstep", "--redis", redis_url, "--state-dir", one_store_dir)
    assert word in fails(*arguments, "--supplier-faults", faults)
