"""The parser from which a shell's completion is made."""

from cifar_lightning.cli.completion import make_parser
from cifar_lightning.cli.main import COMMANDS
from cifar_lightning.training.configs import list_configs


def test_every_command_has_the_options_that_its_help_shows():
    (commands,) = (action.choices for action in make_parser()._actions if action.dest != "help")
    assert list(commands) == list(COMMANDS)
    options = {name: set(command._option_string_actions) for name, command in commands.items()}
    assert {"--config", "--model.optimizer.lr", "--ckpt_path", "--help_all"} <= options["fit"]
    assert {"--question", "--output"} <= options["compare"]
    assert {"--sort", "--help"} <= options["runs"]
    assert list(commands["fit"]._option_string_actions["--config"].choices) == list(list_configs())
