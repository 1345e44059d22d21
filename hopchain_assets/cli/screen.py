"""What the commands share on the screen: consoles, progress, tables that fit.

Results go to stdout, progress and errors to stderr. Whatever comes from outside is shown as plain text:
never as markup, never with characters that steer a terminal.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hopchain_assets.cli.ending import Refusal, printable
from hopchain_assets.settings import Settings

NARROWEST_SCREEN = 40


def out() -> Console:
    """The console for results."""
    return _console(stderr=False)


def notes() -> Console:
    """The console for progress and remarks."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
        # where the terminal has no such letter, a question mark is better than no answer
        stream.reconfigure(errors="replace")
    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    if console.width < NARROWEST_SCREEN:
        # with no column at all nothing would be printed; a terminal that is narrower wraps by itself
        console.width = NARROWEST_SCREEN
    return console


def load_settings() -> Settings:
    """The settings of the environment.

    Raises:
        Refusal: when the home is a file, or cannot be looked for.
        SettingsError: naming the variable that cannot be used.
    """
    try:
        settings = Settings.load()
        if settings.home.exists() and not settings.home.is_dir():
            raise Refusal(f"HOPCHAIN_HOME is {settings.home}, which is a file: name a folder")
    except FileNotFoundError as error:
        raise Refusal("the current folder is gone: change to another one, or set HOPCHAIN_HOME") from error
    except (OSError, RuntimeError) as error:
        # a name too long, a symbolic link that leads to itself, a ~user that is nobody
        raise Refusal(f"HOPCHAIN_HOME cannot be used: {error}") from error
    return settings


def readable(text: str, what: str) -> str:
    """An argument that goes on to places that know text only.

    Raises:
        Refusal: when the shell passed bytes that are no text.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refusal(f"{what} is not UTF-8 text: type it again") from error
    return text


def say(console: Console, text: str, style: str = "") -> None:
    """A line that is wrapped by the terminal, not by us, so that paths and commands can be copied."""
    console.print(Text(text, style=style), soft_wrap=True)


def plain(value: object, style: str = "") -> Text:
    """A value from outside as a cell."""
    return Text(printable(str(value)), style=style)


def count(number: int) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 picture`, `2 pictures`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def command(words: str) -> str:
    """A command of ours as it can be typed here: `make run` leaves the program in .venv, off the PATH."""
    if shutil.which("hopchain"):
        return f"hopchain {words}"
    script = Path(sys.executable).parent / "hopchain"
    return f"{_from_here(script)} {words}"


def _from_here(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table in the house's look; columns named in `right` hold numbers."""
    made = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold")
    return made


def bars() -> Progress:
    """Progress bars on stderr; nothing where stderr is no terminal."""
    console = notes()
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def show(console: Console, *tables: Table) -> None:
    """Prints tables with a line of air around each."""
    console.print()
    for one in tables:
        console.print(one)
        console.print()


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """Shows a bar while the block runs; the given function is told how many are done, and of how many."""
    with bars() as progress:
        task = progress.add_task(what, total=total)

        def tell(done: int, of: int | None = None) -> None:
            progress.update(task, completed=done, total=total if of is None else of)

        yield tell


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Shows that something is being done that cannot be counted."""
    console = notes()
    if not console.is_terminal:
        yield
        return
    with console.status(Text(what)):
        yield
