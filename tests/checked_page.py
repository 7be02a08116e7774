"""Pages as tests read them."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """A page that has been checked: tags are closed in order, ids unique, and nothing is fetched from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []
        ids = Counter(attributes["id"] for _, attributes in self.tags if "id" in attributes)
        assert set(ids.values()) <= {1}
        for tag, attributes in self.tags:
            assert tag not in {"script", "iframe", "link", "object"}
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("src", "data:").startswith("data:")
            target = attributes.get("href", "#")
            assert ":" not in target
            if target.startswith("#"):
                assert target == "#" or target[1:] in ids
            if tag == "img":
                assert attributes["alt"]
            if tag == "th":
                assert attributes["scope"] in {"row", "col"}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def cells(self, first: str) -> list[str]:
        """The only row that begins with this cell."""
        (row,) = [row for row in self.rows if row[0] == first]
        return row[1:]
