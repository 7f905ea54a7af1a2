"""The script of a Slurm job array that makes a study in shards, with `compare` behind it."""

import math
import shlex
from collections.abc import Sequence

from cifar_lightning.study.study_settings import StudySettings

_CORES = 4
_SCRIPT = """\
#!/bin/bash
# {num_runs} runs of {folder} as a Slurm job array, and `compare` when all of them are finished.
# Submit it by `bash array.sh`, with options of sbatch for the array: `bash array.sh --time=1:00:00 --array=1-20`.
# SBATCH_ACCOUNT, SBATCH_PARTITION and the like hold for both jobs.
# A task that is requeued, or the whole script submitted again, resumes what is unfinished.
set -euo pipefail
mkdir -p {folder}
job=$(sbatch --parsable "$@" <<'TASK'
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=1-{num_tasks}
#SBATCH --cpus-per-task={cores}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={folder}/slurm-%A_%a.log
#SBATCH --signal=B:USR1@120
# Two minutes before the time limit: keep the last finished epoch, and queue again for the rest.
trap 'kill "$!"; wait "$!"; scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"; exit' USR1
{command} --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --num_threads 1 &
wait "$!"
TASK
)
echo "submitted job array $job"
sbatch --dependency="afterok:$job" --kill-on-invalid-dep=yes <<'TASK'
#!/bin/bash
#SBATCH --job-name={name}-compare
#SBATCH --output={folder}/slurm-compare.log
{compare}
TASK
"""


def write_slurm_script(study: StudySettings, num_runs: int, arguments: Sequence[str]) -> str:
    """The text of the script; `arguments` are those of the command `study`.

    A task has four cores and about eight runs of one thread, since starting it takes as long as a short run.
    """
    return _SCRIPT.format(
        num_runs=num_runs,
        num_tasks=math.ceil(num_runs / (2 * _CORES)),
        cores=_CORES,
        name=shlex.quote(study.name),
        folder=shlex.quote(str(study.folder)),
        command=shlex.join(["cifar-lightning", "study", *arguments]),
        compare=shlex.join(["cifar-lightning", "compare", str(study.folder)]),
    )
