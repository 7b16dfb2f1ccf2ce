"""How names of patients and images are compared."""

import re
import unicodedata


def tidy(name: str) -> str:
    """The same name whichever way its accents are encoded (Unicode NFC), without blanks around it."""
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).strip()


def likeness(name: str) -> str:
    """Equal for names that a reader may take for one.

    Without case, blanks, invisible characters, leading zeros of numbers and other ways to encode a character.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(one for one in plain if not one.isspace() and unicodedata.category(one) != "Cf")
    return re.sub(r"(?<!\d)0+(?=\d)", "", seen)
