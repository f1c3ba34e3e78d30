"""The generator of the site stops at what is wrong, and what it makes fetches nothing from elsewhere."""

import html
import re

from scripts.docs.__main__ import configured, generate
from scripts.docs.markdown import text, with_bars

BARS = "| one | two |\n| --- | --- |\n| `--a [x\\|*y*_z_]` | `b` |\n"
PLAIN = "So many: <64 digits> & *all* [of] a_b_c, C:\\x `y`"
SECOND = "# Second\n\n## A part\n\nText.\n"


def made(folder, first):
    pages = folder / "pages"
    pages.mkdir()
    (pages / "index.md").write_text(f"# First\n\n{first}\n")
    (pages / "second.md").write_text(SECOND)
    configuration = folder / "zensical.toml"
    configuration.write_text(configured(["index.md", {"Reference": ["second.md"]}]))
    return generate(configuration)


def test_links_that_lead_nowhere_stop_it(tmp_path, capfd):
    assert made(tmp_path, "[x](third.md) and [y](second.md#another-part)") != 0
    told = "".join(capfd.readouterr())
    assert "page does not exist" in told
    assert "anchor does not exist" in told


def test_a_site_is_made_that_asks_nobody(tmp_path):
    assert made(tmp_path, f"[x](second.md#a-part)\n\n{with_bars(BARS)}\n{text(PLAIN)}") == 0
    first = (tmp_path / "site/index.html").read_text()
    assert [html.unescape(each) for each in re.findall(r"<code>(.*?)</code>", first)] == ["--a [x|*y*_z_]", "b"]
    assert f"<p>{html.escape(PLAIN, quote=False)}</p>" in first
    page = (tmp_path / "site/second.html").read_text()
    assert 'id="a-part"' in page
    fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*?(?:src|href)="?([^" >]+)', page)
    assert fetched
    assert not [each for each in fetched if "//" in each]
    assert (tmp_path / "site/search.json").is_file()
