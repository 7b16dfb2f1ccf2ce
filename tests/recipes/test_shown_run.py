"""What a bridge shows the network in place of the image, from a recipe to the report's figure."""

import numpy as np
from own_set import write_recipe, write_set

from ssmtl.evaluation.stored_predictions import read_predictions
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.shown import draw_shown

CROP = "bridge: {use: anatomical_crop, guided_by: organs}\n    head: {use: pooled_linear"


def test_the_report_says_how_many_images_are_shown_as_they_are(tmp_path, ssmtl, monkeypatch):
    """The crop is replaced by what darkens every brighter image, so that it is known which images stay."""
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    monkeypatch.setattr(
        "ssmtl_bridges.anatomical_crop.AnatomicalCrop.look",
        lambda self, images, guides: images * (images.mean((1, 2, 3), keepdim=True) < 0.5).float().clamp_min(0.5),
    )
    write_set(tmp_path, ("finding",), lambda number: ["sick" if number % 8 < 3 else "normal"])
    replaced = {"head: {use: pooled_linear": CROP}
    recipe = write_recipe(tmp_path, "label: finding", "classes: [normal, sick]", "auroc", **replaced)
    code, _, err = ssmtl("run", recipe, "--out", tmp_path / "run")
    assert code == 0, err
    stored = read_predictions(tmp_path / "run" / "predictions" / "findings.here.npz")
    images, shown = stored["sample_images"], stored["sample_shown"]
    darker = images.mean((1, 2)) < 0.5 * 255
    assert 0 < darker.sum() < len(darker)
    whole = dict(zip(stored["ids"], stored["shown_whole"], strict=True))
    assert [whole[name] for name in stored["sample_ids"]] == darker.tolist()
    assert (shown[darker] == images[darker]).all()
    assert np.abs(shown[~darker] * 2.0 - images[~darker]).max() <= 1
    run = FinishedRun.read(tmp_path / "run")
    (drawing,) = draw_shown(run)
    assert f"Shown as it is: {sum(whole.values())} of {len(whole)} images." in drawing.caption
    assert [item.task for item in run.predictions if "sample_shown" in item] == ["findings"]
