"""Ten thousand malformed events among good ones: all accounted for, none lost."""

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smartshelf_dagster.contracts.validation import Rejection, validate_event
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.producer import send_batches
from tests.helpers.events import encode, opening, pickup, sale
from tests.property.test_decode_equivalence import mutated_events

MALFORMED = 10_000


def collect_malformed(count: int) -> dict[str, list[bytes]]:
    """Let Hypothesis make events until enough of them are refused, by topic."""
    found: dict[str, list[bytes]] = {}
    total = 0

    @hypothesis_settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(st.lists(mutated_events(), min_size=20, max_size=20))
    def make(cases: list[tuple[str, bytes]]) -> None:
        nonlocal total
        for topic, payload in cases:
            refused = isinstance(validate_event(topic, payload), Rejection)
            if total < count and payload.strip() and refused:
                found.setdefault(topic, []).append(payload)
                total += 1
        if total >= count:
            raise StopIteration

    with pytest.raises(StopIteration):
        make()
    return found


@pytest.fixture(scope="module")
def malformed() -> dict[str, list[bytes]]:
    """Ten thousand events that break their contract, by topic; none of them blank."""
    return collect_malformed(MALFORMED)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("events_per_entry", [1, 50])
def test_malformed_events_are_all_quarantined_and_the_pipeline_goes_on(
    settings: Settings,
    client: Client,
    session: LakeSession,
    malformed: dict[str, list[bytes]],
    events_per_entry: int,
) -> None:
    good = {"shelf_events": pickup, "pos_transactions": sale}
    expected = dict.fromkeys(good, 0)
    send_batches(client, "warehouse_events:S001", [encode(opening("o", 9000))], 1)
    for topic, payloads in malformed.items():
        mixed = list(payloads)
        for number in range(0, len(payloads), 10) if topic in good else ():
            mixed.insert(number, encode(good[topic](f"good-{topic}-{number}")))
            expected[topic] += 1
        send_batches(client, f"{topic}:S001", mixed, events_per_entry)
    report = drain(settings, client, Clock(client))
    assert min(expected.values()) > 0
    assert {topic: report.topics[topic].rows for topic in good} == expected
    assert report.rejected == MALFORMED
    assert report.events == MALFORMED + sum(expected.values()) + 1
    reasons = delta.read(settings.table_uri("raw/quarantine"), ["reason"])["reason"].to_pylist()
    assert len(reasons) == MALFORMED
    assert all(reasons)
    session.turn()
    result = audit(settings)
    assert result.clean, result.details
    assert result.quarantined == MALFORMED
