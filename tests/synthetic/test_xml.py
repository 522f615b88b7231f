from defusedxml.ElementTree import fromstring

from unclouded.synthetic._xml import document, element


def test_text_and_attributes_are_escaped():
    node = fromstring(element("a", "x < y & z", unit='"m"'))
    assert node.text == "x < y & z"
    assert node.get("unit") == '"m"'


def test_elements_nest_and_order_is_kept():
    node = fromstring(element("a", element("b", 1), element("c"), element("b", 2)))
    assert [(child.tag, child.text) for child in node] == [("b", "1"), ("c", None), ("b", "2")]


def test_a_document_declares_its_namespace():
    node = fromstring(document("n1:Root", "X.xsd", 14, element("Item", "µ")).encode())
    assert node.tag == "{https://psd-14.sentinel2.eo.esa.int/PSD/X.xsd}Root"
    assert node[0].text == "µ"
