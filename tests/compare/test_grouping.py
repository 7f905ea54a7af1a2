"""Which runs go together, what is mixed when it is allowed, and what is odd about them."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from simulated_runs import BACKBONES, NAMES, write_run, write_study

from cifar_lightning.compare.caveats import SIDES_SEEN
from cifar_lightning.compare.claims import LAB_NETS
from cifar_lightning.compare.comparing import compare_runs
from cifar_lightning.compare.grouping import name_seeds
from cifar_lightning.compare.reading import Run, find_run_folders
from cifar_lightning.models import backbones
from cifar_lightning.runs.figures import draw_test_pictures
from cifar_lightning.runs.folder import TEST_PICTURES
from cifar_lightning.runs.settings import fingerprint, read_settings

RIGHT = np.arange(30) % 7 != 0


def write_pair(root, seeds=3, **of_stride):
    """Two strategies; what is given is done to the run stride/seed_1."""
    generator = np.random.default_rng(0)
    for strategy in ("maxpool", "stride"):
        for seed in range(seeds):
            changed = of_stride if (strategy, seed) == ("stride", 1) else {}
            write_run(root / strategy / f"seed_{seed}", strategy, seed, generator.random(30) < 0.8, **changed)
    return root


def test_every_run_folder_is_found_once_however_often_and_deep_it_is_named(tmp_path):
    write_pair(tmp_path / "a/b/c")
    (tmp_path / "a/link").symlink_to(tmp_path / "a/b")
    paths = [tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c/stride/seed_0"]
    finished, unfinished = find_run_folders(paths)
    assert sorted(path.relative_to(tmp_path / "a/b/c").as_posix() for path in finished) == [
        f"{strategy}/seed_{seed}" for strategy in ("maxpool", "stride") for seed in range(3)
    ]
    assert unfinished == []


def test_links_to_the_folders_of_strategies_are_followed_and_those_that_lead_back_end(tmp_path):
    elsewhere = write_pair(tmp_path / "elsewhere")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "config.yaml").touch()
    for strategy in ("maxpool", "stride"):
        (runs / strategy).symlink_to(elsewhere / strategy)
    (runs / "back").symlink_to(tmp_path)
    (elsewhere / "stride/back").symlink_to(runs)
    finished, unfinished = find_run_folders([runs])
    assert len(finished) == 6
    assert unfinished == []
    (runs / "back").unlink()
    finished, unfinished = find_run_folders([runs])
    assert [path.relative_to(runs).as_posix() for path in finished] == [
        f"{strategy}/seed_{seed}" for strategy in ("maxpool", "stride") for seed in range(3)
    ]
    assert unfinished == []


def test_a_config_above_run_folders_is_no_run_and_one_below_none_is_an_unfinished_run(tmp_path):
    root = write_pair(tmp_path / "runs")
    (root / "config.yaml").touch()
    (root / "stride/seed_2/scores.json").unlink()
    (root / "stride/seed_7").mkdir()
    (root / "stride/seed_7/config.yaml").touch()
    finished, unfinished = find_run_folders([root])
    assert len(finished) == 5
    assert unfinished == [root / "stride/seed_2", root / "stride/seed_7"]
    assert compare_runs([root]).notes == [
        "stride lacks seed 2, which other strategies have.",
        f"Left out, since not yet tested: {unfinished[0]}, {unfinished[1]}.",
    ]


def test_pictures_in_another_order_are_the_same_pictures(tmp_path):
    write_pair(tmp_path / "runs")
    before = compare_runs([tmp_path / "runs"], "noise:16")
    for name in ("test_predictions.csv", "probes.csv"):
        path = tmp_path / "runs/stride/seed_1" / name
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([header, *rows[::-1]]) + "\n")
    after = compare_runs([tmp_path / "runs"], "noise:16")
    assert after.notes == before.notes == []
    for one, other in zip(before.strategies, after.strategies, strict=True):
        assert np.array_equal(one.values, other.values)


MIXTURES = {
    "protocol": {"facts": {"protocol": "holdout"}},
    "epochs": {"facts": {"epochs": 9}},
    "checkpoint": {"facts": {"checkpoint": "best.ckpt"}},
    "optimizer.init_args.lr": {"settings": {"model.optimizer.init_args.lr": 0.5}},
    "data.batch_size": {"settings": {"data.batch_size": 64}},
    "data.split_seed": {"settings": {"data.split_seed": 1}},
    "trainer.precision": {"settings": {"trainer.precision": "16-mixed"}},
    "data.source.class_path": {"settings": {"data.source.class_path": "cifar_lightning.data.DrawnShapes"}},
    "test pictures": {"indices": [*np.arange(29) * 7 + 1, 999]},
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_what_differs_is_refused_and_with_allow_mixed_compared_and_marked(tmp_path, mixture):
    root = write_pair(tmp_path / "runs", **MIXTURES[mixture])
    with pytest.raises(ValueError, match=rf"expected .*{mixture}.*stride \(.*seed 1\).*--allow_mixed"):
        compare_runs([root])
    comparison = compare_runs([root], allow_mixed=True)
    assert comparison.mixed
    assert comparison.notes[0].startswith("Mixed: expected ")
    assert mixture in comparison.notes[0]


def test_mixed_pictures_are_compared_where_all_runs_have_them(tmp_path):
    root = write_pair(tmp_path / "runs", indices=np.arange(30) * 7 + 1 + 70 * (np.arange(30) >= 25))
    comparison = compare_runs([root], "shift:1", allow_mixed=True)
    run = Run.read(root / "stride/seed_1")
    stride = next(summary for summary in comparison.strategies if summary.name == "stride")
    assert stride.values.shape == (3, 25)
    assert np.array_equal(stride.values[1], run.probes.shares["shift_1"][:25])


def write_folders(root, pictures):
    """Two strategies whose pictures came from folders of other names; `pictures` by strategy, None for no sheet."""
    for strategy, shown in pictures.items():
        settings = {
            "data.source.class_path": "cifar_lightning.data.ImageFolder",
            "data.source.init_args.root": f"/data/{strategy}",
        }
        for seed in range(3):
            run = write_run(root / strategy / f"seed_{seed}", strategy, seed, RIGHT, settings=settings)
            if shown is not None:
                draw_test_pictures(run / TEST_PICTURES, shown)
    return root


PICTURES = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)


def test_other_test_pictures_under_the_same_indices_are_refused(tmp_path):
    others = PICTURES.copy()
    others[29, 0, 0, 0] ^= 1
    root = write_folders(tmp_path, {"maxpool": PICTURES, "stride": others})
    said = (
        r"the same test pictures .* maxpool \(seeds 0 to 2\), as .*, shows others than .* stride \(seeds 0 to 2\), as"
    )
    with pytest.raises(ValueError, match=f"{said}.*--allow_mixed"):
        compare_runs([root])
    comparison = compare_runs([root], allow_mixed=True)
    assert comparison.mixed
    assert re.search(said, comparison.notes[0])


def test_a_folder_of_pictures_may_be_elsewhere_and_its_sheet_packed_in_another_way(tmp_path):
    root = write_folders(tmp_path, {"maxpool": PICTURES, "stride": PICTURES})
    with Image.open(root / "stride/seed_1" / TEST_PICTURES) as sheet:
        sheet.save(root / "stride/seed_1" / TEST_PICTURES, compress_level=0)
    turned = root / "stride/seed_2"
    for name in ("test_predictions.csv", "probes.csv"):
        header, *rows = (turned / name).read_text().splitlines()
        (turned / name).write_text("\n".join([header, *rows[::-1]]) + "\n")
    draw_test_pictures(turned / TEST_PICTURES, PICTURES[::-1])
    assert compare_runs([root]).notes == []
    # The same sheet, but another order: other pictures.
    draw_test_pictures(turned / TEST_PICTURES, PICTURES)
    with pytest.raises(ValueError, match=r"stride \(seed 2\)"):
        compare_runs([root])


def test_pictures_that_cannot_be_seen_are_not_taken_for_others(tmp_path):
    root = write_folders(tmp_path, {"maxpool": PICTURES, "stride": None})
    (root / "maxpool/seed_0" / TEST_PICTURES).write_text("no picture")
    assert compare_runs([root]).notes == [
        "The pictures come from different folders (/data/maxpool, /data/stride), and where a run has no"
        " test_pictures.png it cannot be seen whether its test pictures are the same."
    ]


def test_classes_in_another_order_are_mixed_by_their_names(tmp_path):
    root = write_pair(tmp_path / "runs")
    before = compare_runs([root], "loss")
    for name in ("test_predictions.csv", "train_predictions.csv"):
        path = root / "stride/seed_1" / name
        rows = [line.split(",") for line in path.read_text().splitlines()]
        path.write_text("".join(",".join([*row[:3], row[5], row[3], row[4]]) + "\n" for row in rows))
    with pytest.raises(ValueError, match="one order of the classes"):
        compare_runs([root], "loss")
    after = compare_runs([root], "loss", allow_mixed=True)
    for one, other in zip(before.strategies, after.strategies, strict=True):
        assert np.array_equal(one.values, other.values)
        assert one.recall_mean == other.recall_mean


def test_runs_of_other_machines_and_versions_go_together(tmp_path):
    elsewhere = {
        "data.source.init_args.root": "/elsewhere",
        "num_threads": 8,
        "trainer.accelerator": "gpu",
        "model.optimizer.init_args.fused": False,
        "model.scheduler": None,
    }
    comparison = compare_runs([write_pair(tmp_path / "runs", settings=elsewhere)])
    assert (comparison.mixed, comparison.notes) == (False, [])


def test_a_scheduler_that_one_run_has_is_another_setting(tmp_path):
    scheduler = {"model.scheduler.class_path": "torch.optim.lr_scheduler.StepLR"}
    with pytest.raises(ValueError, match=r"model\.scheduler"):
        compare_runs([write_pair(tmp_path / "runs", settings=scheduler)])


def test_splits_that_follow_the_seed_are_no_other_setting_and_said(tmp_path):
    for strategy in ("maxpool", "stride"):
        for seed in range(3):
            run = write_run(tmp_path / strategy / str(seed), strategy, seed, RIGHT, settings={"data.split_seed": seed})
            change_training_pictures(run, seed)
    comparison = compare_runs([tmp_path])
    assert not comparison.mixed
    assert "The choice of training pictures differs from run to run" in comparison.does_not_say[0]


def change_training_pictures(run, number):
    path = run / "train_predictions.csv"
    path.write_text(path.read_text().replace("\n1,", f"\n{1000 + number},"))


def test_training_pictures_that_differ_by_strategy_are_not_put_down_to_the_seed(tmp_path):
    for run in write_pair(tmp_path).glob("stride/*"):
        change_training_pictures(run, 0)
    said = "The training pictures differ from strategy to strategy: a verdict is about them too."
    assert compare_runs([tmp_path]).does_not_say[0].endswith(said)
    change_training_pictures(tmp_path / "maxpool/seed_1", 1)
    assert "differ from run to run, and not by the seed alone" in compare_runs([tmp_path]).does_not_say[0]


def test_a_strategy_of_one_run_is_said_to_have_no_seeds_in_its_intervals(tmp_path):
    write_study(
        tmp_path, {"maxpool": 0.9, "stride": 0.8, "avgpool": 0.9}, {"maxpool": 1, "stride": 3, "avgpool": 3}, 30
    )
    said = "other test pictures, but those with maxpool, of which there is one run, no other seeds."
    assert said in compare_runs([tmp_path]).does_not_say[0]


def test_the_same_training_pictures_in_all_runs_are_said_to_be_in_no_interval(tmp_path):
    assert "The training pictures are the same in all runs" in compare_runs([write_pair(tmp_path)]).does_not_say[0]


def test_strategies_may_differ_in_any_setting_and_it_is_said_which(tmp_path):
    for strategy, rate in (("slow", 0.001), ("fast", 0.1)):
        for seed in range(3):
            changes = {"model.optimizer.init_args.lr": rate}
            write_run(tmp_path / strategy / str(seed), strategy, seed, RIGHT, settings=changes)
    comparison = compare_runs([tmp_path])
    assert (
        "The strategies differ in model.optimizer.lr: a verdict is about all of that together."
        in comparison.does_not_say
    )


def test_a_checkpoint_that_the_test_split_may_have_chosen_is_not_said_to_be_the_last(tmp_path):
    said = "no epoch was chosen by it: the last one is judged"
    assert said in " ".join(compare_runs([write_pair(tmp_path / "last")]).does_not_say)
    best = write_study(
        tmp_path / "best", {"maxpool": 0.9, "stride": 0.8}, 3, 30, facts={"checkpoint": "best.ckpt", "epoch": 3}
    )
    limits = " ".join(compare_runs([best]).does_not_say)
    assert said not in limits
    assert "the epoch that is judged may have been chosen by it" in limits


def test_the_last_and_the_best_checkpoint_are_one_mixture(tmp_path):
    root = write_pair(tmp_path, facts={"checkpoint": "best.ckpt", "epoch": 3})
    (note,) = (note for note in compare_runs([root], allow_mixed=True).notes if note.startswith("Mixed"))
    assert "one checkpoint in all runs" in note


def test_compute_and_view_of_the_nets_are_said_to_differ(tmp_path):
    said = " ".join(compare_runs([write_pair(tmp_path)]).does_not_say)
    assert "maxpool gets 3.2 times that of stride (9.52 against 2.95 MFLOP a picture, forward and backward)" in said
    assert "of maxpool only the top left 28x28 of 32x32 pixels reach the answer" in said
    assert "3 classes are not CIFAR-100" in said


@pytest.mark.parametrize("net", ["maxpool", "avgpool", "stride", "baseline"])
@pytest.mark.parametrize("side", [28, 32, 33, 40, 47])
def test_what_a_net_sees_is_what_its_answer_has_a_gradient_to(net, side):
    backbone = getattr(backbones, BACKBONES[net])()
    # Positive weights and pictures: no ReLU is closed, and no part of a picture cancels another.
    for parameter in backbone.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 1)
    pictures = torch.rand(64, 3, side, side, requires_grad=True)
    backbone(pictures).sum().backward()
    seen = pictures.grad.sum(dim=(0, 1)) > 0
    reach = SIDES_SEEN[LAB_NETS[net]](side)
    assert int(seen.any(dim=0).nonzero().max()) + 1 == reach
    assert int(seen.any(dim=1).nonzero().max()) + 1 == reach


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("stride", "baseline"), "of baseline only the top left 31x31 of 32x32 pixels reach the answer"),
        (
            ("baseline", "maxpool", "avgpool"),
            "of avgpool and maxpool only the top left 28x28, of baseline only the top left 31x31 of 32x32 pixels reach",
        ),
    ],
)
def test_all_that_nets_see_less_than_others_is_said(tmp_path, names, said):
    root = write_study(tmp_path, dict.fromkeys(names, 0.8), 3, 30)
    assert any(said in sentence for sentence in compare_runs([root]).does_not_say)


def test_nets_that_see_the_same_are_not_said_to_differ_in_it(tmp_path):
    root = write_study(tmp_path, {"maxpool": 0.8, "avgpool": 0.8}, 3, 30)
    assert "what they see" not in " ".join(compare_runs([root]).does_not_say)


@pytest.mark.parametrize("size", ["abc", None, -1, 10**40, [32], True])
def test_a_size_of_pictures_that_is_none_stops_nothing(tmp_path, size):
    root = write_pair(tmp_path, settings={"data.source.init_args.image_size": size})
    assert "what they see" not in " ".join(compare_runs([root], allow_mixed=True).does_not_say)


def test_missing_seeds_are_named(tmp_path):
    write_study(
        tmp_path, {"maxpool": 0.9, "stride": 0.8, "avgpool": 0.9}, {"maxpool": 6, "stride": 3, "avgpool": 5}, 30
    )
    assert compare_runs([tmp_path]).notes == [
        "avgpool lacks seed 5, which other strategies have.",
        "stride lacks seeds 3 to 5, which other strategies have.",
    ]


@pytest.mark.parametrize(
    ("seeds", "named"),
    [
        ([3], "seed 3"),
        ([2, 1], "seeds 1, 2"),
        ([4, 2, 3], "seeds 2 to 4"),
        ([1, 2, 4, 2], "seeds 1, 2, 4"),
        ([1, 42, 2**32 - 1], "seeds 1, 42, 4294967295"),
    ],
)
def test_seeds_are_named_shortly(seeds, named):
    assert name_seeds(seeds) == named


def edit_facts(run, **facts):
    scores = json.loads((run / "scores.json").read_text())
    scores["run"].update(facts)
    (run / "scores.json").write_text(json.dumps(scores))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"seed": 7}, "run.seed 7 (config.yaml: 1)"),
        ({"strategy": "strided"}, "run.strategy strided (config.yaml: stride)"),
        ({"epochs": 7, "seed": 7}, "run.seed 7 (config.yaml: 1), run.epochs 7 (config.yaml: 5)"),
    ],
)
def test_scores_that_contradict_settings_or_curves_are_named(tmp_path, facts, said):
    run = write_pair(tmp_path) / "stride/seed_1"
    edit_facts(run, **facts)
    sentence = f"scores.json of {run} disagrees with the files beside it in {said}; scores.json was used."
    assert sentence in compare_runs([tmp_path], allow_mixed=True).notes


def test_what_terminals_obey_is_named_in_quotes(tmp_path):
    config = write_pair(tmp_path) / "stride/seed_1/config.yaml"
    config.write_text(config.read_text().replace("name: stride", r'name: "\e[31m"'))
    (note,) = compare_runs([tmp_path]).notes
    assert r"run.strategy stride (config.yaml: '\x1b[31m')" in note


def test_curves_that_lack_the_tested_epoch_are_named(tmp_path):
    curves = write_pair(tmp_path) / "stride/seed_1/curves.csv"
    lines = curves.read_text().splitlines(keepends=True)
    curves.write_text("".join(lines[:-1]))
    (note,) = compare_runs([tmp_path]).notes
    assert f"run.epoch {len(lines) - 1} (curves.csv: {len(lines) - 2} epochs)" in note


def test_a_config_that_was_exchanged_since_the_test_is_named(tmp_path):
    run = write_pair(tmp_path) / "stride/seed_1"
    config = run / "config.yaml"
    edit_facts(run, config_sha256=fingerprint(read_settings(config)))
    # Where the run and its data lie is no such change.
    config.write_text(config.read_text().replace("root: null", "root: elsewhere"))
    assert compare_runs([tmp_path]).notes == []
    config.write_text(config.read_text().replace("num_threads: 1", "num_threads: 2"))
    (note,) = compare_runs([tmp_path]).notes
    assert note == (
        f"config.yaml is another than the run was tested with (run.config_sha256): {run}; the settings are those of the"
        " file."
    )


def test_what_no_csv_file_is_left_of_is_named(tmp_path):
    root = write_pair(tmp_path)
    for name in ("probes.csv", "duplicates.csv"):
        (root / "stride/seed_1" / name).unlink()
    for seed in (0, 1):
        (root / f"maxpool/seed_{seed}/train_predictions.csv").unlink()
    notes = compare_runs([root]).notes
    assert (
        "The CSV files that splits.test.without_duplicates and robustness in scores.json could be recomputed from are"
        f" gone: {root / 'stride/seed_1'}; it was not used."
    ) in notes
    assert (
        "The CSV files that splits.train in scores.json could be recomputed from are gone:"
        f" {root / 'maxpool/seed_0'}, {root / 'maxpool/seed_1'}; it was not used."
    ) in notes


def test_a_time_that_nobody_took_and_a_logger_without_a_name_contradict_nothing(tmp_path):
    for run in write_pair(tmp_path, settings={"trainer.logger": True}).glob("*/*"):
        edit_facts(run, fit_seconds=None)
    assert compare_runs([tmp_path]).notes == []


@pytest.mark.parametrize("size", ["num_parameters", "flops_per_image"])
def test_a_net_of_two_sizes_is_named(tmp_path, size):
    edit_facts(write_pair(tmp_path) / "stride/seed_1", **{size: 5})
    (note,) = compare_runs([tmp_path]).notes
    assert note.startswith(f"Expected one {size} in all runs of stride, but there is ")
    assert f"and 5 in stride (seed 1), as {tmp_path / 'stride/seed_1'}; that of the first is shown." in note


@pytest.mark.parametrize(("file", "what"), [("config.yaml", "Settings"), ("curves.csv", "Curves")])
def test_runs_without_settings_or_curves_are_named(tmp_path, file, what):
    run = write_pair(tmp_path) / "stride/seed_1"
    (run / file).unlink()
    assert compare_runs([tmp_path]).notes == [f"{what} unknown, for want of a {file}: {run}."]


EDITS = {
    "splits.test.accuracy": lambda scores: scores["splits"]["test"].update(accuracy=0.99),
    "splits.test.classes.0.recall": lambda scores: scores["splits"]["test"]["classes"][0].update(recall=10**400),
    "splits.test.loss": lambda scores: scores["splits"]["test"].update(loss=0.0),
    "splits.train.accuracy": lambda scores: scores["splits"]["train"].update(accuracy=0.5),
    "splits.test.classes.1.recall": lambda scores: scores["splits"]["test"]["classes"][1].update(recall=None),
    "splits.test.confusion_matrix.0.0": lambda scores: scores["splits"]["test"].update(confusion_matrix=[[0]]),
    "splits.test.classes.2.precision": lambda scores: scores["splits"]["test"]["classes"][2].update(precision=0.1),
    "splits.test.macro_f1": lambda scores: scores["splits"]["test"].pop("macro_f1"),
    "splits.test.accuracy_ci95.1": lambda scores: scores["splits"]["test"]["accuracy_ci95"].__setitem__(1, 1.0),
    "splits.test.without_duplicates.count": lambda scores: scores["splits"]["test"]["without_duplicates"].update(
        count=300
    ),
    "robustness.noise.16": lambda scores: scores["robustness"]["noise"].pop("16"),
    "run.fit_seconds": lambda scores: scores["run"].update(fit_seconds=8.1),
    "run.classes.3": lambda scores: scores["run"]["classes"].append("zebra"),
    "robustness.noise.64": lambda scores: scores["robustness"]["noise"].update({"64": 0.1}),
    "splits.test.classes.3": lambda scores: scores["splits"]["test"]["classes"].append({"name": "zebra"}),
    "run.classes.0": lambda scores: scores["run"].update(classes=["a", *NAMES[1:]]),
    "splits.test.accuracy ": lambda scores: scores["splits"]["test"].update(
        accuracy=scores["splits"]["test"]["accuracy"] + 2e-6
    ),
}


@pytest.mark.parametrize("edited", EDITS)
def test_scores_that_do_not_follow_from_the_csv_files_are_named_and_not_used(tmp_path, edited):
    root = write_pair(tmp_path / "runs")
    before = compare_runs([root])
    path = root / "stride/seed_1/scores.json"
    scores = json.loads(path.read_text())
    EDITS[edited](scores)
    path.write_text(json.dumps(scores))
    after = compare_runs([root])
    assert len(after.notes) == 1
    assert f"{path.parent} disagrees with the CSV files beside it in " in after.notes[0]
    assert edited.strip() in after.notes[0]
    assert [pair.p for pair in after.pairs] == [pair.p for pair in before.pairs]


def test_runs_that_disagree_in_the_same_figures_are_told_in_one_sentence(tmp_path):
    root = write_study(tmp_path, {"maxpool": 0.9, "stride": 0.8}, 20, 30)
    for run in root.glob("*/*"):
        # Each has its own seed, and its own lie about it.
        edit_facts(run, seed=100 + int(run.name.removeprefix("seed_")))
        change = json.loads((run / "scores.json").read_text())
        change["splits"]["test"]["accuracy"] = 0.123
        change["splits"]["test"]["classes"][len(run.name) % 3]["recall"] = 0.123
        (run / "scores.json").write_text(json.dumps(change))
    edit_facts(root / "stride/seed_3", seed=103, epochs=7)
    notes = [note for note in compare_runs([root], allow_mixed=True).notes if not note.startswith("Mixed")]
    first = ", ".join(str(root / "maxpool" / f"seed_{seed}") for seed in (0, 1, 10))
    assert notes[0] == (
        f"scores.json of 39 runs disagrees with the files beside it: {first} and 36 more; in the first of them, in"
        " run.seed 100 (config.yaml: 0); scores.json was used."
    )
    assert notes[1].startswith(f"scores.json of {root / 'stride/seed_3'} disagrees with the files beside it in run.se")
    assert notes[2:] == [
        f"scores.json of 40 runs disagrees with the CSV files beside it: {first} and 37 more; in the first of them, in"
        " splits.test.accuracy, splits.test.classes.0.recall; the CSV files were used."
    ]
