"""From the journal into the lake, exactly once."""

from evergreen.events.mover.transfer import Moved, Mover, MoverBusyError, move, moving

__all__ = ["Moved", "Mover", "MoverBusyError", "move", "moving"]
