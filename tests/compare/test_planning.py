"""Plans: how many seeds and images are enough, from a pilot and from assumptions."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from simulated_runs import write_run, write_study

import cifar_lightning as cl
from cifar_lightning.compare.analysis import analyse

PAIR = {"maxpool": 0.92, "stride": 0.9}


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """Three seeds of two strategies, 100 images; not to be changed."""
    return write_study(tmp_path_factory.mktemp("pilot"), PAIR, 3, 100)


def test_the_planned_seeds_are_the_fewest_that_are_enough(pilot):
    plan = cl.plan(pilot, difference=7)
    assert plan.num_seeds > 3
    assert plan.detectable(plan.num_seeds, 100) <= 0.07 < plan.detectable(plan.num_seeds - 1, 100)
    assert plan.enough == (plan.num_seeds, 100)
    assert plan.answer.startswith(
        f"{plan.num_seeds} seeds of every strategy show a difference of 7 points in 80 % of studies, with 100 images"
    )
    # A large difference takes three seeds, with which a verdict is given.
    assert cl.plan(pilot, difference=60).num_seeds == 3


def test_where_no_number_of_seeds_is_enough_the_images_are_named_that_would_be(pilot):
    plan = cl.plan(pilot, difference=2)
    assert plan.num_seeds is None
    seeds, images = plan.enough
    assert plan.detectable(seeds, images) <= 0.02 < plan.detectable(10_000, 100)
    assert plan.detectable(10_000, images // 2 - 100) > 0.02 * 0.9
    assert plan.answer.startswith(
        "No number of seeds shows a difference of 2 points in 80 % of studies with 100 images."
    )
    assert f" {seeds} seeds and {images:,} images would: {2 * seeds} runs, " in plan.answer
    assert cl.plan(pilot, difference=2, images=images).num_seeds <= seeds
    assert "not even with 10,000,000 images" in cl.plan(pilot, difference=0.001).answer


def test_hours_are_those_of_the_pilots_fits(pilot, tmp_path):
    # A fit of seed S takes 80 + S seconds: 81 at the median of three.
    assert cl.plan(pilot, difference=7).hours(10) == pytest.approx(10 * 2 * 81 / 3600)
    for strategy in PAIR:
        for seed in range(2):
            right = np.random.default_rng([seed, len(strategy)]).random(30) < 0.8
            write_run(tmp_path / strategy / f"seed_{seed}", strategy, seed, right, facts={"fit_seconds": None})
    plan = cl.plan(tmp_path, difference=7)
    assert plan.hours(10) is None
    assert "hours" not in plan.answer


def test_a_plan_holds_for_whichever_pair_is_harder_and_for_corrected_p(tmp_path):
    root = write_study(tmp_path, {**PAIR, "avgpool": 0.6}, 4, 100)
    two, three = cl.plan([root / "maxpool", root / "stride"], difference=7), cl.plan(root, difference=7)
    assert three.detectable(5, 100) == max(replace(three, noise=[noise]).detectable(5, 100) for noise in three.noise)
    assert three.detectable(5, 100) > two.detectable(5, 100)
    assert replace(two, num_strategies=3).detectable(5, 100) > two.detectable(5, 100)


def test_a_study_as_planned_finds_the_assumed_difference_in_four_of_five():
    plan = cl.plan(difference=4, accuracy=0.9, agreement=0.6, seed_deviation=2, images=500)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(300):
        shared = generator.normal(0, (0.6 * 0.0675) ** 0.5, 500)
        nets = [
            mean
            + shared
            + generator.normal(0, (0.4 * 0.0675) ** 0.5, 500)
            + generator.normal(0, (0.02**2 - 0.0225 / 500) ** 0.5, (plan.num_seeds, 1))
            + generator.normal(0, 0.15, (plan.num_seeds, 500))
            for mean in (0.92, 0.88)
        ]
        found.append(analyse(nets).p < 0.05)
    assert 0.75 < np.mean(found) < 0.9


def test_more_agreement_fewer_seeds_and_more_seed_noise_more():
    seeds = [cl.plan(difference=4, **given).num_seeds for given in ({"agreement": 0.8}, {}, {"seed_deviation": 2})]
    assert seeds == sorted(seeds)
    assert len(set(seeds)) == 3
    assert any("0.8" in sentence for sentence in cl.plan(difference=4, agreement=0.8).basis)


def test_the_figure_shows_pilot_plan_and_hours(pilot, tmp_path):
    plan = cl.plan(pilot, difference=7)
    plan.write(tmp_path / "new")
    svg = (tmp_path / "new/plan.svg").read_text()
    for text in (">pilot<", ">plan<", ">hours of fitting<", ">seeds per strategy<", ">test images<", ">5<"):
        assert text in svg
    assert plan.answer in svg
    for png in ((tmp_path / "new/plan.png").read_bytes(), plan._repr_png_()):
        assert min(Image.open(BytesIO(png)).size) > 800
    assumed = cl.plan(difference=4).draw().svg
    assert ">hours of fitting<" not in assumed
    assert ">pilot<" not in assumed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"difference": 0}, "a difference in points above 0"),
        ({"power": 80}, "a power above 0.5 and below 1, got 80"),
        ({"images": 1}, "a number of images above 1"),
        ({"accuracy": 90}, "an accuracy above 0 and below 1, got 90"),
        ({"agreement": 1.5}, "an agreement"),
        ({"seed_deviation": -1}, "a seed deviation"),
        ({"strategies": 1}, "a number of strategies above 1"),
    ],
)
def test_numbers_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        cl.plan(**{"difference": 2, **given})


def test_a_pilot_without_noise_to_plan_with_is_refused(tmp_path):
    for strategy in PAIR:
        write_run(tmp_path / strategy / "seed_0", strategy, 0, np.arange(30) % 10 != 0)
    with pytest.raises(ValueError, match="two seeds of every strategy in a pilot, got one of "):
        cl.plan(tmp_path, difference=2)
    for strategy in PAIR:
        write_run(tmp_path / strategy / "seed_1", strategy, 1, np.arange(30) % 10 != 0)
    with pytest.raises(ValueError, match="maxpool and stride answer all of them alike"):
        cl.plan(tmp_path, difference=2)


def test_assumptions_beside_a_pilot_are_refused(pilot):
    with pytest.raises(ValueError, match="got a pilot and accuracy"):
        cl.plan(pilot, difference=2, accuracy=0.9)
