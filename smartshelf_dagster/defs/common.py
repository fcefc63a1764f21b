"""What definitions share: names of groups, tags and owners. A leaf; imports nothing of ours."""

OWNERS = ["team:data-platform"]
WRITER_LANE = {"smartshelf/lane": "writer"}

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
