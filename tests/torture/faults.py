"""The group ``ingest-fault``: disks, dirt, clients, links and clocks that do what they should not."""

from __future__ import annotations

from tests.torture import fault_clients, fault_disk, fault_full
from tests.torture.resuming import Test

TESTS: dict[str, Test] = {
    "ING-05": fault_disk.failing,
    "ING-06": fault_full.full,
    "ING-13": fault_clients.delivered,
}
