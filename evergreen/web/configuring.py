"""Pages for those who may configure; for others they do not exist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.http import Http404, HttpResponseBase

from evergreen.web.requests import StaffRequest

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


def configurers(view: Callable[Concatenate[StaffRequest, P], R]) -> Callable[Concatenate[StaffRequest, P], R]:
    """A view that only people see who may change settings, imports and staff."""

    @wraps(view)
    def guarded(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not request.user.may_configure:
            raise Http404("There is no such page.")
        return view(request, *args, **kwargs)

    return guarded
