"""Loading plugins, and the errors for those that do not load or use a name that is taken."""

from types import SimpleNamespace

import pytest

from ssmtl import hookimpl
from ssmtl.errors import PluginError
from ssmtl.registry import plugins
from ssmtl.registry.plugins import find_plugins, load_plugins
from ssmtl.registry.registry import Entry, Origin, Registry

GOOD = """
from ssmtl import hookimpl

def mirror(*, chance: float = 0.5):
    return None

@hookimpl
def ssmtl_augmentations():
    return {NAME: mirror}
"""


def plugin(tmp_path, text, name="mine.py"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_every_installed_component_knows_its_origin():
    found = load_plugins()
    assert str(found["bridge"]["saliency"].origin) == "multimix (ssmtl)"
    assert str(found["strategy"]["cross_entropy"].origin) == "builtins (ssmtl)"
    assert list(found["strategy"]) == sorted(found["strategy"])


def test_builtins_alone():
    found = load_plugins(installed=False)
    assert list(found["head"]) == ["no_output", "pooled_linear", "pooled_numbers"]
    assert not found["bridge"]


def test_two_managers_share_nothing(tmp_path):
    first = load_plugins([plugin(tmp_path, GOOD.replace("NAME", "'mirror'"))])
    assert "mirror" in first["augmentation"]
    assert "mirror" not in load_plugins()["augmentation"]


def test_a_local_file(tmp_path):
    path = plugin(tmp_path, GOOD.replace("NAME", "'mirror'"))
    entry = load_plugins([path], installed=False)["augmentation"]["mirror"]
    assert str(entry.origin) == str(path)


def test_a_clash_names_both_plugins(tmp_path):
    path = plugin(tmp_path, GOOD.replace("NAME", "'identity'"))
    with pytest.raises(PluginError, match=r"the augmentation 'identity': builtins \(ssmtl\) and .*mine\.py"):
        load_plugins([path])


def test_one_file_twice(tmp_path):
    path = plugin(tmp_path, GOOD.replace("NAME", "'mirror'"))
    with pytest.raises(PluginError, match="two plugins are called"):
        load_plugins([path, path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import does_not_exist_anywhere", r"mine\.py does not load: ModuleNotFoundError"),
        ("def (", r"mine\.py does not load: SyntaxError"),
        ("raise SystemError('no')", "does not load: SystemError"),
        (
            "from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_bridge(): return {}",
            r"mine\.py: no hook is called 'ssmtl_bridge' \(did you mean 'ssmtl_bridges'\?\)",
        ),
        ("x = 1", r"mine\.py implements no hook \(known: ssmtl_backbones, ssmtl_heads, .*ssmtl_run_ended"),
        ("def ssmtl_heads(): return {}", r"mine\.py implements no hook \(put @hookimpl above 'ssmtl_heads'\)"),
        ("def ssmtl_head(): return {}", r"'ssmtl_head'; no hook is called so: did you mean 'ssmtl_heads'\?"),
        ("from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_bridges(app): return {}", "does not fit the hooks"),
        (
            "from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_heads(): return 1 / 0",
            r"failed in ssmtl_heads: ZeroDivisionError",
        ),
    ],
)
def test_a_broken_plugin_is_named(tmp_path, text, message):
    path = plugin(tmp_path, text)
    with pytest.raises(PluginError, match=message) as caught:
        load_plugins([path])
    assert "mine" in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(PluginError, match="no plugin file at"):
        load_plugins([tmp_path / "absent.py"])
    with pytest.raises(PluginError, match="no plugin file at"):
        load_plugins([tmp_path])


def test_an_installed_plugin_that_does_not_load_is_named(monkeypatch):
    def broken():
        raise ImportError("libfoo.so is missing")

    entry = SimpleNamespace(name="foo", value="foo:plugin", load=broken, dist=SimpleNamespace(name="ssmtl-foo"))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])
    with pytest.raises(PluginError, match=r"'foo' \(ssmtl-foo\) does not load: ImportError.*libfoo"):
        find_plugins()


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (
            "ssmtl_run_start",
            r"foo \(ssmtl-foo\): no hook is called 'ssmtl_run_start' \(did you mean 'ssmtl_run_started'",
        ),
        (None, r"the plugin foo \(ssmtl-foo\) implements no hook"),
    ],
)
def test_an_installed_plugin_without_a_known_hook_is_named(monkeypatch, hook, message):
    functions = {hook: hookimpl(lambda run: None)} if hook else {}
    entry = SimpleNamespace(
        name="foo", value="foo", load=lambda: SimpleNamespace(**functions), dist=SimpleNamespace(name="ssmtl-foo")
    )
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])
    with pytest.raises(PluginError, match=message):
        find_plugins()


def test_a_registry():
    registry = Registry("bridge")
    for name in ("saliency", "random_map"):
        registry.add(Entry(name, dict, Origin("here")))
    assert registry.missing("salency") == "did you mean 'saliency'?"
    assert registry.missing("xyz") == "known: random_map, saliency"
    assert list(registry) == ["random_map", "saliency"]
    with pytest.raises(PluginError, match=r"here and there \(dist\)"):
        registry.add(Entry("saliency", dict, Origin("there", "dist")))


def test_a_plugin_whose_commands_fail_is_named(monkeypatch):
    import ssmtl.registry.plugins

    class Broken:
        @staticmethod
        @hookimpl
        def ssmtl_commands(app):
            raise ValueError("no command")

    found = ssmtl.registry.plugins.find_plugins(installed=False)
    found.manager.register(Broken, "broken")
    found.origins["broken"] = Origin("broken", "some-package")
    monkeypatch.setattr(ssmtl.registry.plugins, "find_plugins", lambda: found)
    with pytest.raises(
        PluginError, match=r"broken \(some-package\) failed in ssmtl_commands: ValueError\('no command'\)"
    ):
        ssmtl.registry.plugins.add_commands(None)
