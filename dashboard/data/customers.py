"""Who buys: segments, cohorts, lifetime values."""

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL


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
    """Return what customers are expected to spend in a year, by tenth: the tenth is worth most."""
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
