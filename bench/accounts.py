"""The accounts page with 100,000 accounts against the same page with 1,000, in one run.

Requests alternate between the two homes' databases, so that noise falls on both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.homes import line, scratch_home

SIZES = (1_000, 100_000)
ROUNDS = 15
PAGES = {
    "first page": "/accounts/",
    "sorted by ARR": "/accounts/?sort=-arr",
    "red band": "/accounts/?band=red",
    "text": "/accounts/?q=Account+7",
}


def fill(accounts: int) -> None:
    """Accounts with figures as a night leaves them."""
    import datetime as dt

    from evergreen.base.actions import add_staff
    from evergreen.customers.models import Account
    from evergreen.flow.lists import refresh_lists
    from evergreen.health.models import Scorecard, Standing
    from evergreen.metrics.models import Newest

    now = dt.datetime.now(dt.UTC)
    day = now.date() - dt.timedelta(days=1)
    staff = [
        add_staff(f"csm{n}@bench.example", name=f"CSM {n}", role="csm", password="bench-pw-1", now=now)
        for n in range(20)
    ]
    add_staff("boss@bench.example", name="Boss", role="administrator", password="bench-pw-1", now=now)
    stages, tiers = [s.value for s in Account.Stage], [t.value for t in Account.Tier]
    Account.objects.bulk_create(
        [
            Account(
                pk=n, external_id=f"A{n}", name=f"Account {n * 7919 % 1_000_003}", owner=staff[n % 20],
                stage=stages[n % len(stages)], tier=tiers[n % 3], industry=f"industry {n % 15}", created_at=now, known_at=now,
            )
            for n in range(1, accounts + 1)
        ],
        batch_size=2_000,
    )  # fmt: skip
    card = Scorecard.objects.get(key="standard")
    Newest.objects.bulk_create(
        [
            Newest(
                account_id=n, day=day, currency="CNY", mrr_cents=n * 97 % 9_000_000, arr_base_cents=n * 97 % 9_000_000 * 12,
                renewal_on=day + dt.timedelta(days=n * 31 % 365), active_users_28d=n % 50,
            )
            for n in range(1, accounts + 1)
        ],
        batch_size=2_000,
    )  # fmt: skip
    Standing.objects.bulk_create(
        [
            Standing(
                account_id=n, scorecard=card, version=1, is_own=True, day=day, score=n * 37 % 100, coverage=1.0,
                band="red" if n * 37 % 100 < 60 else "yellow" if n * 37 % 100 < 80 else "green", change_30d=n % 21 - 10,
            )
            for n in range(1, accounts + 1)
        ],
        batch_size=2_000,
    )  # fmt: skip
    refresh_lists()


def measure(accounts: int) -> None:
    """Fill a home, then time each page as many times as lines come in; prints seconds."""
    with scratch_home():
        fill(accounts)
        from django.conf import settings
        from django.test import Client

        from evergreen.base.models import User

        settings.ALLOWED_HOSTS = ["testserver"]
        client = Client()
        client.force_login(User.objects.get(email="boss@bench.example"))
        for path in PAGES.values():
            client.get(path)
        print("ready", flush=True)
        for path in sys.stdin:
            started = time.perf_counter()
            response = client.get(path.strip())
            seconds = time.perf_counter() - started
            if response.status_code != 200:
                raise SystemExit(f"{path.strip()} answered {response.status_code}")
            print(seconds, flush=True)


def main() -> None:
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
        return
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.accounts", str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for size in SIZES
    ]
    for process in processes:
        while process.stdout and process.stdout.readline().strip() != "ready":
            pass
    for name, path in PAGES.items():
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for process, seconds in zip(processes, times, strict=True):
                assert process.stdin and process.stdout
                process.stdin.write(path + "\n")
                process.stdin.flush()
                seconds.append(float(process.stdout.readline()))
        few, many = (statistics.median(seconds) * 1000 for seconds in times)
        line(f"{name}: {SIZES[0]:,} accounts (ms)", f"{few:.0f}")
        line(f"{name}: {SIZES[1]:,} accounts (ms)", f"{many:.0f}", "under 150")
        line(f"{name}: ratio", f"{many / few:.2f}", "at most 1.5")
    for process in processes:
        if process.stdin:
            process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
