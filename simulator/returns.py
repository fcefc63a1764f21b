"""Returns: goods that customers bring back to a till days after they bought them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.clock import Moment
from simulator.ledger import Ledger
from simulator.staff import Staff
from simulator.tills import Purchase, Tills

RETURN: Final = "return"


class Returns:
    """What has been sold in one store and will come back.

    Args:
        agenda: Where the returns are put.
        tills: Where the goods are taken back.
        staff: Who puts them back into the store.
        ledger: Ground truth.
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(
        self,
        *,
        agenda: Agenda,
        tills: Tills,
        staff: Staff,
        ledger: Ledger,
        state: Mapping[str, Any],
    ) -> None:
        self._agenda = agenda
        self._tills = tills
        self._staff = staff
        self._ledger = ledger
        # By receipt: a customer brings back one line of it.
        self._purchases = {
            purchase["transaction_id"]: Purchase(**purchase)
            for purchase in state.get("purchases", ())
        }

    def expect(self, at_ms: int, purchase: Purchase) -> None:
        """Notes that goods will come back at an instant."""
        self._purchases[purchase.transaction_id] = purchase
        self._agenda.add(at_ms, RETURN, purchase.transaction_id)

    def take_back(self, now_ms: int, transaction_id: str) -> None:
        """Refunds goods and hands them to the staff."""
        purchase = self._purchases.pop(transaction_id)
        self._tills.take_back(Moment.at(now_ms), purchase)
        self._ledger.returned(purchase.item, purchase.quantity, purchase.discount)
        self._staff.put_away(now_ms, purchase.item, purchase.lot, purchase.quantity)

    def lots(self) -> Iterator[int]:
        """Numbers of the lots that goods will come back of."""
        return (purchase.lot for purchase in self._purchases.values())

    def state(self) -> dict[str, Any]:
        """What a later `Returns` needs to go on, as JSON."""
        return {"purchases": [asdict(purchase) for purchase in self._purchases.values()]}
