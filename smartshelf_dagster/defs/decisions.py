"""Decisions: plans become commands. Nothing else in the system tells people what to do."""

import dagster as dg

from smartshelf_dagster.defs.common import DECISIONS, OWNERS
from smartshelf_dagster.pipeline.decide import issue_commands
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import warehouse_lock


@dg.asset(
    key=["decisions", "task_commands"],
    deps=[["ops", "restocks_due"], ["ops", "markdowns_due"], ["ops", "removals_due"]],
    group_name=DECISIONS,
    kinds={"redis"},
    owners=OWNERS,
    # The commands come back as raw/commands at the next drain; an edge would close the loop.
    description="Restocks, markdowns and removals, sent on the streams `commands:<store>`.",
)
def task_commands(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Send everything that is planned for staff and tills and not yet issued."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        sent = issue_commands(session.client, session.transformer)
    return dg.MaterializeResult(metadata={"commands_sent": sent})
