"""The script of a job array, run by a shell in which a program of ours plays `sbatch`."""

import os
import re
import subprocess

from cifar_lightning.study.job_array import write_slurm_script
from cifar_lightning.study.study_settings import StudySettings

# Prints a number as sbatch does, and keeps what it was given.
SBATCH = """#!/bin/bash
number=$(ls -d "$0".* 2> /dev/null | wc -l)
{ echo "$@"; cat; } > "$0.$number"
echo $((7 + number))
"""


def test_the_script_submits_shards_and_a_comparison_that_waits_for_them(tmp_path):
    study = StudySettings(name="my study", save_dir="runs", strategies={"net": {}})
    # 17 runs, eight a task.
    script = write_slurm_script(study, 17, ["--config", "my study.yaml"])
    (tmp_path / "sbatch").write_text(SBATCH)
    (tmp_path / "sbatch").chmod(0o755)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script, "array.sh", "--time=5"], cwd=tmp_path, env=path, check=True)
    array, compare = ((tmp_path / f"sbatch.{number}").read_text() for number in (0, 1))
    assert array.startswith("--parsable --time=5\n#!/bin/bash\n")
    assert "#SBATCH --array=1-3\n" in array
    task = re.search(r"^cifar-lightning .*", array, re.MULTILINE)[0]
    assert task == (
        "cifar-lightning study --config 'my study.yaml'"
        ' --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --num_threads 1 &'
    )
    assert "--dependency=afterok:7 " in compare
    assert compare.endswith("cifar-lightning compare 'runs/my study'\n")
    assert (tmp_path / "runs/my study").is_dir()
