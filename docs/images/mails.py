"""Photographs the six main mails with headless Chromium: desktop beside 320 px, light and dark.

    .venv/bin/python docs/images/mails.py [FOLDER]

Writes `<template>-light.png` and `<template>-dark.png` into FOLDER (default: where this file lies), and one mail in
Arabic as well.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

MAILS = (
    ("case_opened_customer", "CUSTOMER", "en"),
    ("case_opened_merchant", "MERCHANT", "en"),
    ("message_to_customer", "CUSTOMER", "en"),
    ("message_to_merchant", "MERCHANT", "en"),
    ("closing_soon", "CUSTOMER", "en"),
    ("case_closed", "CUSTOMER", "en"),
    ("message_to_customer", "CUSTOMER", "ar"),
)
WIDTHS = (660, 320)  # CSS pixels; the second is the narrowest telephone
HEIGHT, GAP = 780, 16
SCHEMES = {"light": ("#c9ced6", 1), "dark": ("#000", 0)}  # what lies behind the mails; Blink's number of the scheme


def photograph(page: Path, picture: Path, scheme: int) -> None:
    """Have Chromium draw a page. Raises CalledProcessError when it cannot."""
    size = f"{sum(WIDTHS) + GAP * (len(WIDTHS) + 1)},{HEIGHT + 2 * GAP}"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
                f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={picture}",
                f"--blink-settings=preferredColorScheme={scheme}", page.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(64).save(picture, optimize=True)  # flat colours: a quarter of the bytes


def _frame(file: str, width: int) -> str:
    style = f"border:0;width:{width}px;height:{HEIGHT}px;margin:{GAP}px 0 0 {GAP}px"
    return f'<iframe src="{file}" style="{style}"></iframe>'


def preview(template: str, reader: str, language: str, out: Path) -> None:
    """Have the gateway write a mail of a sample case as HTML."""
    command = [sys.executable, "-m", "gateway", "template", "preview", template, "--reader", reader]
    subprocess.run([*command, "--language", language, "--format", "html", "--out", str(out)], check=True)


def main() -> None:
    """Make each mail once, and photograph it in both schemes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for template, reader, language in MAILS:
            name = template if language == "en" else f"{template}-{language}"
            mail = Path(work) / f"{name}.html"
            preview(template, reader, language, mail)
            for scheme_name, (behind, scheme) in SCHEMES.items():
                frames = "".join(_frame(mail.name, width) for width in WIDTHS)
                page = Path(work) / "page.html"
                page.write_text(f'<body style="margin:0;background:{behind};display:flex">{frames}</body>')
                picture = folder / f"{name}-{scheme_name}.png"
                photograph(page, picture, scheme)
                print(picture)


if __name__ == "__main__":
    main()
