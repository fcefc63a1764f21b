"""Tills: a receipt for every customer who leaves with goods, a refund for goods brought back."""

from dataclasses import dataclass
from typing import Any, Final

from simulator.clock import Moment
from simulator.customers import Visit
from simulator.events import Device
from simulator.lots import LotBook

SALE: Final = "com.smartshelf.pos.sale.v1"
RETURN: Final = "com.smartshelf.pos.return.v1"


@dataclass(frozen=True, slots=True)
class Purchase:
    """A receipt line whose goods will come back.

    Attributes:
        transaction_id: Receipt.
        item: Item number.
        lot: Lot number.
        quantity: Pieces.
        discount: Effective discount it was paid with, fraction.
        till_id: Where it was paid.
        payment_method: How it was paid.
        customer_id: Card that was shown.
    """

    transaction_id: str
    item: int
    lot: int
    quantity: int
    discount: float
    till_id: str
    payment_method: str
    customer_id: str | None


class Tills:
    """The checkout of a store.

    Args:
        device: Numbers and sends the receipts.
        item_id: Item by number.
        list_price: Price of a piece by item number, currency.
        lots: Master data of the lots.
    """

    def __init__(
        self, device: Device, item_id: list[str], list_price: list[float], lots: LotBook
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
    ) -> str:
        """Emits a receipt with one line per item and lot; returns its number.

        Args:
            moment: When it is paid.
            visit: Who pays, where and how.
            goods: (item number, lot number, pieces); not empty.
            discounts: Effective discount of each of the goods, fraction.
        """
        items = [
            self._line(line_no, item, lot, quantity, discount)
            for line_no, ((item, lot, quantity), discount) in enumerate(
                zip(goods, discounts, strict=True), start=1
            )
        ]
        data = self._receipt(visit, items)
        self._device.emit(SALE, moment, data, visit.till_id)
        return str(data["transaction_id"])

    def take_back(self, moment: Moment, purchase: Purchase) -> None:
        """Emits the refund of a line, as it was paid."""
        line = self._line(1, purchase.item, purchase.lot, purchase.quantity, purchase.discount)
        data = self._receipt(purchase, [line])
        data["original_transaction_id"] = purchase.transaction_id
        self._device.emit(RETURN, moment, data, purchase.till_id)

    def _receipt(self, payer: Visit | Purchase, items: list[dict[str, Any]]) -> dict[str, Any]:
        data: dict[str, Any] = {
            "store_id": self._device.store_id,
            "transaction_id": f"R{self._device.last_number + 1:08d}",
            "till_id": payer.till_id,
            "payment_method": payer.payment_method,
            "items": items,
        }
        if payer.customer_id is not None:
            data["customer_id"] = payer.customer_id
        return data

    def _line(
        self, line_no: int, item: int, lot: int, quantity: int, discount: float
    ) -> dict[str, Any]:
        return {
            "line_no": line_no,
            "item_id": self._item_id[item],
            "quantity": quantity,
            "unit_price": self._list_price[item],
            "discount": discount,
            "batch_code": self._lots.batch_code[lot],
            "expiry_date": self._lots.expiry_date[lot],
        }
