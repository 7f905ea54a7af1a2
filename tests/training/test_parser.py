"""What is said about a wrong setting: the key, what was expected and what came."""

import pytest

from cifar_lightning.training.experiment import Experiment
from cifar_lightning.training.parser import SettingsError


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--trainer.max_epochs=many", "trainer.max_epochs: expected a whole number such as 20, got 'many'"),
        ("--trainer.max_epoch=3", "unknown key 'trainer.max_epoch'; did you mean `--trainer.max_epochs 3`?"),
        ("--model.optimizer.lr=fast", "in model.optimizer: lr: expected a number such as 0.1, got 'fast'"),
        ("--model.optimizer.momentun=1", "in model.optimizer: unknown key 'momentun'; did you mean 'momentum'?"),
        (
            "--model.backbone=not_there.Unwritten",
            "model.backbone: No module named 'not_there'; check its spelling, pip install it",
        ),
        ("--model.backbone=AvgPoolNett", "there is no class AvgPoolNett; did you mean AvgPoolNet?"),
        ("--model.backbone=maxpool", "there is no class maxpool; did you mean MaxPoolNet?"),
        ("--model.backbone=Unwritten", "there is no class Unwritten; name its module as well, as in my_net.MyNet"),
        ("--model.optimizer=adam", "there is no class adam; did you mean Adam?"),
        ("--trainer.callbacks=EarlyStoping", "there is no class EarlyStoping; did you mean EarlyStopping?"),
        ("--data.source=folder", "there is no class folder; did you mean ImageFolder?"),
        ("--model.backbone=torch.optim.SGD", "torch.optim.SGD does not correspond to a subclass of Module"),
        ("--data.classes=apple", "data.classes: expected list, got 'apple'; write --data.classes '[apple]'"),
        ("--trainer.callbacks=EarlyStopping", "are required: monitor; set trainer.callbacks.monitor"),
        ('--config={"data": "batch_size:32"}', "got 'batch_size:32'; in YAML write `batch_size: 32`"),
        ('--config={"trainer": "max_epochs = 3"}', "got 'max_epochs = 3'; in YAML write `max_epochs: 3`"),
        ("--data.val_fraction=15%", "data.val_fraction: expected a number such as 0.1, got '15%'; try 0.15"),
        ("--model.optimizer.leaning_rate=1", "in model.optimizer: unknown key 'leaning_rate'; did you mean 'lr'?"),
        ("--model.optimizer.beta=1", "in model.optimizer: unknown key 'beta'; SGD takes lr, momentum, dampening, wei"),
        ("--model.backbone.width=1", "in model.backbone: unknown key 'width'; MaxPoolNet takes no arguments"),
        ("--model.backbone=torch.nnn.Linear", "No module named 'torch.nnn'; check its spelling"),
        ("--model.optimizer=torch.optim.Adm", "'torch.optim' has no attribute 'Adm'; did you mean 'Adam'?"),
        ("--model.optimizer=torch.optim.Unwritten", "no attribute 'Unwritten'; check its spelling"),
        ("--num_threads=0", "num_threads: 0 does not conform"),
        (
            "--model=AvgPoolNet",
            "model: expected a file or single settings, got 'AvgPoolNet'",
        ),
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


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--lr 0.01", "--model.optimizer.lr 0.01"),
        ("--learning_rate=0.01", "--model.optimizer.lr 0.01"),
        ("--model.lr 0.01", "--model.optimizer.lr 0.01"),
        ("--momentum 0.5", "--model.optimizer.momentum 0.5"),
        ("--epochs 5", "--trainer.max_epochs 5"),
        ("--max_epochs 5", "--trainer.max_epochs 5"),
        ("--max_epoch 5", "--trainer.max_epochs 5"),
        ("--batch_size 8", "--data.batch_size 8"),
        ("--seed 3", "--seed_everything 3"),
        ("--num_train 30", "--data.source.num_train 30"),
        ("--name mine", "--trainer.logger.name mine"),
        ("--classes apple,forest", "--data.classes '[apple,forest]'"),
        ("--classes apple forest", "--data.classes '[apple,forest]'"),
        ("--classes [apple, forest]", "--data.classes '[apple,forest]'"),
        ("-lr 0.1", "--model.optimizer.lr 0.1"),
        ("--gpus 1", "--trainer.devices 1"),
        ("--device cpu", "--trainer.accelerator cpu"),
        ("--resume run", "--ckpt_path run"),
        ("--avgpool", "--config avgpool"),
    ],
)
def test_a_key_cut_short_is_answered_by_the_whole_one_with_its_value(typed, meant):
    with pytest.raises(SettingsError) as raised:
        Experiment(["--config=quickstart", *typed.split()])
    assert str(raised.value).endswith(f"; did you mean `{meant}`?")


def test_a_key_of_a_config_is_answered_by_the_whole_one():
    with pytest.raises(SettingsError, match=r"unknown key 'lr'; did you mean 'model\.optimizer\.lr'\?"):
        Experiment(["--config=quickstart", '--config={"lr": 0.1}'])
    # Which can be written just so.
    assert (
        Experiment(["--config=quickstart", '--config={"model.optimizer.lr": 0.1}']).config.model.optimizer.init_args.lr
        == 0.1
    )


@pytest.mark.parametrize("typed", ["circle,square", "circle square", "[circle, square]"])
def test_a_list_is_shown_with_brackets_and_quotes(typed):
    with pytest.raises(
        SettingsError, match=r"data\.classes: expected list, got .*; write --data.classes '\[circle, ?sq"
    ):
        Experiment(["--config=quickstart", "--data.classes", *typed.split()])
    with pytest.raises(SettingsError, match=r"; write data\.classes: \[circle, square\]$"):
        Experiment(["--config=quickstart", '--config={"data": {"classes": "circle, square"}}'])


def test_a_fit_of_nothing_is_told_to_name_a_config():
    with pytest.raises(SettingsError, match=r"required: model\.backbone; add --config avgpool, or another"):
        Experiment([])
    with pytest.raises(SettingsError, match="got 'quickstart'; did you mean `--config quickstart`"):
        Experiment(["quickstart"])


def test_a_word_that_belongs_to_no_option_is_named():
    with pytest.raises(SettingsError, match=r"expected an option, got '4'; leave it out"):
        Experiment(["--config=quickstart", "--trainer.max_epochs", "3", "4"])
