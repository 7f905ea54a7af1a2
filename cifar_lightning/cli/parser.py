"""Lightning's argument parser, with errors of one sentence."""

import difflib
import re
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser


class SentenceParser(LightningArgumentParser):
    """Raises a ValueError of one sentence where argparse prints its usage and exits."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(self._one_sentence(message)) from ex

    def _one_sentence(self, message: str) -> str:
        text = " ".join(message.split())
        text = re.sub(r"^(Parser key|Problem with given class_path)", r"\1", text)
        unknown = re.search(r"[Kk]ey \"?'?([\w.+-]+)'?\"? is not expected|Unrecognized arguments: (\S+)", text)
        if unknown:
            key = (unknown[1] or unknown[2]).lstrip("-").split("=")[0]
            nearest = difflib.get_close_matches(key, self._known_keys(), n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "see --help for all keys"
            return f"unknown key {key!r}; {hint}"
        return text if len(text) <= 500 else text[:480] + " ..."

    def _known_keys(self) -> list[str]:
        keys: list[Any] = [action.dest for action in self._actions]
        return [key for key in keys if isinstance(key, str)]
