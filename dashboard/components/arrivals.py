"""How long events take from the till to the lake, on the pages Live and System."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.lag import lag
from dashboard.components import downloads, figure
from dashboard.data import live, quality
from dashboard.page import PageContext


def of_receipts(minutes: int, step: int, span: str, context: PageContext) -> None:
    """Draw what receipts took that came in the last minutes, from the tills of chosen stores.

    Args:
        minutes: How far back.
        step: Minutes of a point.
        span: How far back that is, in words.
        context: Of the page.
    """
    found = live.lags(context.store_ids, minutes=minutes, step=step)
    loaded = int(found.get_column("loaded").sum())
    if loaded and not found.get_column("receipts").sum():
        st.caption(
            f"Loaded, not live: the {text.plural(loaded, 'receipt')} of the last {span} of the "
            "stores are of a past that was loaded, so no delay can be told."
        )
        return
    if not found.get_column("receipts").sum():
        st.caption(f"No receipt came into the lake in the last {span} of the stores.")
        return
    warn, fail = quality.arrival_bounds(live.clock())
    found = found.with_columns(warn_s=pl.lit(warn), fail_s=pl.lit(fail))
    downloads.summary(f"**From the till to the lake** in the last {span}:", found, "lag")
    figure.draw(
        lambda: lag(found, context.timezone, context.palette),
        "lag",
        f"Time that half and 95 % of the receipts took from the till to the lake, last {span}",
    )
