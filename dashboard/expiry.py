"""How near expiry is told: bands of days, with words, signs and colours.

Belongs here: presentation only. Which lots are marked down or removed is decided by the models.
"""

from dataclasses import dataclass

from dashboard.theme import Palette


@dataclass(frozen=True)
class Band:
    """Lots that are about as near to their expiry.

    Attributes:
        name: What it is called.
        last_day: Most days to expiry of its lots; `None` for no limit.
        mark: Its sign.
    """

    name: str
    last_day: int | None
    mark: str = ""


EXPIRED = Band("Expired", -1, "✕")
BANDS = (
    EXPIRED,
    Band("Today or tomorrow", 1, "▲"),
    Band("In 2 to 5 days", 5, "◆"),
    Band("Later", None),
)


def band_of(days: int) -> Band:
    """Return the band of a lot by its days to expiry."""
    return next(band for band in BANDS if band.last_day is None or days <= band.last_day)


def colour_of(band: Band, palette: Palette) -> str:
    """Return the colour of a band."""
    colours = (palette.reds[3], palette.reds[2], palette.amber_edge, palette.shelf)
    return colours[BANDS.index(band)]


def words(days: int | None) -> str:
    """Return when a lot expires, in words, with the sign of its band."""
    if days is None:
        return "not known"
    band = band_of(days)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    far = f"{-days} d ago" if days < 0 else f"in {days} d"
    return f"{band.mark} {near.get(days, far)}".strip()
