"""With what the app runs: paths, intervals, settings, zones. For who looks into a problem."""

from urllib.parse import urlsplit, urlunsplit

import polars as pl
import streamlit as st
from pydantic import SecretStr

from dashboard import access
from dashboard.components import downloads, tables
from dashboard.data import stores, system
from smartshelf_dagster.domain.access import Role
from smartshelf_dagster.settings import Settings, load_settings


def box(look_every_s: int, old_after_s: float) -> None:
    """Draw what the app runs with, closed at first; for admins only, as it names folders and hosts.

    Args:
        look_every_s: How often a page looks for a new publication, seconds.
        old_after_s: After how long without one the data count as old, seconds.
    """
    if not any(grant.role is Role.ADMIN for grant in access.principal().grants):
        return
    settings = load_settings()
    with st.expander("What this app runs with", icon=":material/build:"):
        left, right = st.columns([60, 40], gap="large")
        with left:
            _settings(settings)
        with right:
            _paths_and_intervals(settings, look_every_s, old_after_s)
            _zones()


def settings_told(settings: Settings) -> pl.DataFrame:
    """Return the settings, those that were set first: setting, value, is_set, meaning.

    Secrets are not told, nor is who logs in at an address.
    """
    rows = [
        (
            f"SMARTSHELF_{name.upper()}",
            _told(getattr(settings, name)),
            name in settings.model_fields_set,
            field.description,
        )
        for name, field in type(settings).model_fields.items()
    ]
    found = pl.DataFrame(rows, schema=["setting", "value", "is_set", "meaning"], orient="row")
    return found.sort("is_set", descending=True, maintain_order=True)


def _told(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(hidden)"
    if isinstance(value, dict):
        return ", ".join(f"{name}={number:g}" for name, number in value.items()) or "-"
    told = "-" if value is None else str(value)
    if "://" not in told:
        return told
    parts = urlsplit(told)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def _settings(settings: Settings) -> None:
    found = settings_told(settings)
    downloads.summary("**Settings**, those that were set first:", found, "settings")
    config = st.column_config
    tables.show(
        found,
        key="settings",
        hide_index=True,
        height=tables.height_of(len(found), most=458),
        column_config={
            "setting": config.TextColumn("Setting"),
            "value": config.TextColumn("Value", width="medium"),
            "is_set": config.CheckboxColumn("Set", help="Not the default."),
            "meaning": config.TextColumn("Meaning", width="large"),
        },
    )


def _paths_and_intervals(settings: Settings, look_every_s: int, old_after_s: float) -> None:
    told = {
        "Lake": _told(settings.lake),
        "Serving file": settings.serving_path,
        "Warehouse": settings.warehouse_path,
        "State": settings.state_path,
        "Logs": settings.log_dir,
        "A micro-batch every": f"{settings.micro_batch_interval_s} s at least",
        "Pages look for news every": f"{look_every_s} s",
        "Data count as old after": f"{old_after_s:.0f} s without a publication",
    }
    st.markdown("**Paths and intervals**")
    st.markdown("\n".join(f"- {name}: `{value}`" for name, value in told.items()))


def _zones() -> None:
    found = pl.DataFrame(
        [(store.store_id, store.city, store.timezone) for store in stores.stores()],
        schema=["store_id", "city", "timezone"],
        orient="row",
    )
    downloads.summary(
        f"**Time zones** of the stores; their map has {system.zone_count()} zones:",
        found,
        "time_zones",
    )
    config = st.column_config
    tables.show(
        found,
        key="time_zones",
        hide_index=True,
        height=tables.height_of(len(found), most=213),
        column_config={
            "store_id": config.TextColumn("Store"),
            "city": config.TextColumn("City"),
            "timezone": config.TextColumn("Time zone"),
        },
    )
