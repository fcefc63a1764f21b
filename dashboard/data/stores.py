"""Stores, and the publication that everything on a page comes from."""

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dashboard import serving
from smartshelf_dagster.domain.version import version_name


@dataclass(frozen=True)
class Publication:
    """What is in place.

    Attributes:
        as_of: The time its figures were computed for, by the clock of the stores.
        published_at: When it was published, wall time.
    """

    as_of: datetime
    published_at: datetime

    @property
    def version(self) -> str:
        """Its name, as the HTTP API tells it."""
        return version_name(self.published_at)


@dataclass(frozen=True)
class Store:
    """A store one can choose.

    Attributes:
        store_id: Its id.
        name: Name people use.
        city: Town.
        timezone: IANA time zone.
        currency: ISO 4217.
        tracks_stock: Whether it has shelf sensors; else only its sales are known.
    """

    store_id: str
    name: str
    city: str
    timezone: str
    currency: str
    tracks_stock: bool

    @property
    def label(self) -> str:
        """What it is called in a choice of stores, and so in the URL."""
        return f"{self.name} ({self.store_id})"


def publication() -> Publication:
    """Return the publication in place.

    Raises:
        ServingUnavailableError: Nothing was published yet.
    """
    rows = serving.query("select as_of_ts, published_at from meta.publication").rows()
    if not rows:
        raise serving.ServingUnavailableError(
            "The publication is not complete",
            "It does not say what it was made from.",
            serving.REBUILD,
            serving.START,
        )
    return Publication(*rows[0])


def stores() -> list[Store]:
    """Return all stores by id."""
    rows = serving.query(
        """
        select store_id, store_name, city, timezone, currency, stock_tracking = 'sensors'
        from ref.stores
        order by store_id
        """
    ).rows()
    return [Store(*row) for row in rows]


def status(store_id: str) -> pl.DataFrame:
    """Return the live figures of a store: one row, or none when it has not reported yet."""
    return serving.query(
        "select * from live.store_status where store_id = $store_id", store_id=store_id
    )


def business_date(store_id: str, otherwise: datetime) -> date:
    """Return the business day of a store; the day of an instant when it has not reported yet."""
    found = status(store_id)
    day: date = otherwise.date() if found.is_empty() else found.get_column("business_date")[0]
    return day


def first_day() -> date | None:
    """Return the first business day of which sales are told, `None` where none is yet."""
    if not serving.has_table("analytics", "kpi_daily"):
        return None
    day: date | None = serving.query("select min(date_key) from analytics.kpi_daily").item()
    return day


def people_today(store_id: str) -> pl.DataFrame:
    """Return people in a store over its business day: pane_start_ts, people_in_store."""
    return serving.query(
        """
        select traffic.pane_start_ts, traffic.people_in_store
        from live.store_traffic as traffic
        inner join live.store_status as status on traffic.store_id = status.store_id
        where traffic.store_id = $store_id
            and cast(traffic.pane_start_ts at time zone status.timezone as date)
                = status.business_date
        order by traffic.pane_start_ts
        """,
        store_id=store_id,
    )
