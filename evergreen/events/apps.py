from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "evergreen.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
