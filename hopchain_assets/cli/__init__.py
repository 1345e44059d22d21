"""The command line. Each command's module is imported when it is called, so that `--help` is quick."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from hopchain_assets.cli.ending import EXIT_INTERRUPTED, Refusal, one_sentence, report_unexpected


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a command is defined, and what the list of commands says of it."""

    module: str
    function: str
    section: str
    summary: str


COMMANDS: Mapping[str, Listed] = {
    "demo": Listed("run", "demo", "Make", "Render sample scenes and run the whole line on them."),
    "scenes": Listed("sources", "scenes", "Make", "Render pictures with known truth, and import them."),
    "import-coco": Listed("sources", "import_coco", "Make", "Import your own annotated pictures."),
    "import": Listed(
        "importing", "import_pictures", "Make", "Import pictures from Parquet, a dataset, a folder, a list."
    ),
    "run": Listed("run", "run", "Make", "Do all that is pending, through Dagster."),
    "land": Listed("landing", "land", "Make", "Take in what lies in the landing folders now."),
    "retry": Listed("retry", "retry", "Make", "Take up again what failed or was parked."),
    "audit": Listed("audit", "audit", "Make", "Say of which pictures all objects of a kind are marked."),
    "review": Listed("review", "review", "Make", "Let people answer questions, blind, on a web page."),
    "stand-in": Listed("stand_in", "stand_in", "Make", "Serve a stand-in for a model, that knows the truth and lies."),
    "serve": Listed("serve", "serve", "Make", "Start vLLM with the right flags, or print them."),
    "plan": Listed("plan", "plan", "Look", "What a run would do, and what models would cost."),
    "cost": Listed("cost", "cost", "Look", "What was paid to models, and for what."),
    "status": Listed("status", "status", "Look", "What is done, pending, waiting and set aside."),
    "query": Listed("query", "query", "Look", "Ask the warehouse in SQL."),
    "explain": Listed("explain", "explain", "Look", "Show a chain: hops, margins, picture and SQL."),
    "report": Listed("report", "report", "Look", "Write one HTML page: yields, samples, rejects, checks."),
    "ui": Listed("ui", "ui", "Look", "Open Dagster's web interface on this machine."),
    "models": Listed("models", "models", "Keep", "List and build the SQL models."),
    "maintain": Listed("maintain", "maintain", "Keep", "Merge small files and delete what nothing needs."),
    "doctor": Listed("doctor", "doctor", "Keep", "Check this installation and say what to mend."),
}


class Commands(click.Group):
    """The commands of `COMMANDS`, imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None where there is none of that name."""
        listed = COMMANDS.get(cmd_name)
        if listed is None:
            return None
        module = importlib.import_module(f"hopchain_assets.cli.{listed.module}")
        return getattr(module, listed.function)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; of a misspelt one the likeliest is named."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            alike = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Do you mean {alike[0]}?" if alike else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, by section, without importing any."""
        for section in dict.fromkeys(listed.section for listed in COMMANDS.values()):
            rows = [(name, listed.summary) for name, listed in COMMANDS.items() if listed.section == section]
            with formatter.section(section):
                formatter.write_dl(rows, col_spacing=3)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hopchain-assets", prog_name="hopchain")
@click.pass_context
def hopchain(ctx: click.Context) -> None:
    """Certified multi-hop questions about pictures, made into training data.

    Everything is kept under $HOPCHAIN_HOME (data/ in the current folder unless it is set).
    Begin with `hopchain demo`, or with `hopchain import-coco` and `hopchain run` on your own pictures.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 failed, 2 misused, 130 stopped by Ctrl-C."""
    sys.exit(call(sys.argv[1:] if arguments is None else arguments))


def call(arguments: Sequence[str]) -> int:
    """Runs the command line and returns the exit code; every error has become a sentence on stderr."""
    try:
        code = hopchain.main(args=list(arguments), prog_name="hopchain", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped. What was finished is kept; run the same command again to go on.", err=True)
        return EXIT_INTERRUPTED
    except click.UsageError as error:
        click.echo(_misuse(error), err=True)
        return error.exit_code
    except (click.ClickException, Refusal) as error:
        click.echo(f"hopchain: {one_sentence(error)}", err=True)
        return error.exit_code
    except BrokenPipeError:
        # whoever read our output has seen enough; Python would complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        return report_unexpected(error)
    return code if isinstance(code, int) else 0


def _misuse(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "hopchain"
    return f"{command}: {one_sentence(error)} See `{command} --help`."
