from django.apps import AppConfig


class ForesightConfig(AppConfig):
    name = "evergreen.foresight"
    label = "foresight"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from evergreen.foresight.recommendations import erasing

        # Listens to end users that are erased.
        assert erasing
