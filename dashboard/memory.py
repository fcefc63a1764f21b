"""What the app has in memory for as long as it runs."""

import gc
from functools import cache


@cache
def keep_what_is_loaded() -> None:
    """Leave the modules that have been loaded out of every later search for garbage; once.

    Streamlit searches all of memory after each run of the script, while the last messages of the
    page wait to be sent: as long again as most pages take. Nearly all of what it looks through is
    code, of Plotly, pandas and Arrow, which never goes away.
    """
    gc.collect()
    gc.freeze()
