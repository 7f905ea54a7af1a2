"""The documentation as a site: built without a warning, and usable by everybody; so is the page of a comparison."""

import subprocess
import sys
from pathlib import Path

import pytest
from checks import assert_accessible

DOCS = Path(__file__).parent.parent / "docs"
# The notebook, code, tables and figures, and what the code says of itself.
PAGES = ["index", "tutorial", "lab", "calibration", "results/README", "commands", "api"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("myst_nb")
    pytest.importorskip("furo")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", DOCS, folder]
    done = subprocess.run(build, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_the_site_is_built_without_a_warning(site):
    assert all((site / f"{page}.html").is_file() for page in PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use_a_page_of_it(site, chromium, name):
    page = chromium.new_page()
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_timeout(200)
    assert_accessible(page)


def test_everybody_can_use_the_page_of_a_comparison(chromium):
    page = chromium.new_page()
    page.goto((DOCS / "results/lab/comparison.html").as_uri())
    assert_accessible(page)
