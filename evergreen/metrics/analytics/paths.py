"""Paths: what follows and precedes a feature or event within a session. Ibis expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events.sessions import GAP_MINUTES, MINUTE, begins, micros

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Where a path ends (or, going back, begins) with its session.
EDGE = -2
# Nodes are numbers from EDGE to below MOST + EDGE, so that a moment and its node are one whole number of 64 bits.
MOST = 512


def _marked(moments: Any, gap_minutes: int) -> Any:
    """Adds ``mark``, the moment with its node as one number, and of the moment before it of its subject ``before``, its node
    (null at the first), and ``starts``: whether a session begins.

    Of one instant lower nodes come first. Sorting by one number, with nothing carried along, takes half of the time of
    sorting by moment and name (measured).
    """
    rows = moments.mutate(mark=micros(moments.occurred_at) * MOST + (moments.node - EDGE).cast("int64"))
    # The node is told from the mark again, so that it is not carried through the sorting.
    rows = rows.mutate(
        node=_node(rows.mark), last=rows.mark.lag().over(group_by=rows.subject, order_by=rows.mark)
    )
    starts = begins(_instant(rows.mark), _instant(rows["last"]), gap_minutes * MINUTE * MOST)
    return rows.mutate(before=_node(rows["last"]), starts=starts)


def _place(mark: Any) -> Any:
    return mark & (MOST - 1)


def _node(mark: Any) -> Any:
    return (_place(mark) + EDGE).cast("int32")


def _instant(mark: Any) -> Any:
    return mark - _place(mark)


def turns(moments: Any, gap_minutes: int = GAP_MINUTES) -> ir.Table:
    """The moments without those that repeat the node before them in their session: ``account_id, subject, mark, node, day,
    starts``.

    ``moments`` has ``account_id, subject, occurred_at, day`` and ``node`` (int32).
    """
    rows = _marked(moments, gap_minutes)
    kept = rows.filter(rows.starts | (rows.before != rows.node))
    return kept.select("account_id", "subject", "mark", "day", "node", "starts")


def ways(turns: Any, levels: int, direction: str) -> ir.Table:
    """Each turn with the next ``levels`` nodes of its session, ``node_1 …``, or going back those before it; EDGE where the
    session is over.
    """
    rows = turns
    over: dict[str, Any] = {
        "group_by": rows.subject,
        "order_by": rows.mark,
    }
    going_on = direction == "after"
    # A node and whether its turn starts a session are one number, so that one column is carried along.
    rows = rows.mutate(code=(rows.node - EDGE) * 2 + rows.starts.cast("int32"))
    far = {
        f"far_{level}": (rows.code.lead(level) if going_on else rows.code.lag(level)).over(**over)
        for level in range(1, levels + 1)
    }
    rows = rows.mutate(**far)
    inside: Any = ibis.literal(True)
    found = {}
    for level in range(1, levels + 1):
        # Onwards a session ends where the next turn starts one; going back where the turn one nearer starts it.
        bound = rows[f"far_{level}"] if going_on else rows[f"far_{level - 1}"] if level > 1 else rows.code
        inside = inside & (bound % 2 == 0).coalesce(ibis.literal(False))
        node = (rows[f"far_{level}"] // 2 + EDGE).cast("int32")
        found[f"node_{level}"] = ibis.ifelse(inside & node.notnull(), node, ibis.literal(EDGE, "int32"))
    return rows.select("account_id", "subject", "day", "node", **found)


def counted(ways: Any, levels: int) -> ir.Table:
    """How often each way was gone: ``node_1 …, times``, with ``people``: how many subjects went it."""
    names = [f"node_{level}" for level in range(1, levels + 1)]
    return ways.group_by(names).aggregate(times=ways.count(), people=ways.subject.nunique())


def transitions(moments: Any, gap_minutes: int = GAP_MINUTES) -> ir.Table:
    """How often one node came right after another in one session, repeats included: ``node, next, times``."""
    rows = _marked(moments, gap_minutes)
    rows = rows.filter(~rows.starts)
    return rows.group_by(node=rows.before, next=rows.node).aggregate(times=rows.count())
