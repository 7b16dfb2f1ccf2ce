"""What to try next. Proposals are a pure function of the space, its seed and what earlier rounds have shown."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ssmtl.contracts.random_stream import key, permutation
from ssmtl.errors import RunError
from ssmtl.tuning.space_file import Parameter, Space, tidy
from ssmtl.tuning.trial import Trial

if TYPE_CHECKING:
    import optuna

ATTEMPTS = 20
"""To propose something new, where a space has few values."""


def proposals(space: Space, earlier: Sequence[Trial], count: int) -> list[dict[str, Any]]:
    """Values for the next `count` trials.

    :param earlier: all of them ended; tpe learns from finished and pruned ones.
    :raises RunError: without the extra `tune`, which tpe and random need.
    """
    if space.sampler.use == "grid":
        return _grid(space)[len(earlier) : len(earlier) + count]
    optuna = imported_optuna()
    seed = key(space.seed, "proposals", len(earlier)) % 2**32
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that options of its sampler are experimental
        if space.sampler.use == "random":
            sampler: Any = samplers.RandomSampler(seed=seed)
        else:
            startup = space.sampler.startup
            sampler = samplers.TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        distributions = {name: _distribution(one, optuna) for name, one in space.parameters.items()}
        for trial in earlier:
            study.add_trial(_as_optuna_has_it(trial, space, distributions, optuna))
        found = [one.parameters for one in earlier]
        for _ in range(count):
            found.append(_new(space, found, lambda: study.ask(distributions).params))
    return found[len(earlier) :]


def _new(space: Space, found: Sequence[Mapping[str, Any]], ask: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Values that no trial has, if a few attempts find such."""
    for _ in range(ATTEMPTS):
        given = ask()
        values = {name: _value(parameter, given[name]) for name, parameter in space.parameters.items()}
        if all(repr(values) != repr(one) for one in found):
            break
    return values


def imported_optuna() -> Any:
    """Optuna, quiet.

    :raises RunError: without the extra.
    """
    try:
        import optuna
    except ImportError as error:
        raise RunError("ssmtl tune needs Optuna: pip install 'ssmtl[tune]'; sampler: grid does without") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _grid(space: Space) -> list[dict[str, Any]]:
    """Every point, in an order drawn by the seed."""
    points = list(product(*(parameter.points for parameter in space.parameters.values())))
    order = permutation(len(points), space.seed, "grid")
    return [dict(zip(space.parameters, points[place], strict=True)) for place in order]


def _distribution(parameter: Parameter, optuna: Any) -> "optuna.distributions.BaseDistribution":
    """Choices by number, since Optuna takes no lists for one."""
    kinds = optuna.distributions
    if parameter.choices is not None:
        made = kinds.CategoricalDistribution(range(len(parameter.choices)))
    elif parameter.whole:
        made = kinds.IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step or 1)
    else:
        made = kinds.FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return made  # type: ignore[no-any-return]


def _value(parameter: Parameter, given: Any) -> Any:
    if parameter.choices is not None:
        return parameter.choices[given]
    assert parameter.low is not None
    assert parameter.high is not None
    return min(max(tidy(given), parameter.low), parameter.high)


def _as_optuna_has_it(trial: Trial, space: Space, distributions: Mapping[str, Any], optuna: Any) -> Any:
    states = optuna.trial.TrialState
    state = {"finished": states.COMPLETE, "pruned": states.PRUNED}.get(trial.state, states.FAIL)
    values = {
        name: trial.parameters[name] if parameter.choices is None else parameter.place_of(trial.parameters[name])
        for name, parameter in space.parameters.items()
    }
    return optuna.trial.create_trial(
        state=state,
        value=trial.value if trial.state == "finished" else None,
        params=values,
        distributions=dict(distributions),
        intermediate_values={int(step): score for step, score in trial.scores.items()},
    )
