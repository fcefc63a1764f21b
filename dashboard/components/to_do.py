"""What needs hands now, each with the page on which to act."""

from dataclasses import dataclass

from dashboard import links

_SIGNS = {"critical": ":red[**▲**]", "caution": ":orange[**◆**]", "calm": ":green[**✓**]"}


@dataclass(frozen=True)
class Task:
    """A thing to look at.

    Attributes:
        urgency: critical, caution or calm.
        what: What there is, in a few words; Markdown.
        path: Path of the page on which to act.
        choices: What to choose on it, by names in the URL.
    """

    urgency: str
    what: str
    path: str
    choices: tuple[tuple[str, str], ...] = ()


def show(tasks: list[Task]) -> None:
    """Draw tasks as links to their pages, the most urgent first."""
    order = list(_SIGNS)
    for task in sorted(tasks, key=lambda task: order.index(task.urgency)):
        label = f"{_SIGNS[task.urgency]}\N{NO-BREAK SPACE}{task.what}"
        links.link(task.path, label, choices=dict(task.choices))
