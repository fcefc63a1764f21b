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

_STOCK_ITEM = {
    "store_id": "Store, as in ref/stores.",
    "item_id": "Item, as in ref/items.",
    "category": "Category of the item.",
}
_RISK = "Probability that demand until then exceeds what is on hand and on order, 0 to 1."
_COVER_DAYS = "Days that the stock on hand lasts; null without demand."

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
            "demand_mean_d": "Expected demand of a day, pieces.",
            "demand_sd_d": "Its standard deviation.",
            "demand_class": "Class of the item by its past demand.",
            "lead_time_mean_d": "Days from now to the next delivery that can still be ordered for.",
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
    "analytics/versions": Description(
        "One row per table of analytics: which version was published with the others.",
        {
            "table": "Name, <layer>/<table>.",
            "version": "Version of the Delta table.",
            "as_of_ts": "Time that it was built for, UTC.",
            "published_at": "When it was published, wall time, UTC.",
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
    "meta/tables": Description(
        "One row per Delta table: the version that the file was made from, or published with it.",
        {
            "table": "<layer>/<name>.",
            "version": "Delta version.",
            "role": "source (read) or published.",
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
