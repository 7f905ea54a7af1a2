"""Lightning's simple profiler, as a table that fits a terminal."""

import time

from lightning.pytorch.profilers import SimpleProfiler


class NarrowProfiler(SimpleProfiler):
    """Times the parts of a run. Its table, of those that took at least 1 % of the time, has 80 columns, not 170."""

    def summary(self) -> str:
        rows = [f"{'action':<57}{'calls':>7}{'seconds':>9}{'%':>7}"]
        whole = time.monotonic() - self.start_time
        for action, durations in sorted(self.recorded_durations.items(), key=lambda entry: -sum(entry[1])):
            if (seconds := sum(durations)) >= 0.01 * whole:
                rows.append(f"{action:<57.56}{len(durations):>7}{seconds:>9.2f}{100 * seconds / whole:>7.1f}")
        return "\n".join(["Profiler report, parts of at least 1 % of the time", *rows])
