"""Comparisons of tables, against those of run folders and against other libraries."""

import json

import numpy as np
import pytest
from scipy import stats
from simulated_runs import write_study
from statsmodels.stats.power import TTestPower

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Verdict
from cifar_lightning.runs.run import find_runs


def make_table(values, seeds=True, **of_examples):
    """The table of values by model, (S, N) each."""
    rows = [
        (model, seed, example, value)
        for model, runs in values.items()
        for seed, run in enumerate(runs)
        for example, value in enumerate(run)
    ]
    model, seed, example, value = map(list, zip(*rows, strict=True))
    more = {name: [column[place] for place in example] for name, column in of_examples.items()}
    return {"model": model, **({"seed": seed} if seeds else {}), "example": example, "value": value, **more}


def simulate(accuracies, num_seeds, num_examples, generator=None):
    generator = generator or np.random.default_rng(0)
    difficulty = generator.normal(0, 2, num_examples)
    return {
        name: (generator.random((num_seeds, num_examples)) < 1 / (1 + np.exp(-ease - difficulty))).astype(float)
        for name, ease in accuracies.items()
    }


def test_a_table_with_seeds_says_what_the_run_folders_say(tmp_path):
    root = write_study(tmp_path, {"maxpool": 0.95, "avgpool": 0.9, "stride": 0.8}, 4, 120)
    values = {}
    for run in find_runs([root]):
        values.setdefault(run.strategy, []).append(run.predictions("test").is_right.astype(float))
    of_folders = compare(root, equal_within=8)
    # Run folders know the class of each image.
    first = of_folders.strategies[0]
    examples = {"group": first.units.groups, "stratum": first.units.strata}
    known = {name: of.tolist() for name, of in examples.items() if of is not None}
    of_table = compare(make_table(values, **known), equal_within=8)
    assert of_table.answer == of_folders.answer
    for ours, theirs in zip(of_table.pairs, of_folders.pairs, strict=True):
        assert (ours.a, ours.b, ours.verdict) == (theirs.a, theirs.b, theirs.verdict)
        assert ours.p_adjusted == pytest.approx(theirs.p_adjusted)
        assert ours.training_noise_only.p == pytest.approx(theirs.training_noise_only.p)
        assert ours.power.detectable > 0


def test_without_seeds_right_and_wrong_answers_are_judged_by_mcnemars_exact_test():
    values = simulate({"good": 2.0, "bad": 0.0}, 1, 400)
    comparison = compare(make_table(values, seeds=False))
    (pair,) = comparison.pairs
    good, bad = values["good"][0], values["bad"][0]
    only_good, only_bad = int((good > bad).sum()), int((bad > good).sum())
    assert pair.p == pytest.approx(stats.binomtest(only_good, only_good + only_bad).pvalue)
    assert pair.p_adjusted == pair.p
    assert pair.verdict is Verdict.BETTER
    assert comparison.answer == "Of these very models, good beats bad."


def test_without_seeds_real_values_are_judged_by_the_paired_t_test():
    generator = np.random.default_rng(1)
    difficulty = generator.normal(size=200)
    values = {name: [difficulty + generator.normal(mean, 0.5, 200)] for name, mean in (("low", 0.0), ("high", 0.5))}
    comparison = compare(make_table(values, seeds=False), question="perplexity", lower_is_better=True)
    (pair,) = comparison.pairs
    assert pair.p == pytest.approx(stats.ttest_rel(values["low"][0], values["high"][0]).pvalue)
    assert pair.winner == "low"
    assert comparison.answer == "Of these very models, by perplexity, low beats high."


def test_with_a_column_of_seeds_the_method_is_the_question_and_two_seeds_are_too_few():
    comparison = compare(make_table(simulate({"good": 3.0, "bad": -3.0}, 2, 200)))
    assert comparison.pairs[0].verdict is Verdict.TOO_FEW_RUNS
    assert compare(make_table(simulate({"good": 3.0, "bad": -3.0}, 3, 200))).pairs[0].verdict is Verdict.BETTER


def test_without_seeds_models_can_be_equal_within_a_margin():
    generator = np.random.default_rng(2)
    first = (generator.random(5000) < 0.9).astype(float)
    second = np.where(generator.random(5000) < 0.01, 1 - first, first)
    comparison = compare(make_table({"a": [first], "b": [second]}, seeds=False), equal_within=2)
    (pair,) = comparison.pairs
    by_t = stats.ttest_rel(first, second - 0.02).pvalue, stats.ttest_rel(first, second + 0.02).pvalue
    assert pair.p_equal == pytest.approx(max(by_t))
    assert pair.verdict in (Verdict.EQUAL, Verdict.SLIGHTLY_BETTER)


@pytest.mark.parametrize("num_seeds", [1, 4])
def test_examples_of_one_group_count_as_one(num_seeds):
    values = simulate({"a": 1.0, "b": 0.5}, num_seeds, 100)
    fivefold = {name: np.repeat(runs, 5, axis=1) for name, runs in values.items()}
    groups = np.repeat(np.arange(100), 5)
    once = compare(make_table({name: 0.5 * runs for name, runs in values.items()}, num_seeds > 1), bounds=(0, 1))
    halves = {name: 0.5 * runs for name, runs in fivefold.items()}
    grouped = compare(make_table(halves, num_seeds > 1, group=groups), bounds=(0, 1))
    naive = compare(make_table(halves, num_seeds > 1), bounds=(0, 1))
    assert grouped.pairs[0].p == pytest.approx(once.pairs[0].p)
    assert grouped.pairs[0].ci95 == pytest.approx(once.pairs[0].ci95)
    assert grouped.strategies[0].ci95 == pytest.approx(once.strategies[0].ci95)
    assert naive.pairs[0].p < once.pairs[0].p
    assert (grouped.num_images, grouped.num_groups) == (500, 100)
    assert "there are 100 groups" in " ".join(grouped.does_not_say)


def test_a_task_in_which_one_model_is_ahead_and_one_in_which_it_is_behind_are_strata():
    generator = np.random.default_rng(3)
    tasks = np.repeat([0, 1], 100)
    values = {"a": [np.where(tasks, 0.9, 0.2)], "b": [np.where(tasks, 0.1, 0.9)]}
    values = {name: [runs[0] + generator.normal(0, 0.02, 200)] for name, runs in values.items()}
    plain, by_task = (compare(make_table(values, False, **of)).pairs[0] for of in ({}, {"stratum": tasks}))
    assert by_task.difference == pytest.approx(plain.difference)
    assert plain.p > 0.05 > by_task.p


def test_what_a_table_cannot_know_is_in_no_file(tmp_path):
    comparison = compare(make_table(simulate({"a": 2.0, "b": 1.0, "c": 0.0}, 3, 100)), question="exact_match")
    comparison.write(tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert (content["question"], content["scope"], content["num_images"]) == ("exact_match", "strategies", 100)
    assert not {"recall_mean", "flops_per_image", "fit_seconds_median", "accuracy_mean"} & set(content["strategies"][0])
    assert sorted(path.name for path in (tmp_path / "figures").glob("*.png")) == ["differences.png", "result.png"]
    page = (tmp_path / "comparison.html").read_text()
    for absent in ("MFLOP", "Class by class", "What it costs", "epoch", "lab ", "The runs", "image"):
        assert absent not in page.partition("</style>")[2].replace("<img", "").replace("data:image", ""), absent


def test_the_scope_of_very_models_is_in_the_file_and_in_every_verdict(tmp_path):
    comparison = compare(make_table(simulate({"a": 3.0, "b": -3.0}, 1, 100), seeds=False))
    comparison.write(tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["scope"] == "models"
    assert content["pairs"][0]["verdict"] == "a is better, of these very models"
    assert "seed" not in (tmp_path / "comparison.html").read_text().partition("</style>")[2].replace(
        "A column seed", ""
    )


def test_bounds_that_values_leave_are_refused():
    table = make_table({"a": [[0.5, 1.7]], "b": [[0.5, 0.6]]}, seeds=False)
    with pytest.raises(ValueError, match=r"within the bounds 0 and 1, got 1\.7"):
        compare(table, bounds=(0, 1))
    with pytest.raises(ValueError, match=r"values that differ, but all are 0\.5"):
        compare(make_table({"a": [[0.5, 0.5]], "b": [[0.5, 0.5]]}, seeds=False))


def test_options_of_tables_are_refused_for_run_folders(tmp_path):
    with pytest.raises(ValueError, match="expected a table for bounds"):
        compare(tmp_path, lower_is_better=True)


def test_one_table_is_compared_alone(tmp_path):
    with pytest.raises(ValueError, match="expected one table, or run folders"):
        compare([tmp_path / "a.csv", tmp_path])


def test_without_seeds_what_so_many_examples_can_see_is_the_power_of_the_paired_t_test():
    generator = np.random.default_rng(4)
    values = {name: [generator.normal(0, 0.3, 400)] for name in ("a", "b")}
    comparison = compare(make_table(values, seeds=False))
    power = comparison.pairs[0].power
    spread = np.std(values["a"][0] - values["b"][0], ddof=1)
    # Of two-sided tests, solve_power counts the wrong side too.
    found = TTestPower().solve_power(power.detectable / spread, 400, 0.05, alternative="two-sided")
    assert found == pytest.approx(0.8, abs=1e-4)
    assert power.seeds_for_half is None
    assert power.images_for_half == pytest.approx(1600, abs=10)
    assert "With 400 examples a difference below 0." in comparison.sensitivity
    assert comparison.sensitivity.endswith("To detect a difference half as large you need about 1,600 examples.")
    assert "seed" not in comparison.sensitivity


def test_pairs_of_seeds_are_counted_and_those_that_share_nothing_warned_of():
    values = simulate({"good": 2.0, "bad": 0.0}, 5, 100)
    table = make_table(values)
    table["seed"] = [seed + 2 * (model == "bad") for seed, model in zip(table["seed"], table["model"], strict=True)]
    paired = compare(table, paired_seeds=True)
    assert paired.numbers.startswith("With 3 paired seeds and 100 examples, ")
    assert "With 3 paired seeds that share nothing, 6 % of equal models are called different." in paired.does_not_say
    assert not any("scatters" in sentence for sentence in paired.does_not_say)
    with pytest.raises(ValueError, match="expected a column seed to pair models by"):
        compare(make_table({name: runs[:1] for name, runs in values.items()}, seeds=False), paired_seeds=True)


def test_what_the_intervals_do_not_cover_follows_from_the_columns():
    one = compare(make_table(simulate({"good": 2.0, "bad": 0.0}, 1, 100)))
    assert one.does_not_say[0] == "The intervals cover new examples, but not new seeds: each model has one."
    tasks, passages = [place % 2 for place in range(100)], [place // 10 for place in range(100)]
    table = make_table(simulate({"good": 2.0, "bad": 0.0}, 4, 100), stratum=tasks, group=passages)
    said = " ".join(compare(table).does_not_say)
    assert "The verdict is about these strata (tasks, classes), in these shares." in said
    assert "there are 10 groups. They are worth 10 of equal size; with fewer than 20," in said


def test_examples_of_few_groups_are_not_counted_one_by_one():
    values = {name: np.repeat(runs, 20, axis=1) for name, runs in simulate({"good": 2.0, "bad": 1.0}, 4, 8).items()}
    comparison = compare(make_table(values, group=[place // 20 for place in range(160)]))
    assert "Few of the 8 groups of examples tell models apart (good and bad on" in comparison.numbers


def test_a_margin_as_large_as_all_values_is_refused():
    generator = np.random.default_rng(0)
    table = make_table({name: generator.random((3, 50)) for name in "ab"})
    with pytest.raises(ValueError, match=r"expected equal_within below (0\.9\d*|1), .* got 2; name it in their unit"):
        compare(table, equal_within=2)


def test_seeds_are_whole_numbers():
    table = make_table(simulate({"good": 2.0, "bad": 0.0}, 3, 20))
    with pytest.raises(ValueError, match=r"expected whole numbers as seeds, got 0\.1"):
        compare({**table, "seed": [seed / 10 for seed in table["seed"]]})
