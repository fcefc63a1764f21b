"""Where the files shipped with the project lie."""

from pathlib import Path
from typing import Final

DATA_DIR: Final = Path(__file__).resolve().parents[1] / "data"
PARAMETERS_FILE: Final = DATA_DIR / "catalogue" / "parameters.json"
SUBCATEGORIES_FILE: Final = DATA_DIR / "catalogue" / "subcategories.csv"
ZONES_FILE: Final = DATA_DIR / "layout" / "zones.csv"
CONTRACTS_DIR: Final = DATA_DIR / "contracts"
