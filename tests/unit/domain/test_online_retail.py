"""UCI Online Retail rows become the right events, however the file writes them."""

import datetime as dt
from typing import Any

import orjson
import polars as pl
import pytest

from smartshelf_dagster.contracts.validation import Rejection, validate_event
from smartshelf_dagster.domain.online_retail import (
    OnlineRetailError,
    build_events,
    classify,
    normalise,
)

# Local time without a zone, as the data set has it.
WINTER = dt.datetime.fromisoformat("2010-12-01T08:26:00")


def row(**changes: Any) -> dict[str, Any]:
    return {
        "InvoiceNo": "536365", "StockCode": "85123a", "Description": "LANTERN", "Quantity": 6.0,
        "InvoiceDate": WINTER, "UnitPrice": 2.55, "CustomerID": 17850.0,
        "Country": "United Kingdom",
    } | changes  # fmt: skip


def events(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    frame = build_events(normalise(pl.DataFrame(list(rows))))
    return [orjson.loads(payload) for payload in frame["payload"]]


@pytest.mark.parametrize(
    ("invoice", "quantity", "price", "kind"),
    [
        ("536365", 6, 2.55, "sale"),
        ("C536379", -1, 27.5, "return"),
        ("A563185", 1, 11062.06, "adjustment"),
        ("A563186", 1, -11062.06, "adjustment"),
        ("536414", 56, 0, "adjustment"),
        ("536589", -10, 0, "adjustment"),
        ("536999", -3, 1.0, "adjustment"),
        ("C537000", 3, 1.0, "adjustment"),
        ("C537001", -3, 0.0, "adjustment"),
    ],
)
def test_classify_first_rule_that_fits_decides(
    invoice: str, quantity: int, price: float, kind: str
) -> None:
    frame = normalise(pl.DataFrame([row(InvoiceNo=invoice, Quantity=quantity, UnitPrice=price)]))
    assert frame.select(classify()).item() == kind


def test_build_events_satisfy_their_contract_and_keep_what_the_row_says() -> None:
    event = events(row())[0]
    accepted = validate_event("pos_transactions", orjson.dumps(event))
    assert not isinstance(accepted, Rejection)
    assert accepted["event_type"] == "sale"
    assert accepted["store_id"] == "UCI-ONLINE"
    assert accepted["transaction_id"] == "536365"
    assert accepted["customer_id"] == "17850"
    assert accepted["items"] == [
        {"line_no": 1, "line_id": event["id"], "item_id": "85123A", "description": "LANTERN",
         "quantity": 6, "unit_price": 2.55, "discount": 0.0}
    ]  # fmt: skip


def test_build_events_return_has_positive_quantity() -> None:
    event = events(row(InvoiceNo="C1", Quantity=-3))[0]
    assert event["type"] == "com.smartshelf.pos.return.v1"
    assert event["data"]["items"][0]["quantity"] == 3


def test_build_events_local_time_becomes_utc_in_winter_and_summer() -> None:
    summer = WINTER.replace(year=2011, month=7)
    assert [e["time"] for e in events(row(), row(InvoiceDate=summer))] == [
        "2010-12-01T08:26:00Z",
        "2011-07-01T07:26:00Z",
    ]


def test_build_events_exact_copies_are_different_events_and_stay_the_same_twice() -> None:
    ids = [e["id"] for e in events(row(), row(), row(Quantity=7))]
    assert len(set(ids)) == 3
    assert ids == [e["id"] for e in events(row(), row(), row(Quantity=7))]


def test_normalise_text_columns_of_a_csv_give_the_same_events() -> None:
    for date in ("2010-12-01 08:26:00", "12/1/2010 8:26"):
        text = row(Quantity="6", InvoiceDate=date, UnitPrice="2.55", CustomerID="17850")
        assert events(text) == events(row())


def test_normalise_empty_description_and_customer_are_absent() -> None:
    event = events(row(Description=None, CustomerID=None))[0]
    assert event["data"]["customer_id"] is None
    assert event["data"]["items"][0]["description"] is None
    assert not isinstance(validate_event("pos_transactions", orjson.dumps(event)), Rejection)


def test_normalise_missing_column_is_named() -> None:
    frame = pl.DataFrame([row()]).drop("UnitPrice")
    with pytest.raises(OnlineRetailError, match="columns UnitPrice are missing"):
        normalise(frame)


def test_normalise_value_of_another_type_is_refused() -> None:
    with pytest.raises(OnlineRetailError, match="wrong type"):
        normalise(pl.DataFrame([row(Quantity="six")]))
