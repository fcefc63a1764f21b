"""Who buys: segments, scores, cohorts, habits, lifetime values."""

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL

# Periods of `analytics.customer_behavior`: all time, here.
_ALL_TIME = "all"


def currencies() -> list[str]:
    """Return the currencies in which identified customers bought."""
    return (
        serving.query("select distinct currency from analytics.customer_rfm order by currency")
        .get_column("currency")
        .to_list()
    )


def segments(currency: str) -> pl.DataFrame:
    """Return the segments of customers, the most revenue first."""
    return serving.query(
        """
        select *
        from analytics.rfm_segment_summary
        where currency = $currency
        order by revenue desc, segment
        """,
        currency=currency,
    )


def scores(currency: str) -> pl.DataFrame:
    """Return how many customers have which scores of recency and frequency.

    Columns: r_score, f_score (1 to 5 each), segment, customers, revenue, avg_recency_days,
    avg_frequency. Scores that nobody has are left out.

    Args:
        currency: ISO 4217.
    """
    return serving.query(
        """
        select
            r_score, f_score, segment,
            count(*) as customers,
            sum(monetary) as revenue,
            avg(recency_days) as avg_recency_days,
            avg(frequency) as avg_frequency
        from analytics.customer_rfm
        where currency = $currency
        group by r_score, f_score, segment
        order by r_score, f_score
        """,
        currency=currency,
    )


def members(currency: str, segment: str | None, text: str) -> pl.DataFrame:
    """Return customers with their scores and what is expected of them, the most money first.

    Args:
        currency: ISO 4217.
        segment: Only of this one.
        text: Part of an id.
    """
    return serving.query(
        """
        select
            rfm.customer_id, rfm.segment, rfm.prev_segment, rfm.rfm_code, rfm.recency_days,
            rfm.frequency, rfm.monetary, value.p_alive, value.expected_tx_52w, value.clv_12m,
            value.clv_decile
        from analytics.customer_rfm as rfm
        left join analytics.customer_clv as value
            on rfm.customer_id = value.customer_id and rfm.currency = value.currency
            and value.scope = $all
        where rfm.currency = $currency
            and ($segment is null or rfm.segment = $segment)
            and contains(lower(rfm.customer_id), lower($text))
        order by rfm.monetary desc, rfm.customer_id
        """,
        currency=currency,
        segment=segment,
        text=text,
        all=ALL,
    )


def cohorts(currency: str) -> pl.DataFrame:
    """Return what share of each month's new customers came back: cohort_month, month_offset."""
    return serving.query(
        """
        select cohort_month, month_offset, customers, active, retention_pct, revenue
        from analytics.cohort_retention
        where currency = $currency and is_complete
        order by cohort_month, month_offset
        """,
        currency=currency,
    )


def deciles(currency: str) -> pl.DataFrame:
    """Return the profit expected of customers in a year, by tenth: the tenth is worth most."""
    return serving.query(
        """
        select
            clv_decile,
            count(*) as customers,
            sum(clv_12m) as clv_12m,
            avg(p_alive) as p_alive,
            any_value(model_status) as model_status
        from analytics.customer_clv
        where currency = $currency and scope = $all and clv_decile is not null
        group by clv_decile
        order by clv_decile
        """,
        currency=currency,
        all=ALL,
    )


def value_classes(currency: str) -> pl.DataFrame:
    """Return how many customers are worth how much in the year to come.

    Classes begin at round values, each about half as much again as the one before, so that many
    of little worth and few of great worth are told in one picture. There are no gaps between the
    first and the last.

    Columns: from_value (null for less than 10), to_value, customers, clv_12m (of all in the class).

    Args:
        currency: ISO 4217.
    """
    return serving.query(
        """
        with starts as (
            select steps.step * powers.power as from_value
            from (select unnest([10, 15, 20, 30, 50, 70]) as step) as steps
            cross join (select cast(10 ** unnest(range(12)) as bigint) as power) as powers
        ),

        classes as (
            select
                from_value,
                lead(from_value) over (order by from_value) as to_value,
                row_number() over (order by from_value) as class_no
            from starts
            union all
            select null, 10, 0
        ),

        counted as (
            select
                classes.class_no, any_value(classes.from_value) as from_value,
                any_value(classes.to_value) as to_value,
                count(value.customer_id) as customers,
                coalesce(sum(value.clv_12m), 0) as clv_12m
            from classes
            left join analytics.customer_clv as value
                on value.currency = $currency and value.scope = $all
                and value.clv_12m < classes.to_value
                and (classes.from_value is null or value.clv_12m >= classes.from_value)
            group by classes.class_no
        )

        select from_value, to_value, customers, clv_12m
        from counted
        where class_no between
            (select min(class_no) from counted where customers > 0)
            and (select max(class_no) from counted where customers > 0)
        order by class_no
        """,
        currency=currency,
        all=ALL,
    )


def habits(currency: str) -> pl.DataFrame:
    """Return how customers behave, by whether they still come: those who come first.

    Columns: churn_risk (active, cooling, lapsed, or null for who bought on one day only),
    customers, customers_share_pct, total_spent, avg_transactions, avg_transaction_value,
    mean_gap_days, avg_recency_days, stores_visited, unique_products, discount_share_pct,
    return_rate_units_pct. Of all time; means are over customers.

    Args:
        currency: ISO 4217.
    """
    return serving.query(
        """
        select
            churn_risk,
            count(*) as customers,
            100.0 * count(*) / sum(count(*)) over () as customers_share_pct,
            sum(total_spent) as total_spent,
            avg(transactions) as avg_transactions,
            avg(avg_transaction_value) as avg_transaction_value,
            avg(mean_gap_days) as mean_gap_days,
            avg(recency_days) as avg_recency_days,
            avg(stores_visited) as stores_visited,
            avg(unique_products) as unique_products,
            avg(discount_share_pct) as discount_share_pct,
            avg(return_rate_units_pct) as return_rate_units_pct
        from analytics.customer_behavior
        where currency = $currency and period = $period and transactions > 0
        group by churn_risk
        order by list_position(['active', 'cooling', 'lapsed'], churn_risk) nulls last
        """,
        currency=currency,
        period=_ALL_TIME,
    )


def favourite_hours(currency: str) -> pl.DataFrame:
    """Return how many customers come most on which weekday, and at which hour.

    Columns: favourite_weekday (1 is Monday), favourite_hour (of the store), customers. The two
    are told apart for each customer.

    Args:
        currency: ISO 4217.
    """
    return serving.query(
        """
        select favourite_weekday, favourite_hour, count(*) as customers
        from analytics.customer_behavior
        where currency = $currency and period = $period and transactions > 0
        group by favourite_weekday, favourite_hour
        order by favourite_weekday, favourite_hour
        """,
        currency=currency,
        period=_ALL_TIME,
    )


def staying_away(currency: str, churn_risk: str) -> pl.DataFrame:
    """Return customers who stay away longer than they use to, those who spent most first.

    Columns: customer_id, segment (null without a purchase in a year), last_purchase_date,
    recency_days, mean_gap_days, gaps_missed (recency over the mean gap), transactions,
    total_spent, clv_12m, favourite_category.

    Args:
        currency: ISO 4217.
        churn_risk: cooling or lapsed.
    """
    return serving.query(
        """
        select
            habits.customer_id, rfm.segment, habits.last_purchase_date, habits.recency_days,
            habits.mean_gap_days, habits.recency_days / habits.mean_gap_days as gaps_missed,
            habits.transactions, habits.total_spent, value.clv_12m, habits.favourite_category
        from analytics.customer_behavior as habits
        left join analytics.customer_rfm as rfm
            on habits.customer_id = rfm.customer_id and habits.currency = rfm.currency
        left join analytics.customer_clv as value
            on habits.customer_id = value.customer_id and habits.currency = value.currency
            and value.scope = $all
        where habits.currency = $currency and habits.period = $period
            and habits.churn_risk = $churn_risk
        order by habits.total_spent desc, habits.customer_id
        """,
        currency=currency,
        churn_risk=churn_risk,
        period=_ALL_TIME,
        all=ALL,
    )
