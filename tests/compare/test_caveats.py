"""What the verdicts leave out, and what is odd about the runs."""

import numpy as np
import pytest
from simulated_runs import write_pair, write_run, write_study

from cifar_lightning.compare.api import compare

RIGHT = np.arange(30) % 7 != 0


def test_splits_that_follow_the_seed_are_no_other_setting_and_said(tmp_path):
    for strategy in ("maxpool", "stride"):
        for seed in range(3):
            run = write_run(tmp_path / strategy / str(seed), strategy, seed, RIGHT, settings={"data.split_seed": seed})
            change_training_images(run, seed)
    comparison = compare(tmp_path)
    assert not comparison.mixed
    said = "differs from run to run with the seed; runs of one seed are"
    assert f"{said} not paired: a new study may ask for --paired_seeds." in comparison.does_not_say[0]
    paired = compare(tmp_path, paired_seeds=True).does_not_say
    assert f"{said} compared with one another." in paired[0]
    assert "With 3 paired seeds that share nothing, 6 % of equal strategies are called different." in paired


def test_test_images_like_a_training_image_are_counted_or_left_out_everywhere(tmp_path):
    root = write_study(tmp_path, {"maxpool": 0.9, "stride": 0.7}, 3, 60)
    for run in root.glob("*/*"):
        (run / "duplicates.csv").write_text("index,train_index,similarity\n1,7,0.9\n8,7,0.8\n")
    comparison = compare(root)
    assert any(said.startswith("2 of the 60 test images have a near-duplicate") for said in comparison.does_not_say)
    assert comparison.num_left_out is None
    without = compare(root, without_duplicates=True)
    assert not any("near-duplicate" in said for said in without.does_not_say)
    assert "60 images" not in without.numbers
    assert "58 images (2 with a near-duplicate among the training images left out)" in without.numbers
    for full, left in zip(comparison.strategies, without.strategies, strict=True):
        assert np.array_equal(left.values, np.delete(full.values, [0, 1], axis=1))
        shifted = [each.runs[0].probes["shift_1"] for each in (full, left)]
        assert np.array_equal(np.delete(shifted[0], [0, 1]), shifted[1])


def test_runs_that_do_not_know_their_near_duplicates_cannot_leave_them_out(tmp_path):
    root = write_pair(tmp_path)
    (root / "stride/seed_1/duplicates.csv").unlink()
    with pytest.raises(ValueError, match=r"expected duplicates\.csv in .*seed_1, .* test that run again"):
        compare(root, without_duplicates=True)


def change_training_images(run, number):
    path = run / "train_predictions.csv"
    path.write_text(path.read_text().replace("\n1,", f"\n{1000 + number},"))


def test_training_images_that_differ_by_strategy_are_not_put_down_to_the_seed(tmp_path):
    for run in write_pair(tmp_path).glob("stride/*"):
        change_training_images(run, 0)
    assert "differ from run to run, and not by the seed alone" in compare(tmp_path).does_not_say[0]


def test_a_strategy_of_one_run_is_said_to_have_no_seeds_in_its_intervals(tmp_path):
    write_study(
        tmp_path, {"maxpool": 0.9, "stride": 0.8, "avgpool": 0.9}, {"maxpool": 1, "stride": 3, "avgpool": 3}, 30
    )
    said = "gathered as this test split was, but those with maxpool, of which there is one run, no other seeds."
    assert said in compare(tmp_path).does_not_say[0]


def test_the_same_training_images_in_all_runs_are_said_to_be_in_no_interval(tmp_path):
    assert "The training images are the same in all runs" in compare(write_pair(tmp_path)).does_not_say[0]


def test_strategies_may_differ_in_any_setting_and_it_is_said_which(tmp_path):
    for strategy, rate in (("slow", 0.001), ("fast", 0.1)):
        for seed in range(3):
            changes = {"model.optimizer.init_args.lr": rate}
            write_run(tmp_path / strategy / str(seed), strategy, seed, RIGHT, settings=changes)
    comparison = compare(tmp_path)
    assert (
        "The strategies differ in model.optimizer.lr: a verdict is about all of that together."
        in comparison.does_not_say
    )


def test_a_checkpoint_that_the_test_split_may_have_chosen_is_not_said_to_be_the_last(tmp_path):
    said = "no epoch was chosen by it: the last one is judged"
    assert said in " ".join(compare(write_pair(tmp_path / "last")).does_not_say)
    best = write_study(
        tmp_path / "best", {"maxpool": 0.9, "stride": 0.8}, 3, 30, facts={"checkpoint": "best.ckpt", "epoch": 3}
    )
    limits = " ".join(compare(best).does_not_say)
    assert said not in limits
    assert "the epoch that is judged may have been chosen by it" in limits


def test_the_last_and_the_best_checkpoint_are_one_mixture(tmp_path):
    root = write_pair(tmp_path, facts={"checkpoint": "best.ckpt", "epoch": 3})
    (note,) = (note for note in compare(root, allow_mixed=True).notes if note.startswith("Mixed"))
    assert "one checkpoint in all runs" in note


def test_compute_and_view_of_the_nets_are_said_to_differ(tmp_path):
    said = " ".join(compare(write_pair(tmp_path)).does_not_say)
    assert "maxpool gets 3.2 times that of stride (9.52 against 2.95 MFLOP per image, forward and backward)" in said
    assert "how many pixels of an image reach the answer: 784 in maxpool and 1,024 in stride." in said
    assert "3 classes are not CIFAR-100" in said


@pytest.mark.parametrize(("seeds", "said"), [(2, False), (3, True), (10, False)])
def test_few_seeds_are_said_to_need_runs_that_scatter_alike(tmp_path, seeds, said):
    limits = " ".join(compare(write_study(tmp_path, {"maxpool": 0.9, "stride": 0.8}, seeds, 30)).does_not_say)
    assert ("Of equal strategies, 5 to 19 % are called different where one scatters 3 times" in limits) is said


def test_missing_seeds_are_named(tmp_path):
    write_study(
        tmp_path, {"maxpool": 0.9, "stride": 0.8, "avgpool": 0.9}, {"maxpool": 6, "stride": 3, "avgpool": 5}, 30
    )
    assert compare(tmp_path).notes == [
        "avgpool lacks seed 5, which other strategies have.",
        "stride lacks seeds 3 to 5, which other strategies have.",
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("stride", "baseline"), "961 in baseline and 1,024 in stride."),
        (("baseline", "maxpool", "avgpool"), "784 in avgpool and maxpool and 961 in baseline."),
        (("maxpool", "avgpool"), ""),
    ],
)
def test_nets_that_see_other_numbers_of_pixels_are_named(tmp_path, names, said):
    limits = compare(write_study(tmp_path, dict.fromkeys(names, 0.8), 3, 30)).does_not_say
    views = [sentence.partition("reach the answer: ")[2] for sentence in limits if "pixels" in sentence]
    assert views == ([said] if said else [])


def test_untested_runs_are_named_and_left_out(tmp_path):
    root = write_pair(tmp_path)
    (root / "stride/seed_2/scores.json").unlink()
    assert compare(root).notes == [
        "stride lacks seed 2, which other strategies have.",
        f"Left out, since not yet tested: {root / 'stride/seed_2'}.",
    ]


@pytest.mark.parametrize("name", ["config.yaml", "curves.csv", "probes.csv", "train_predictions.csv"])
def test_a_missing_file_is_named_and_stops_nothing(tmp_path, name):
    root = write_pair(tmp_path)
    before = compare(root)
    (root / "stride/seed_1" / name).unlink()
    after = compare(root)
    assert after.notes == [f"Results that need {name} are left out: it is missing in {root / 'stride/seed_1'}."]
    assert [pair.p for pair in after.pairs] == [pair.p for pair in before.pairs]
