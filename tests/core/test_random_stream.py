"""Counter-based random numbers: pure, uniform, and independent of the other rows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ssmtl.contracts.random_stream import RandomStream, key, permutation

SAMPLES = np.arange(20_000, dtype=np.uint64)


def test_the_same_names_give_the_same_numbers_whatever_was_drawn_before():
    stream = RandomStream.of(SAMPLES[:5], 0, "task", 3, "labeled/weak")
    first = stream.uniform("flip", 3)
    stream.uniform("crop", 7)
    torch.rand(3)
    np.random.rand(3)
    assert torch.equal(stream.uniform("flip", 3), first)
    assert torch.equal(RandomStream.of(SAMPLES[:5], 0, "task", 3, "labeled/weak").uniform("flip", 3), first)


def test_numbers_never_change_between_versions():
    assert key(0, "a") == 2108628075801455809
    found = RandomStream.of([0, 1], 0, "task").uniform("flip")[:, 0].tolist()
    assert found == [0.19472932815551758, 0.7594007849693298]
    assert permutation(6, 0, "a").tolist() == [2, 5, 4, 1, 3, 0]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8), st.data())
def test_a_row_does_not_depend_on_its_batch(samples, data):
    place = data.draw(st.integers(0, len(samples) - 1))
    whole = RandomStream.of(np.array(samples, dtype=np.uint64), 1, "step", 2)
    alone = RandomStream.of(np.array(samples[place : place + 1], dtype=np.uint64), 1, "step", 2)
    assert torch.equal(whole.uniform("x", 4)[place], alone.uniform("x", 4)[0])
    assert torch.equal(whole[place : place + 1].uniform("x"), alone.uniform("x"))


def test_more_numbers_begin_with_the_same_ones():
    stream = RandomStream.of(SAMPLES[:4], 0)
    assert torch.equal(stream.uniform("x", 5)[:, :2], stream.uniform("x", 2))
    assert torch.equal(stream.normal("x", 5)[:, :2], stream.normal("x", 2))


@pytest.mark.parametrize("other", [(1, "t", 0, "v"), (0, "u", 0, "v"), (0, "t", 1, "v"), (0, "t", 0, "w")])
def test_seed_task_step_and_view_each_matter(other):
    first, second = (
        RandomStream.of(SAMPLES, *context).uniform("x")[:, 0].numpy() for context in ((0, "t", 0, "v"), other)
    )
    assert not (first == second).mean() > 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_names_rows_and_columns_are_uncorrelated():
    stream = RandomStream.of(SAMPLES, 0, "t")
    table = np.concatenate([stream.uniform("x", 4).numpy(), stream.uniform("y", 4).numpy()], axis=1)
    correlation = np.corrcoef(table.T) - np.eye(8)
    assert np.abs(correlation).max() < 0.03
    assert abs(np.corrcoef(table[:-1, 0], table[1:, 0])[0, 1]) < 0.03


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_uniform_in_0_1(seed):
    """Consecutive samples, as in a list of images; a correct generator rarely gives p-values this small."""
    values = RandomStream.of(SAMPLES, seed, "t").uniform("x", 2).numpy().ravel()
    assert values.min() >= 0
    assert values.max() < 1
    assert values.dtype == np.float32
    assert stats.chisquare(np.histogram(values, 100, (0, 1))[0]).pvalue > 1e-3
    assert stats.kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_normal_numbers_are_normal_and_uncorrelated(seed):
    table = RandomStream.of(SAMPLES, seed, "t").normal("x", 3).numpy()
    assert table.dtype == np.float32
    assert np.abs(table).max() < 5.8
    assert stats.kstest(table.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(table.T) - np.eye(3)).max() < 0.03


def test_pairs_fill_the_square():
    pairs = RandomStream.of(SAMPLES, 0, "t").uniform("x", 2).numpy()
    assert stats.chisquare(np.histogram2d(*pairs.T, 20, [[0, 1], [0, 1]])[0].ravel()).pvalue > 1e-3


def test_keys_depend_on_types_and_on_where_the_parts_join():
    found = [key(1, 2), key(12), key("1", 2), key("12"), key("1", "2"), key("a", "b"), key("ab"), key()]
    assert len(set(found)) == len(found)
    assert all(0 <= number < 2**64 for number in found)


@given(st.integers(0, 200), st.integers(0, 5))
def test_a_permutation_contains_each_index_once(length, seed):
    found = permutation(length, seed, "x")
    assert sorted(found) == list(range(length))
    assert np.array_equal(found, permutation(length, seed, "x"))


def test_permutations_put_every_index_in_every_position():
    counts = np.zeros((6, 6))
    for seed in range(1200):
        counts[np.arange(6), permutation(6, seed, "x")] += 1
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3
