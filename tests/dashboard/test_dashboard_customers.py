"""The page about customers, on a few of them reckoned by hand."""

import json
from datetime import date

import polars as pl
import pytest
import serving_files as files
from app_support import table, words

from dashboard.charts.customers import favourite_times, score_grid, worth_classes
from dashboard.data import customers
from dashboard.theme import DARK, LIGHT, contrast

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
TABLES = {
    "analytics.versions": files.LATER["analytics.versions"],
    "analytics.customer_rfm": """
        currency VARCHAR, customer_id VARCHAR, recency_days INTEGER, frequency BIGINT,
        monetary DECIMAL(18,2), r_score TINYINT, f_score TINYINT, m_score TINYINT,
        rfm_code VARCHAR, segment VARCHAR, prev_segment VARCHAR""",
    "analytics.rfm_segment_summary": """
        currency VARCHAR, segment VARCHAR, customers BIGINT, customers_share_pct DOUBLE,
        revenue DECIMAL(18,2), revenue_share_pct DOUBLE, avg_recency_days DOUBLE""",
    "analytics.cohort_retention": """
        currency VARCHAR, cohort_month VARCHAR, month_offset BIGINT, customers BIGINT,
        active BIGINT, retention_pct DOUBLE, revenue DECIMAL(18,2), is_complete BOOLEAN""",
    "analytics.customer_clv": """
        currency VARCHAR, customer_id VARCHAR, scope VARCHAR, p_alive DOUBLE,
        expected_tx_52w DOUBLE, clv_12m DECIMAL(18,2), clv_decile BIGINT, model_status VARCHAR""",
    "analytics.customer_behavior": """
        period VARCHAR, currency VARCHAR, customer_id VARCHAR, transactions BIGINT,
        total_spent DECIMAL(18,2), avg_transaction_value DOUBLE, last_purchase_date DATE,
        recency_days INTEGER, mean_gap_days DOUBLE, stores_visited BIGINT, unique_products BIGINT,
        favourite_category VARCHAR, favourite_hour TINYINT, favourite_weekday TINYINT,
        discount_share_pct DOUBLE, return_rate_units_pct DOUBLE, churn_risk VARCHAR""",
}
# customer: receipts, spent, days since the last purchase, usual gap, state, worth in a year
PEOPLE = {
    "Ann": (9, 900, 1, 4.0, "active", 14.99),
    "Bob": (4, 400, 10, 4.0, "cooling", 15.0),
    "Cleo": (6, 700, 9, 4.0, "cooling", 9.99),
    "Dan": (5, 300, 40, 10.0, "lapsed", 49.0),
    "Eve": (1, 50, 30, None, None, None),
}


def rows(*, currency="EUR"):
    """Return what the tables say of the people."""
    common = {"currency": currency}
    return {
        "analytics.versions": [
            {"table": name.replace(".", "/"), "version": 1, "as_of_ts": files.ago(60)}
            for name in TABLES
        ],
        "analytics.customer_rfm": [
            common | {
                "customer_id": name, "recency_days": days, "frequency": receipts,
                "monetary": spent, "r_score": 5 if days < 10 else 1, "f_score": 5, "m_score": 3,
                "rfm_code": "553", "segment": "Champions" if days < 10 else "Cannot Lose Them",
            }
            for name, (receipts, spent, days, *_) in PEOPLE.items()
        ],
        "analytics.rfm_segment_summary": [
            common | {
                "segment": name, "customers": count, "revenue": revenue,
                "revenue_share_pct": 50, "avg_recency_days": 5,
            }
            for name, count, revenue in (("Champions", 2, 1_600), ("Cannot Lose Them", 3, 750))
        ],
        "analytics.customer_clv": [
            common | {
                "customer_id": name, "scope": "ALL", "clv_12m": worth,
                "clv_decile": None if worth is None else 10, "model_status": "ok",
            }
            for name, (*_, worth) in PEOPLE.items()
        ],
        "analytics.customer_behavior": [
            common | {
                "period": period, "customer_id": name, "transactions": receipts,
                "total_spent": spent, "avg_transaction_value": spent / receipts,
                "last_purchase_date": date(2026, 1, 2), "recency_days": days,
                "mean_gap_days": gap, "favourite_category": "PASTA AND RICE",
                "favourite_hour": 18, "favourite_weekday": 6, "churn_risk": state,
            }
            for period in ("90d", "all")
            for name, (receipts, spent, days, gap, state, _) in PEOPLE.items()
        ],
    }  # fmt: skip


def publish(path, *leave_out):
    """Publish the people, and a store."""
    named = rows()
    kept = {name: found for name, found in named.items() if name not in leave_out}
    kept["analytics.versions"] = [
        row for row in kept["analytics.versions"] if row["table"].replace("/", ".") not in leave_out
    ]
    tables = {name: columns for name, columns in TABLES.items() if name not in leave_out}
    return files.write(path, files.catalogue(), files.store(), kept, more_tables=tables)


@pytest.fixture
def people(serving):
    """A publication about five customers."""
    return publish(serving)


def traces(app, key):
    """Return the traces of the chart whose element id ends so."""
    [chart] = [c for c in app.get("plotly_chart") if c.proto.id.endswith(f"-{key}")]
    return json.loads(chart.proto.spec)["data"]


@pytest.mark.usefixtures("people")
def test_the_page_tells_scores_values_habits_and_who_stays_away(open_page):
    app = open_page("customers")
    assert not app.exception
    [grid] = traces(app, "scores")
    assert grid["z"][4] == [3, None, None, None, 2]
    [classes] = traces(app, "worth_classes")
    assert classes["x"] == ["less", "10", "15", "20", "30"]
    assert classes["y"] == [1, 1, 1, 0, 1]
    habits = table(app, "mean_gap_days")
    assert habits["churn_risk"].tolist() == [
        "Active",
        "Cooling",
        "Lapsed",
        "Bought on one day only",
    ]
    assert habits["customers"].tolist() == [1, 2, 1, 1]
    assert habits["avg_transactions"].tolist() == [9, 5, 5, 1]
    away = table(app, "gaps_missed")
    assert away["customer_id"].tolist() == ["Cleo", "Bob"]
    assert away["gaps_missed"].tolist() == [2.3, 2.5]
    shown = {
        name: column["type_config"]
        for found in app.dataframe
        for name, column in json.loads(found.proto.columns).items()
        if "type_config" in column
    }
    money = ("total_spent", "monetary", "clv_12m", "avg_transaction_value")
    assert {(shown[name]["format"], shown[name]["step"]) for name in money} == {("localized", 0.01)}
    assert away["favourite_category"].tolist() == ["Pasta and Rice"] * 2
    app.button_group(key="staying_away").set_value("lapsed").run()
    assert table(app, "gaps_missed")["customer_id"].tolist() == ["Dan"]


def test_nobody_who_stays_away_is_said(serving, open_page):
    named = rows()
    for row in named["analytics.customer_behavior"]:
        row["churn_risk"] = "active"
    files.write(serving, files.catalogue(), files.store(), named, more_tables=TABLES)
    app = open_page("customers")
    assert not app.exception
    assert "Nobody stays away that long." in words(app)


def test_habits_are_left_out_before_they_are_built(serving, open_page):
    publish(serving, "analytics.customer_behavior")
    app = open_page("customers")
    assert not app.exception
    assert "How recently and how often" in words(app)
    assert "How they buy" not in words(app)


@pytest.mark.usefixtures("people")
def test_the_lowest_class_has_no_beginning_and_classes_have_no_gap():
    classes = customers.value_classes("EUR")
    assert classes.select("from_value", "to_value", "customers").rows() == [
        (None, 10, 1),
        (10, 15, 1),
        (15, 20, 1),
        (20, 30, 0),
        (30, 50, 1),
    ]
    assert customers.value_classes("USD").is_empty()


@PALETTES
def test_words_in_the_grid_of_scores_can_be_read(palette):
    def cell(recency, often, count, segment):
        return {
            "r_score": recency, "f_score": often, "segment": segment, "customers": count,
            "revenue": 1.0, "avg_recency_days": 1.0, "avg_frequency": 1.0,
        }  # fmt: skip

    scores = pl.DataFrame([cell(1, 1, 100, "Hibernating"), cell(5, 1, 1, "New Customers")])
    [grid] = score_grid(scores, "EUR", palette).data
    most, least = grid.text[0][0], grid.text[0][4]
    for words_, ground in ((most, palette.shelf), (least, palette.floor)):
        ink = words_.partition("color:")[2][:7]
        assert contrast(ink, ground) >= 4.5
    assert least.endswith("<b>1</b><br>New<br>Customers</span>")
    # The most recent stand at the right, the most frequent on top.
    assert (list(grid.x), list(grid.y)) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])


@PALETTES
def test_hours_in_which_nobody_comes_are_cells_of_none(palette):
    times = pl.DataFrame(
        {"favourite_weekday": [1, 7], "favourite_hour": [9, 11], "customers": [3, 5]}
    )
    [cells] = favourite_times(times, palette).data
    assert list(cells.x) == ["09", "10", "11"]
    assert list(cells.z[0]) == [3, 0, 0]
    assert list(cells.z[6]) == [0, 0, 5]


@PALETTES
def test_classes_of_worth_wear_the_theme(palette):
    classes = pl.DataFrame(
        {"from_value": [None, 10], "to_value": [10, 15], "customers": [2, 1], "clv_12m": [8.0, 12]},
        schema_overrides={"from_value": pl.Int64},
    )
    chart = worth_classes(classes, "EUR", palette)
    assert chart.data[0].marker.color == palette.accent
    assert list(chart.data[0].x) == ["less", "10"]
    assert list(chart.data[0].customdata) == [["under 10", 8.0], ["10 to 15", 12.0]]
    assert "EUR" in chart.layout.xaxis.title.text
