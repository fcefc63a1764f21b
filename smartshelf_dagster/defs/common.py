"""What definitions share: names of groups, tags and owners. A leaf; imports nothing of ours."""

OWNERS = ["team:data-platform"]
WRITER_LANE = {"smartshelf/lane": "writer"}
# Who goes first of those that wait for the lane; the others keep the order in which they came. An
# order has a deadline, and what people see must not grow old behind an analysis.
CUTOFF_LANE = WRITER_LANE | {"dagster/priority": "2"}
MICRO_BATCH_LANE = WRITER_LANE | {"dagster/priority": "1"}

INGEST = "ingest"
DECISIONS = "decisions"
ORDERS = "orders"
FORECASTS = "forecasts"
SERVING = "serving"
REPORTS = "reports"
MAINTENANCE = "maintenance"
QUALITY = "quality"
STREAMS = "streams"
REFERENCE = "reference"
