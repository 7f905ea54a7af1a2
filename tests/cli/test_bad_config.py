"""Mistakes in a YAML file of the user: the sentence names the file, the key or line, and what to write."""

import pytest
from checks import assert_one_sentence
from tiny import TINY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "trainer:\n  max_epochs: 3\ntrainer:\n  devices: 1\n",
            "expected every key once in mine.yaml, but 'trainer' is in lines 1 and 3; put both under one",
        ),
        ("trainer:\n  max_epochs = 3\n", "got 'max_epochs = 3'; in YAML write `max_epochs: 3`"),
        ("trainer:\n  devices: 1\n  max_epochs = 3\n", "mine.yaml is none (line 3: write `max_epochs: 3`)"),
        ("trainer:\n  max_epochs: 3\n   devices: 1\n", "; indent all keys of a block alike)"),
        ("trainer:\n   max_epochs: 3\n  devices: 1\n", "; indent all keys of a block alike)"),
        (
            "trainer:\n# max_epochs: 3\n",
            "expected settings below 'trainer' in mine.yaml, but there are none; remove that line",
        ),
        ("data:\n  val_fraction: 10%\n", "data.val_fraction: expected a number such as 0.1, got '10%'; try 0.1"),
        (
            "model: {optimizer: {class_path: SGD, init_args: {lrr: 0.01}}}",
            "in model.optimizer of mine.yaml: unknown key 'lrr'; did you mean 'lr'?",
        ),
        (
            "model: {optimizer: {class_path: SGD, init_args: {lr: fast}}}",
            "in model.optimizer of mine.yaml: lr: expected a number such as 0.1, got 'fast'",
        ),
        (
            "trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: val_loss, patienc: 3}}]}",
            "in trainer.callbacks of mine.yaml: unknown key 'patienc'; did you mean 'patience'?",
        ),
    ],
)
def test_a_mistake_in_a_config_names_its_place_and_what_to_write(command, tmp_path, content, said):
    (tmp_path / "mine.yaml").write_text(content)
    assert_one_sentence(command("fit", *TINY, "--config=mine.yaml"), 2, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("trainer:\n  max_epochs = 3\n", "trainer: expected dict, got 'max_epochs = 3'; in YAML write `max_epochs: 3`"),
        ("trainer:\n", "expected settings below 'trainer' in mine.yaml"),
    ],
)
def test_a_study_answers_alike(command, tmp_path, content, said):
    (tmp_path / "mine.yaml").write_text(content)
    assert_one_sentence(command("study", "--config=study", "--config=mine.yaml", "--dry_run"), 2, said)
