"""Pages. URLs are nouns; a change of state is a POST to a noun."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
