"""What the system page asks: parts, jobs, streams, refused events, tables, archive, benchmarks."""

import polars as pl

from dashboard import serving


def parts() -> pl.DataFrame:
    """Return the parts of the system: component, status, latency_s, last_ok_ts, message."""
    return serving.query(
        "select component, status, latency_s, last_ok_ts, message from live.system_status"
    )


def last_batch_s() -> float | None:
    """Return how long the newest micro-batch that is over took, seconds; `None` before the first.

    Runs are known from the half-hourly check of the data on.
    """
    if not serving.has_table("ops", "job_runs"):
        return None
    found = serving.query(
        """
        select duration_s
        from ops.job_runs
        where job = 'micro_batch' and status = 'SUCCESS'
        order by ended_ts desc
        limit 1
        """
    )
    return None if found.is_empty() else found.item()


def zone_count() -> int:
    """Return how many zones the map of the stores has."""
    return int(serving.query("select count(*) from ref.zones").item())


def archive() -> pl.DataFrame:
    """Return what lies in the archive by table; no row where nothing was ever moved there.

    Columns: table, days, rows, bytes, hot_bytes, first_day, last_day, archived_at, restored. Days
    that came back are counted in restored alone.
    """
    if not serving.has_table("ops", "retention_log"):
        return pl.DataFrame()
    return serving.query(
        """
        select
            "table",
            count(distinct "partition") filter (restored_at is null) as days,
            cast(coalesce(sum("rows") filter (restored_at is null), 0) as bigint) as "rows",
            cast(coalesce(sum("bytes") filter (restored_at is null), 0) as bigint) as "bytes",
            cast(coalesce(sum(hot_bytes) filter (restored_at is null), 0) as bigint) as hot_bytes,
            min(split_part("partition", '=', 2)) filter (restored_at is null) as first_day,
            max(split_part("partition", '=', 2)) filter (restored_at is null) as last_day,
            max(archived_at) as archived_at,
            count(distinct "partition") filter (restored_at is not null) as restored
        from ops.retention_log
        group by "table"
        order by "table"
        """
    )


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
