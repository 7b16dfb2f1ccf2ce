"""Tables in the terminal, as wide as it is: no number is cut or broken."""

import io
import math
from types import SimpleNamespace

import pytest
from made_up_suite import made_up_suite
from rich.console import Console

from ssmtl.cli.bench_progress import print_grid
from ssmtl.cli.comparison_table import print_comparison
from ssmtl.suite.compare import compare
from ssmtl.suite.results import read_results

COMPARE = [{"system": "multimix", "against": {"lungs": ["umtl"]}, "metrics": {"lungs": ["dice"]}}]


def console(width):
    return Console(file=io.StringIO(), width=width)


def point(system, budgets, seed):
    train = SimpleNamespace(train=SimpleNamespace(steps=400))
    return SimpleNamespace(system=system, sources="phantom", budget_text=budgets, seed=seed, recipe=train)


@pytest.mark.parametrize("width", [80, 140])
def test_a_grid_shows_each_number_whole(width):
    alone = [point("enc", f"diagnosis={count}", seed) for count in (100, 20, 1000, "all") for seed in range(5)]
    both = [point("multimix_author_code", "diagnosis=100 lungs=10", seed) for seed in (0, 1, 3)]
    shown = console(width)
    print_grid(shown, [*alone, *both], both, {("enc", "phantom"): 1.234})
    text = shown.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    for words in ("s/step", "multimix_author_code", "0–4", "0 of 20", "3 of 3", "0 1 3", "1.23", "400", "1000", "all"):
        assert words in text, words
    whole = " ".join(text.split())
    assert ("diagnosis 20, 100, 1000, all" in whole) == (width == 140)
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 140])
def test_a_comparison_shows_each_number_whole(tmp_path, width):
    results = read_results(made_up_suite(tmp_path, compare=COMPARE))
    comparisons = compare(results, "multimix", "umtl")
    shown = console(width)
    print_comparison(shown, results, comparisons)
    text = shown.file.getvalue()
    assert text.startswith(f"A: {results.label('multimix')}")
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    for one in comparisons:
        assert f"{one.difference:+.3f}" in text
        if math.isfinite(one.over_seeds.low):
            assert f"{one.over_seeds.low:+.3f} to {one.over_seeds.high:+.3f}" in text
            assert f"{one.over_seeds.detectable:.3f}" in text
        assert one.interval is None or f"{one.interval.low:+.3f} to {one.interval.high:+.3f}" in text
