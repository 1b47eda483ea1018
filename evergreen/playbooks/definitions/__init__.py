"""A playbook's definition: plain data to what runs, what keeps it from being published, and back to plain data."""

from evergreen.playbooks.definitions.checking import problems
from evergreen.playbooks.definitions.reading import Known, definition, sketch
from evergreen.playbooks.definitions.saying import said
from evergreen.playbooks.definitions.telling import told

__all__ = ["Known", "definition", "problems", "said", "sketch", "told"]
