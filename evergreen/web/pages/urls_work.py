"""Addresses of the day's work and of what stands behind it."""

from django.urls import URLPattern

from evergreen.web.pages import signin

urls: list[URLPattern] = [*signin.urls]
