"""`ssmtl.export`."""

from collections.abc import Sequence
from pathlib import Path

from ssmtl.api.arguments import path_of, paths_of
from ssmtl.api.given_plugins import GivenPlugin
from ssmtl.api.load import load
from ssmtl.exports.export import ExportedFile, ExportJob, Format, export_model
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.own_weights import check_finished


def export(
    run: Path | str | Sequence[Path | str],
    out: Path | str | None = None,
    *,
    format: Format = "onnx",  # noqa: A002 - the word of the command
    maps: bool = False,
    opset: int | None = None,
    weights: str = "best",
    plugins: Sequence[GivenPlugin] = (),
) -> ExportedFile:
    """Write a run's network as one file, and a model card beside it; what `ssmtl export` does.

    The file takes images in [0, 1], float32 (batch, channels, height, width), and gives the probabilities of each
    task under its name. It needs no ssmtl. It is tried on a few images before it is written.

    :param run: a finished run's folder, or several: their ensemble. :param out: the file; None: named after the recipe,
        in the current folder. :param format: onnx (extra `onnx`), or torch: a program for `torch.export.load`.
    :param maps: whether to add the maps that bridges give their heads, such as `lungs.saliency`.
    :param opset: version of ONNX's operations. :param weights: best or last.
    :param plugins: what `ssmtl.run` was given.
    :raises RunError: if a folder holds no finished run, the file exists, the extra is missing, or the network cannot be
        exported. :raises PluginError: naming the component that cannot be.
    """
    folders = [RunFolder(one) for one in paths_of("run", run)]
    for folder in folders:
        check_finished(folder, weights)
    job = ExportJob(path_of("out", out) if out is not None else None, format, maps, opset)
    if folders:
        job.check(folders)
    model = load([folder.path for folder in folders], plugins=plugins, weights=weights, device="cpu")
    return export_model(model, folders, job)
