"""Store map: where help is needed now, and what to do about it."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.floor_plan import SHARES, Zone, clicked_zone, floor_plan, zones_of
from dashboard.charts.traffic import people_over_the_day
from dashboard.components import alert_list, downloads, explain, figure, item_links, tables
from dashboard.components.shelf_list import shelf_list
from dashboard.data import alerts, store_map, stores
from dashboard.data.alerts import AlertFilter
from dashboard.page import Filters, Page, PageContext
from dashboard.serving import RUN_A_DAY, START

_ZONE = "zone"
_MAP = "floor_plan"
_ALERTS = "map_alerts"
_NEEDY = "map_needy_zones"


def render(context: PageContext) -> None:
    """Draw the page."""
    status = stores.status(context.store.store_id)
    if status.is_empty():
        explain.nothing(
            f"{context.store.name} has not reported yet",
            "There are no figures for this store in what was published.",
            START,
            RUN_A_DAY,
        )
        return
    figures = status.row(0, named=True)
    _figures(figures, context)
    zones = zones_of(store_map.zones(context.store.store_id, context.categories))
    if not context.store.tracks_stock:
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so there is no stock to show on a map. Its sales are above.",
        )
    elif context.categories and not any(zone.shelves for zone in zones):
        st.info("No zone of the map has these categories.", icon=":material/filter_alt_off:")
    elif not any(zone.shelves for zone in zones):
        explain.nothing(
            "No shelf has reported yet",
            "The store is known, but no stock of it was counted so far.",
            START,
            RUN_A_DAY,
        )
    else:
        _map_and_panel(zones, context)


def _figures(figures: dict[str, object], context: PageContext) -> None:
    about_stock = {
        "Shelf alerts": ("shelf_alerts", "Active alerts of shelves: open or acknowledged."),
        "Warehouse alerts": ("warehouse_alerts", "Active alerts of the warehouse."),
        "Empty shelves": ("empty_shelves", "Shelves with nothing on them."),
        "Open tasks": ("open_tasks", "Restock tasks that were issued or are under way."),
    }
    about_people = {"People in store": ("people_in_store", "Entries minus exits.")}
    about_sales = {
        "Receipts today": ("receipts_today", "Sales receipts of the store's business day."),
        "Units today (pcs)": ("units_today", "Pieces sold today."),
        f"Sales today ({figures['currency']})": ("sales_today", "What the tills took today."),
    }
    has_doors = figures["last_traffic_ts"] is not None
    tracks_stock = context.store.tracks_stock
    shown = (
        (about_people if has_doors else {}) | (about_stock if tracks_stock else {}) | about_sales
    )
    if context.categories and tracks_stock:
        # People and receipts are of all goods.
        shown = about_stock
        figures = store_map.figures(context.store.store_id, context.categories).row(0, named=True)
    with st.container(border=True, key="figures"):
        for place, (name, (column, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            value = figures[column]
            place.metric(name, round(float(str(value))), help=meaning, format="localized")


@st.fragment
def _map_and_panel(zones: list[Zone], context: PageContext) -> None:
    """Draw map and panel; a click draws only these again."""
    plan, panel = st.columns([57, 43], gap="medium")
    with figure.sent_last():
        with panel:
            selected = _choose_zone(zones)
        with plan:
            figure.draw(
                lambda: floor_plan(zones, context.palette, selected.zone_id if selected else None),
                _MAP,
                "Floor plan of the store; each zone shows how many of its shelves have alerts. "
                "The same zones can be chosen in the list beside it.",
                _on_click,
            )
            st.html(_legend())
        with panel:
            if selected:
                _zone_panel(selected, context)
            else:
                _overview(zones, context)


def _on_click() -> None:
    zone_id = clicked_zone(st.session_state[_MAP])
    if zone_id:
        st.session_state[_ZONE] = zone_id


def _choose_zone(zones: list[Zone]) -> Zone | None:
    by_id = {zone.zone_id: zone for zone in sorted(zones, key=lambda zone: zone.label)}
    choice = st.selectbox(
        "Zone",
        list(by_id),
        index=None,
        format_func=lambda zone_id: by_id[zone_id].label,
        placeholder="Click a zone on the map, or choose one here",
        key=_ZONE,
        bind="query-params",
        label_visibility="collapsed",
        icon=":material/location_on:",
    )
    return by_id.get(choice) if choice else None


def _legend() -> str:
    limits = ", ".join(f"{share:.0%}" for share in SHARES[1:])
    ramp = "".join(
        f'<i class="ss-swatch" style="background:var(--ss-red-{place})"></i>'
        for place in range(len(SHARES))
    )
    return (
        '<div class="ss-legend">'
        '<span><i class="ss-swatch"></i>no alerts</span>'
        '<span><i class="ss-swatch ss-hatched"></i><i class="ss-count ss-square">2</i>'
        "acknowledged, restock on its way</span>"
        f'<span><i class="ss-ramp">{ramp}</i><i class="ss-count">2</i>'
        f"open; stronger at {limits} of the shelves</span>"
        "</div>"
    )


def _overview(zones: list[Zone], context: PageContext) -> None:
    _people(context)
    needy = sorted(
        (zone for zone in zones if zone.state != "calm"),
        key=lambda zone: (-zone.open_alerts, -zone.acknowledged_alerts, zone.label),
    )
    if not needy:
        st.subheader("Where help is needed", anchor=False)
        st.success("All shelves are fine: no zone has an alert.", icon=":material/check_circle:")
    else:
        _zone_table(needy)
    elsewhere = store_map.alerts_off_the_map(context.store.store_id, context.categories)
    if elsewhere:
        st.caption(
            f"{text.plural(elsewhere, 'more alert')} of categories that are not on the map: "
            "see Alerts."
        )


def _zone_table(needy: list[Zone]) -> None:
    frame = pl.DataFrame(
        {
            "zone_id": [zone.zone_id for zone in needy],
            "label": [zone.label for zone in needy],
            "open": [zone.open_alerts for zone in needy],
            "acknowledged": [zone.acknowledged_alerts for zone in needy],
            "empty": [zone.empty_shelves for zone in needy],
            "low": [round(100 * zone.low_shelves / max(zone.shelves, 1)) for zone in needy],
        }
    )
    downloads.heading("Where help is needed", frame, "zones")
    config = st.column_config
    tables.table(
        frame,
        key=_NEEDY,
        id_column="zone_id",
        columns={
            "label": config.TextColumn("Zone", width=152),
            "open": config.NumberColumn("▲ Open", width=64),
            "acknowledged": config.NumberColumn("◆ Ack.", width=60),
            "empty": config.NumberColumn("Empty", width=58),
            "low": config.ProgressColumn(
                "Low (%)",
                format="%d",
                min_value=0,
                max_value=100,
                width=128,
                help="Share of its shelves.",
            ),
        },
        rows="single-row",
        height=480,
        on_choice=_on_needy_zone,
    )


def _on_needy_zone(zone_ids: list[str]) -> None:
    if zone_ids:
        st.session_state[_ZONE] = zone_ids[0]
        # Whoever comes back finds the list with no row chosen.
        tables.choose(_NEEDY, [])


def _people(context: PageContext) -> None:
    people = stores.people_today(context.store.store_id)
    st.subheader("People in store today", anchor=False)
    if people.is_empty():
        st.caption("Nobody was counted at the doors today.")
        return
    figure.draw(
        lambda: people_over_the_day(people, context.timezone, context.palette),
        "people",
        "People in the store over the day",
    )


def _zone_panel(zone: Zone, context: PageContext) -> None:
    frame = store_map.zones(context.store.store_id, context.categories)
    category = frame.filter(pl.col("zone_id") == zone.zone_id).get_column("category").item()
    st.html(
        '<div class="ss-legend">'
        f'<span><i class="ss-count">{zone.open_alerts}</i>open</span>'
        f'<span><i class="ss-count ss-square">{zone.acknowledged_alerts}</i>acknowledged</span>'
        f'<span class="ss-muted">{zone.low_shelves} of {zone.shelves} shelves low, '
        f"{zone.empty_shelves} empty</span></div>"
    )
    _zone_alerts(category, context)
    shelves = store_map.shelves(context.store.store_id, category).with_columns(
        store_id=pl.lit(context.store.store_id)
    )
    downloads.heading("Shelves", shelves, "shelves")
    shelf_list(item_links.with_addresses(shelves, context), context.timezone)


def _zone_alerts(category: str, context: PageContext) -> None:
    found = alerts.alerts(
        context.store_ids, AlertFilter(statuses=alerts.ACTIVE, categories=(category,))
    )
    if found.is_empty():
        st.subheader("Alerts", anchor=False)
        st.caption("None: neither on the shelves nor in the warehouse.")
        return
    downloads.heading("Alerts", found, "zone_alerts")
    chosen = tables.table(
        item_links.with_addresses(
            alert_list.readable(found.sort("location", maintain_order=True)), context
        ),
        key=_ALERTS,
        id_column="alert_id",
        columns=alert_list.narrow_columns(context.timezone),
        rows="multi-row",
        height=220,
    )
    alert_list.action_form(
        found.filter(pl.col("alert_id").is_in(chosen)), context, table_key=_ALERTS, is_wide=False
    )


PAGE = Page("Store map", ":material/map:", "map", render, filters=Filters(by_category=True))
