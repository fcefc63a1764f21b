"""The reference folder: written once by `bootstrap`, read by every run.

It holds the reference tables as Parquet, the opening lots, a copy of the parameters, and last of
all `world.json`: seed, stores, start and a fingerprint. A folder with that file is complete; a
checkpoint made for another fingerprint is refused.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from simulator.catalogue import FloatArray, ItemDraw, draw_items, draw_store, read_subcategories
from simulator.clock import BusinessCalendar, clock_text, parse_instant, to_datetime
from simulator.contracts import conform
from simulator.errors import SimulatorError
from simulator.lots import SHELF, LotTable, draw_opening_lots
from simulator.parameters import FaultParameters, Parameters, load_parameters
from simulator.paths import PARAMETERS_FILE, SUBCATEGORIES_FILE, ZONES_FILE
from simulator.promotions import PriceBook, draw_promotions

WORLD_FILE: Final = "world.json"
PARAMETERS_COPY: Final = "parameters.json"
FINGERPRINT_DIGITS: Final = 16
FIRST_BATCH_CODE: Final = 1


@dataclass(frozen=True, slots=True)
class World:
    """Identity of a world.

    Attributes:
        seed: Seed of all draws.
        stores: Store ids.
        start: First instant, RFC 3339 UTC.
        fingerprint: Hash of all that the reference data follow from.
    """

    seed: int
    stores: tuple[str, ...]
    start: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class StoreReference:
    """What the world of one store needs to know; lists are by item number.

    Attributes:
        world: Identity of the world.
        store_id: Store.
        calendar: Business days of the store.
        parameters: Business parameters.
        item_id: Identifier of item and shelf.
        unit_weight_g: Weight of a piece, g.
        category: Category.
        is_perishable: Whether it is fresh, chilled or frozen.
        batch_size: Pieces in a supplier batch.
        shelf_capacity: Pieces that fit on the shelf.
        warehouse_capacity: Pieces that fit in the warehouse.
        visibility: Share by which the shelf catches the eye.
        prices: List prices and discounts.
        lots: Master data of the opening lots.
        opening: Per lot: whether it lies on the shelf, and its pieces.
    """

    world: World
    store_id: str
    calendar: BusinessCalendar
    parameters: Parameters
    item_id: list[str]
    unit_weight_g: list[int]
    category: list[str]
    is_perishable: list[bool]
    batch_size: list[int]
    shelf_capacity: list[int]
    warehouse_capacity: list[int]
    visibility: list[float]
    prices: PriceBook
    lots: LotTable
    opening: list[tuple[bool, int]]

    @property
    def start_ms(self) -> int:
        """First instant of the world, ms."""
        return parse_instant(self.world.start)


def bootstrap(
    out: Path, *, stores: int, seed: int, start_ms: int, parameters_file: Path = PARAMETERS_FILE
) -> World:
    """Generates the reference folder of a new world.

    Running it again with the same arguments gives the same files.

    Args:
        out: Folder to write.
        stores: Number of stores.
        seed: Seed of all draws.
        start_ms: First instant of the world, ms.
        parameters_file: Business parameters.

    Raises:
        SimulatorError: The folder holds another world.
    """
    parameters = load_parameters(parameters_file)
    store_ids = tuple(f"S{number:03d}" for number in range(1, stores + 1))
    world = _identify(seed, store_ids, start_ms, parameters_file)
    if (out / WORLD_FILE).exists() and read_world(out) != world:
        raise SimulatorError(f"{out} holds another world; choose an empty folder")

    start_day = BusinessCalendar(parameters.stores.timezone).day_of(start_ms)
    items = draw_items(seed, read_subcategories(SUBCATEGORIES_FILE), parameters)
    tables = {
        "stores": _stores(store_ids, start_ms, parameters),
        "items": items.frame(),
        "stock_policies": _stock_policies(start_ms, parameters),
        "weekly_discounts": draw_promotions(seed, items, parameters.promotions),
        "zones": pl.read_csv(ZONES_FILE),
    }
    tables["store_items"], lots = _store_tables(world, items, start_day, parameters)

    out.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        conform(frame, name).write_parquet(out / f"{name}.parquet")
    lots.write_parquet(out / "opening_lots.parquet")
    shutil.copyfile(parameters_file, out / PARAMETERS_COPY)
    (out / WORLD_FILE).write_bytes(orjson.dumps(asdict(world), option=orjson.OPT_INDENT_2))
    return world


def _identify(seed: int, store_ids: tuple[str, ...], start_ms: int, parameters_file: Path) -> World:
    start = clock_text(start_ms)
    digest = sha256(orjson.dumps([seed, store_ids, start]))
    for path in (parameters_file, SUBCATEGORIES_FILE, ZONES_FILE):
        digest.update(path.read_bytes())
    return World(seed, store_ids, start, digest.hexdigest()[:FINGERPRINT_DIGITS])


def _stores(store_ids: Sequence[str], start_ms: int, parameters: Parameters) -> pl.DataFrame:
    group = parameters.stores
    rounds, towns = zip(
        *(divmod(index, len(group.towns)) for index in range(len(store_ids))), strict=True
    )
    names = [
        f"{group.name_prefix} {group.towns[town]}" + (f" {round_ + 1}" if round_ else "")
        for round_, town in zip(rounds, towns, strict=True)
    ]
    return pl.DataFrame(
        {
            "store_id": store_ids,
            "store_name": names,
            "city": [group.towns[town] for town in towns],
        }
    ).with_columns(
        pl.lit(group.country).alias("country"),
        pl.lit(group.timezone).alias("timezone"),
        pl.lit(group.currency).alias("currency"),
        pl.lit("sensors").alias("stock_tracking"),
        pl.lit(to_datetime(start_ms)).alias("opened_ts"),
    )


def _stock_policies(start_ms: int, parameters: Parameters) -> pl.DataFrame:
    rows = [asdict(row) for row in parameters.stock_policies.rows]
    return pl.DataFrame(rows).with_columns(pl.lit(to_datetime(start_ms)).alias("valid_from_ts"))


def _store_tables(
    world: World, items: ItemDraw, start_day: date, parameters: Parameters
) -> tuple[pl.DataFrame, pl.DataFrame]:
    store_items, lots = [], []
    next_code = FIRST_BATCH_CODE
    for store_id in world.stores:
        draw = draw_store(world.seed, store_id, items, parameters)
        store_items.append(draw.frame(store_id, items.item_id))
        lots.append(
            draw_opening_lots(
                world.seed,
                store_id,
                items,
                draw,
                start=start_day,
                first_code=next_code,
                parameters=parameters,
            )
        )
        next_code += len(lots[-1])
    return pl.concat(store_items), pl.concat(lots)


def read_world(folder: Path) -> World:
    """Reads the identity of a world.

    Raises:
        SimulatorError: The folder is not a complete reference folder.
    """
    try:
        document: dict[str, Any] = orjson.loads((folder / WORLD_FILE).read_bytes())
        return World(**{**document, "stores": tuple(document["stores"])})
    except FileNotFoundError as error:
        raise SimulatorError(
            f"no reference data in {folder}; run: python -m simulator bootstrap --out {folder}"
        ) from error
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise SimulatorError(f"{folder / WORLD_FILE} is damaged: {error}") from error


def load_stores(folder: Path) -> list[StoreReference]:
    """Reads what the world of each store needs.

    Args:
        folder: Reference folder.

    Raises:
        SimulatorError: The folder is missing, incomplete or damaged.
    """
    world = read_world(folder)
    parameters = load_parameters(folder / PARAMETERS_COPY)
    try:
        tables = {
            name: pl.read_parquet(folder / f"{name}.parquet")
            for name in ("stores", "items", "store_items", "weekly_discounts", "opening_lots")
        }
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SimulatorError(f"reference data in {folder} is damaged: {error}") from error

    items = tables["items"]
    item_id = items["item_id"].to_list()
    prices = PriceBook(
        items["list_price"].cast(pl.Float64).to_list(),
        _weekly_discounts(tables["weekly_discounts"], item_id),
        parameters.pricing,
    )
    references = []
    for store_id, timezone in tables["stores"].select("store_id", "timezone").iter_rows():
        of_store = pl.col("store_id") == store_id
        layout = items.select("item_id").join(
            tables["store_items"].filter(of_store), on="item_id", how="left", maintain_order="left"
        )
        lots = tables["opening_lots"].filter(of_store)
        references.append(
            StoreReference(
                world=world,
                store_id=store_id,
                calendar=BusinessCalendar(timezone),
                parameters=parameters,
                item_id=item_id,
                unit_weight_g=items["unit_weight_g"].to_list(),
                category=items["category"].to_list(),
                is_perishable=items["is_perishable"].to_list(),
                batch_size=items["batch_size"].to_list(),
                shelf_capacity=layout["shelf_capacity"].to_list(),
                warehouse_capacity=layout["warehouse_capacity"].to_list(),
                visibility=layout["visibility"].to_list(),
                prices=prices,
                lots=_lot_table(lots, item_id),
                opening=list(
                    zip((lots["location"] == SHELF).to_list(), lots["quantity"], strict=True)
                ),
            )
        )
    return references


def with_supplier_faults(reference: StoreReference, chances: Mapping[str, float]) -> StoreReference:
    """The same store, whose suppliers make faults with other chances."""
    suppliers = reference.parameters.suppliers
    # Built anew, so that the chances are checked.
    faults = FaultParameters(**{**asdict(suppliers.faults), **chances})
    suppliers = replace(suppliers, faults=faults)
    return replace(reference, parameters=replace(reference.parameters, suppliers=suppliers))


def _lot_table(lots: pl.DataFrame, item_id: list[str]) -> LotTable:
    number = {name: index for index, name in enumerate(item_id)}
    return LotTable.of(
        [number[name] for name in lots["shelf_id"]],
        lots["batch_code"].to_list(),
        lots["received_date"].to_list(),
        lots["expiry_date"].to_list(),
    )


def _weekly_discounts(weekly: pl.DataFrame, item_id: list[str]) -> dict[date, FloatArray]:
    number = {name: index for index, name in enumerate(item_id)}
    by_monday: dict[date, FloatArray] = {}
    for monday, name, discount in weekly.select(
        "week_start_date", "item_id", pl.col("discount").cast(pl.Float64)
    ).iter_rows():
        week = by_monday.setdefault(monday, np.zeros(len(item_id)))
        week[number[name]] = discount
    return by_monday
