"""ClickHouse: a server or cluster through clickhouse-connect, or chdb, which is ClickHouse in process."""

from evergreen.events.warehouses.clickhouse.backend import ClickHouse
from evergreen.events.warehouses.clickhouse.clients import Client, InProcess, Server, in_process
from evergreen.events.warehouses.clickhouse.store import ClickHouseEvents

__all__ = ["ClickHouse", "ClickHouseEvents", "Client", "InProcess", "Server", "in_process"]
