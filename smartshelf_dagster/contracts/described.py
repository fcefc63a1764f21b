"""What the served tables mean that neither a contract nor a dbt model describes.

Belongs here: descriptions of tables that the pipeline makes in Python. Does not belong here: their
schemas (`forecasting/tables.py`, `pipeline/order.py`, `pipeline/publish.py`); descriptions of dbt
models, which stand in the dbt project.
"""

from dataclasses import dataclass, field

from smartshelf_dagster.contracts.tables import QUARANTINE


@dataclass(frozen=True)
class Description:
    """What a table means.

    Attributes:
        text: One row per what, and whence.
        columns: Meaning by name of the column.
        is_shared: Whether a table without store_id holds nothing of a single store, so that who
            may see one store only may see it.
    """

    text: str
    columns: dict[str, str] = field(default_factory=dict)
    is_shared: bool = False


_FORECAST_KEY = {
    "origin_ts": "Cutoff that the forecast was made for, UTC.",
    "store_id": "Store, as in ref/stores.",
    "item_id": "Item, as in ref/items.",
    "window": "What is forecast: delivery, cover, week, month (from the cutoff on), or day, "
    "next_7, next_30 (whole days).",
    "horizon": "Days ahead of a single day; number of days of a sum.",
    "until_ts": "End of the window, UTC.",
    "model_version": "Model, as in ml/models; null when a baseline spoke.",
    "method": "Method that made the forecast.",
    "demand_class": "Class of the item by its past demand.",
}
_MODEL = {
    "model_version": "Model, as in ml/models.",
    "family": "orders: windows from the cutoff on; days: whole days.",
}
_COVERAGE = {
    "coverage_80": "Share of outcomes within the 80 % interval, 0 to 1.",
    "coverage_95": "Share of outcomes within the 95 % interval, 0 to 1.",
}
_LEVELS = {
    "q025": "2.5", "q10": "10", "q30": "30", "q50": "50", "q70": "70", "q80": "80",
    "q90": "90", "q95": "95", "q975": "97.5", "q98": "98", "q99": "99",
}  # fmt: skip
_PERIOD_SCOPE = {
    "period": "The last days before as_of, such as 90d, or all.",
    "scope": "Store of the baskets, or ALL.",
}
_ANOMALY_KEY = {
    "scope_type": "all, store, category, store_category (by the day only) or item.",
    "scope_id": "Store, category, both parted by a slash, or item; ALL for all.",
    "currency": "ISO 4217; money of two currencies is never added up.",
    "metric": "sales_revenue, net_sales, units_sold or transactions.",
    "grain": "hour or day.",
    "method": "How it was judged: seasonal_mad or trailing_z as in sales_anomalies, stl_esd or "
    "poisson_tail as in nightly_anomalies.",
}

_STOCK_ITEM = {
    "store_id": "Store, as in ref/stores.",
    "item_id": "Item, as in ref/items.",
    "category": "Category of the item.",
}
_RISK = "Probability that demand until then exceeds what is on hand and on order, 0 to 1."
_COVER_DAYS = "Days that the stock on hand lasts; null without demand."

_QUALITY_RUN = {
    "run_id": "Names the run of the checks; done again, it replaces its rows.",
    "run_ts": "Time that was checked, by the clock in force, UTC.",
}

MADE_IN_PYTHON: dict[str, Description] = {
    "ops/supplier_plan": Description(
        "One row per order line of the next cutoff as planned, and of the last cutoffs as ordered.",
        {
            "policy": "Ordering policy that planned it.",
            "stock_qty": "Pieces in the store that may still be sold at delivery.",
            "on_order_qty": "Pieces ordered before and still to come.",
            "target_qty": "Pieces that stock and orders are filled up to.",
            "needed_qty": "Target less stock less on order, not below 0.",
            "planned_qty": "Pieces that the policy orders: whole batches, within the warehouse.",
            "order_qty": "Pieces ordered after what people decided.",
            "bound": "What bound the quantity: none, batch, capacity or shelf_life.",
            "source": "What the quantity follows from: forecast, the simple method that forecast "
            "instead, or another policy.",
            "decision": "What a person decided on the line; null when nobody did.",
            "actor": "Who decided.",
            "note": "Why.",
            "status": "pending, canceled, issued or completed.",
            "updated_ts": "When the line last changed, UTC.",
        },
    ),
    "ops/business_reports": Description(
        "One row per report: type, date, store or ALL, and currency (F28). Contract of the JSON: "
        "data/contracts/reports/business_report.v1.json.",
        {
            "report_date": "Last business date it is about.",
            "report_type": "DAILY_REPORT, WEEKLY_ANALYSIS (from Monday on) or MONTHLY_SUMMARY.",
            "store_id": "Store, or ALL for those of the currency.",
            "currency": "ISO 4217; money of two currencies is never added up.",
            "period_start": "First business date it is about.",
            "as_of_ts": "The time of the publication it was made from, UTC.",
            "records": "Lines of sales and returns in the period.",
            "kpis_json": "Figures of the period and the one before, days, hours of a day.",
            "top_products_json": "The 10 items with the highest net sales.",
            "falling_products_json": "The 5 items that lost most net sales.",
            "top_stores_json": "The 5 stores with the highest net sales; none in a store's report.",
            "inventory_health_json": "Stock at as_of_ts; null where it is not kept, and in reports "
            "of long ago.",
            "anomalies_json": "How many hours were unusual, and the most unusual.",
            "dq_json": "Newest checks of the data; null where there are none.",
            "today_json": "What is to be done; null but in the newest daily report.",
            "narrative": "The report in a few sentences.",
            "html_path": "Its page, from the root of the lake or the state folder of a remote one.",
            "created_at": "When it was made, wall time, UTC.",
        },
    ),
    "analytics/basket_itemsets": Description(
        "One row per period, scope and set of items that many baskets hold (F43).",
        _PERIOD_SCOPE
        | {
            "itemset_id": "The items, parted by |.",
            "items": "The items, ascending.",
            "k": "How many they are.",
            "count": "Baskets that hold all of them.",
            "support": "Share of all baskets, 0 to 1.",
        },
    ),
    "analytics/basket_rules": Description(
        "One row per period, scope and rule: who buys the one side buys the other (F43).",
        _PERIOD_SCOPE
        | {
            "rule_id": "Both sides, parted by =>.",
            "antecedent": "Items that imply, ascending.",
            "consequent": "Items that are implied, ascending.",
            "k": "Items of both sides.",
            "n_baskets": "All baskets.",
            "support_count": "Baskets that hold both sides.",
            "antecedent_count": "Baskets that hold the antecedent.",
            "consequent_count": "Baskets that hold the consequent.",
            "support": "Share of baskets with both sides, 0 to 1.",
            "confidence": "Share of baskets with the antecedent that hold the consequent, 0 to 1.",
            "lift": "confidence over the share of all baskets that hold the consequent.",
            "leverage": "support less what it would be by chance.",
            "conviction": "How much more often the rule would fail by chance; null if it never "
            "fails.",
            "zhang": "Association from -1 to 1; null where all baskets hold both sides.",
            "jaccard": "Baskets with both sides over those with either.",
            "chi2": "Chi-squared of the four counts; null where all baskets hold a side.",
            "p_value": "Chance of as many meetings or more without association (Fisher).",
            "q_value": "False discovery rate among all rules (Benjamini and Hochberg).",
            "is_redundant": "Whether a part of the antecedent implies as much.",
            "rank": "From 1, by lift, confidence and support.",
        },
    ),
    "analytics/basket_graph_nodes": Description(
        "One row per period, scope and item in the network of the pairs with the highest lift.",
        _PERIOD_SCOPE
        | {
            "item": "Item.",
            "support": "Share of baskets that hold it, 0 to 1.",
            "degree": "Pairs it is in.",
            "weighted_degree": "Sum of their lifts.",
            "community": "Group of items, from 0, largest first.",
            "x": "Place in a drawing, -1 to 1.",
            "y": "Place in a drawing, -1 to 1.",
        },
    ),
    "analytics/basket_graph_edges": Description(
        "One row per period, scope and pair of that network.",
        _PERIOD_SCOPE
        | {
            "a": "Item.",
            "b": "The other; behind a by name.",
            "lift": "Lift of the pair.",
            "confidence_ab": "Share of baskets with a that hold b, 0 to 1.",
            "confidence_ba": "Share of baskets with b that hold a, 0 to 1.",
            "support": "Share of baskets that hold both, 0 to 1.",
        },
    ),
    "analytics/large_baskets": Description(
        "One row per period, scope and basket of more than 200 items, which may be no shopper's.",
        _PERIOD_SCOPE
        | {
            "store_id": "Store, as in ref/stores.",
            "transaction_id": "Receipt within the store.",
            "items": "Items it holds.",
        },
    ),
    "analytics/product_recommendations": Description(
        "One row per period, scope, item on sale and rank: what to show beside it (F44).",
        _PERIOD_SCOPE
        | {
            "item_id": "Item.",
            "rank": "From 1 to 10.",
            "recommended_item_id": "What to show.",
            "score": "Strength; scores of different reasons do not compare.",
            "reason": "rule, cosine (similar) or popular_in_category.",
            "lift": "Lift of the pair; null for what is popular.",
            "confidence": "Share of baskets with the item that hold the other; null likewise.",
            "in_stock": "Whether any is on a shelf of the scope; null where stock is not kept.",
        },
    ),
    "analytics/stock_risk": Description(
        "One row per store and item with stock keeping: how likely it runs out before an order "
        "can help (F16).",
        _STOCK_ITEM
        | {
            "on_hand": "Pieces on the shelf and in the warehouse.",
            "inventory_position": "Pieces on hand and on order.",
            "velocity_1h": "Pieces sold per hour of trade, last hour.",
            "velocity_24h": "The same, last 24 hours.",
            "velocity_7d": "The same, last 7 days.",
            "protection_days": "Days until the goods of the order after the next come.",
            "demand_over_protection_mean": "Expected demand until then, pieces.",
            "demand_over_protection_sd": "Its standard deviation.",
            "demand_source": "forecast, or history where there is none.",
            "stock_out_risk_score": _RISK,
            "days_of_cover": _COVER_DAYS,
            "projected_stockout_ts": "When the stock on hand is used up at that rate, UTC.",
            "risk_band": "green below 0.20, amber to 0.80, red above.",
            "recommendation": "ORDER, WATCH or NONE.",
        },
    ),
    "analytics/inventory_policy": Description(
        "One row per store and item with stock keeping: safety stock, reorder point, order "
        "quantity of least cost, and what to order now by them (F34).",
        _STOCK_ITEM
        | {
            "currency": "ISO 4217; money of two currencies is never added up.",
            "demand_mean_d": "Expected demand of a day, pieces.",
            "demand_sd_d": "Its standard deviation.",
            "demand_class": "Class of the item by its past demand.",
            "demand_quantiles": "Pieces that demand over lead time and review period does not "
            "exceed with a probability of 0.80, 0.85, 0.90, 0.95, 0.98, 0.99 and 0.995.",
            "abc_class": "Class of the item by its revenue: A, B or C.",
            "agreed_lead_time_d": "Days from now to the next delivery that can still be ordered "
            "for.",
            "lead_time_mean_d": "The same, as it is reckoned with.",
            "lead_time_sd_d": "Standard deviation of the lead time, days.",
            "review_period_d": "Days from that delivery to the one after it.",
            "sigma_protection": "Standard deviation of demand over lead time and review period.",
            "service_level": "Probability of no shortage in a cycle; by class of revenue.",
            "z": "Normal score of the service level.",
            "safety_stock_raw": "Safety stock before rounding, pieces.",
            "safety_stock": "Safety stock, whole pieces.",
            "reorder_point": "Level to order up to at a cutoff, pieces.",
            "eoq_raw": "Order quantity of least cost before packs; null without cost of holding.",
            "eoq": "The same in whole packs.",
            "order_up_to": "Level that orders fill up to, pieces.",
            "max_stock": "Most stock by the policy, pieces.",
            "unit_cost": "Cost of a piece.",
            "pack_size": "Pieces in a supplier batch.",
            "life_days": "Mean days from receipt to the last day of sale; null where unknown.",
            "capacity_qty": "Pieces that shelf and warehouse hold.",
            "inventory_position": "Pieces on hand and on order.",
            "recommended_qty": "Pieces to order now.",
            "reorder_flag": "Whether the position is at or below the reorder point.",
            "expected_fill_rate": "Share of demand served from stock, 0 to 1.",
            "stock_out_risk_score": _RISK,
            "days_of_cover": _COVER_DAYS,
            "holding_cost_pa": "Cost of holding in a year.",
            "ordering_cost_pa": "Cost of ordering in a year.",
            "total_cost_pa": "Both together.",
            "binding_constraint": "What bound the quantity: none, pack, capacity or shelf_life.",
            "method": "forecast_quantile, negative_binomial, normal or fallback.",
        },
    ),
    "analytics/restock_recommendations": Description(
        "One row per store and item with stock keeping: what to restock first, and by how much "
        "demand is about to change (F35).",
        _STOCK_ITEM
        | {
            "forecast_7d": "Expected demand of the next 7 days, pieces; null without a forecast.",
            "trailing_avg_7d": "Pieces sold in an average week of the last four.",
            "demand_ratio": "The first over the second.",
            "recommendation": "HIGH_DEMAND above 1.5, MODERATE_INCREASE above 1.2, LOW_DEMAND "
            "below 0.8, else NORMAL; null without a forecast.",
            "on_hand": "Pieces on the shelf and in the warehouse.",
            "days_of_cover": _COVER_DAYS,
            "stock_out_risk_score": _RISK,
            "priority": "High, Normal or Low.",
            "recommended_qty": "Pieces to order now, as in analytics/inventory_policy.",
            "reason": "Why it has this priority.",
        },
    ),
    "analytics/stock_optimization": Description(
        "One row per store and item with stock keeping: the stock of least expected cost until "
        "the goods of the order after the next come (F36).",
        _STOCK_ITEM
        | {
            "current_stock": "Pieces on hand and on order.",
            "optimal_stock": "Pieces of least expected cost: the quantile of demand at the ratio.",
            "p10": "10 % quantile of demand, pieces.",
            "p90": "90 % quantile of demand, pieces.",
            "critical_ratio": "Cost of a piece too few over that and the cost of one too many.",
            "delta_units": "Optimal less current stock.",
            "expected_cost_current": "Expected cost of the current stock.",
            "expected_cost_optimal": "Expected cost of the optimal stock.",
            "saving": "The first less the second.",
            "policy_stock": "Level by analytics/inventory_policy, pieces.",
            "chosen": "policy where its level is expected to cost no more, else optimal.",
            "source": "forecast, or history where there is none.",
            "reason": "Why it was chosen.",
        },
    ),
    "analytics/customer_clv": Description(
        "One row per currency and customer with a purchase: what they are worth (F41).",
        _PERIOD_SCOPE
        | {
            "currency": "ISO 4217; money of two currencies is never added up.",
            "customer_id": "Customer as tills know them.",
            "frequency_x": "Days with a purchase after the first one.",
            "recency_tx": "Weeks from the first to the last purchase.",
            "age_T": "Weeks from the first purchase to the last complete business day.",
            "monetary_mean": "Mean of what was paid on those later days; null without any.",
            "clv_historical": "Gross profit to date.",
            "clv_simple": "Gross profit of the last 52 weeks, kept up at the retention of all; "
            "null where nobody was a customer half a year ago.",
            "p_alive": "Chance of being a customer still; null where model_status is not ok.",
            "expected_tx_13w": "Purchase days expected in 13 weeks; null without a model.",
            "expected_tx_52w": "Purchase days expected in 52 weeks; null without a model.",
            "expected_value_per_tx": "Spend expected on such a day; null without a model.",
            "clv_12m": "Gross profit expected of 52 weeks, discounted; null without a model.",
            "clv_decile": "1 to 10 by clv_12m, 10 is most; null without a model.",
            "model_status": "ok, dropout_unidentified (no p_alive), too_few_customers or "
            "not_converged (no model).",
        },
    ),
    "analytics/nightly_anomalies": Description(
        "One row per series, metric, hour or day, and method, of what takes longer to find (F38): "
        "odd hours of the last 365 days (stl_esd) and rare counts of items by the day "
        "(poisson_tail). Every anomaly, and all scores of the last 30 days.",
        _ANOMALY_KEY
        | {
            "bucket_start": "First instant of the hour or business day.",
            "date_key": "Business date; of a scope with stores in several time zones, in UTC.",
            "hour": "Hour of the day, likewise; null for a day.",
            "days_ago": "Business days before that of as_of; 0 is the day that is not over.",
            "value": "The metric in this hour or on this day.",
            "baseline": "What was to be expected: by trend and hour of the week, or the mean of "
            "the 56 days before.",
            "score": "Standard deviations of roots between both; for poisson_tail the normal "
            "quantile of p_value. Null where nothing varies.",
            "p_value": "Chance of a count at least as far out, on either side; null for stl_esd.",
            "q_value": "False discovery rate among the items of the day; null for stl_esd.",
            "lower_band": "Beneath it the value is unusual.",
            "upper_band": "Above it the value is unusual.",
            "is_anomaly": "stl_esd: an outlier by the generalised ESD test at 5 %; "
            "poisson_tail: p_value below 0.0001 and q_value below 0.05.",
            "direction": "high or low; null if it is none.",
            "severity": "LOW, MEDIUM above a score of 5, HIGH above 8; null if it is none.",
            "is_open": "Whether the store trades in this hour; for a total and for a day always.",
            "is_holiday": "Public holiday, as in dim_date.",
            "n_ref": "Hours or days it is compared with.",
        },
    ),
    "analytics/anomaly_summary": Description(
        "One row per period, series, metric, grain and method with a scored hour or day (F39): all "
        "anomalies of sales_anomalies and nightly_anomalies are counted.",
        {"period": "1d, 7d or 30d: so many complete business days."}
        | _ANOMALY_KEY
        | {
            "scored_count": "Hours or days that were scored.",
            "anomaly_count": "Anomalies among them.",
            "high_count": "Those above.",
            "low_count": "Those beneath.",
            "avg_score": "Mean of the scores of anomalies, without their sign.",
            "max_score": "Highest score of an anomaly.",
            "min_score": "Lowest score of an anomaly.",
            "last_anomaly": "First instant of the last one.",
            "rate_pct": "Anomalies in percent of what was scored.",
        },
    ),
    "ml/isolation_scores": Description(
        "One row per sale of the last 90 days: how unlike the others it is (F39). Written with "
        "analytics/nightly_anomalies, for each currency with 100 receipts.",
        {
            "currency": "ISO 4217; receipts of two currencies are not compared.",
            "store_id": "Store, as in ref/stores.",
            "transaction_id": "Receipt.",
            "date_key": "Business date.",
            "hour": "Hour of the day, in the store's time zone.",
            "value": "What was paid for the goods.",
            "pieces": "Pieces.",
            "items": "Different items.",
            "discount_rate": "Share of the list value that was taken off, 0 to 1.",
            "score": "How soon random cuts part it from the others, 0 to 1 (isolation forest).",
            "rank": "Place by score within the currency, from 1.",
            "is_outlier": "Whether it is parted sooner than the mean one: a score above 0.5.",
        },
    ),
    "analytics/versions": Description(
        "One row per table of analytics: which version was published with the others.",
        {
            "table": "Name, <layer>/<table>.",
            "version": "Version of the Delta table.",
            "as_of_ts": "Time that it was built for, UTC.",
            "published_at": "When it was published, wall time, UTC.",
            "content": "Short text that changes when the table, or what it is made from, does; "
            "while it is the same, nothing is written. Null for a table that takes new loads.",
        },
        is_shared=True,
    ),
    "live/system_status": Description(
        "One row per part of the system: how it was when this was published.",
        {
            "component": "Name of the part.",
            "status": "ok, warn, fail, or off for a part that is not in use.",
            "latency_s": "How far it is behind, seconds; null where that cannot be said.",
            "last_ok_ts": "When it was last seen well, UTC, by the clock in force.",
            "message": "One sentence for people.",
        },
    ),
    "live/stream_status": Description(
        "One row per topic: how much its raw table holds and how new that is.",
        {
            "topic": "Topic.",
            "rows": "Rows in the raw table, without its archive.",
            "files": "Files of the raw table.",
            "size_bytes": "Size of these files.",
            "version": "Delta version of the raw table.",
            "last_event_ts": "Time of its newest event, UTC; null while it has none.",
        },
    ),
    "ops/benchmarks": Description(
        "One row per figure of a run of the benchmarks that was to be kept.",
        {
            "run_id": "Name of the run.",
            "name": "What was measured; with the unit, unique within a run.",
            "unit": "Unit of the figures.",
            "figure": "Median of the repetitions.",
            "least": "Least of them.",
            "most": "Greatest of them.",
            "repetitions": "Their number.",
            "target": "What it is held against; null for one that is only told.",
            "is_at_least": "Whether the target is to be reached, and not to be kept below.",
            "is_met": "Whether it is; null without a target.",
            "method": "How it was measured, and on what volume of data.",
            "machine": "Processor, memory, system and load before.",
            "commit": "Commit of the code; null where it is unknown.",
            "measured_at": "When the run was over, wall time, UTC.",
        },
        is_shared=True,
    ),
    "ops/retention_policy": Description(
        "One row per rule: how long rows of some tables stay at hand, and what becomes of them.",
        {
            "subject": "What the rule is for; also its name in SMARTSHELF_RETENTION_DAYS.",
            "tables": "Its tables; `<layer>/*` for those of a layer that no other rule names.",
            "days": "Days that rows stay at hand; null for ever.",
            "then": "What becomes of them: archive, delete or keep.",
            "dated_by": "Column that a row is dated by; empty where that does not matter.",
            "least_days": "Fewest days that can be set.",
            "reason": "Why so.",
        },
        is_shared=True,
    ),
    "ops/retention_log": Description(
        "One row per day of a table that was moved to the archive, once more for what came late.",
        {
            "table": "Table, `<layer>/<name>`.",
            "partition": "Day that was moved, such as event_date=2026-01-01.",
            "number": "Number of the move, counted by table; names the file in the archive.",
            "rows": "Rows moved.",
            "pieces": "Pieces of goods that they tell of; null for a table without.",
            "bytes": "Size of the file in the archive.",
            "hot_bytes": "Size of the files that the rows had in the table.",
            "checksum": "SHA-256 of the file, hexadecimal.",
            "fingerprint": "SHA-256 of names and types of its columns, hexadecimal.",
            "delta_version": "Delta version of the table that the rows were read from.",
            "first_batch": "Smallest ingest_batch among the rows.",
            "last_batch": "Largest ingest_batch among the rows.",
            "archived_at": "When they were archived, by the clock in force, UTC.",
            "deleted_at": "When they left the table: in the same run, UTC.",
            "restored_number": "Number of the move that brought them back; null while archived.",
            "restored_at": "When they were brought back, by the clock in force, UTC; null while "
            "archived.",
        },
    ),
    "dq/quarantine_summary": Description(
        "One row per topic and reason: how many events were refused.",
        {
            "topic": "Topic of the stream they came from.",
            "reason_code": "Kind of the refusal.",
            "events": "Events refused.",
            "last_ts": "When the last one was refused, by the clock in force, UTC.",
        },
    ),
    "dq/quarantine_latest": Description(
        "The newest 200 refused events, with the reason and the payload as received.",
        {f.name: f.description for f in QUARANTINE.fields},
    ),
    "dq/results": Description(
        "One row per run, check, table and scope: what was measured, and what became of it.",
        _QUALITY_RUN
        | {
            "check_no": "Requirement that the check belongs to, Q1 to Q20.",
            "check_name": "What has to be true.",
            "asset": "Table it is about, or the first of them.",
            "scope": "What of it: a column, a condition, a job; ALL for the whole.",
            "dimension": "freshness, completeness, consistency, validity, uniqueness, timeliness "
            "or reconciliation.",
            "severity": "critical: nothing that follows can be trusted; error; warn: somebody "
            "should look.",
            "status": "pass, warn, fail, or skipped when there was nothing to be measured.",
            "observed": "What was measured; null when skipped.",
            "threshold": "The bound that it has passed, or would pass first.",
            "sample_json": "Some of what is wrong, as JSON.",
            "duration_ms": "What measuring took; null for what was measured with others.",
        },
    ),
    "dq/reports": Description(
        "One row per run: the last hour that events reach, in figures, and the score of the data.",
        _QUALITY_RUN
        | {
            "total_records": "Receipt lines of that hour.",
            "store_count": "Stores among them.",
            "product_count": "Items among them.",
            "customer_count": "Identified customers among them.",
            "avg_quantity": "Mean pieces of a line.",
            "avg_unit_price": "Mean list price of a piece, by lines.",
            "total_revenue": "Sales less returns; null with lines in several currencies, or none.",
            "earliest_record": "First of the lines, UTC.",
            "latest_record": "Last of the lines, UTC.",
            "data_freshness_seconds": "From the newest line of all to run_ts, seconds.",
            "clock_speed": "Seconds of the clock in force for each second on the wall.",
            "checks_passed": "Checks that did not fail.",
            "checks_total": "Checks that there was something to measure for.",
            "dq_score": "Share of these checks that did not fail, by weight, percent; a critical "
            "one counts three times, an error twice. 100 if, and only if, none failed.",
        },
    ),
    "dq/table_monitoring": Description(
        "One row per run and Delta table: how large and how new it was.",
        _QUALITY_RUN
        | {
            "table": "<layer>/<name>.",
            "rows": "Rows of the newest version.",
            "size_bytes": "Size of its files.",
            "files": "Its data files.",
            "partitions": "Partitions that have files; 1 where it is not partitioned.",
            "delta_version": "Newest version.",
            "last_modified_ts": "When that was committed, wall time, UTC.",
            "status": "HAS_DATA or EMPTY.",
        },
    ),
    "dq/stream_quality": Description(
        "One row per run, topic and type of event: what was drained in the day before.",
        _QUALITY_RUN
        | {
            "topic": "Topic.",
            "event_type": "Type within the topic; refused for those that went to quarantine.",
            "total": "Events received, repeats included.",
            "valid": "Of these, accepted.",
            "empty": "Of these, refused with nothing in them.",
            "earliest_ts": "First of the accepted events, UTC.",
            "latest_ts": "Last of the accepted events, UTC.",
            "avg_processing_lag_s": "Mean time from the event to the lake, seconds of the clock in "
            "force.",
        },
    ),
    "ops/job_runs": Description(
        "One row per run of a job: when, for how long, and what became of it.",
        {
            "run_id": "Dagster's id of the run.",
            "job": "Name of the job.",
            "status": "As Dagster says: QUEUED, STARTED, SUCCESS, FAILURE, CANCELED and others.",
            "started_ts": "When it started, wall time, UTC; null while it waits.",
            "ended_ts": "When it ended, wall time, UTC; null until then.",
            "duration_s": "From start to end, seconds.",
            "records_processed": "Events received, else rows of the tables it made; null where it "
            "told neither.",
            "checkpoint": "Time that it brought tables up to, by the clock in force, ISO 8601.",
            "error": "First line of what went wrong.",
            "updated_ts": "When Dagster changed it last, wall time, UTC.",
        },
    ),
    "ml/models": Description(
        "One row per trained model.",
        _MODEL
        | {
            "trained_ts": "When it was trained, by the clock in force, UTC.",
            "first_day": "First day it has learnt from.",
            "last_day": "Last day it has learnt from.",
            "rows": "Examples it has learnt from.",
            "items": "Items among them.",
            "fingerprint": "Hash of what it was trained with; the same gives the same model.",
            "about": "JSON: parameters, calibration and reference distributions.",
        },
    ),
    "ml/promotions": Description(
        "One row per decision on a trained model: who forecasts from now on.",
        _MODEL
        | _COVERAGE
        | {
            "decided_ts": "When it was decided, by the clock in force, UTC.",
            "champion_version": "Model that forecasts from now on; null when a baseline does.",
            "decision": "promoted, kept (the one before stays) or baseline (no model will do).",
            "reason": "Why, in words.",
            "methods": "JSON: who forecasts each class of demand.",
            "origins": "Cutoffs that decided; no model had seen them.",
            "loss_challenger": "Pinball loss of the new model over demand.",
            "loss_champion": "Pinball loss of the model before, over demand.",
            "best_baseline": "Simple method with the least loss.",
            "loss_baseline": "Its pinball loss over demand.",
            "gain": "Loss saved against what is compared with, as a share of it.",
            "gain_low": "Lower end of the 95 % interval of the gain.",
            "gain_high": "Upper end of the 95 % interval of the gain.",
        },
    ),
    "ml/backtests": Description(
        "One row per model, method and class of demand: how it did on what was held out.",
        _MODEL
        | _COVERAGE
        | {
            "method": "Method.",
            "demand_class": "Class of demand, or all.",
            "n": "Forecasts judged.",
            "wape": "Sum of absolute errors of the median over demand.",
            "bias": "Sum of errors of the mean over demand; positive: too much was forecast.",
            "pinball": "Pinball loss of the judged quantiles over demand.",
        },
    ),
    "ml/predictions": Description(
        "One row per cutoff, item and window: the forecast as it was made. Pieces.",
        _FORECAST_KEY
        | {"from_ts": "Begin of the window, UTC.", "mean": "Mean demand in the window, pieces."}
        | {
            name: f"Demand in the window that is not exceeded with {level} %, pieces."
            for name, level in _LEVELS.items()
        },
    ),
    "ml/accuracy": Description(
        "One row per forecast whose window has ended, beside what came. Pieces.",
        _FORECAST_KEY
        | {
            "actual": "Demand, trade lost to stock-outs made up for; pieces.",
            "sold": "Pieces sold.",
            "mean": "Mean that was forecast, pieces.",
            "median": "Median that was forecast, pieces.",
            "pinball": "Pinball loss of the judged quantiles, pieces.",
            "in_80": "Whether the outcome lay within the 80 % interval.",
            "in_95": "Whether the outcome lay within the 95 % interval.",
            "is_censored": "Whether the item was out of stock for more than half of the window.",
        },
    ),
    "ml/drift": Description(
        "One row per look, family and figure: is the world still the one the model has learnt?",
        _MODEL
        | {
            "as_of_ts": "Time of the look, UTC.",
            "metric": "psi of a feature, error_ratio or coverage_80.",
            "feature": "Feature of psi; null for the others.",
            "value": "The figure.",
            "threshold": "From where on it is an alarm.",
            "is_alarm": "Whether it is.",
        },
    ),
    "ml/feature_importance": Description(
        "One row per model and feature; the shares of a model add up to 1.",
        _MODEL
        | {
            "feature": "Feature.",
            "gain_share": "Share of the loss saved by splits on it.",
            "shap_share": "Share of the mean absolute contribution to the forecast.",
        },
    ),
    "meta/publication": Description(
        "One row: what the file was computed for, and when it was published.",
        {
            "as_of_ts": "The time its content was computed for, UTC.",
            "published_at": "Wall time of the publication, UTC; names the version.",
        },
        is_shared=True,
    ),
    "meta/publications": Description(
        "One row per publication, this one and up to nine before it: how the clock in force went.",
        {
            "as_of_ts": "The time its content was computed for, UTC.",
            "published_at": "Wall time of the publication, UTC.",
        },
        is_shared=True,
    ),
    "meta/tables": Description(
        "One row per Delta table: the version that the file was made from, or published with it.",
        {
            "table": "<layer>/<name>.",
            "version": "Delta version.",
            "role": "source (read) or published.",
            "stamp": "Changes when its rows do, of published tables that are replaced.",
        },
        is_shared=True,
    ),
    "meta/metrics": Description(
        "One row per KPI of sales; ratios are divided anew at every level, never averaged (F26).",
        {
            "metric": "Its name, as in kpi_daily.",
            "numerator": "Measure that is added up, and divided where there is a denominator.",
            "denominator": "Measure that is added up and divided by; null for a measure itself.",
            "factor": "What the quotient is multiplied by: 100 for percent.",
            "adds_up": "Over what its measures add up: everywhere, receipts (not over items or "
            "categories), nowhere.",
        },
        is_shared=True,
    ),
    "meta/catalog": Description(
        "One row per table of the file.",
        {
            "table": "<layer>/<name>; in SQL <layer>.<name>.",
            "description": "One row per what, and whence.",
            "is_shared": "Whether a table without store_id holds nothing of a single store.",
        },
        is_shared=True,
    ),
    "meta/columns": Description(
        "One row per column of the file.",
        {
            "table": "<layer>/<name>; in SQL <layer>.<name>.",
            "column_name": "Name.",
            "position": "Place in the table, from 1 on.",
            "data_type": "Type in DuckDB.",
            "description": "What it means.",
        },
        is_shared=True,
    ),
}
