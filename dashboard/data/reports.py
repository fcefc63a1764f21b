"""Which business reports there are."""

import polars as pl

from dashboard import serving
from dashboard.data.analysis import Scope


def reports(scope: Scope) -> pl.DataFrame:
    """Return the reports about a store, or about all of them, the newest first.

    Columns: report_type, report_date (the last day it is about), narrative, html_path. Of one day,
    the morning report comes before those of the week and the month.
    """
    return serving.query(
        """
        select report_type, report_date, narrative, html_path
        from ops.business_reports
        where store_id = $store_id and currency = $currency
        order by report_date desc, report_type
        """,
        store_id=scope.store_id,
        currency=scope.currency,
    )
