"""reread.py: what it says of committed rows follows from them, counted here by hand."""

import csv
import io
import statistics
import tarfile
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def rows(*parts):
    with RESULTS.joinpath(*parts).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def said(suite, column="mean", **keys):
    (row,) = [row for row in rows(suite, "reread.csv") if all(row[key] == value for key, value in keys.items())]
    return float(row[column])


def members(suite, beginning, name):
    """A file of each committed cell whose name begins so."""
    for path in sorted((RESULTS / suite / "per_image").glob(f"{beginning}*.tar.xz")):
        with tarfile.open(path, "r:xz") as archive:
            yield archive.extractfile(name).read()


def test_sensitivity_specificity_and_the_auroc_of_a_cause():
    found = {"sensitivity": [], "specificity": [], "AUROC, virus": []}
    for content in members("flagship_second", "enc_100_", "predictions/diagnosis.in_domain.npz"):
        with np.load(io.BytesIO(content)) as stored:
            scores, targets, ids = stored["probabilities"][:, 1], stored["targets"], stored["ids"]
        found["sensitivity"].append(sum(s >= 0.5 for s, t in zip(scores, targets, strict=True) if t) / sum(targets))
        found["specificity"].append(
            sum(s < 0.5 for s, t in zip(scores, targets, strict=True) if not t) / sum(1 - targets)
        )
        virus = scores[[bool(t) and "_virus_" in str(one) for one, t in zip(ids, targets, strict=True)]][:, None]
        normal = scores[targets == 0]
        found["AUROC, virus"].append(float((virus > normal).mean() + (virus == normal).mean() / 2))
    for what, values in found.items():
        keys = {"system": "enc", "what": what}
        assert said("flagship_second", **keys) == pytest.approx(statistics.fmean(values), abs=1e-5)
        assert said("flagship_second", "std", **keys) == pytest.approx(statistics.stdev(values), abs=1e-5)
        assert (
            said("flagship_second", "low", **keys) < statistics.fmean(values) < said("flagship_second", "high", **keys)
        )


def test_dice_with_and_without_a_lesion():
    means = {True: [], False: []}
    for content in members("flagship_busi", "unet_50_", "per_image.csv"):
        dice = [row for row in csv.DictReader(io.StringIO(content.decode())) if row["metric"] == "dice"]
        for empty in means:
            values = [float(row["value"]) for row in dice if row["id"].startswith("normal/") == empty]
            means[empty].append(statistics.fmean(values))
    for empty, what in ((True, "Dice, without a lesion"), (False, "Dice, with a lesion")):
        found = said("flagship_busi", system="unet", budgets="lesion=50", what=what)
        assert found == pytest.approx(statistics.fmean(means[empty]), abs=1e-5)


@pytest.mark.parametrize("domain", ["in_domain", "cross_domain"])
def test_one_network_minus_two_is_the_difference_of_the_committed_means(domain):
    keys = {"task": "diagnosis", "domain": domain, "metric": "auroc"}
    means = {
        (suite, system): statistics.fmean(
            float(row["value"])
            for row in rows(suite, "results.csv")
            if row["system"] == system and all(row[key] == value for key, value in keys.items())
        )
        for suite, system in (("flagship_second", "flagship"), ("flagship_apart", "enc_ssl"))
    }
    found = said("flagship_apart", system="enc_ssl", domain=domain, what="AUROC, AnatoMatch minus it")
    assert found == pytest.approx(means["flagship_second", "flagship"] - means["flagship_apart", "enc_ssl"], abs=1e-5)


def test_what_needs_no_network_is_the_mean_of_its_rows():
    values = [
        float(row["value"])
        for row in rows("flagship_second", "floor.csv")
        if (row["system"], row["labeled"], row["domain"]) == ("ridge", "100", "in_domain")
    ]
    found = said("flagship_second", system="ridge", domain="in_domain", what="auroc")
    assert found == pytest.approx(statistics.fmean(values), abs=1e-5)
