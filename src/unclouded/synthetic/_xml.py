"""Writing XML: elements as strings."""

import html


def element(name: str, *content: str | float, **attributes: str | float) -> str:
    """An XML element; nested ones are indented. Strings that are no elements are escaped."""
    head = name + "".join(
        f' {key.rstrip("_")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    if not content:
        return f"<{head}/>"
    inner = [item if str(item).startswith("<") else html.escape(str(item), quote=False) for item in content]
    if len(inner) == 1 and not str(inner[0]).startswith("<"):
        return f"<{head}>{inner[0]}</{name}>"
    lines = "\n".join(str(item) for item in inner).replace("\n", "\n  ")
    return f"<{head}>\n  {lines}\n</{name}>"


def document(name: str, schema: str, psd: int, *content: str) -> str:
    """A whole metadata file."""
    space = f"https://psd-{psd}.sentinel2.eo.esa.int/PSD/{schema}"
    body = element(name, *content)
    head = (
        f'{name} xmlns:n1="{space}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{space}"'
    )
    return '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + body.replace(name, head, 1) + "\n"
