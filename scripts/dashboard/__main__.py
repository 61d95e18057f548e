"""`python -m scripts.dashboard`: draw the dashboard of infrastructure/watch.yaml for docs/how-to/watch.md."""

from pathlib import Path

from scripts.dashboard import picture, watch

PICTURE = Path(__file__).parents[2] / "docs" / "how-to" / "watch.svg"

if __name__ == "__main__":
    PICTURE.write_text(picture.draw(watch.dashboard()))
