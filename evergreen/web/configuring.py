"""Pages for those who may configure; for others they do not exist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.declarations import Detachable
from evergreen.web import formats
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain

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


def kept_in_files(request: StaffRequest, declared: Detachable, page: str) -> HttpResponse:
    """Back to the page of what was to be changed: its files must be, or it is detached first."""
    said = _("%(name)s is kept in files: change it there, or detach it first.")
    complain(request, said % {"name": formats.named(declared.name)})
    return HttpResponseRedirect(reverse(page, args=[declared.key]))
