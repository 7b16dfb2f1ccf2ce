"""`ssmtl view` without a browser: who may ask, what may be sent, and that it shows what `ssmtl predict` says."""

import asyncio
import base64
import csv
import io
import json
import os
import re
import shutil
import struct
import sys
import zlib
from dataclasses import replace
from types import SimpleNamespace

import httpx2
import numpy as np
import pytest
from dicom_files import write_dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from starlette.testclient import TestClient

import ssmtl
from ssmtl.contracts.folders import Folders
from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.errors import RunError
from ssmtl.inference.decision import cuts, decision
from ssmtl.inference.prediction import LabelPrediction, NumberPrediction, Prediction
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.folder import RunFolder
from ssmtl.viewer import app
from ssmtl.viewer.answer import answer
from ssmtl.viewer.gate import HEADERS, Gate
from ssmtl.viewer.outline import outline
from ssmtl.viewer.serve import bound, viewer
from ssmtl.viewer.truth import Truth, truth_of
from ssmtl.viewer.upload import TooLargeError, taken
from tests.cli.command_line import call

TOKEN, PORT = "a-token", 8765
ORIGIN = f"http://127.0.0.1:{PORT}"
LARGEST = 100_000
ADDRESSES = (
    "/",
    "/report.css",
    "/page.css",
    "/page.js",
    "/ranking?task=lungs&domain=in_domain",
    "/test-image",
    "/none",
)


@pytest.fixture(scope="module")
def shown(run, model):
    return viewer(RunFolder(run), model, load_plugins(), Folders(), LARGEST)


def client_of(shown):
    return TestClient(Gate(shown.app(), TOKEN, PORT), base_url=ORIGIN)


@pytest.fixture
def stranger(shown):
    """A client without the token."""
    return client_of(shown)


@pytest.fixture
def client(shown):
    client = client_of(shown)
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    return client


def post(client, content, **headers):
    return client.post("/predict", content=content, headers={"Origin": ORIGIN, **headers})


def error_of(response, status):
    """The one sentence that the page shows."""
    assert response.status_code == status, response.text
    (said,) = response.json().values()
    assert "\n" not in said
    assert "Traceback" not in said
    return said


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def polygons(path):
    return [
        np.array([point.split() for point in part.removesuffix("Z").split("L")], float)
        for part in path.split("M")
        if part
    ]


def inside(path, height, width):
    """Which pixel centres are inside, by counting the sides that a ray to the right crosses."""
    y, x = np.mgrid[:height, :width] + 0.5
    crossed = np.zeros((height, width), int)
    for points in polygons(path):
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0), strict=True):
            if y0 != y1:
                between = (y >= min(y0, y1)) & (y < max(y0, y1))
                crossed += between & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return crossed % 2 == 1


def test_nothing_is_answered_without_the_token(stranger):
    for address in ADDRESSES:
        for token in (None, "", TOKEN[:-1], TOKEN + "a", "ä", "\0"):
            asked = stranger.get(address, params={"token": token} if token is not None else {})
            assert (asked.status_code, "set-cookie" in asked.headers) == (403, False)
            assert "address that ssmtl view printed" in asked.text
    for cookie in (f"ssmtl_view_{PORT}=other", f"ssmtl_view_1={TOKEN}", 'ssmtl_view_8765="\\', ";;=,"):
        assert stranger.get("/", headers={"Cookie": cookie}).status_code == 403
    assert post(stranger, b"").status_code == 403


def test_the_token_in_the_address_becomes_a_cookie(stranger):
    first = stranger.get("/", params={"token": TOKEN})
    cookie = {part.strip().lower() for part in first.headers["set-cookie"].split(";")[1:]}
    assert cookie == {"httponly", "samesite=strict", "path=/"}
    again = stranger.get("/")
    assert again.status_code == 200
    assert "set-cookie" not in again.headers
    assert TOKEN not in first.text


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"localhost.evil:{PORT}", ""]
)
def test_another_host_is_refused_even_with_the_token(client, host):
    refused = client.get("/", params={"token": TOKEN}, headers={"Host": host})
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert client.get("/", params={"token": TOKEN}, headers={"Host": f"localhost:{PORT}"}).status_code == 200


def test_another_origin_is_refused_and_a_post_needs_one(client):
    for origin in ("null", "http://evil.example", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1", f"{ORIGIN}/"):
        assert post(client, png(np.zeros((9, 9), np.uint8)), Origin=origin).status_code == 403
        assert client.get("/", headers={"Origin": origin}).status_code == 403
    assert client.post("/predict", content=b"").status_code == 403


def test_every_answer_has_strict_headers(client, stranger):
    answers = [
        *(one.get(address) for one in (client, stranger) for address in ADDRESSES),
        client.get("/predict"), client.delete("/", headers={"Origin": ORIGIN}), post(client, b"text"),
        post(client, b"a" * (LARGEST + 1)),
    ]  # fmt: skip
    assert {one.status_code for one in answers} == {200, 403, 404, 405, 413, 422}
    for one in answers:
        assert {name: one.headers.get_list(name) for name in HEADERS} == {name: [HEADERS[name]] for name in HEADERS}
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert "unsafe" not in str(policy)


def test_the_page_names_nothing_outside(client):
    page = client.get("/").text
    named = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert set(named) <= {"data:,", "/report.css", "/page.css", "/page.js"}
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=", page)
    for address in named[1:]:
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", client.get(address).text)


def test_an_image_gets_what_predict_says_whatever_its_format(client, scans, model):
    for name in ("a/x.png", "b/x.png", "b/x.jpg", "c.tif", "IM0001", "d.dcm"):
        path = scans / name
        (one,) = model.predict(path, saliency=True)
        response = post(client, path.read_bytes())
        assert response.status_code == 200, response.text
        found = response.json()
        assert (found["height"], found["width"]) == one.size
        (labels,) = found["labels"]
        assert labels["decision"] == one.labels["diagnosis"].decision
        probabilities = {each["name"]: each["probability"] for each in labels["classes"]}
        assert probabilities == one.labels["diagnosis"].probabilities
        (lung,) = found["structures"]
        mask = one.masks["lungs"].masks["lung"]
        np.testing.assert_array_equal(inside(lung["path"], *one.size), mask)
        assert lung["pixels"] == mask.sum()
        assert lung["mm2"] == one.masks["lungs"].mm2.get("lung")
        assert (found["spacing"] is not None) == (one.spacing is not None) == (name in ("IM0001", "d.dcm"))
        picture = decoded(found["image"])
        assert picture.shape == one.size
        maps = {each["name"]: decoded(each["image"]) for each in found["saliency"]}
        assert set(maps) == {"normal", "pneumonia"}
        assert all(one.shape == (*picture.shape, 4) and one[..., 3].max() in (0, 255) for one in maps.values())
        assert [each["name"] for each in found["saliency"] if each["shown"]] == [labels["decision"]]


def decoded(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))))


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.sampled_from([1, 3, 5]))
@settings(deadline=None)
def test_an_outline_encloses_the_pixels_of_the_mask(mask, scale):
    """Where the image is larger than the mask, at the centres of the mask's pixels."""
    height, width = (side * scale for side in mask.shape)
    centres = slice(scale // 2, None, scale)
    np.testing.assert_array_equal(inside(outline(mask, height, width), height, width)[centres, centres], mask)


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(0, 40), st.booleans())
def test_an_upload_is_cut_off_at_the_limit(chunks, limit, announced):
    sent, total = [], sum(map(len, chunks))

    async def stream():
        for chunk in chunks:
            sent.append(chunk)
            yield chunk

    try:
        content = asyncio.run(taken(stream(), str(total) if announced else None, limit))
    except TooLargeError:
        assert total > limit
        assert not (announced and sent)
        assert sum(map(len, sent[:-1])) <= limit
    else:
        assert (content, total <= limit) == (b"".join(chunks), True)


def bomb():
    """A PNG whose header says 65,000 × 65,000 pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def test_bad_uploads_are_one_sentence_each(client, scans, tmp_path):
    image = Image.fromarray(np.zeros((9, 9), np.uint8))
    gif, bmp = tmp_path / "a.gif", tmp_path / "a.bmp"
    image.save(gif)
    image.save(bmp)
    write_dicom(tmp_path / "no.dcm", np.zeros((4, 4)), PixelData=None)
    good = (scans / "a/x.png").read_bytes()
    for content, words in (
        (b"", "is empty"),
        (b"<html>", "expected PNG, JPEG, TIFF or DICOM"),
        (b"%PDF-1.7", "expected PNG, JPEG, TIFF or DICOM"),
        (gif.read_bytes(), "expected PNG"),
        (bmp.read_bytes(), "expected PNG"),
        (good[:200], "cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"a" * 99, "cannot be decoded"),
        (b"II*\0" + b"a" * 99, "is not an image of a known format"),
        ((scans / "frames.tif").read_bytes(), "it has 2 frames"),
        ((tmp_path / "no.dcm").read_bytes(), "no pixel data"),
        (b"\0" * 128 + b"DICM" + b"rubbish", "cannot be decoded"),
        (bomb(), "the file cannot be decoded: "),
    ):
        said = error_of(post(client, content), 422)
        assert re.match(r"the file[ :]", said), said
        assert words in said
    assert "larger than" in error_of(post(client, good + b"a" * LARGEST), 413)
    assert post(client, good).status_code == 200, "and it goes on"


def test_nothing_that_was_sent_is_written(client, scans):
    written, watching = [], True

    def hook(event, arguments):
        if watching and event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(arguments[0])

    sys.addaudithook(hook)  # sees every file that Python opens, in every thread; it cannot be removed
    try:
        for name in ("d.dcm", "b/x.jpg", "bad.png"):
            assert post(client, (scans / name).read_bytes()).status_code in (200, 422)
        assert written == []
        (scans / "new").write_bytes(b"")
        assert written == [str(scans / "new")]
    finally:
        watching = False


def ranking(client, task, domain="in_domain", start=0):
    return client.get("/ranking", params={"task": task, "domain": domain, "start": start})


def test_a_ranking_is_of_all_test_images_the_worst_first(client, run, model):
    split = json.loads((run / "split.json").read_text())["tasks"]
    with np.load(run / "predictions/diagnosis.in_domain.npz") as stored:
        losses = -np.log(stored["probabilities"][np.arange(len(stored["ids"])), stored["targets"]])
        classes = dict(zip(stored["ids"], np.array(["normal", "pneumonia"])[stored["targets"]], strict=True))
        by_loss = dict(zip(stored["ids"].tolist(), losses.tolist(), strict=True))
    with (run / "per_image.csv").open() as file:
        dice = {row["id"]: 1 - float(row["value"]) for row in csv.DictReader(file) if row["metric"] == "dice"}
    for task, expected in (("diagnosis", by_loss), ("lungs", dice)):
        first = ranking(client, task).json()
        rows = first["images"] + ranking(client, task, start=20).json()["images"]
        assert first["of"] == len(rows) == len(expected)
        assert {row["id"] for row in rows} == set(split[task]["test"]["in_domain"]["ids"])
        assert {row["id"]: row["wrong"] for row in rows} == pytest.approx(expected, abs=1e-5)
        assert [row["wrong"] for row in rows] == sorted((row["wrong"] for row in rows), reverse=True)
        for row in rows if task == "diagnosis" else ():
            assert row["said"].split(" → ")[0] == classes[row["id"]]
    for task, domain, start in (("none", "in_domain", 0), ("lungs", "..", 0), ("lungs", "in_domain", "-1")):
        assert "no such test images" in error_of(ranking(client, task, domain, start), 404)


def test_a_test_image_is_shown_with_what_is_known(client, data, model):
    for task in ("diagnosis", "lungs"):
        row = ranking(client, task).json()["images"][0]
        found = client.get("/test-image", params={"task": task, "domain": "in_domain", "id": row["id"]}).json()
        (one,) = model.predict(data / row["id"])
        number = int(re.search(r"(\d+)\.png", row["id"])[1])
        (labels,), (lung,) = found["labels"], found["structures"]
        np.testing.assert_array_equal(inside(lung["path"], *one.size), one.masks["lungs"].masks["lung"])
        known = {each["name"]: each["true"] for each in labels["classes"]}
        if task == "diagnosis":
            assert known == {"normal": number % 2 == 0, "pneumonia": number % 2 == 1}
            assert row["said"] == f"{('normal', 'pneumonia')[number % 2]} → {labels['decision']}"
            assert lung["true_path"] is None
        else:
            assert known == {"normal": None, "pneumonia": None}
            reference = np.asarray(Image.open(data / row["id"].replace(".png", ".mask.png"))) > 0
            np.testing.assert_array_equal(inside(lung["true_path"], *one.size), reference)
            assert lung["true_pixels"] == reference.sum()
        assert found["note"] == ""


def test_only_test_images_of_the_run_are_shown(client, run, data):
    split = json.loads((run / "split.json").read_text())["tasks"]["lungs"]
    secret = data.parent / "secret.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(secret)
    for name in ("", "../secret.png", str(secret), "/etc/passwd", "images/../../secret.png", split["labeled"][0], "\0"):
        for task, domain in (("lungs", "in_domain"), ("lungs", "../lungs"), ("../lungs", "in_domain")):
            asked = client.get("/test-image", params={"task": task, "domain": domain, "id": name})
            assert "the run has no such test image" in error_of(asked, 422)


def test_moved_data_are_said_to_be_missing_and_found_again(run, model, data, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(data, own)
    experiment = model.experiments[0]
    moved = experiment.recipe.sources["own"].model_copy(update={"root": str(own)})
    sources = {**experiment.recipe.sources, "own": moved}
    recipe = experiment.recipe.model_copy(update={"sources": sources})
    model = replace(model, experiments=(replace(experiment, recipe=recipe),))
    client = client_of(viewer(RunFolder(run), model, load_plugins(), Folders(), LARGEST))
    client.get("/", params={"token": TOKEN})
    name = ranking(client, "lungs").json()["images"][0]["id"]

    def asked():
        return client.get("/test-image", params={"task": "lungs", "domain": "in_domain", "id": name})

    own.rename(tmp_path / "elsewhere")
    assert f"source 'own': nothing at {own}" in error_of(asked(), 422)
    (tmp_path / "elsewhere").rename(own)
    assert asked().json()["note"] == ""
    Image.fromarray(np.zeros((48, 40), np.uint8)).save(own / name)
    assert "has changed since" in asked().json()["note"]
    (own / name).unlink()
    assert f"{own / name} cannot be read" in error_of(asked(), 422)


def test_one_image_at_a_time_while_others_are_answered(shown, monkeypatch):
    running, most, begun = 0, 0, asyncio.Event()

    def slow(*_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        loop.call_soon_threadsafe(begun.set)
        asyncio.run(asyncio.sleep(0.2))
        running -= 1
        return {"slow": True}

    async def ask():
        nonlocal loop
        loop = asyncio.get_running_loop()
        gate = Gate(replace(shown, _one_at_a_time=asyncio.Lock()).app(), TOKEN, PORT)
        transport = httpx2.ASGITransport(app=gate)
        cookies = {f"ssmtl_view_{PORT}": TOKEN}
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies) as client:
            both = [
                asyncio.create_task(client.post("/predict", content=b"\xff\xd8\xff", headers={"Origin": ORIGIN}))
                for _ in range(2)
            ]
            await begun.wait()
            page = await client.get("/")
            meanwhile = running
            return page.status_code, meanwhile, [(await one).json() for one in both]

    loop = None
    monkeypatch.setattr(app, "answer", slow)
    assert asyncio.run(ask()) == (200, 1, [{"slow": True}] * 2)
    assert most == 1


def test_a_failure_inside_is_one_sentence_and_the_server_goes_on(client, scans, monkeypatch, capfd):
    def broken(*_):
        raise ZeroDivisionError("first\nsecond")

    with monkeypatch.context() as patched:
        patched.setattr(app, "answer", broken)
        said = error_of(post(client, (scans / "a/x.png").read_bytes()), 500)
    assert said == "Internal error: ZeroDivisionError: first"
    assert "Traceback" not in "".join(capfd.readouterr())
    assert post(client, (scans / "a/x.png").read_bytes()).status_code == 200


def test_labels_that_are_independent_and_numbers_are_shown():
    findings = Output("multilabel", ("effusion", "mass", "nodule"))
    ages = Output("numbers", ("age",))
    probabilities = {"effusion": 0.4, "mass": 0.7, "nodule": 0.1}
    heat = np.eye(8, dtype=np.float32)
    one = Prediction(
        "it", (8, 8), None,
        {"findings": LabelPrediction(probabilities, "effusion|mass", saliency=dict.fromkeys(probabilities, heat))}, {},
        {"age": NumberPrediction({"age": 41.5}, saliency={"age": heat})},
    )  # fmt: skip
    model = SimpleNamespace(
        each=lambda *_: [one],
        channels=1,
        tasks={"findings": findings, "age": ages},
        thresholds={"findings": {"effusion": 0.3}},
    )
    image = SimpleNamespace(name="it", read=lambda: np.zeros((8, 8), np.uint8))
    known = Example("it", "p", image, frozenset({"mass"}), unknown=frozenset({"nodule"}), numbers={"age": 40.0})
    found = answer(model, image, truth_of("findings", findings, known))
    (labels,), (numbers,) = found["labels"], found["numbers"]
    assert [(each["name"], each["from"], each["true"]) for each in labels["classes"]] == [
        ("effusion", 0.3, False), ("mass", 0.5, True), ("nodule", 0.5, None)
    ]  # fmt: skip
    assert numbers == {"task": "age", "values": [{"name": "age", "value": 41.5, "true": None}]}
    assert [(each["task"], each["name"]) for each in found["saliency"] if each["shown"]] == [
        ("findings", "mass"), ("age", "age")
    ]  # fmt: skip
    numbers = answer(model, image, truth_of("age", ages, known))["numbers"]
    assert numbers[0]["values"][0]["true"] == 40.0
    unlabelled = replace(known, labels=None, unknown=frozenset(), numbers=None)
    for task, output in (("findings", findings), ("age", ages), ("lungs", Output("masks", ("lung",)))):
        assert truth_of(task, output, unlabelled) == Truth(task)


@given(st.dictionaries(st.sampled_from("ab"), st.floats(0, 1)), st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_class_is_decided_from_its_shown_threshold_on(thresholds, values):
    probabilities = dict(zip("ab", values, strict=True))
    least = cuts(Output("multilabel", ("a", "b")), thresholds)
    chosen = decision(Output("multilabel", ("a", "b")), probabilities, thresholds)
    assert chosen == "|".join(name for name in "ab" if probabilities[name] >= least[name])
    two = Output("multiclass", ("a", "b"))
    for name, cut in cuts(two, thresholds).items():
        assert (decision(two, probabilities, thresholds) == name) == (probabilities[name] >= cut)


def test_a_port_that_is_taken_is_one_error_before_anything_is_loaded(run, monkeypatch):
    monkeypatch.setattr(ssmtl.api.load, "load_model", None)
    with bound(0) as other:
        port = other.getsockname()[1]
        code, shown, said = call("view", run, "--port", port)
        assert (code, shown) == (2, "")
        assert said.startswith(f"Error: --port {port}: this port of 127.0.0.1 is taken by another program; give")
        with pytest.raises(RunError, match="is taken"):
            bound(port)
    with bound(port) as again:
        assert again.getsockname() == ("127.0.0.1", port)
        monkeypatch.setattr("ssmtl.viewer.serve.USUAL_PORT", port)
        with bound(None) as free:
            assert free.getsockname()[1] != port


def test_what_is_no_finished_run_is_one_error(run, tmp_path):
    unfinished = shutil.copytree(run, tmp_path / "unfinished")
    (unfinished / "results.json").unlink()
    damaged = shutil.copytree(run, tmp_path / "damaged")
    (damaged / "predictions/lungs.in_domain.npz").write_bytes(b"no archive")
    for folder, words in (
        (tmp_path / "none", "there is no folder"),
        (tmp_path, "holds no finished run (no results.json)"),
        (unfinished, "holds no finished run (no results.json)"),
        (damaged, "lungs.in_domain.npz: cannot be read as predictions"),
    ):
        code, shown, said = call("view", folder, "--port", 0)
        assert (code, shown) == (2, "")
        assert words in said
    assert call("view", run, "--max-upload", 0)[0] == 2


def test_without_the_extra_one_error_names_it(run, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("ssmtl.viewer.")]:
        monkeypatch.delitem(sys.modules, name)
    for library in ("starlette", "uvicorn", "contourpy"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, library, None)
            for name in [name for name in sys.modules if name.startswith(f"{library}.")]:
                patched.delitem(sys.modules, name)
            code, _, said = call("view", run)
        assert code == 2
        assert "pip install 'ssmtl[view]'" in said
