"""`ssmtl.evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from ssmtl.api.arguments import path_of, words_of
from ssmtl.api.given_plugins import GivenPlugin, files_among, names_among, plugins_with
from ssmtl.assessment.assess import assess
from ssmtl.contracts.folders import Folders
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.output_file import check_output
from ssmtl.runs.again import hinting_at_its_plugins
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.evaluate_again import evaluate_run
from ssmtl.runs.files import Assessment, Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.own_weights import check_finished
from ssmtl.runs.scored import Scored


def evaluate(
    run: Path | str,
    source: Sequence[str] | str = (),
    *,
    sources: Path | str | None = None,
    weights: str = "best",
    plugins: Sequence[GivenPlugin] = (),
    data_root: Path | str | None = None,
    report: Path | str | None = None,
) -> Results:
    """Evaluate a trained run again; what `ssmtl evaluate` does. Nobody who trained or selected the model is scored.

    :param run: its folder. :param source: `TASK=NAME`, or `NAME` of a source for every task that it has labels for;
        empty: the run's own domains. :param sources: a sources file that adds to the run's own.
    :param weights: best or last. :param plugins: what `ssmtl.run` was given.
    :param data_root: the folder of the sources' relative roots.
    :param report: an HTML file to write, with all of this as tables and figures.
    :returns: by `tasks`, domain and metric, the numbers; by `assessed`, task and domain, their intervals over patients,
        calibration and rates at the run's thresholds, subgroups, and the worst images.
    :raises RunError: if there is no finished run, or its weights are not those that it wrote.
    :raises DataError: if there is nothing to evaluate on.
    """
    folder = RunFolder(path_of("run", run))
    page = path_of("report", report) if report is not None else None
    if page is not None:
        folder.check_not_own(page, "report")
        check_output(page, "report", ".html")
    stored: list[StoredPredictions] = []
    wanted = words_of("source", source)
    folders = Folders(path_of("data_root", data_root) if data_root is not None else None)
    with hinting_at_its_plugins(folder, files_among(plugins), names_among(plugins)):
        known = plugins_with(plugins)
        check_finished(folder, weights)
        calibration = calibration_of(folder, weights)

        def assessed(scored: Scored) -> Assessment:
            stored.append(scored.stored)
            return assess(scored, calibration)

        file = str(path_of("sources", sources)) if sources is not None else None
        results = evaluate_run(folder, known, folders, wanted, file, weights, assess=assessed)
    if page is not None:
        from ssmtl.reports import write_evaluation

        write_evaluation(page, folder.path, results, stored, calibration)
    return results
