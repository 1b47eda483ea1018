from django.apps import AppConfig


class FlowConfig(AppConfig):
    name = "evergreen.flow"
    label = "flow"
    default_auto_field = "django.db.models.BigAutoField"
