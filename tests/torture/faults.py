"""The group ``ingest-fault``: disks, dirt, clients, links and clocks that do what they should not."""

from __future__ import annotations

from tests.torture import fault_clients, fault_clock, fault_dirt, fault_disk, fault_full, fault_limits
from tests.torture.resuming import Test

TESTS: dict[str, Test] = {
    "ING-05": fault_disk.failing,
    "ING-06": fault_full.full,
    "ING-08": fault_dirt.paired,
    "ING-09": fault_dirt.conflicting,
    "ING-10": fault_dirt.accounted,
    "ING-11": fault_dirt.poisoned,
    "ING-12": fault_limits.limited,
    "ING-13": fault_clients.delivered,
    "ING-14": fault_clock.moved,
}
