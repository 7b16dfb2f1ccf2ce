"""Folds of a source for cross-validation: its patients, each in one of them, every class in each as far as it goes."""

from collections.abc import Mapping

from ssmtl.contracts.random_stream import permutation


def fold_of_patients(strata: Mapping[str, Mapping[str, int]], folds: int, seed: int, source: str) -> dict[str, int]:
    """By patient, the number of its fold, from 1; a pure function of the seed and the patients.

    Patients are dealt in a random order, stratum by stratum, each to the fold with the fewest images of the stratum,
    then of all.

    :param strata: by stratum and patient, the number of images.
    """
    total = [0] * folds
    result: dict[str, int] = {}
    for stratum in sorted(strata):
        patients = sorted(strata[stratum])
        own = [0] * folds
        for index in permutation(len(patients), seed, "fold", source, stratum):
            patient = patients[index]
            chosen = min(range(folds), key=lambda fold: (own[fold], total[fold], fold))
            own[chosen] += strata[stratum][patient]
            total[chosen] += strata[stratum][patient]
            result[patient] = chosen + 1
    return result


Fold = tuple[int, int]
"""Which one, from 1, of how many."""
