"""What all figures share."""

import numpy as np
import pytest
from checks import size_of

from cifar_lightning.plots.confusion import draw_confusion
from cifar_lightning.plots.kit import draw_sentence, looks_of, shorten
from cifar_lightning.plots.mistakes import draw_mistakes
from cifar_lightning.runs.predictions import Predictions


def random_images(count, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.mark.filterwarnings("error")
def test_names_of_any_length_and_script_are_drawn_without_a_warning(tmp_path):
    names = ("W" * 200, "漢字" * 40, "😀 a\tb")
    predictions = Predictions(names, np.arange(2), np.array([0, 1]), np.array([1, 2]), np.full((2, 3), 1 / 3))
    draw_mistakes(tmp_path / "m.png", names[1], random_images(2), predictions)
    draw_confusion(tmp_path / "c.png", names[1], [[3, 1, 0], [0, 2, 0], [0, 0, 2]], names)
    assert size_of(tmp_path / "m.png")[0] == 912
    assert size_of(tmp_path / "c.png")[0] < 1200


@pytest.mark.parametrize("name", ["W" * 200, "lawn_mower" * 20, "漢字" * 40])
def test_a_long_name_keeps_its_ends_and_the_width_that_it_may_take(name):
    short = shorten(name, 1.3, 12)
    assert len(short) == 13
    first, last = short.split("…")
    assert len(first) >= len(last) > 0
    assert name.startswith(first)
    assert name.endswith(last)
    assert shorten("aquarium_fish", 1.3, 12) == "aquarium_fish"


def test_the_same_figure_gives_the_same_bytes_and_leaves_nothing_else(tmp_path):
    draw_sentence(tmp_path / "a.png", "avgpool, seed 0", "No mistakes")
    draw_sentence(tmp_path / "b.png", "avgpool, seed 0", "No mistakes")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_strategy_keeps_its_look_whatever_the_order_of_the_strategies():
    assert looks_of(["b", "a", "c"]) == looks_of(["c", "b", "a"])


def test_thirty_strategies_look_different():
    looks = looks_of(f"net{place}" for place in range(30)).values()
    assert len({(look.colour, look.marker) for look in looks}) == 30
