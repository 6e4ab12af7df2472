"""How often a photo that the page shrank in the browser gets the answer of the whole file: python -m bench.shrink FOLDER.

The real pictures of a folder that are longer than page.js leaves them, and as many of the others, enlarged, as
make LEAST of them; all as JPEG, as a phone sends them. The function is the page's own, in a real Chromium.
"""

import argparse
import base64
import re
from pathlib import Path

from PIL import Image

from bench.browser import opened_tab
from bench.serving import ROOT
from cartoons.classifier import Classifier
from cartoons.errors import ImageError
from cartoons.images import encoded, load, size_by_header
from cartoons.model_folder import EMBEDDED_MODEL

LEAST, ENLARGED_PX = 60, 2400
SCRIPT = (ROOT / "cartoons" / "page" / "page.js").read_text(encoding="utf-8")
SHRINK = (
    "\n".join(re.findall(r"^const (?:LONGEST_PX|SMALL_BYTES) = .*$", SCRIPT, re.MULTILINE))
    + "\n"
    + re.search(r"^async function smaller.*?^}$", SCRIPT, re.MULTILINE | re.DOTALL)[0]  # type: ignore[index]
    + """
async ({data, type}) => {
    const file = new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], "photo", {type});
    const small = new Uint8Array(await (await smaller(file)).arrayBuffer());
    let text = "";
    for (let k = 0; k < small.length; k += 32768) text += String.fromCharCode(...small.subarray(k, k + 32768));
    return btoa(text);
}"""
)


def photos(folder: Path) -> list[bytes]:
    """Large pictures as JPEG files, those that are large by themselves first."""
    large, small = [], []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")):
        try:
            (large if max(size_by_header(path.read_bytes())) > 1024 else small).append(path)
        except ImageError:
            continue
    few = small[:: max(1, len(small) // max(1, LEAST - len(large)))] if len(large) < LEAST else []
    made = []
    for path in [*large, *few]:
        picture = load(path)
        scale = ENLARGED_PX / max(picture.size) if path in few else 1
        width, height = (round(length * scale) for length in picture.size)
        made.append(encoded(picture.resize((width, height), Image.Resampling.LANCZOS), "JPEG", quality=92))
    print(f"{len(large)} pictures longer than 1,024 px, {len(few)} enlarged to {ENLARGED_PX:,} px")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.shrink", description=__doc__)
    parser.add_argument("folder", type=Path, help="of pictures, at any depth")
    large = photos(folder := parser.parse_args().folder)
    if not large:
        parser.error(f"{folder} holds no JPEG, PNG or WebP: give a folder of pictures.")
    classifier = Classifier.load(EMBEDDED_MODEL, trusted=True)
    same = shrunk_count = whole_bytes = small_bytes = 0
    largest = 0.0
    with opened_tab(400, 400) as tab:
        functions, _, call = SHRINK.partition("\nasync ({data")
        tab.goto("about:blank")
        tab.add_script_tag(content=functions)
        for data in large:
            given = {"data": base64.b64encode(data).decode(), "type": "image/jpeg"}
            small = base64.b64decode(tab.evaluate("async ({data" + call, given))
            if small == data:
                continue
            before, after = classifier.predict([load(data), load(small)])
            shrunk_count, whole_bytes, small_bytes = shrunk_count + 1, whole_bytes + len(data), small_bytes + len(small)
            same += (before.label, before.known) == (after.label, after.known)
            largest = max(largest, abs(before.probabilities[before.label] - after.probabilities[before.label]))
    if not shrunk_count:
        parser.error(f"the page leaves every picture of {folder} as it is: give a folder of larger ones.")
    print(
        f"{shrunk_count} shrunk, to {small_bytes / whole_bytes:.0%} of their bytes: {same} get the answer of the whole file"
    )
    print(f"the greatest difference of a probability is {largest:.3f}")


if __name__ == "__main__":
    main()
