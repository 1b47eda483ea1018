"""``evergreen portfolio`` as somebody types it."""

from __future__ import annotations

from tests.launch.installation import Installation


def test_an_empty_book_has_figures_and_no_rates(installation: Installation) -> None:
    (told,) = installation.lines("portfolio", "--from", "2026-03-01", "--to", "2026-04-01")
    assert (told["start_accounts"], told["end_mrr_cents"]) == (0, 0)
    assert (told["logo_churn"], told["grr"], told["nrr"]) == (None, None, None)


def test_days_the_wrong_way_round_are_refused_with_what_is_allowed(installation: Installation) -> None:
    done = installation.run("portfolio", "--from", "2026-04-01", "--to", "2026-04-01", check=False)
    assert done.returncode == 2
    assert "must come after" in done.stderr
