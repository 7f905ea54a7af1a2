"""Any input at all ends in one sentence or in a right result: settings, files of a run, and data, drawn by Hypothesis.

`CIFAR_LIGHTNING_EXAMPLES=1000` tries as many other cases of each; without it the same few are tried every time.
"""

import contextlib
import csv
import hashlib
import io
import itertools
import json
import math
import os
import pickle
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from small_cifar import SmallCifar

from cifar_lightning.cli.main import main
from cifar_lightning.data import cifar100

pytestmark = pytest.mark.slow

ASKED = os.environ.get("CIFAR_LIGHTNING_EXAMPLES")


def tried(in_ci):
    """How many cases are drawn."""
    return settings(
        max_examples=int(ASKED or in_ci),
        derandomize=not ASKED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # To shrink a case takes minutes, and the sentences of the commands say enough of it.
        phases=[Phase.generate],
    )


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments):
    """The command line in this process. A traceback is an exception here, and fails the test."""
    out, err = io.StringIO(), io.StringIO()
    path = list(sys.path)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(map(str, arguments)))
    finally:
        sys.path[:] = path
    return Ended(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def working_folder():
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def ended_in_a_sentence(ended):
    """Whether it was refused; if so, that is checked to be one sentence."""
    if ended.code == 0:
        assert ended.err == ""
        return False
    assert ended.code in (1, 2), ended
    (line,) = ended.err.splitlines()
    assert line.startswith("cifar-lightning: ")
    assert len(line) < 1000
    assert len(line) > len("cifar-lightning: ") + 15
    assert "Traceback" not in line
    return True


def files_below(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def read_weights(run_folder):
    return torch.load(run_folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]


def same_weights(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def flat(value, key=""):
    if not isinstance(value, dict) or not value:
        return {key: value}
    parts = [flat(part, f"{key}.{name}" if key else str(name)) for name, part in value.items()]
    return dict(itertools.chain.from_iterable(part.items() for part in parts))


def assert_scores_follow_from_predictions(run_folder):
    scores = json.loads((run_folder / "scores.json").read_text())
    for split, ours in scores["splits"].items():
        with (run_folder / f"{split}_predictions.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        names = header[3:]
        labels, predicted = [row[1] for row in rows], [row[2] for row in rows]
        assert ours["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
        seen = [name for name in names if name in labels]
        f1 = f1_score(labels, predicted, labels=seen, average="macro", zero_division=0)
        assert ours["macro_f1"] == pytest.approx(f1, abs=1e-6)
        columns = [*names, "(other)"] if "(other)" in predicted else names
        confusion = confusion_matrix(labels, predicted, labels=columns)[: len(names)]
        assert ours["confusion_matrix"] == confusion.tolist()
    return scores


@pytest.fixture(scope="module", autouse=True)
def quick_and_alone(tmp_path_factory):
    """No figure, which takes two seconds and reads nothing of what is damaged here; and a small CIFAR-100 at hand."""
    root = tmp_path_factory.mktemp("data")
    small = SmallCifar()
    small.put_folder(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIFAR_LIGHTNING_DATA", str(root))
        patch.setattr("cifar_lightning.cli.testing.draw_figures", lambda *_: [])
        # Nor the epochs that `--dry_run` times.
        patch.setattr("cifar_lightning.cli.study_command._time_epochs", lambda _: 1.0)
        patch.setattr("cifar_lightning.compare.figures.write_figures", lambda *_: [])
        patch.setattr("cifar_lightning.compare.page.write_page", lambda *_, **__: None)
        yield


# --- settings ---------------------------------------------------------------------------------------------------------

CONFIG = {
    "seed_everything": 0,
    "num_threads": 1,
    "trainer": {
        "max_epochs": 1,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "logger": {
            "class_path": "cifar_lightning.runs.logger.RunLogger",
            "init_args": {"save_dir": "lightning_logs", "name": "drawn"},
        },
    },
    "model": {
        "backbone": {"class_path": "cifar_lightning.models.backbones.StrideNet"},
        "num_outputs": None,
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.02, "momentum": 0.9}},
        "scheduler": None,
    },
    "data": {
        "source": {
            "class_path": "cifar_lightning.data.DrawnShapes",
            "init_args": {"num_train": 10, "num_test": 3, "seed": 0, "noise": 16.0},
        },
        "classes": ["circle", "square", "ring"],
        "val_fraction": 0.1,
        "split_seed": 0,
        "batch_size": 16,
        "validate_on_test": False,
    },
}
NETS = [f"cifar_lightning.models.backbones.{name}Net" for name in ("Baseline", "Stride", "MaxPool", "AvgPool")]
SHAPES = ["circle", "square", "triangle", "star", "cross", "ring"]
WORDS = [
    "",
    " ",
    "x",
    "~",
    "null",
    "nan",
    "-",
    "'",
    '"',
    "{",
    "[",
    "!!",
    "*a",
    "&a",
    "%",
    "@",
    "\u732b",
    "\u202e",
    "a" * 300,
]
HOSTILE = [
    *("os.system", "builtins.eval", "subprocess.Popen", "nowhere.Net", "os", "torch.nn.Module", "cifar_lightning"),
    *("lightning.pytorch.loggers.CSVLogger.save", "torch.nn.Linear", "pathlib.Path", "..", "a..b", ".a", "/", "../x"),
]
# Numbers that are no size: what is as slow as it is right is left out.
ODD_NUMBERS = st.sampled_from(
    [0, -1, -(2**63), 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.sampled_from(WORDS), st.sampled_from(HOSTILE), st.text(max_size=8))
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*WORDS, "class_path", "init_args", "lr"]), inner, max_size=3),
    ),
    max_leaves=6,
)
CLASSES = st.builds(lambda path, init: {"class_path": path, "init_args": init}, st.sampled_from(HOSTILE + NETS), NESTED)
ANY = st.one_of(PLAIN, NESTED, CLASSES)


def sized(*right):
    """For a number of things: right ones, those below 1, and ones beyond any memory."""
    return st.one_of(st.sampled_from(right), st.sampled_from([0, -5, 10**15, 2**63, 1.5, "2"]), ANY)


CALLBACKS = [
    {"class_path": name, "init_args": init_args}
    for name, init_args in [
        ("EarlyStopping", {"monitor": "val_loss", "patience": 0}),
        ("EarlyStopping", {"monitor": "train_loss", "mode": "up"}),
        ("EarlyStopping", {"monitor": "frob", "strict": False}),
        ("ModelCheckpoint", {"monitor": "val_accuracy", "mode": "max", "save_top_k": 2}),
        ("ModelCheckpoint", {"every_n_train_steps": 1, "save_last": True}),
        ("ModelCheckpoint", {"filename": "../../out"}),
        ("LearningRateMonitor", {"logging_interval": "epoch"}),
        ("GradientAccumulationScheduler", {"scheduling": {0: 2}}),
        ("GradientAccumulationScheduler", {"scheduling": {0: 0}}),
        ("BackboneFinetuning", {"unfreeze_backbone_at_epoch": 1}),
        ("WeightAveraging", {}),
        ("EMAWeightAveraging", {}),
        ("StochasticWeightAveraging", {"swa_lrs": 0.1}),
        ("LearningRateFinder", {}),
        ("Timer", {"duration": "00:00:01:00"}),
        ("ModelPruning", {"pruning_fn": "l1_unstructured"}),
        ("RichProgressBar", {}),
        ("ModelSummary", {}),
        ("Callback", {}),
    ]
]
BOOLEANS = st.one_of(st.booleans(), ANY)

SETTINGS = {
    "seed_everything": st.one_of(st.integers(0, 2**32 - 1), ODD_NUMBERS, ANY),
    "num_threads": sized(1, 2),
    "trainer.max_epochs": st.one_of(
        st.sampled_from([1, 2, 0, -7, 0.5, "1"]),
        st.text(max_size=5).filter(lambda text: not text.strip().isdigit()),
        NESTED.filter(lambda value: value is not None),
    ),
    "trainer.accelerator": st.one_of(st.sampled_from(["cpu", "auto", "gpu", "tpu"]), ANY),
    "trainer.devices": st.one_of(st.sampled_from([1, "auto", [0], 0, -2, "1"]), PLAIN),
    "trainer.precision": st.one_of(st.sampled_from(["32-true", "bf16-true", 64, 32]), ODD_NUMBERS, ANY),
    "trainer.gradient_clip_val": st.one_of(st.floats(0, 5), ODD_NUMBERS, ANY),
    "trainer.accumulate_grad_batches": st.one_of(st.integers(1, 9), ODD_NUMBERS, ANY),
    "trainer.limit_train_batches": st.one_of(st.sampled_from([1, 0.5, 0]), ODD_NUMBERS, ANY),
    "trainer.check_val_every_n_epoch": st.one_of(st.sampled_from([1, 2, 0]), ODD_NUMBERS, ANY),
    "trainer.logger": st.one_of(st.just(False), ANY),
    "trainer.logger.init_args.name": st.one_of(st.sampled_from(["a", "a b", "a/b"]), ANY),
    "trainer.logger.init_args.version": st.one_of(st.sampled_from([0, 7, "seven"]), ANY),
    "trainer.min_epochs": st.one_of(st.integers(-2, 3), ODD_NUMBERS, ANY),
    "trainer.max_steps": st.one_of(st.integers(-2, 3), ODD_NUMBERS, ANY),
    "trainer.min_steps": st.one_of(st.integers(-2, 3), ODD_NUMBERS, ANY),
    "trainer.max_time": st.one_of(st.sampled_from(["00:00:00:00", "00:01:00:00", "5", 5]), ANY),
    "trainer.limit_val_batches": st.one_of(st.sampled_from([0, 1, 1.0, 0.5]), ODD_NUMBERS, ANY),
    "trainer.log_every_n_steps": st.one_of(st.integers(0, 3), ODD_NUMBERS, ANY),
    "trainer.gradient_clip_algorithm": st.one_of(st.sampled_from(["norm", "value", "other"]), ANY),
    "trainer.num_sanity_val_steps": st.one_of(st.integers(-2, 3), ODD_NUMBERS, ANY),
    "trainer.reload_dataloaders_every_n_epochs": st.one_of(st.integers(-1, 2), ODD_NUMBERS, ANY),
    "trainer.fast_dev_run": st.one_of(st.integers(-1, 2), BOOLEANS),
    "trainer.barebones": BOOLEANS,
    "trainer.benchmark": BOOLEANS,
    "trainer.detect_anomaly": BOOLEANS,
    "trainer.enable_model_summary": BOOLEANS,
    "trainer.enable_progress_bar": BOOLEANS,
    "trainer.inference_mode": BOOLEANS,
    "trainer.sync_batchnorm": BOOLEANS,
    "trainer.use_distributed_sampler": BOOLEANS,
    "trainer.callbacks": st.one_of(st.lists(st.sampled_from(CALLBACKS), max_size=3), ANY),
    "trainer.plugins": ANY,
    "trainer.strategy": st.one_of(st.just("auto"), ANY),
    "trainer.profiler": ANY,
    "trainer.deterministic": BOOLEANS,
    "trainer.enable_checkpointing": BOOLEANS,
    "model.backbone": st.one_of(st.sampled_from(NETS), ANY),
    "model.backbone.class_path": st.one_of(st.sampled_from(NETS + HOSTILE), ANY),
    "model.num_outputs": sized(3, 4, 100, 2),
    "model.optimizer": st.one_of(st.sampled_from(["torch.optim.Adam", "torch.optim.AdamW", "torch.optim.LBFGS"]), ANY),
    "model.optimizer.init_args.lr": st.one_of(st.floats(0, 0.1), ODD_NUMBERS, ANY),
    "model.optimizer.init_args.momentum": st.one_of(st.floats(0, 1), ODD_NUMBERS, ANY),
    "model.optimizer.init_args.frob": ANY,
    "model.scheduler": st.one_of(
        st.sampled_from(
            [
                {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 1}},
                {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 0}},
                {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 0}},
                {"class_path": "lightning.pytorch.cli.ReduceLROnPlateau", "init_args": {"monitor": "val_loss"}},
                {"class_path": "lightning.pytorch.cli.ReduceLROnPlateau", "init_args": {"monitor": "frob"}},
            ]
        ),
        ANY,
    ),
    "data.source": st.one_of(
        st.sampled_from(["cifar_lightning.data.Cifar100", "cifar_lightning.data.ImageFolder"]), ANY
    ),
    "data.source.class_path": st.one_of(
        st.sampled_from(["cifar_lightning.data.ImageSource"]), st.sampled_from(HOSTILE), ANY
    ),
    "data.source.init_args.num_train": sized(4, 20, 1),
    "data.source.init_args.num_test": sized(1, 2, 7),
    "data.source.init_args.seed": st.one_of(st.integers(0, 9), ODD_NUMBERS, ANY),
    "data.source.init_args.noise": st.one_of(st.floats(0, 300), ODD_NUMBERS, ANY),
    "data.source.init_args.image_size": sized(32, 28, 16, 9, 1),
    "data.classes": st.one_of(
        st.lists(st.sampled_from(SHAPES), max_size=6),
        st.lists(st.integers(-1, 6), max_size=4),
        st.lists(st.one_of(st.sampled_from(SHAPES), PLAIN, ODD_NUMBERS), max_size=4),
        ANY,
    ),
    "data.val_fraction": st.one_of(st.floats(0, 1), ODD_NUMBERS, ANY),
    "data.split_seed": st.one_of(st.integers(0, 9), ODD_NUMBERS, ANY),
    "data.batch_size": st.one_of(st.integers(1, 99), ODD_NUMBERS, sized(1)),
    "data.validate_on_test": BOOLEANS,
    "data.frob": ANY,
    "frob": ANY,
    "trainer": ANY,
    "model": ANY,
    "data": ANY,
    "ckpt_path": st.one_of(st.sampled_from(["last", "nowhere", "."]), ANY),
}
CHANGES = st.lists(
    st.sampled_from(list(SETTINGS)).flatmap(lambda key: st.tuples(st.just(key), SETTINGS[key], st.booleans())),
    min_size=1,
    max_size=3,
    unique_by=lambda change: change[0],
)


def put(config, key, value):
    *groups, name = key.split(".")
    for group in groups:
        if not isinstance(config.get(group), dict):
            config[group] = {}
        config = config[group]
    config[name] = value


def as_option(value):
    """As it would be typed behind `--key=`."""
    if isinstance(value, str):
        return value
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        .strip()
        .removesuffix("...")
        .strip()
    )


def only_run(folder):
    """The one run folder below a folder."""
    (config,) = folder.rglob("config.yaml")
    return config.parent


def assert_a_right_fit(folder, ended):
    """What a fit that ended well has to have left behind."""
    saved = list(folder.rglob("config.yaml"))
    if not saved:
        # No logger, no checkpoints, nothing to train: then nothing is left, and no folder is promised.
        left = files_below(folder) - {Path("drawn.yaml")}
        events = {path for path in left if path.name.startswith("events.out")}
        assert bool(events) == ("version_" in ended.out) == ("no checkpoint was kept, but curves" in ended.out)
        assert left == events | {parent for path in events for parent in path.parents} - {Path()}
        return None
    (run_folder,) = (path.parent for path in saved)
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    rows = list(csv.DictReader((run_folder / "curves.csv").open()))
    assert len(rows) == config["trainer"]["max_epochs"]
    assert all(math.isfinite(float(row["train_loss"])) for row in rows)
    return run_folder


def assert_the_same_again(run_folder):
    """The saved settings make the same run."""
    with working_folder() as folder:
        again = run("fit", "--config", run_folder / "config.yaml", f"--trainer.logger.save_dir={folder / 'again'}")
        assert (again.code, again.err) == (0, "")
        assert same_weights(read_weights(run_folder), read_weights(only_run(folder)))


@tried(25)
@given(changes=CHANGES)
def test_any_settings_make_a_right_run_or_are_refused_in_one_sentence(changes):
    config = json.loads(json.dumps(CONFIG))
    options = []
    for key, value, as_file in changes:
        if as_file:
            put(config, key, value)
        else:
            options.append(f"--{key}={as_option(value)}")
    with working_folder() as folder:
        (folder / "drawn.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        before = files_below(folder)
        ended = run("fit", "--config", "drawn.yaml", *options)
        if ended_in_a_sentence(ended):
            left = files_below(folder) - before
            # A run that fails while it trains may keep the epochs before.
            assert not left or any(path.name == "last.ckpt" for path in left), (ended, left)
            return
        run_folder = assert_a_right_fit(folder, ended)
        if run_folder is None:
            return
        saved = flat(yaml.safe_load((run_folder / "config.yaml").read_text()))
        for key, value, _ in changes:
            # What was asked for is what is saved, where it is a plain value that YAML and types leave alone.
            if type(value) in (int, bool) and key in saved and type(saved[key]) is type(value) and "version" not in key:
                assert saved[key] == value
        tested = run("test", "--ckpt_path", run_folder.absolute())
        if not ended_in_a_sentence(tested):
            scores = assert_scores_follow_from_predictions(run_folder)
            assert scores["run"]["epochs"] == saved["trainer.max_epochs"]
            assert scores["run"]["batch_size"] == saved["data.batch_size"]
            if saved["data.source.class_path"] == "cifar_lightning.data.DrawnShapes":
                each = saved["data.source.init_args.num_train"]
                held_out = max(1, round(saved["data.val_fraction"] * each)) if saved["data.val_fraction"] else 0
                counts = {split: {row["support"] for row in of["classes"]} for split, of in scores["splits"].items()}
                assert counts["train"] == {each - held_out}
                assert counts.get("val", {0}) == {held_out}
                assert counts["test"] == {saved["data.source.init_args.num_test"]}
        assert_the_same_again(run_folder)


SNIPPETS = [
    *":-,#&*!|>'\"{}[]%@`~ \t\n\r\0",
    "\n  ",
    "\n- ",
    ": ",
    "!!python/object/apply:os.system [x]",
    "!!int ",
    "<<: ",
    "&a ",
    "*a",
    "---\n",
    "\ufeff",
    "\x85",
    "[" * 3000,
    "{a: " * 500,
    "\u732b",
    "trainer: ",
    "? ",
]


@st.composite
def edited(draw, text):
    """A text with a few places cut out, doubled or written over."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        between = draw(
            st.one_of(
                st.just(""),
                st.sampled_from(SNIPPETS),
                st.just(text[start:end] * 2),
                st.text(st.characters(exclude_categories=("Nd", "Cs")), max_size=4),
            )
        )
        text = text[:start] + between + text[end:]
    return text


STUDY = """
name: drawn
strategies:
  stride: {model: {backbone: {class_path: cifar_lightning.models.backbones.StrideNet}}}
  max: {model: {backbone: {class_path: cifar_lightning.models.backbones.MaxPoolNet}}}
seeds: [0, 1]
engine: serial
""" + yaml.safe_dump({"trainer": {"max_epochs": 1}, "data": CONFIG["data"]})
YAML_LIKE = st.one_of(
    edited(yaml.safe_dump(CONFIG)),
    edited(STUDY),
    st.lists(st.sampled_from([*SNIPPETS, *"abc\n: "]), max_size=20).map("".join),
    st.dictionaries(
        st.sampled_from(["trainer", "model", "data", "strategies", "seeds", "name", "engine", "save_dir"]), ANY
    ).map(lambda value: yaml.safe_dump(value, allow_unicode=True)),
)
SMALL = ["--data.source.num_train=4", "--data.source.num_test=1"]


@tried(25)
@given(text=YAML_LIKE, command=st.sampled_from(["fit", "study", "data"]))
def test_any_text_as_config_makes_a_right_run_or_is_refused_in_one_sentence(text, command):
    with working_folder() as folder:
        (folder / "drawn.yaml").write_text(text, encoding="utf-8", newline="")
        before = files_below(folder)
        # Lost settings fall back to 500 epochs, or ten seeds.
        bounds = {"fit": ["--trainer.max_epochs=1"], "study": ["--dry_run", "--trainer.max_epochs=1"], "data": []}
        ended = run(command, "--config", "drawn.yaml", *bounds[command])
        if ended_in_a_sentence(ended) or command != "fit":
            assert files_below(folder) == before
            return
        run_folder = assert_a_right_fit(folder, ended)
        if run_folder is not None:
            assert_the_same_again(run_folder)


# --- files of a finished run ------------------------------------------------------------------------------------------

FILES = [
    *("config.yaml", "curves.csv", "scores.json", "checkpoints/last.ckpt", "checkpoints/best.ckpt", "probes.csv"),
    *("test_predictions.csv", "train_predictions.csv", "val_predictions.csv", "duplicates.csv", "events"),
]
MORE = "--trainer.max_epochs=3"


class Runs(NamedTuple):
    """Finished and tested runs, not to be changed, and what the commands gave of the first of them."""

    whole: Path  # `one`, and `two` to compare it with
    donors: list[Path]  # other seed, other net, other classes
    longer: dict
    said: str
    predictions: bytes
    comparison: dict


@pytest.fixture(scope="module")
def runs(tmp_path_factory, quick_and_alone):
    return make_runs(tmp_path_factory.mktemp("runs"))


def make_runs(folder):
    config = json.loads(json.dumps(CONFIG))
    put(config, "trainer.max_epochs", 2)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    max_pool = "--model.backbone=cifar_lightning.models.backbones.MaxPoolNet"

    def make(parent, name, *changes):
        where = [f"--trainer.logger.save_dir={folder / parent}", f"--trainer.logger.name={name}"]
        assert run("fit", "--config", folder / "config.yaml", *where, *changes).code == 0
        made = folder / parent / name / "version_0"
        assert run("test", "--ckpt_path", made).code == 0
        return made

    one = make("whole", "one")
    make("whole", "two", max_pool)
    others = ["--seed_everything=1"], [max_pool], ["--data.classes=[circle,star,ring]"]
    donors = [make(f"donor{place}", "one", *changes) for place, changes in enumerate(others)]
    longer = read_weights(make("longer", "one", MORE))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)).save(folder / "a.png")
    with working_folder() as scratch:
        said = run("validate", "--ckpt_path", one).out
        assert run("predict", "--ckpt_path", one, "--images", folder / "a.png").code == 0
        assert run("compare", folder / "whole", "--output", scratch / "out").code == 0
        predictions = (scratch / "predictions.csv").read_bytes()
        comparison = json.loads((scratch / "out/comparison.json").read_text())
    return Runs(folder / "whole", donors, longer, said, predictions, comparison)


def flip_bits(content, seed, places):
    damaged = bytearray(content)
    generator = random.Random(seed)
    for _ in range(places):
        if damaged:
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    return bytes(damaged)


DAMAGE = st.one_of(
    st.builds(
        lambda seed, places: lambda content: flip_bits(content, seed, places),
        st.integers(0, 2**32),
        st.sampled_from([1, 1, 1, 3, 40]),
    ),
    st.builds(lambda share: lambda content: content[: int(share * len(content))], st.floats(0, 1)),
    st.builds(lambda cut: lambda content: content[: max(0, len(content) - cut)], st.integers(1, 30)),
    st.builds(lambda noise: lambda _: noise, st.binary(max_size=300)),
    st.builds(
        lambda start, length: (
            lambda content: content[: int(start * len(content))] + content[int(start * len(content)) + length :]
        ),
        st.floats(0, 1),
        st.integers(1, 200),
    ),
    st.builds(
        lambda start, length: (
            lambda content: (
                content[: int(start * len(content))] + bytes(length) + content[int(start * len(content)) + length :]
            )
        ),
        st.floats(0, 1),
        st.integers(1, 5000),
    ),
)
RUN_COMMANDS = ["test", "validate", "predict", "fit", "compare"]


def path_of(run_folder, name):
    return next(run_folder.glob("events*")) if name == "events" else run_folder / name


# How long a run is and where it lies is no setting that its checkpoint is held to.
LIMITS = ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time")


def says_something_else(config, before):
    """Whether a damaged config.yaml is still one, of a run of another length."""
    try:
        now, was = (flat(yaml.safe_load(path.read_text())) for path in (config, before))
    except (ValueError, yaml.YAMLError):
        return False
    return any(now.get(key) != was.get(key) for key in LIMITS)


@tried(28)
@given(
    name=st.sampled_from(FILES),
    damage=st.one_of(DAMAGE, st.sampled_from([0, 1, 2])),
    command=st.sampled_from(RUN_COMMANDS),
)
def test_a_damaged_run_gives_what_it_gave_before_or_is_refused_in_one_sentence(runs, name, damage, command):
    """Where config.yaml gives a run another length, what is right is what it says: that is held to be consistent."""
    one = runs.whole / "one/version_0"
    with working_folder() as folder:
        shutil.copytree(runs.whole, folder / "logs")
        damaged = folder / "logs/one/version_0"
        path = path_of(damaged, name)
        content = path.read_bytes()
        changed = path_of(runs.donors[damage], name).read_bytes() if isinstance(damage, int) else damage(content)
        path.write_bytes(changed)
        edited = name == "config.yaml" and says_something_else(path, one / name)
        images = runs.whole.parent / "a.png"
        arguments = {
            "test": ["--ckpt_path", damaged],
            "validate": ["--ckpt_path", damaged],
            "predict": ["--ckpt_path", damaged, "--images", images],
            "fit": ["--config", damaged / "config.yaml", "--ckpt_path=" + str(damaged), MORE],
            "compare": ["logs", "--output", "out"],
        }[command]
        ended = run(command, *arguments)
        if ended_in_a_sentence(ended):
            if changed == content:
                raise AssertionError(ended)
            return
        if command == "test":
            scores = assert_scores_follow_from_predictions(damaged)
            if not edited:
                assert scores == json.loads((one / "scores.json").read_text())
                for other in ("test_predictions.csv", "train_predictions.csv", "val_predictions.csv", "probes.csv"):
                    assert (damaged / other).read_bytes() == (one / other).read_bytes()
        elif command == "validate":
            assert edited or ended.out == runs.said
        elif command == "predict":
            assert edited or Path("predictions.csv").read_bytes() == runs.predictions
        elif command == "fit":
            assert edited or same_weights(read_weights(damaged), runs.longer)
        else:
            comparison = json.loads(Path("out/comparison.json").read_text())
            if name == "scores.json":
                # Nobody but torch could count them again.
                for strategy, whole in zip(comparison["strategies"], runs.comparison["strategies"], strict=True):
                    strategy |= {key: whole[key] for key in ("num_parameters", "flops_per_image")}
            if name in ("scores.json", "train_predictions.csv"):
                # Nor say from run folders alone on which pictures a net was trained.
                comparison["does_not_say"] = runs.comparison["does_not_say"]
            named = "logs/one/version_0" in " ".join([*comparison["notes"], ended.out.replace("\n", " ")])
            assert edited or named or comparison == runs.comparison


# --- data -------------------------------------------------------------------------------------------------------------


@tried(36)
@given(
    name=st.sampled_from(["train", "test", "meta", "archive"]),
    damage=DAMAGE,
    checked=st.booleans(),
)
def test_damaged_data_are_read_as_they_are_or_refused_in_one_sentence(name, damage, checked):
    small = SmallCifar()
    with working_folder() as folder:
        if name == "archive":
            Path("cifar-100-python.tar.gz").write_bytes(damage(small.archive()))
        else:
            small.put_folder(folder)
            path = folder / "cifar-100-python" / name
            content = path.read_bytes()
            path.write_bytes(damage(content))
        before = files_below(folder)
        with pytest.MonkeyPatch.context() as patch:
            for file, known in small.files.items():
                patch.setitem(cifar100.FILE_MD5, file, hashlib.md5(known).hexdigest())
            options = ["--data.source.root=.", "--data.classes=null", f"--data.source.verify_md5={checked}".lower()]
            ended = run(
                "data",
                *options,
                "--data.source.download=false",
                "--data.classes=[apple,forest]",
                "--data.val_fraction=0",
                "--preview=sheet.png",
            )
        if ended_in_a_sentence(ended):
            assert files_below(folder) - before <= {
                Path("cifar-100-python"),
                *(Path("cifar-100-python", n) for n in small.files),
            }
            return
        if checked:
            # Only what is the published file to the last byte.
            assert name == "archive" or path.read_bytes() == content
        elif name == "archive":
            # gzip compares its own checksum.
            assert {file: Path("cifar-100-python", file).read_bytes() for file in small.files} == small.files
        else:
            # Without a checksum the pixels may be others, but as many of each class, unless the labels are.
            theirs = pickle.loads(small.files[name]) if name != "meta" else None
            assert theirs is None or "all" in ended.out


PICTURES = []
for kind, mode in itertools.product(["PNG", "JPEG"], ["RGB", "L", "P", "RGBA", "CMYK", "I;16", "1", "LA"]):
    if (kind, mode) in {("JPEG", "P"), ("JPEG", "RGBA"), ("JPEG", "LA"), ("JPEG", "I;16"), ("PNG", "CMYK")}:
        continue
    buffer = io.BytesIO()
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8))
    (Image.new(mode, (20, 24)) if mode == "I;16" else pixels.convert(mode)).save(buffer, kind)
    PICTURES.append(buffer.getvalue())


@tried(16)
@given(picture=st.sampled_from(PICTURES), damage=DAMAGE, name=st.sampled_from(["a.png", "a.jpg", "a.jpeg", "a.PNG"]))
def test_a_damaged_picture_is_answered_or_refused_in_one_sentence(runs, picture, damage, name):
    with working_folder() as folder:
        Path("photos").mkdir()
        Path("photos", name).write_bytes(damage(picture))
        before = files_below(folder)
        ended = run("predict", "--ckpt_path", runs.whole / "one/version_0", "--images", "photos")
        if ended_in_a_sentence(ended):
            assert files_below(folder) == before
            assert name in ended.err
            return
        header, row = csv.reader(Path("predictions.csv").read_text().splitlines())
        assert header == ["file", "predicted", "circle", "square", "ring"]
        assert row[0] == name
        assert sum(map(float, row[2:])) == pytest.approx(1)
        assert row[1] == header[2:][np.argmax([float(share) for share in row[2:]])]
