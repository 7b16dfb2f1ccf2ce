"""The order of test domains on a page."""

from collections.abc import Iterable

FIRST_DOMAINS = ("in_domain", "cross_domain")


def in_order(domains: Iterable[str]) -> list[str]:
    """Each domain once: in_domain, cross_domain, then the others in the given order."""
    distinct = list(dict.fromkeys(domains))
    first = [domain for domain in FIRST_DOMAINS if domain in distinct]
    return first + [domain for domain in distinct if domain not in first]
