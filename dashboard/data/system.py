"""What the system page asks: streams, refused events, tables, benchmarks."""

import polars as pl

from dashboard import serving


def streams() -> pl.DataFrame:
    """Return one row per topic, with how far its newest event lies behind the publication."""
    return serving.query(
        """
        select
            streams.topic,
            streams.rows,
            streams.last_event_ts,
            epoch(publication.as_of_ts) - epoch(streams.last_event_ts) as lag_s,
            streams.files,
            streams.size_bytes,
            streams.version
        from live.stream_status as streams
        cross join meta.publication as publication
        order by streams.topic
        """
    )


def refusals() -> pl.DataFrame:
    """Return refused events by topic and reason, most frequent first."""
    return serving.query(
        """
        select topic, reason_code, events, last_ts
        from dq.quarantine_summary
        order by events desc, topic, reason_code
        """
    )


def latest_refusals() -> pl.DataFrame:
    """Return the newest refused events in full."""
    return serving.query(
        """
        select ingest_ts, topic, reason_code, reason, event_id, payload, payload_encoding, stream,
            stream_id, entry_index
        from dq.quarantine_latest
        order by ingest_ts desc, stream_id desc
        """
    )


def tables() -> pl.DataFrame:
    """Return what was published or read: table, role, Delta version and rows."""
    known = serving.query(
        """
        select meta_tables."table", meta_tables.role, meta_tables.version,
            relations.table_name is not null as is_served
        from meta.tables as meta_tables
        left join information_schema.tables as relations
            on meta_tables."table" = relations.table_schema || '/' || relations.table_name
            and relations.table_catalog = current_database()
        order by meta_tables.role, meta_tables."table"
        """
    )
    served = known.filter(pl.col("is_served")).get_column("table").to_list()
    counts = row_counts([table.replace("/", ".") for table in served])
    rows = dict(zip(served, counts, strict=True))
    return known.select(
        "table",
        "role",
        "version",
        pl.col("table").replace_strict(rows, default=None, return_dtype=pl.Int64).alias("rows"),
    )


def benchmarks() -> pl.DataFrame:
    """Return the newest of each figure that is held against a target; none where none was kept."""
    if not serving.has_table("ops", "benchmarks"):
        return pl.DataFrame()
    return serving.query(
        """
        select name, unit, figure, target, is_at_least, is_met, measured_at, method, machine
        from ops.benchmarks
        where target is not null
        qualify row_number() over (partition by name, unit order by measured_at desc, run_id) = 1
        order by is_met, name, unit
        """
    )


def row_counts(tables: list[str]) -> list[int]:
    """Return the rows of served tables, named `<schema>.<table>`; names are bound as well."""
    if not tables:
        return []
    parts = (
        f"select {place} as place, count(*) as rows from query_table($t{place})"
        for place in range(len(tables))
    )
    frame = serving.query(
        " union all ".join(parts) + " order by place",
        **{f"t{place}": table for place, table in enumerate(tables)},
    )
    return frame.get_column("rows").to_list()
