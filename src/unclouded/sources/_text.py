"""Foreign text on its way into a message of one line."""

LONGEST = 120


def shown(text: object, longest: int = LONGEST) -> str:
    """The text on one line, unprintable characters as `?`, cut where it is long."""
    plain = "".join(char if char.isprintable() else "?" for char in str(text).strip())
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
