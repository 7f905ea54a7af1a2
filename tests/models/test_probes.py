"""Shifts and noise, against plain loops over numpy."""

import numpy as np
import pytest
import torch

from cifar_lightning.models.probes import add_noise, directions, probe, shift


def random_images(number: int = 6, size: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (number, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def classify(images: torch.Tensor) -> torch.Tensor:
    """An answer that a small shift or a little noise can change."""
    pixels = images.double()
    return torch.stack([pixels[:, 0, 2:5, 2:5].sum((1, 2)), pixels[:, 1, 1:4, 4:7].sum((1, 2))], dim=1)


@pytest.mark.parametrize("side", [5, 8])
@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_a_shift_equals_numpys_reflected_padding(distance, side):
    images = random_images()[..., :side, :side]
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (distance, distance), (distance, distance)), mode="reflect")
    for dx, dy in directions(distance):
        top, left = distance - dy, distance - dx
        expected = padded[:, :, top : top + side, left : left + side]
        assert np.array_equal(shift(images, dx, dy).numpy(), expected)


def test_a_shift_to_the_right_moves_pixels_to_the_right():
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    images[..., 3, 5] = 9
    assert shift(images, 2, 1)[0, 0].nonzero().tolist() == [[4, 7]]


def test_there_are_eight_directions_at_a_distance():
    assert sorted(directions(2)) == [(-2, -2), (-2, 0), (-2, 2), (0, -2), (0, 2), (2, -2), (2, 0), (2, 2)]


def test_noise_has_its_standard_deviation_and_stays_in_range():
    grey = torch.full((50, 3, 32, 32), 128, dtype=torch.uint8)
    noise = add_noise(grey, 16, seed=0).double() - 128
    assert noise.std().item() == pytest.approx(16, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.1)
    assert add_noise(torch.full_like(grey, 255), 32, seed=0).min() < 255


def test_noise_is_drawn_by_its_seed_alone():
    images = random_images()
    first = add_noise(images, 8, seed=3)
    torch.manual_seed(99)
    assert torch.equal(first, add_noise(images, 8, seed=3))
    assert not torch.equal(first, add_noise(images, 8, seed=4))


def test_shares_equal_a_plain_loop():
    images, labels = random_images(40), torch.arange(40) % 2
    shares = probe(classify, images, labels)
    plain = classify(images).argmax(1)
    for distance in (1, 2, 3, 4):
        padded = torch.nn.functional.pad(images.double(), [distance] * 4, mode="reflect")
        for n in range(40):
            answers = [
                classify(padded[n : n + 1, :, y : y + 8, x : x + 8]).argmax().item()
                for x in (0, distance, 2 * distance)
                for y in (0, distance, 2 * distance)
                if (x, y) != (distance, distance)
            ]
            assert shares[f"shift_{distance}"][n] == pytest.approx(np.mean(np.equal(answers, labels[n].item())))
            assert shares[f"consistency_{distance}"][n] == pytest.approx(np.mean(np.equal(answers, plain[n].item())))
    for level in (8, 16, 32):
        right = torch.zeros(40)
        for seed in range(5):
            noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
            noisy = (images + level * noise).round().clip(0, 255)
            right += classify(noisy).argmax(1) == labels
        assert torch.allclose(shares[f"noise_{level}"], (right / 5).double())
