"""Faults of the tracking APIs: what Mixpanel's and PostHog's clients send, and what is kept of it."""

from tests.controls import Control

_MIXPANEL = "tests/events/test_ingest_mixpanel.py"
_POSTHOG = "tests/events/test_ingest_posthog.py"

CONTROLS = (
    Control(
        "key_kept_in_the_clear",
        "No write key is kept in the clear.",
        "evergreen/events/ingest/app.py",
        """    return body.replace(secret.encode(), b"*" * len(secret.encode()))""",
        "    return body",
        (
            "tests/events/test_ingest_browsers.py::test_a_write_key_in_the_body_is_not_kept_in_the_clear",
            f"{_MIXPANEL}::test_every_path_takes_every_form_its_clients_use",
        ),
    ),
    Control(
        "two_projects_in_one_source",
        "An event goes to the source of its own token.",
        "evergreen/events/ingest/wires/mixpanel.py",
        "        if len(set(keys)) < 2:",
        "        if keys:",
        (f"{_MIXPANEL}::test_events_of_two_projects_in_one_request_go_each_to_its_own_source",),
    ),
    Control(
        "equal_events_taken_for_one",
        "Equal events that a client sent at different times are different events.",
        "evergreen/events/ingest/mixpanel.py",
        """    return None if is_fine or call.startswith("import") else received""",
        "    return None",
        (f"{_MIXPANEL}::test_events_without_id_and_time_are_each_their_own_and_a_repeated_import_is_not",),
    ),
    Control(
        "group_made_a_person",
        "The person that clients make up for a group is nobody.",
        "evergreen/events/ingest/posthog.py",
        """    return _Said("group", None, key if kind in groups else None, kept, traits=traits)""",
        """    return _Said("group", key, key if kind in groups else None, kept, traits=traits)""",
        (f"{_POSTHOG}::test_its_own_events_mean_what_they_mean_there",),
    ),
    Control(
        "zstd_without_limit",
        "A small packed body cannot fill the memory.",
        "evergreen/events/ingest/bodies.py",
        """        if size > limit:\n            raise TooLargeError(limit, b"")\n""",
        "",
        (f"{_POSTHOG}::test_a_zstd_bomb_is_stopped_at_the_limit",),
    ),
    Control(
        "memory_never_given_back",
        "What a request held is free again whatever became of it.",
        "evergreen/events/ingest/bodies.py",
        "        self.hold(0)",
        "        pass",
        ("tests/events/test_ingest_memory.py::test_what_a_request_held_is_free_again_whatever_became_of_it",),
    ),
)
