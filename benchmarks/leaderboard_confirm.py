"""The table of `confirm.yaml`: methods that other seeds chose, with seeds that chose nothing."""

from collections.abc import Iterator

from leaderboard_values import difference, interval, mean, paired, read_values

from ssmtl.suite.paired_t import over_seeds
from ssmtl.suite.significance import holm
from ssmtl.suite.suite_file import Suite

HEADS = ("", "labelled images", "baseline", "method", "in-domain [95 %], p", "cross-domain [95 %]")
METRICS = {"diagnosis": "auroc", "lungs": "dice"}
DOMAINS = ("in_domain", "cross_domain")


def confirmed(suite: Suite) -> Iterator[str]:
    """A row per pair of systems, in its own domain with Holm's correction; then the baseline with all labels."""
    values = read_values(suite, "confirm_results.csv")
    asked, alone = [], []
    for grid in suite.grids:
        ((task, (budget,)),) = grid.budgets.items()
        (asked if len(grid.systems) > 1 else alone).append((task, str(budget), *grid.systems))
    own = [paired(values, one, other, n, METRICS[task], "in_domain") for task, n, other, one in asked]
    corrected = holm([over_seeds(found).p for found in own])
    yield f"| {' | '.join(HEADS)} |"
    yield f"|{' --- |' * len(HEADS)}"
    for (task, n, other, one), found, p in zip(asked, own, corrected, strict=True):
        means = [mean(values, system, n, (METRICS[task], "in_domain")) for system in (other, one)]
        across = paired(values, one, other, n, METRICS[task], "cross_domain")
        yield f"| {' | '.join((one, f'{n} of `{task}`', *means, difference(found, p), interval(across)))} |"
    for task, n, system in alone:
        few = max((budget for kind, budget, other, _ in asked if (kind, other) == (task, system)), key=int)
        means = [mean(values, system, budget, (METRICS[task], "in_domain")) for budget in (few, n)]
        more = [paired(values, system, system, n, METRICS[task], domain, few) for domain in DOMAINS]
        yield f"| {' | '.join((system, f'{n} against {few} of `{task}`', *means, *map(interval, more)))} |"
