"""Malformed input, made at random: values, structures and bytes."""

import copy
import json
import math
import random
from typing import Any

import yaml

JUNK = [
    None, True, False, 0, -1, 1, 2, 1e400, -1e400, math.nan, 0.5, 1e-300, 10**30, -(2**63), "", " ", "x", "all",
    "multimix", "8 epochs", "10 minutes", "-5 steps", "../../etc/passwd", "/dev/zero", "a" * 5000, "\x00", "\ud800",
    "<script>alert(1)</script>", "ÿ𝕏", "[", "null", [], [1], ["x"], [[]], {}, {"use": None}, {"use": "x"}, [None],
    {"x": {"y": {}}}, {"": 1}, {"use": "saliency"}, {"use": "multimix_encoder"}, ["accuracy", "accuracy"], {"1": 1},
    "!!python/object:os.system", "*a", "2024-01-01", "1_000", "0x10", [0] * 200,
]  # fmt: skip


def mutated(content: Any, rng: random.Random, count: int) -> Any:
    """A copy of plain data with `count` random changes."""
    result = copy.deepcopy(content)
    for _ in range(count):
        place = result
        path = []
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = rng.choice(keys)
            path.append(key)
            if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.75:
                place = place[key]
                continue
            break
        if not path:
            return rng.choice(JUNK)
        kind = rng.random()
        key = path[-1]
        if kind < 0.6:
            place[key] = copy.deepcopy(rng.choice(JUNK))
        elif kind < 0.75:
            del place[key]
        elif isinstance(place, dict) and kind < 0.85:
            place[rng.choice(["use", "weight", "source", "steps", str(key) + "x", "", "é", 3])] = place.pop(key)
        elif isinstance(place, dict):
            place[rng.choice(["extra", "labeled", "seed", "bridge", "normalize", "plugins"])] = rng.choice(JUNK)
        else:
            place.insert(key, copy.deepcopy(place[key]))
    return result


def spoiled(content: bytes, rng: random.Random, count: int) -> bytes:
    """Bytes with `count` random changes."""
    result = bytearray(content)
    for _ in range(count):
        place = rng.randrange(len(result) + 1)
        kind = rng.random()
        if kind < 0.35 and place < len(result):
            result[place] = rng.randrange(256)
        elif kind < 0.55:
            result[place:place] = rng.choice(
                [b"\n", b" ", b":", b"- ", b"{", b"]", b"&a ", b"*a", b"\t", b"\xff", b"%", b"!!", b"'"]
            )
        elif kind < 0.7:
            del result[place : place + rng.randrange(1, 30)]
        elif kind < 0.8:
            del result[place:]
        elif kind < 0.9:
            start = rng.randrange(len(result) + 1)
            result[place:place] = result[start : start + rng.randrange(60)]
        else:
            result[place:place] = rng.choice(JUNK_BYTES)
    return bytes(result)


JUNK_BYTES = [
    b"&a [*a]", b"\na: &a [x]\nb: &b [*a, *a]\n", b"[" * 3000, b"\x00\x01\x02", b"!!python/object/apply:os.getcwd []",
    b"? ", b"<<: *x\n", b"1e999999999", b"9" * 5000, b"---\n---\n", b"\xef\xbb\xbf", b"{{}}", b"${HOME}",
]  # fmt: skip


def as_yaml(content: Any) -> bytes:
    """As the text of a recipe; what YAML cannot represent is written as JSON, which is YAML too."""
    try:
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, TypeError, ValueError):
        return json.dumps(content, default=str).encode()
