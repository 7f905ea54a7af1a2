"""Sentences on the terminal."""

from rich.console import Console
from rich.padding import Padding


def plain_console() -> Console:
    """A console that prints names as they are: they are the user's, and a bracket or a colon in one is no markup."""
    return Console(highlight=False, markup=False, emoji=False)


def print_prose(console: Console, text: str, indent: int = 0, style: str | None = None) -> None:
    """Prints sentences, broken between words on a terminal, and left whole in a file or a pipe.

    Paths and commands are printed with `soft_wrap` instead: the terminal breaks them anywhere, and they can be copied.
    """
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent), expand=False), style=style)
    else:
        console.print(" " * indent + text, style=style, soft_wrap=True)


def count(number: int, noun: str) -> str:
    """A number and its noun: `1 seed`, `10 seeds`, `20,000 epochs`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
