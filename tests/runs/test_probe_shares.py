"""probes.csv: written, read, and summed up."""

import numpy as np
import pytest

from cifar_lightning.runs.probe_shares import Probe, ProbeShares

SHARES = ProbeShares(
    np.array([5, 9]),
    {"shift_1": np.array([1, 0.5]), "consistency_1": np.array([0.25, 1 / 3]), "noise_16": np.array([0.2, 1])},
)


def test_the_file_reads_back_to_the_last_bit(tmp_path):
    SHARES.write(tmp_path / "probes.csv")
    assert (tmp_path / "probes.csv").read_text().startswith("index,shift_1,consistency_1,noise_16\n5,1.0,0.25,0.2\n")
    read = ProbeShares.read(tmp_path / "probes.csv")
    assert all(np.array_equal(read[name], SHARES[name]) for name in SHARES)
    assert read.probes == [Probe("shift", 1), Probe("consistency", 1), Probe("noise", 16)]


def test_robustness_is_the_mean_over_images():
    assert SHARES.robustness(0.9) == {
        "shift": {"0": 0.9, "1": 0.75},
        "shift_consistency": {"1": pytest.approx(7 / 24)},
        "noise": {"0": 0.9, "16": 0.6},
    }


@pytest.mark.parametrize("text", ["index,blur_1\n1,0.5\n", "index,shift_x\n1,0.5\n", "shift_1\n0.5\n"])
def test_what_is_no_table_of_probes_is_named(tmp_path, text):
    (tmp_path / "probes.csv").write_text(text)
    with pytest.raises(ValueError, match=r"expected a table of probes, but .*probes\.csv is damaged"):
        ProbeShares.read(tmp_path / "probes.csv")
