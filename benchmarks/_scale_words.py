"""What `scale.py` measured, as `docs/scale.md` has it: nothing that the results do not hold."""

from _timing import Row

BEGIN, END = "<!-- measured: benchmarks/scale.py writes this -->", "<!-- end of measured -->"
QUIET = 0.5
"""Load up to which nobody else was at work."""


def with_measured(page: str, text: str) -> str:
    """The page with what lies between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def said(results: Row) -> str:
    scheduler = results["scheduler"]
    parts = (
        of_machine(results["machine"]),
        of_workers(results["workers"]),
        of_scheduler(scheduler["by_workers"], scheduler["bytes_a_task"]),
        of_simulation(results["simulation"]),
    )
    return "\n\n".join(parts)


def of_machine(own: Row) -> str:
    measured = f"Measured by `benchmarks/scale.py` on {own['cores']} cores ({own['processor']})."
    load = own["load_before"]
    if load <= QUIET:
        return measured
    return f"""{measured}
Others were at work (load {load}): wall times and gains must be measured again, on a quiet machine."""


def of_workers(found: Row) -> str:
    handing, second = found["gain_of_handing_over"], found["gain_of_a_second_worker_and_core"]
    workers = found["gain_of_workers_over_threads"]
    rows = (
        f"| {way} | {row['wall_s']:.1f} | {row['cpu_s'] + row['cpu_of_workers_s']:.1f} |"
        for way, row in found["ways"].items()
    )
    return f"""{found["scenes"]} scenes of {found["side_px"]} x {found["side_px"]} px:

| way | wall, s | processor, s |
|---|---|---|
{chr(10).join(rows)}

Two workers on two cores are {second:.2f} times as fast as one on one.
One process uses all cores by itself.
Between two scenes one thread works alone, {100 * found["cpu_between_share"]:.1f} % of the processor time.
On two cores that is the most that beginning the next scene early can gain.
Measured: {handing:.2f} times as fast.
Two workers in its place are {workers:.2f} times as fast."""


def of_scheduler(costs: list[Row], moved: Row) -> str:
    each = ", ".join(f"{row['scheduler_cpu_ms']:.1f} ms with {row['workers']}" for row in costs)
    asking = moved["client_and_scheduler"] / 1e3
    working = (moved["worker_and_scheduler"] + moved["scheduler_asks_worker"]) / 1e3
    return f"""Processor time of the scheduler, a scene: {each} workers.
{moved["all"] / 1e3:.1f} kB a scene pass through it, heartbeats included:
{asking:.1f} between it and who asked, {working:.1f} between it and the worker."""


def of_simulation(found: Row) -> str:
    real = found["held_against"]
    rows = (
        f"| {row['seconds_of']} | {row['median_s']} | {row['workers']} | {row['makespan_s']} "
        f"| {100 * row['efficiency']:.0f} % | {100 * row['scheduler_busy']:.1f} % "
        f"| {row['scheduler_kb_s']:.0f} |"
        for row in found["rows"]
    )
    return f"""What follows for more workers than we have is simulated.
Scenes take the seconds that scenes were measured to take, and twenty fall to a worker.
Each costs the scheduler {found["scheduler_ms"]:.1f} ms:

| scenes of | median, s | workers | done in, s | efficiency | scheduler busy | through it, kB/s |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Held against {real["workers"]} real workers that sleep: they took {real["real_s"]} s, {real["model_s"]} s
by the model.
What a thousand workers do to a file system or a store that they share is not in it."""
