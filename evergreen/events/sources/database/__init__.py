"""Tables and views of a SQL database: PostgreSQL and its kin, MySQL and MariaDB."""

from evergreen.events.sources.database.adapter import DatabaseAdapter

__all__ = ["DatabaseAdapter"]
