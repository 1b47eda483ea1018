"""YAML whose scalars all stay texts: ``no`` is no flag, ``0012`` keeps its zeros, ``2025-01-31`` is no date
yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

_LARGEST = 1 << 20


class YamlError(ValueError):
    """A file that cannot be read; the message says why and where."""


class _Loader(yaml.BaseLoader):
    """Refuses a key that is written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _value in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_whole(self, node: yaml.MappingNode) -> dict[Any, Any]:
        return self.construct_mapping(node, deep=True)


_Loader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG,
    _Loader.construct_whole,
)


def load_yaml(path: Path) -> Any:
    """What a file says, as dicts, lists and texts. Raises YamlError with line and place."""
    try:
        if path.stat().st_size > _LARGEST:
            raise YamlError(_("%(file)s is larger than 1 MB.") % {"file": path})
        return _loaded(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise YamlError(_("There is no file %(file)s.") % {"file": path}) from None
    except UnicodeDecodeError:
        raise YamlError(_("%(file)s is not in UTF-8.") % {"file": path}) from None
    except (yaml.YAMLError, OSError, RecursionError) as error:
        raise _unreadable(path, error) from error


def load_text(text: str) -> Any:
    """What a text says that somebody typed, as ``load_yaml`` reads a file. Raises YamlError."""
    try:
        if len(text) > _LARGEST:
            raise YamlError(_("%(file)s is larger than 1 MB.") % {"file": _("The text")})
        return _loaded(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise _unreadable(_("The text"), error) from error


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506  BaseLoader makes nothing but texts


def _unreadable(what: Any, error: Exception) -> YamlError:
    said = " ".join(str(error).split())
    return YamlError(_("%(file)s is no readable YAML: %(error)s") % {"file": what, "error": said})
