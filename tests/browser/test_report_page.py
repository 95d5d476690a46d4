"""The page of `rbuild report` in a real browser: what is clicked, searched, read aloud, printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_core_python
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from rootless_build.cli import app
from rootless_build.cli.own_places import history_directory
from tests.made_runs import sample

_HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
_DEADLINE = 30.0


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Debian's chromium, without a window. Its own sandbox is not what is tested."""
    options = webdriver.ChromeOptions()
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def page(
    browser: webdriver.Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[webdriver.Chrome]:
    """The page of a run that failed, open; the browser finds no mistake on it, and fetches none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sample(history_directory(tmp_path), _HOSTILE, "Needle here", "a needle there")
    assert app.run(["rbuild", "report", "2", "--output", "page.html"]) == 0
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get_log("performance")  # type: ignore[no-untyped-call]
    show(browser, tmp_path / "page.html")
    yield browser
    assert "taken" not in browser.title
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    requests = str(browser.get_log("performance"))  # type: ignore[no-untyped-call]
    assert "page.html" in requests
    assert "http://" not in requests
    assert "https://" not in requests


def show(browser: webdriver.Chrome, file: Path, scheme: str = "light", width: int = 1280) -> None:
    """Open a file on a screen of that width, for somebody who likes that scheme."""
    # What glides is not where it is clicked.
    likes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    media = [{"name": name, "value": value} for name, value in likes.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(file.as_uri())


def shown(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    """The elements that are to be seen."""
    return [e for e in browser.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()]


def test_filters_and_folds_of_the_timeline(page: webdriver.Chrome) -> None:
    assert len(shown(page, ".timeline tbody tr")) == 9
    page.find_element(By.CSS_SELECTOR, "[data-filter=cached]").click()
    # The step that they are of stays.
    assert len(shown(page, ".timeline tbody tr")) == 4
    said = page.find_element(By.ID, "timeline-said")
    assert said.get_attribute("textContent") == "4 rows are shown"
    page.find_element(By.CSS_SELECTOR, "[data-filter=failed]").click()
    (row,) = shown(page, ".timeline tbody tr")
    assert "run hack/make.sh test-unit" in row.text
    page.find_element(By.CSS_SELECTOR, "[data-filter=all]").click()

    toggle = page.find_element(By.CSS_SELECTOR, ".toggle")
    toggle.send_keys(Keys.ENTER)
    assert toggle.get_attribute("aria-expanded") == "false"
    assert len(shown(page, ".timeline tbody tr")) == 3
    fold = page.find_element(By.ID, "fold")
    assert fold.get_attribute("aria-pressed") == "true"
    fold.send_keys(Keys.SPACE)
    assert len(shown(page, ".timeline tbody tr")) == 9


def test_the_log_is_searched(page: webdriver.Chrome) -> None:
    said = page.find_element(By.ID, "log-said")
    total = int(said.text.split()[0])
    assert total > 20
    search = page.find_element(By.ID, "search")
    search.send_keys("needle")
    WebDriverWait(page, _DEADLINE).until(lambda _: said.text == f"2 of {total} lines")
    assert [line.text for line in shown(page, ".log code")] == ["Needle here", "a needle there"]
    assert [mark.text for mark in shown(page, ".log mark")] == ["Needle", "needle"]
    # What is hostile is found, and stays text while it is marked.
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys("<script>")
    WebDriverWait(page, _DEADLINE).until(lambda _: said.text == f"1 of {total} lines")
    assert shown(page, ".log code")[0].text == _HOSTILE
    search.send_keys(Keys.ESCAPE)
    assert said.text == f"{total} lines"

    Select(page.find_element(By.ID, "log-step")).select_by_value("3")
    assert {e.get_attribute("data-step") for e in shown(page, ".log li")} == {"3"}
    Select(page.find_element(By.ID, "log-kind")).select_by_value("loud")
    assert shown(page, ".log code")[0].text == "rbuild: hack/make.sh test-unit failed with status 1"
    # The number of a line leads to it among all the others.
    link = shown(page, ".log a")[0]
    name = str(link.get_attribute("textContent"))
    link.click()
    WebDriverWait(page, _DEADLINE).until(lambda _: said.text == f"{total} lines")
    assert page.current_url.endswith(f"#L{name}")


def test_the_way_of_the_keyboard(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    first = page.switch_to.active_element
    assert first.text == "Skip to the timeline"
    assert first.location["x"] >= 0
    wanted = ["toggle", "to-log", "search", "log-step", "log-kind", "log"]
    for _ in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        element = page.switch_to.active_element
        reached = element.get_attribute("id") or element.get_attribute("class")
        # In this order.
        if reached == wanted[0] and not wanted[1:]:
            return
        wanted = wanted[1:] if reached == wanted[0] else wanted
    pytest.fail(f"not reached: {wanted}")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_nobody_is_left_out(
    page: webdriver.Chrome, tmp_path: Path, scheme: str, width: int
) -> None:
    """The rules of axe-core (WCAG 2 A and AA, best practices); nothing is wider than the screen."""
    show(page, tmp_path / "page.html", scheme, width)
    page.find_element(By.TAG_NAME, "summary").click()
    script = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.execute_script(script)
    found = page.execute_async_script(
        "const tell = arguments[0]; axe.run().then((r) => tell(r.violations))"
    )
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
    wide = page.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


def test_all_but_the_controls_is_there_without_scripts(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(page, tmp_path / "page.html")
        assert len(shown(page, ".timeline tbody tr")) == 9
        assert shown(page, ".controls, .toggle") == []
        assert len(shown(page, ".log code")) > 20
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_on_paper_there_are_no_controls(page: webdriver.Chrome) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert shown(page, ".nav, .controls, .toggle") == []
        assert len(shown(page, ".timeline tbody tr")) == 9
        color = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert color == "rgb(255, 255, 255)"
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
