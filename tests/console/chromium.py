"""A Chromium of this system."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")


def find() -> str | None:
    """Return the path of the first that is installed. None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright) -> Browser:
    """Start it without a window."""
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # it refuses to start as root with one
    return playwright.chromium.launch(executable_path=find(), args=sandbox)
