"""The ``evergreen`` command. Its help must come at once, so commands import what they need when they run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from evergreen.launch.commands import (
    api_keys,
    backtesting,
    churn,
    config,
    credentials,
    doctor,
    erasing,
    expansion,
    history,
    importing,
    installation,
    keys,
    night,
    portfolio,
    purchases,
    recommendations,
    serving,
    staff,
    twin,
)
from evergreen.launch.terminal import FAILED, HomeOption, choose_home, say

app = typer.Typer(
    name="evergreen",
    help="Evergreen (常青): customer success. Every command takes --home; stdout carries data, stderr words.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def evergreen(
    home: HomeOption = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(installed("evergreen-success"))
        raise typer.Exit
    choose_home(home)


app.command()(installation.init)
app.add_typer(staff.app, name="staff")
app.command()(serving.serve)
app.command()(serving.web)
app.command()(serving.worker)
app.command()(night.night)
app.command("import")(importing.import_file)
app.add_typer(keys.app, name="key")
app.add_typer(api_keys.app, name="api-key")
app.add_typer(credentials.app, name="credentials")
app.add_typer(config.app, name="config")
app.command()(history.accounts)
app.command()(portfolio.portfolio)
app.command()(purchases.purchases)
app.command()(backtesting.backtest)
app.add_typer(churn.app, name="churn")
app.add_typer(expansion.app, name="expansion")
app.add_typer(recommendations.app, name="recommendations")
app.add_typer(twin.app, name="twin")
app.add_typer(history.app, name="events")
app.add_typer(erasing.app, name="erase")
app.command()(installation.demo)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command; an error of our own rooms says in words what to do, anything else shows its trace."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not type(error).__module__.startswith("evergreen."):
            raise
        say(str(error))
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
