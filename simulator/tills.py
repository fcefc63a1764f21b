"""Tills: a receipt for every customer who leaves with goods."""

from typing import Any, Final

from simulator.clock import Moment
from simulator.customers import Visit
from simulator.events import Device
from simulator.lots import LotTable

SALE: Final = "com.smartshelf.pos.sale.v1"


class Tills:
    """The checkout of a store.

    Args:
        device: Numbers and sends the receipts.
        item_id: Item by number.
        list_price: Price of a piece by item number, currency.
        lots: Master data of the lots.
    """

    def __init__(
        self, device: Device, item_id: list[str], list_price: list[float], lots: LotTable
    ) -> None:
        self._device = device
        self._item_id = item_id
        self._list_price = list_price
        self._lots = lots

    def sell(
        self,
        moment: Moment,
        visit: Visit,
        goods: list[tuple[int, int, int]],
        discounts: list[float],
    ) -> None:
        """Emits a receipt with one line per item and lot.

        Args:
            moment: When it is paid.
            visit: Who pays, where and how.
            goods: (item number, lot number, pieces); not empty.
            discounts: Effective discount by item number, fraction.
        """
        lots = self._lots
        items = [
            {
                "line_no": line_no,
                "item_id": self._item_id[item],
                "quantity": quantity,
                "unit_price": self._list_price[item],
                "discount": discounts[item],
                "batch_code": lots.batch_code[lot],
                "expiry_date": lots.expiry_date[lot],
            }
            for line_no, (item, lot, quantity) in enumerate(goods, start=1)
        ]
        data: dict[str, Any] = {
            "store_id": self._device.store_id,
            "transaction_id": f"R{self._device.last_number + 1:08d}",
            "till_id": visit.till_id,
            "payment_method": visit.payment_method,
            "items": items,
        }
        if visit.customer_id is not None:
            data["customer_id"] = visit.customer_id
        self._device.emit(SALE, moment, data, visit.till_id)
