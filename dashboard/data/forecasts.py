"""What the forecast page asks: forecasts, what came of them, and the models that made them.

Belongs here: the measures of accuracy, as SQL; they are those of the backtests. Judged are windows
that have ended and had stock for at least half of their time; the others are counted apart.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from dashboard import serving

# Families of models: windows that begin at the cutoff, and whole days after it.
ORDERS, DAYS = "orders", "days"
# Spans whose accuracy is told, with the family whose backtest they can be compared with: that of
# orders is of the window cover, that of days is of single days; sums of days err less.
SPANS = {"cover": ORDERS, "day_1": DAYS, "day_7": DAYS, "next_7": None}

_SPAN = """case when "window" = 'day' then 'day_' || horizon else "window" end"""

# A band that begins at 0 leaves its whole remainder above: [0, q(0.8)] holds 80 %.
_BANDS = """
    q10 as low_80,
    case when q10 > 0 then q90 else q80 end as high_80,
    q025 as low_95,
    case when q025 > 0 then q975 else q95 end as high_95
"""

# A method that is none of these is a baseline.
_MODELS = "('xgboost', 'xgboost+ets', 'champion')"

# The newest decision of each family: the model that speaks since (a decision names the champion
# before it), and the one whose backtest stands for it, that of the champion if there is one.
_NEWEST = """
    select
        *,
        case decision when 'promoted' then model_version when 'kept' then champion_version end
            as speaking_version,
        coalesce(speaking_version, model_version) as reference_version
    from ml.promotions
    qualify row_number() over (partition by family order by decided_ts desc, model_version) = 1
"""


def origins(store_id: str) -> list[datetime]:
    """Return the cutoffs that demand of a store was forecast at, newest first."""
    return (
        serving.query(
            """
            select distinct origin_ts
            from ml.predictions
            where store_id = $store_id
            order by origin_ts desc
            """,
            store_id=store_id,
        )
        .get_column("origin_ts")
        .to_list()
    )


def origins_of_item(store_id: str, item_id: str) -> list[datetime]:
    """Return the cutoffs that demand of an item was forecast at, newest first."""
    return (
        serving.query(
            """
            select distinct origin_ts
            from ml.predictions
            where store_id = $store_id and item_id = $item_id
            order by origin_ts desc
            """,
            store_id=store_id,
            item_id=item_id,
        )
        .get_column("origin_ts")
        .to_list()
    )


def items(store_id: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return what is forecast for a store: item_id, category, subcategory.

    Args:
        store_id: Store.
        categories: Categories; none means all.
    """
    return serving.query(
        """
        select
            forecast.item_id,
            coalesce(items.category, 'OTHER') as category,
            coalesce(items.subcategory, '') as subcategory
        from (select distinct item_id from ml.predictions where store_id = $store_id) as forecast
        left join ref.items as items on forecast.item_id = items.item_id
        where len($categories::varchar[]) = 0
            or list_contains($categories::varchar[], items.category)
        order by category, subcategory, forecast.item_id
        """,
        store_id=store_id,
        categories=list(categories),
    )


def of_item(store_id: str, item_id: str, origin_ts: datetime) -> pl.DataFrame:
    """Return the forecasts of an item made at a cutoff, by window and horizon.

    Columns: window, horizon, business_date (of single days, in the store's time zone), from_ts,
    until_ts, mean, median, low_80, high_80, low_95, high_95, demand_class, method, model_version.
    """
    return serving.query(
        f"""
        select
            predictions."window",
            predictions.horizon,
            case when predictions."window" = 'day' then
                cast(predictions.origin_ts at time zone stores.timezone as date)
                + predictions.horizon
            end as business_date,
            predictions.from_ts,
            predictions.until_ts,
            predictions.mean,
            predictions.q50 as median,
            {_BANDS},
            predictions.demand_class,
            predictions.method,
            predictions.model_version
        from ml.predictions as predictions
        inner join ref.stores as stores on predictions.store_id = stores.store_id
        where predictions.store_id = $store_id
            and predictions.item_id = $item_id
            and predictions.origin_ts = $origin_ts::timestamptz
        order by predictions."window", predictions.horizon
        """,
        store_id=store_id,
        item_id=item_id,
        origin_ts=origin_ts,
    )


def day_ahead(store_id: str, item_id: str, until_ts: datetime) -> pl.DataFrame:
    """Return what each cutoff until a time said of the day after it, oldest first.

    Columns: business_date, median, low_80, high_80.
    """
    return serving.query(
        f"""
        with forecasts as (
            select
                cast(predictions.origin_ts at time zone stores.timezone as date) + 1
                    as business_date,
                predictions.q50 as median,
                {_BANDS}
            from ml.predictions as predictions
            inner join ref.stores as stores on predictions.store_id = stores.store_id
            where predictions.store_id = $store_id
                and predictions.item_id = $item_id
                and predictions."window" = 'day'
                and predictions.horizon = 1
                and predictions.origin_ts <= $until_ts::timestamptz
        )

        select business_date, median, low_80, high_80
        from forecasts
        order by business_date
        """,
        store_id=store_id,
        item_id=item_id,
        until_ts=until_ts,
    )


def sold(store_id: str, item_id: str, first: date, last: date) -> pl.DataFrame:
    """Return what was sold of an item on each business day of a span that is over.

    Columns: business_date, units, empty_share: the share of the day's trade, from the first to
    the last sale of the store, in which the shelf was empty.

    Args:
        store_id: Store.
        item_id: Item.
        first: First business day.
        last: Last business day.
    """
    return serving.query(
        """
        with trade as (
            select
                lines.business_date,
                min(lines.event_ts) as opened_ts,
                max(lines.event_ts) as closed_ts,
                cast(coalesce(sum(lines.qty) filter (lines.item_id = $item_id), 0) as bigint)
                    as units
            from cleansed.sales_lines as lines
            inner join ref.stores as stores on lines.store_id = stores.store_id
            cross join meta.publication as publication
            where lines.store_id = $store_id
                and lines.event_type = 'SALE'
                and lines.business_date between $first::date and $last::date
                and lines.business_date
                    < cast(publication.as_of_ts at time zone stores.timezone as date)
            group by lines.business_date
        ),

        levels as (
            select
                event_ts as from_ts,
                lead(event_ts) over (order by event_ts, source_table, event_id, leg) as until_ts,
                sum(qty_signed) over (
                    order by event_ts, source_table, event_id, leg
                    rows between unbounded preceding and current row
                ) as stock
            from cleansed.stock_movements
            where store_id = $store_id and item_id = $item_id and location = 'shelf'
        ),

        empty as (
            select
                trade.business_date,
                sum(
                    epoch(least(coalesce(levels.until_ts, trade.closed_ts), trade.closed_ts))
                    - epoch(greatest(levels.from_ts, trade.opened_ts))
                ) as seconds
            from trade
            inner join levels
                on levels.from_ts < trade.closed_ts
                and coalesce(levels.until_ts, trade.closed_ts) > trade.opened_ts
            where levels.stock <= 0
            group by trade.business_date
        )

        select
            trade.business_date,
            trade.units,
            coalesce(
                empty.seconds / nullif(epoch(trade.closed_ts) - epoch(trade.opened_ts), 0), 0
            ) as empty_share
        from trade
        left join empty on trade.business_date = empty.business_date
        order by trade.business_date
        """,
        store_id=store_id,
        item_id=item_id,
        first=first,
        last=last,
    )


def most_wanted(store_id: str, origin_ts: datetime, count: int, among: Sequence[str]) -> list[str]:
    """Return the items of which most is expected in the 7 days after a cutoff.

    Args:
        store_id: Store.
        origin_ts: Cutoff.
        count: How many at most.
        among: Items that count.
    """
    return (
        serving.query(
            """
            select item_id
            from ml.predictions
            where store_id = $store_id and origin_ts = $origin_ts::timestamptz
                and "window" = 'next_7' and list_contains($among::varchar[], item_id)
            order by mean desc, item_id
            limit $count
            """,
            store_id=store_id,
            origin_ts=origin_ts,
            count=count,
            among=list(among),
        )
        .get_column("item_id")
        .to_list()
    )


def trends(store_id: str, item_ids: list[str], origin_ts: datetime, days: int) -> pl.DataFrame:
    """Return what is sold of items a day, and what is forecast, oldest first.

    Columns: item_id, business_date, units (sold on a day that is over, else the mean forecast),
    mean_7d (of the week that ends with the day; null before the seventh day), is_forecast. Days
    between the last that is over and the first that is forecast are left out.

    Args:
        store_id: Store.
        item_ids: Items.
        origin_ts: Cutoff that the forecasts are of.
        days: Before the cutoff that are told.
    """
    return serving.query(
        """
        with store as (
            select
                cast($origin_ts::timestamptz at time zone stores.timezone as date) as origin_date,
                cast(publication.as_of_ts at time zone stores.timezone as date) as today
            from ref.stores as stores
            cross join meta.publication as publication
            where stores.store_id = $store_id
        ),

        -- Six days more, for the first mean.
        sales as (
            select lines.item_id, lines.business_date, lines.qty
            from cleansed.sales_lines as lines
            cross join store
            where lines.store_id = $store_id and lines.event_type = 'SALE'
                and list_contains($item_ids::varchar[], lines.item_id)
                and lines.business_date >= store.origin_date - $days - 6
                and lines.business_date < store.today
        ),

        calendar as (
            select
                items.item_id,
                cast(unnest(range(items.first_date, store.today, interval 1 day)) as date)
                    as business_date
            from (
                select item_id, min(business_date) as first_date from sales group by item_id
            ) as items
            cross join store
        ),

        told as (
            select
                calendar.item_id, calendar.business_date,
                cast(coalesce(sum(sales.qty), 0) as double) as units, false as is_forecast
            from calendar
            left join sales
                on calendar.item_id = sales.item_id
                and calendar.business_date = sales.business_date
            group by calendar.item_id, calendar.business_date
            union all
            select
                predictions.item_id, store.origin_date + predictions.horizon, predictions.mean, true
            from ml.predictions as predictions
            cross join store
            where predictions.store_id = $store_id
                and predictions.origin_ts = $origin_ts::timestamptz
                and predictions."window" = 'day'
                and list_contains($item_ids::varchar[], predictions.item_id)
                and store.origin_date + predictions.horizon >= store.today
        ),

        smoothed as (
            select
                *,
                avg(units) over week as mean_7d,
                min(business_date) over (partition by item_id) as first_date
            from told
            window week as (
                partition by item_id order by business_date
                range between interval 6 days preceding and current row
            )
        )

        select
            smoothed.item_id, smoothed.business_date, smoothed.units,
            case when smoothed.business_date >= smoothed.first_date + 6 then smoothed.mean_7d end
                as mean_7d,
            smoothed.is_forecast
        from smoothed
        cross join store
        where smoothed.business_date >= store.origin_date - $days
        order by smoothed.item_id, smoothed.business_date
        """,
        store_id=store_id,
        item_ids=item_ids,
        origin_ts=origin_ts,
        days=days,
    )


def has_accuracy(store_id: str) -> bool:
    """Return whether any forecast of a store has been compared with what came."""
    return bool(
        serving.query(
            "select count(*) > 0 from ml.accuracy where store_id = $store_id", store_id=store_id
        ).item()
    )


def accuracy(store_id: str, *, by: str) -> pl.DataFrame:
    """Return how good the forecasts of a store were.

    Columns: span (one of `SPANS`); week (its Monday), demand_class or item_id where asked for; n,
    censored (forecasts that are not judged), wape (of the median), bias (of the mean), pinball,
    mae (mean absolute error of the median, pieces), rmse (root of the mean squared error of the
    mean, pieces), r2 (share of the variance of demand that the mean explains; below 0 where it is
    worse than always the same), coverage_80, coverage_95. wape, bias and pinball are sums over the
    sum of demand. What has no meaning is null: those where there was no demand, r2 where demand was
    always the same.

    Args:
        store_id: Store.
        by: span, week, demand_class or item; the last three are told by span as well. Items of
            which most pieces were missed come first.
    """
    keys, order = {
        "span": ("span", ""),
        "week": ("span, week", "week"),
        "demand_class": ("span, demand_class", "demand_class"),
        "item": ("span, item_id", "missed desc nulls last, item_id"),
    }[by]
    return serving.query(
        f"""
        with outcomes as (
            select
                {_SPAN} as span,
                cast(date_trunc('week', accuracy.origin_ts at time zone stores.timezone) as date)
                    as week,
                accuracy.demand_class,
                accuracy.item_id,
                coalesce(accuracy.is_censored, false) as is_censored,
                accuracy.actual,
                accuracy.mean,
                accuracy.median,
                accuracy.pinball,
                accuracy.in_80,
                accuracy.in_95
            from ml.accuracy as accuracy
            inner join ref.stores as stores on accuracy.store_id = stores.store_id
            where accuracy.store_id = $store_id
        ),

        measured as (
            select
                {keys},
                count(*) filter (not is_censored) as n,
                count(*) filter (is_censored) as censored,
                sum(actual) filter (not is_censored) as demand,
                sum(abs(actual - median)) filter (not is_censored) as missed,
                sum(mean - actual) filter (not is_censored) as excess,
                sum((mean - actual) ** 2) filter (not is_censored) as squared,
                var_pop(actual) filter (not is_censored) as variance,
                sum(pinball) filter (not is_censored) as loss,
                avg(cast(in_80 as integer)) filter (not is_censored) as coverage_80,
                avg(cast(in_95 as integer)) filter (not is_censored) as coverage_95
            from outcomes
            where list_contains($spans::varchar[], span)
            group by {keys}
        )

        select
            {keys},
            n,
            censored,
            missed / nullif(demand, 0) as wape,
            excess / nullif(demand, 0) as bias,
            loss / nullif(demand, 0) as pinball,
            missed / nullif(n, 0) as mae,
            sqrt(squared / nullif(n, 0)) as rmse,
            1 - squared / nullif(n * variance, 0) as r2,
            coverage_80,
            coverage_95
        from measured
        order by {", ".join(filter(None, ("list_position($spans::varchar[], span)", order)))}
        """,
        store_id=store_id,
        spans=list(SPANS),
    )


# The columns of `best_baselines` that tables of accuracy have, without a row.
NO_BASELINES = pl.DataFrame(
    schema={
        "family": pl.String,
        "demand_class": pl.String,
        "method": pl.String,
        "pinball": pl.Float64,
    }
)


def best_baselines() -> pl.DataFrame:
    """Return the best baseline of each family and demand class, by the backtest of its champion.

    Columns: family, demand_class (or all), method, n, wape, bias, pinball, coverage_80,
    coverage_95.
    """
    return serving.query(
        f"""
        with newest as ({_NEWEST})

        select
            backtests.family,
            backtests.demand_class,
            backtests.method,
            backtests.n,
            backtests.wape,
            backtests.bias,
            backtests.pinball,
            backtests.coverage_80,
            backtests.coverage_95
        from ml.backtests as backtests
        inner join newest on backtests.model_version = newest.reference_version
        where backtests.method not in {_MODELS}
        qualify row_number() over (
            partition by backtests.family, backtests.demand_class
            order by backtests.pinball, backtests.method
        ) = 1
        order by backtests.family, backtests.demand_class
        """
    )


def backtest(family: str) -> pl.DataFrame:
    """Return how every method did on the origins that decided, the best first.

    Columns: method, is_baseline, n, wape, bias, pinball, coverage_80, coverage_95; all demand
    classes together.
    """
    return serving.query(
        f"""
        with newest as ({_NEWEST})

        select
            backtests.method,
            backtests.method not in {_MODELS} as is_baseline,
            backtests.n,
            backtests.wape,
            backtests.bias,
            backtests.pinball,
            backtests.coverage_80,
            backtests.coverage_95
        from ml.backtests as backtests
        inner join newest on backtests.model_version = newest.reference_version
        where backtests.family = $family and backtests.demand_class = 'all'
        order by backtests.pinball, backtests.method
        """,
        family=family,
    )


def decisions() -> pl.DataFrame:
    """Return every decision on a trained model, newest first.

    Columns: those of ml.promotions; is_champion, whether the model speaks now; speaking_version,
    the model of the family that does, null when simple methods do; first_day, last_day, rows and
    items of what it was trained on, null when the model is not kept any more.
    """
    return serving.query(
        f"""
        with newest as ({_NEWEST})

        select
            promotions.*,
            promotions.model_version is not distinct from newest.speaking_version as is_champion,
            newest.speaking_version,
            models.first_day,
            models.last_day,
            models."rows",
            models.items
        from ml.promotions as promotions
        inner join newest on promotions.family = newest.family
        left join ml.models as models on promotions.model_version = models.model_version
        order by promotions.decided_ts desc, promotions.family
        """
    )


def methods() -> pl.DataFrame:
    """Return who forecasts what now: family, demand_class, method."""
    newest = serving.query(f"select family, methods from ({_NEWEST}) order by family")
    rows = [
        (family, demand_class, method)
        for family, spoken in newest.rows()
        for demand_class, method in json.loads(spoken or "{}").items()
    ]
    schema = {"family": pl.String, "demand_class": pl.String, "method": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def drift_of_features(family: str) -> pl.DataFrame:
    """Return the newest population stability index of each feature, the largest first.

    Columns: feature, value, threshold, is_alarm, as_of_ts.
    """
    return serving.query(
        """
        select feature, "value", threshold, is_alarm, as_of_ts
        from ml.drift
        where family = $family and metric = 'psi'
        qualify as_of_ts = max(as_of_ts) over ()
        order by "value" desc, feature
        """,
        family=family,
    )


def drift_over_time(family: str) -> pl.DataFrame:
    """Return the measures of a family that have no feature, oldest first.

    Columns: metric, as_of_ts, value, threshold, is_alarm, model_version.
    """
    return serving.query(
        """
        select metric, as_of_ts, "value", threshold, is_alarm, model_version
        from ml.drift
        where family = $family and metric in ('error_ratio', 'coverage_80')
        order by metric, as_of_ts
        """,
        family=family,
    )


def importance(family: str) -> pl.DataFrame:
    """Return what the champion of a family looks at: feature, gain_share, shap_share."""
    return serving.query(
        f"""
        with newest as ({_NEWEST})

        select importance.feature, importance.gain_share, importance.shap_share
        from ml.feature_importance as importance
        inner join newest on importance.model_version = newest.speaking_version
        where importance.family = $family
        order by importance.shap_share desc, importance.gain_share desc, importance.feature
        """,
        family=family,
    )
