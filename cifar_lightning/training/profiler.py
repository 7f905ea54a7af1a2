"""Lightning's simple profiler, as a table that fits a terminal."""

from lightning.pytorch.profilers import SimpleProfiler


class NarrowProfiler(SimpleProfiler):
    """Times the parts of a run. Its table, of those that took at least 1 % of the time, has 80 columns, not 170."""

    def summary(self) -> str:
        rows = [f"{'action':<57}{'calls':>7}{'seconds':>9}{'%':>7}"]
        for action, _, num_calls, seconds, percent in self._make_report_extended()[0]:
            if percent >= 1:
                rows.append(f"{action:<57.56}{num_calls:>7}{seconds:>9.2f}{percent:>7.1f}")
        return "\n".join(["Profiler report, parts of at least 1 % of the time", *rows])
