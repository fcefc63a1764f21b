"""Staff: restock tasks, from the queue to the shelf.

A task takes a hand off the crew: pick in the warehouse, walk, fill, walk back. What does not fit
comes back with the hand and is scanned in again. Every accepted task ends with one report.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from simulator.agenda import Agenda, Entry
from simulator.clock import MINUTE_MS, BusinessCalendar, Moment
from simulator.commands import Restock
from simulator.inventory import Load, LotStock
from simulator.lots import LotTable
from simulator.parameters import StaffParameters
from simulator.sensors import Scanners, ShelfSensors

PICKED: Final = "picked"
AT_SHELF: Final = "at_shelf"
BACK: Final = "back"
EXPIRED: Final = "expired"

# Why a task brings less than asked.
TOO_LATE: Final = "expired"
NO_STOCK: Final = "no_stock"
SHELF_FULL: Final = "shelf_full"

DONE: Final = "done"
SHORT: Final = "short"
FAILED: Final = "failed"


@dataclass(slots=True)
class Task:
    """A restock command being worked on.

    Attributes:
        command_id: Id of the command.
        item: Item number.
        quantity: Pieces asked for.
        priority: 1 is most urgent.
        number: Order of arrival.
        started: Whether somebody is on it.
        placed: Pieces put on the shelf.
        reason: Why it brings less than asked.
        load: Goods in hand.
    """

    command_id: str
    item: int
    quantity: int
    priority: float
    number: int
    started: bool = False
    placed: int = 0
    reason: str | None = None
    load: Load = field(default_factory=list)

    @property
    def rank(self) -> tuple[float, int]:
        """Most urgent first, then first come."""
        return -self.priority, self.number

    @property
    def outcome(self) -> str:
        """How the task ends."""
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
        lots: LotTable,
        calendar: BusinessCalendar,
        sensors: ShelfSensors,
        scanners: Scanners,
        state: Mapping[str, Any],
    ) -> None:
        self._parameters = parameters
        self._agenda = agenda
        self._shelf = shelf
        self._warehouse = warehouse
        self._shelf_capacity = shelf_capacity
        self._expiry_date = lots.expiry_date
        self._calendar = calendar
        self._sensors = sensors
        self._scanners = scanners
        self._steps = {
            PICKED: self._pick,
            AT_SHELF: self._fill,
            BACK: self._come_back,
            EXPIRED: self._expire,
        }
        self._idle: int = state.get("idle", parameters.per_store)
        self._accepted: int = state.get("accepted", 0)
        self._tasks = {
            task["command_id"]: Task(**{**task, "load": [tuple(lot) for lot in task["load"]]})
            for task in state.get("tasks", ())
        }

    def accept(self, now_ms: int, command: Restock) -> None:
        """Queues a command, or reports at once that it came too late."""
        self._accepted += 1
        task = Task(
            command.command_id, command.item, command.quantity, command.priority, self._accepted
        )
        self._tasks[task.command_id] = task
        if now_ms > command.expires_ms:
            task.reason = TOO_LATE
            self._close(now_ms, task)
        else:
            self._agenda.add(command.expires_ms + 1, EXPIRED, task.command_id)

    def dispatch(self, now_ms: int) -> None:
        """Sends free hands to the most urgent waiting tasks."""
        while self._idle:
            waiting = (task for task in self._tasks.values() if not task.started)
            task = min(waiting, key=lambda task: task.rank, default=None)
            if task is None:
                return
            self._idle -= 1
            task.started = True
            self._later(now_ms, self._parameters.pick_minutes, PICKED, task)

    def act(self, entry: Entry) -> None:
        """Takes the step of a task that is due."""
        self._steps[entry.what](entry.at_ms, entry.subject)

    def in_transit(self) -> Iterator[tuple[int, int]]:
        """(lot number, pieces) between warehouse and shelf."""
        return (lot for task in self._tasks.values() for lot in task.load)

    def state(self) -> dict[str, Any]:
        """What a later `Staff` needs to go on, as JSON."""
        return {
            "idle": self._idle,
            "accepted": self._accepted,
            "tasks": [asdict(task) for task in self._tasks.values()],
        }

    def _pick(self, now_ms: int, command_id: str) -> None:
        task, now = self._tasks[command_id], Moment.at(now_ms)
        today = self._calendar.day_of(now_ms).isoformat()
        wanted = task.quantity
        for lot in list(self._warehouse.present(task.item)):
            # Nobody carries goods to the shelf that may no longer be sold.
            if wanted and self._expiry_date[lot] >= today:
                taken = self._warehouse.take(lot, wanted)
                task.load.append((lot, taken))
                wanted -= taken
                self._scanners.picked(now, lot, taken, command_id)
        if wanted:
            task.reason = NO_STOCK
        if task.load:
            self._later(now_ms, self._parameters.walk_minutes, AT_SHELF, task)
        else:
            self._close(now_ms, task)
            self._free(now_ms)

    def _fill(self, now_ms: int, command_id: str) -> None:
        task, now = self._tasks[command_id], Moment.at(now_ms)
        left: Load = []
        for lot, quantity in task.load:
            room = max(0, self._shelf_capacity[task.item] - self._shelf.on_hand(task.item))
            fits = min(quantity, room)
            if fits:
                self._shelf.put(lot, fits)
                task.placed += fits
                self._sensors.staff_putback(now, lot, fits, command_id)
            if quantity > fits:
                left.append((lot, quantity - fits))
        task.load = left
        if left:
            task.reason = SHELF_FULL
        else:
            self._close(now_ms, task)
        self._agenda.add(
            now_ms + self._parameters.walk_minutes * MINUTE_MS, BACK, command_id if left else ""
        )

    def _come_back(self, now_ms: int, command_id: str) -> None:
        if command_id:
            task, now = self._tasks[command_id], Moment.at(now_ms)
            for lot, quantity in task.load:
                self._warehouse.put(lot, quantity)
                self._scanners.returned(now, lot, quantity, command_id)
            task.load = []
            self._close(now_ms, task)
        self._free(now_ms)

    def _expire(self, now_ms: int, command_id: str) -> None:
        task = self._tasks.get(command_id)
        if task is not None and not task.started:
            task.reason = TOO_LATE
            self._close(now_ms, task)

    def _later(self, now_ms: int, minutes: int, what: str, task: Task) -> None:
        self._agenda.add(now_ms + minutes * MINUTE_MS, what, task.command_id)

    def _close(self, now_ms: int, task: Task) -> None:
        del self._tasks[task.command_id]
        self._scanners.task_completed(
            Moment.at(now_ms),
            task.item,
            task.command_id,
            placed=task.placed,
            outcome=task.outcome,
            reason=task.reason,
        )

    def _free(self, now_ms: int) -> None:
        self._idle += 1
        self.dispatch(now_ms)
