"""Staff: tasks from the queue to the report.

A task takes a hand off the crew. Restocks: pick in the warehouse, walk, fill, walk back; what does
not fit comes back with the hand and is scanned in again. Removals: take what is left of a lot and
throw it away. Returned goods: walk to the shelf, and to the warehouse with what does not fit. Every
accepted command ends with one report.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.clock import MINUTE_MS, BusinessCalendar, Moment
from simulator.commands import Removal, Restock
from simulator.inventory import Load, LotStock
from simulator.ledger import Ledger
from simulator.lots import SHELF, WAREHOUSE, LotBook
from simulator.parameters import StaffParameters
from simulator.sensors import Scanners, ShelfSensors

# Kinds of tasks.
RESTOCK: Final = "restock"
REMOVAL: Final = "removal"
PUTAWAY: Final = "putaway"

# Steps of tasks.
PICKED: Final = "picked"
AT_SHELF: Final = "at_shelf"
BACK: Final = "back"
COLLECTED: Final = "collected"
EXPIRED: Final = "expired"

# Why a task brings less than asked.
TOO_LATE: Final = "expired"
NO_STOCK: Final = "no_stock"
SHELF_FULL: Final = "shelf_full"

DONE: Final = "done"
SHORT: Final = "short"
FAILED: Final = "failed"

# Before the number of a task without a command; no command id begins so.
NO_COMMAND: Final = "~"


@dataclass(slots=True)
class Task:
    """Something the staff has to do.

    Attributes:
        key: Id of the command, or a name of its own when there is none.
        kind: What to do.
        item: Item number.
        quantity: Pieces asked for (restocks).
        priority: 1 is most urgent.
        number: Order of arrival.
        started: Whether somebody is on it.
        placed: Pieces put on the shelf.
        reason: Why it brings less than asked.
        load: Goods in hand.
        batch_code: Lot to take away (removals).
        location: Where to take it from (removals).
    """

    key: str
    kind: str
    item: int
    quantity: int
    priority: float
    number: int
    started: bool = False
    placed: int = 0
    reason: str | None = None
    load: Load = field(default_factory=list)
    batch_code: str = ""
    location: str = ""

    @property
    def rank(self) -> tuple[float, int, str]:
        """Most urgent first, then first come."""
        return -self.priority, self.number, self.key

    @property
    def command_id(self) -> str | None:
        """Id of the command, if there is one."""
        return None if self.key.startswith(NO_COMMAND) else self.key

    @property
    def outcome(self) -> str:
        """How a restock ends."""
        if not self.placed:
            return FAILED
        return DONE if self.placed == self.quantity else SHORT


class Staff:
    """The crew of one store.

    Args:
        parameters: Size and speed of the crew.
        agenda: Where the steps of the tasks are put.
        shelf: Stock on the shelves.
        warehouse: Stock in the warehouse.
        shelf_capacity: Pieces that fit, by item number.
        lots: Master data of the lots.
        calendar: Business days of the store.
        sensors: Shelf sensors.
        scanners: Hand scanners.
        ledger: Ground truth.
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(
        self,
        *,
        parameters: StaffParameters,
        agenda: Agenda,
        shelf: LotStock,
        warehouse: LotStock,
        shelf_capacity: list[int],
        lots: LotBook,
        calendar: BusinessCalendar,
        sensors: ShelfSensors,
        scanners: Scanners,
        ledger: Ledger,
        state: Mapping[str, Any],
    ) -> None:
        self._parameters = parameters
        self._agenda = agenda
        self._shelf = shelf
        self._warehouse = warehouse
        self._stock = {SHELF: shelf, WAREHOUSE: warehouse}
        self._shelf_capacity = shelf_capacity
        self._expiry_date = lots.expiry_date
        self._batch_code = lots.batch_code
        self._calendar = calendar
        self._sensors = sensors
        self._scanners = scanners
        self._ledger = ledger
        self.steps: Final = {
            PICKED: self._pick,
            AT_SHELF: self._fill,
            BACK: self._come_back,
            COLLECTED: self._throw_away,
            EXPIRED: self._expire,
        }
        self._first_steps = {
            RESTOCK: (parameters.pick_minutes, PICKED),
            REMOVAL: (parameters.removal_minutes, COLLECTED),
            PUTAWAY: (parameters.walk_minutes, AT_SHELF),
        }
        self._idle: int = state.get("idle", parameters.per_store)
        self._accepted: int = state.get("accepted", 0)
        self._tasks = {
            task["key"]: Task(**{**task, "load": [tuple(lot) for lot in task["load"]]})
            for task in state.get("tasks", ())
        }
        # Tasks that are closed before their turn stay in it until then.
        self._waiting = [task.rank for task in self._tasks.values() if not task.started]
        heapify(self._waiting)

    def accept(self, now_ms: int, command: Restock) -> None:
        """Queues a restock, or reports at once that it came too late."""
        task = Task(
            key=command.command_id,
            kind=RESTOCK,
            item=command.item,
            quantity=command.quantity,
            priority=command.priority,
            number=self._next_number(),
        )
        self._queue(task)
        if now_ms > command.expires_ms:
            task.reason = TOO_LATE
            self._close(now_ms, task)
        else:
            self._agenda.add(command.expires_ms + 1, EXPIRED, task.key)

    def remove(self, command: Removal) -> None:
        """Queues a removal."""
        self._queue(
            Task(
                key=command.command_id,
                kind=REMOVAL,
                item=command.item,
                quantity=0,
                priority=self._parameters.removal_priority,
                number=self._next_number(),
                batch_code=command.batch_code,
                location=command.location,
            )
        )

    def put_away(self, now_ms: int, item: int, lot: int, quantity: int) -> None:
        """Takes goods that a customer brought back."""
        number = self._next_number()
        self._queue(
            Task(
                key=f"{NO_COMMAND}{number}",
                kind=PUTAWAY,
                item=item,
                quantity=quantity,
                priority=self._parameters.putaway_priority,
                number=number,
                load=[(lot, quantity)],
            )
        )
        self.dispatch(now_ms)

    def _next_number(self) -> int:
        self._accepted += 1
        return self._accepted

    def _queue(self, task: Task) -> None:
        self._tasks[task.key] = task
        heappush(self._waiting, task.rank)

    def dispatch(self, now_ms: int) -> None:
        """Sends free hands to the most urgent waiting tasks."""
        while self._idle and self._waiting:
            task = self._tasks.get(heappop(self._waiting)[-1])
            if task is not None:
                self._idle -= 1
                task.started = True
                self._later(now_ms, *self._first_steps[task.kind], task)

    def in_transit(self) -> Iterator[tuple[int, int]]:
        """(lot number, pieces) in the hands of the staff."""
        return (lot for task in self._tasks.values() for lot in task.load)

    def being_filled(self) -> set[int]:
        """Numbers of the items that a restock is open for."""
        return {task.item for task in self._tasks.values() if task.kind == RESTOCK}

    def state(self) -> dict[str, Any]:
        """What a later `Staff` needs to go on, as JSON."""
        return {
            "idle": self._idle,
            "accepted": self._accepted,
            "tasks": [asdict(task) for task in self._tasks.values()],
        }

    def _pick(self, now_ms: int, key: str) -> None:
        task, now = self._tasks[key], Moment.at(now_ms)
        today = self._calendar.day_of(now_ms).isoformat()
        wanted = task.quantity
        for lot in list(self._warehouse.present(task.item)):
            # Nobody carries goods to the shelf that may no longer be sold.
            if wanted and self._expiry_date[lot] >= today:
                taken = self._warehouse.take(lot, wanted)
                task.load.append((lot, taken))
                wanted -= taken
                self._scanners.picked(now, lot, taken, key)
        if wanted:
            task.reason = NO_STOCK
        if task.load:
            self._later(now_ms, self._parameters.walk_minutes, AT_SHELF, task)
        else:
            self._close(now_ms, task)
            self._free(now_ms)

    def _fill(self, now_ms: int, key: str) -> None:
        task, now = self._tasks[key], Moment.at(now_ms)
        left: Load = []
        for lot, quantity in task.load:
            room = max(0, self._shelf_capacity[task.item] - self._shelf.on_hand(task.item))
            fits = min(quantity, room)
            if fits:
                self._shelf.put(lot, fits)
                task.placed += fits
                self._sensors.staff_putback(now, lot, fits, task.command_id)
            if quantity > fits:
                left.append((lot, quantity - fits))
        task.load = left
        if left:
            task.reason = SHELF_FULL
        else:
            self._close(now_ms, task)
        self._agenda.add(
            now_ms + self._parameters.walk_minutes * MINUTE_MS, BACK, key if left else ""
        )

    def _come_back(self, now_ms: int, key: str) -> None:
        if key:
            task, now = self._tasks[key], Moment.at(now_ms)
            for lot, quantity in task.load:
                self._warehouse.put(lot, quantity)
                self._scanners.returned(now, lot, quantity, task.command_id)
            task.load = []
            self._close(now_ms, task)
        self._free(now_ms)

    def _throw_away(self, now_ms: int, key: str) -> None:
        task, now = self._tasks.pop(key), Moment.at(now_ms)
        stock, removed = self._stock[task.location], 0
        for lot in list(stock.present(task.item)):
            if self._batch_code[lot] == task.batch_code:
                removed += stock.take(lot, stock.quantity(lot))
        if removed:
            self._ledger.wasted(task.item, removed)
            if task.location == SHELF:
                self._sensors.removal(now, task.item, removed)
        self._scanners.removed(
            now,
            task.item,
            task.batch_code,
            location=task.location,
            quantity=removed,
            command_id=key,
        )
        self._free(now_ms)

    def _expire(self, now_ms: int, key: str) -> None:
        task = self._tasks.get(key)
        if task is not None and not task.started:
            task.reason = TOO_LATE
            self._close(now_ms, task)

    def _later(self, now_ms: int, minutes: int, what: str, task: Task) -> None:
        self._agenda.add(now_ms + minutes * MINUTE_MS, what, task.key)

    def _close(self, now_ms: int, task: Task) -> None:
        del self._tasks[task.key]
        if task.kind == RESTOCK:
            self._scanners.task_completed(
                Moment.at(now_ms),
                task.item,
                task.key,
                placed=task.placed,
                outcome=task.outcome,
                reason=task.reason,
            )

    def _free(self, now_ms: int) -> None:
        self._idle += 1
        self.dispatch(now_ms)
