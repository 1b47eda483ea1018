"""Root URLs: everything people see is in ``web``."""

from django.urls import include, path

urlpatterns = [path("", include("evergreen.web.urls"))]
