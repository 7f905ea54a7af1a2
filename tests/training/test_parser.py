"""What is said about a wrong setting: the key, what was expected and what came."""

import pytest

from cifar_lightning.training.experiment import Experiment
from cifar_lightning.training.parser import SettingsError


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--trainer.max_epochs=many", "trainer.max_epochs: expected int, got 'many'"),
        ("--trainer.max_epoch=3", "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?"),
        ("--model.optimizer.lr=fast", "in model.optimizer: lr: expected float, got 'fast'"),
        ("--model.optimizer.momentun=1", "in model.optimizer: unknown key 'momentun'; did you mean 'momentum'?"),
        ("--model.backbone=my_net.MyNet", "model.backbone: No module named 'my_net'"),
        ("--model.backbone=AvgPoolNett", "Expected a dot import path string: AvgPoolNett"),
        ("--model.backbone=torch.optim.SGD", "torch.optim.SGD does not correspond to a subclass of Module"),
        ("--data.classes=apple", "data.classes: expected list, got 'apple'"),
        ("--trainer.callbacks=EarlyStopping", "the following arguments are required: monitor"),
        ("--num_threads=0", "num_threads"),
    ],
)
def test_the_sentence_names_the_key_and_what_came(argument, said):
    with pytest.raises(SettingsError) as raised:
        Experiment(["--config=quickstart", argument])
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_choice_lists_what_there_is_to_choose_from():
    with pytest.raises(SettingsError, match=r"trainer\.precision: expected one of .*bf16-mixed.*, got '32x'"):
        Experiment(["--config=quickstart", "--trainer.precision=32x"])
