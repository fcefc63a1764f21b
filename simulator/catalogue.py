"""What the chain sells and what fits where: items, and per store capacities and opening stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.calibration import calibrated
from simulator.errors import SimulatorError
from simulator.parameters import CatalogueParameters, Parameters, StoreLayoutParameters
from simulator.rng import Concern, key_of, substream

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PRICE_DECIMALS: Final = 2
VISIBILITY_DECIMALS: Final = 6
# A product such as 10 * 1.3 may land a hair above the integer it means; ceil must not see that.
_PRODUCT_DECIMALS: Final = 9


@dataclass(frozen=True, slots=True)
class ItemDraw:
    """Items of the chain, one array element each, in catalogue order.

    Attributes:
        subcategories: Parameter row of each item (ranges before the capacity factor).
        item_id: Identifier of item and shelf.
        is_perishable: Fresh, chilled or frozen.
        unit_weight_g: Weight of a piece, g.
        list_price: Price of a piece, currency.
        batch_size: Pieces in a supplier batch.
    """

    subcategories: pl.DataFrame
    item_id: list[str]
    is_perishable: BoolArray
    unit_weight_g: IntArray
    list_price: FloatArray
    batch_size: IntArray

    def means(self) -> dict[str, float]:
        """Means to calibrate by."""
        return {
            "unit_weight_g": float(self.unit_weight_g.mean()),
            "list_price": float(self.list_price.mean()),
            "batch_size": float(self.batch_size.mean()),
        }

    def frame(self) -> pl.DataFrame:
        """Columns of the items table."""
        return pl.DataFrame(
            {
                "item_id": self.item_id,
                "category": self.subcategories["category"],
                "subcategory": self.subcategories["subcategory"],
                "aisle": self.subcategories["aisle"],
                "unit_weight_g": self.unit_weight_g,
                "list_price": self.list_price,
                "batch_size": self.batch_size,
                "is_perishable": self.is_perishable,
            }
        )


@dataclass(frozen=True, slots=True)
class StoreDraw:
    """Capacities and opening stock of a store, pieces, one array element per item."""

    shelf_capacity: IntArray
    warehouse_capacity: IntArray
    visibility: FloatArray
    shelf_stock: IntArray
    warehouse_stock: IntArray
    batch_size: IntArray
    is_perishable: BoolArray

    def means(self) -> dict[str, float]:
        """Means to calibrate by: per item and, for lots, per lot."""
        fill = self.shelf_stock / self.shelf_capacity
        shelf_lots = np.ceil(self.shelf_stock / self.batch_size)
        warehouse_lots = np.ceil(self.warehouse_stock / self.batch_size)
        return {
            "shelf_capacity": float(self.shelf_capacity.mean()),
            "warehouse_capacity": float(self.warehouse_capacity.mean()),
            "visibility": float(self.visibility.mean()),
            "shelf_stock": float(self.shelf_stock.mean()),
            "warehouse_stock": float(self.warehouse_stock.mean()),
            "shelf_fill_perishable": float(fill[self.is_perishable].mean()),
            "shelf_fill_other": float(fill[~self.is_perishable].mean()),
            "shelf_lots": float(shelf_lots.mean()),
            "warehouse_lots": float(warehouse_lots.mean()),
            "shelf_lot_quantity": float(self.shelf_stock.sum() / shelf_lots.sum()),
            "warehouse_lot_quantity": float(self.warehouse_stock.sum() / warehouse_lots.sum()),
        }

    def frame(self, store_id: str, item_id: list[str]) -> pl.DataFrame:
        """Columns of the store_items table."""
        return pl.DataFrame(
            {
                "store_id": [store_id] * len(item_id),
                "item_id": item_id,
                "shelf_capacity": self.shelf_capacity,
                "warehouse_capacity": self.warehouse_capacity,
                "visibility": self.visibility,
            }
        )


def read_subcategories(path: Path) -> pl.DataFrame:
    """Reads the parameter rows of the subcategories.

    Raises:
        SimulatorError: The file cannot be read.
    """
    try:
        return pl.read_csv(path, schema_overrides={"weight_options_g": pl.String()})
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SimulatorError(f"{path}: no readable catalogue: {error}") from error


def draw_items(seed: int, subcategories: pl.DataFrame, parameters: Parameters) -> ItemDraw:
    """The items of the chain, the same in all stores."""
    rows = subcategories[np.repeat(np.arange(len(subcategories)), subcategories["sku_count"])]
    calibration = parameters.calibration

    def draw(attempt: int) -> ItemDraw:
        rng = substream(seed, Concern.ITEMS, attempt)
        return _draw_items(rng, rows, parameters.catalogue)

    return calibrated(draw, calibration.item_means, calibration.tolerance, calibration.max_draws)


def draw_store(seed: int, store_id: str, items: ItemDraw, parameters: Parameters) -> StoreDraw:
    """Capacities and opening stock of one store."""
    calibration = parameters.calibration

    def draw(attempt: int) -> StoreDraw:
        rng = substream(seed, Concern.STORE_LAYOUT, key_of(store_id), attempt)
        return _draw_store(rng, items, parameters)

    return calibrated(draw, calibration.store_means, calibration.tolerance, calibration.max_draws)


def _draw_items(
    rng: np.random.Generator, rows: pl.DataFrame, parameters: CatalogueParameters
) -> ItemDraw:
    perishable = rows["category"].is_in(parameters.perishable_categories).to_numpy()
    weight = _draw_weights(rng, rows)
    price = np.round(rng.uniform(rows["price_lo"], rows["price_hi"]), PRICE_DECIMALS)
    sizes = [
        _batch_sizes(parameters, category, int(weight_g), perishable=bool(fresh))
        for category, weight_g, fresh in zip(rows["category"], weight, perishable, strict=True)
    ]
    return ItemDraw(
        subcategories=rows,
        item_id=_item_ids(rows, parameters),
        is_perishable=perishable,
        unit_weight_g=weight,
        list_price=price,
        batch_size=_draw_options(rng, sizes),
    )


def _item_ids(rows: pl.DataFrame, parameters: CatalogueParameters) -> list[str]:
    def prefix(name: str) -> str:
        return name.replace(" ", "").replace("-", "")[: parameters.id_letters].upper()

    return [
        f"{prefix(category)}{prefix(subcategory)}{number:0{parameters.id_digits}d}"
        for number, (category, subcategory) in enumerate(
            rows.select("category", "subcategory").iter_rows(), start=1
        )
    ]


def _draw_weights(rng: np.random.Generator, rows: pl.DataFrame) -> IntArray:
    options = rows["weight_options_g"].fill_null("").to_list()
    chosen = _draw_options(rng, [tuple(map(int, (text or "1").split(";"))) for text in options])
    low = rows["weight_lo_g"].fill_null(1).to_numpy()
    high = rows["weight_hi_g"].fill_null(2).to_numpy()
    return np.where(rows["weight_lo_g"].is_null(), chosen, rng.integers(low, high))


def _draw_options(rng: np.random.Generator, options: Sequence[Sequence[int]]) -> IntArray:
    """One of each row's options, with equal chance."""
    index = rng.integers(0, [len(row) for row in options])
    return np.array([row[i] for row, i in zip(options, index, strict=True)], dtype=np.int64)


def _batch_sizes(
    parameters: CatalogueParameters, category: str, unit_weight_g: int, *, perishable: bool
) -> Sequence[int]:
    for rule in parameters.batch_rules:
        if rule.matches(category, unit_weight_g, perishable=perishable):
            return rule.sizes
    raise SimulatorError(f"no batch rule matches {category}, {unit_weight_g} g")


def _draw_store(rng: np.random.Generator, items: ItemDraw, parameters: Parameters) -> StoreDraw:
    layout, opening = parameters.store_layout, parameters.opening_stock
    rows, batch = items.subcategories, items.batch_size
    shelf_capacity = np.maximum(_draw_capacity(rng, rows, "store", layout), batch)
    fill = np.where(
        items.is_perishable,
        rng.uniform(*opening.shelf_fill_perishable, size=len(batch)),
        rng.uniform(*opening.shelf_fill_other, size=len(batch)),
    )
    as_shelf = rows["warehouse_capacity_lo"].is_null().to_numpy()
    least = layout.warehouse_min_batches * batch
    warehouse_capacity = np.where(
        as_shelf,
        -(-np.maximum(shelf_capacity, least) // batch) * batch,
        np.maximum(_draw_capacity(rng, rows, "warehouse", layout), least) // batch * batch,
    )
    first, last = opening.warehouse_batches
    batches = rng.integers(first, np.minimum(last, warehouse_capacity // batch) + 1)
    floor = (opening.warehouse_floor_frac * warehouse_capacity).astype(np.int64)
    return StoreDraw(
        shelf_capacity=shelf_capacity,
        warehouse_capacity=warehouse_capacity,
        visibility=np.round(rng.uniform(*layout.visibility, size=len(batch)), VISIBILITY_DECIMALS),
        shelf_stock=np.maximum((shelf_capacity * fill).astype(np.int64), 1),
        warehouse_stock=np.minimum(
            np.maximum(batches, -(-floor // batch)) * batch, warehouse_capacity
        ),
        batch_size=batch,
        is_perishable=items.is_perishable,
    )


def _draw_capacity(
    rng: np.random.Generator, rows: pl.DataFrame, where: str, layout: StoreLayoutParameters
) -> IntArray:
    low = rows[f"{where}_capacity_lo"].fill_null(0).to_numpy()
    high = rows[f"{where}_capacity_hi"].fill_null(1).to_numpy()
    widened = np.ceil(np.round(high * layout.capacity_upper_factor, _PRODUCT_DECIMALS))
    return rng.integers(low, widened.astype(np.int64))
