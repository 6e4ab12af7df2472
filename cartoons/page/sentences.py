"""What the page says that is the same for every model and every picture; words.py says the rest.

But for api.py, which tells programs what they get, and errors, whose sentences stand where they are raised: programs and
the command line get the same ones.
"""

from cartoons.serving.picture_batch import MOST_FILES

BUTTONS = ("Choose a photo", "Camera", "Paste")
SHARE_BUTTONS = ("Copy result", "Save result", "Copy link")
PLACEHOLDER = "A picture goes here"
ALT_TEXT = "the picture to name"

FAILED = "The page failed at this picture, or could not be reached: try again, or try another."
MANY_FAILED = "The page failed at these pictures, or could not be reached: try again, or try fewer."
CORRECTION_FAILED = "The page failed at this, or could not be reached: try again."
LIST_DAMAGED = "The list of pictures is damaged: choose them again."

EXAMPLE = "An example, until you give a picture:"
WHERE_IT_LOOKED = "Where it looked"
BRIGHT = "The bright parts counted most."
TRY_DRAWINGS, TRY_PICTURES = "Or try one of these drawings", "Or try one of these pictures"
OWN_CHARACTERS = (
    "Other characters? Make a page of your own with this program: <code>python train.py "
    '<span style="white-space: nowrap">--names</span> &quot;asterix&quot; &quot;obelix&quot;</code> '
    "finds pictures and trains on them; its README says the rest."
)
DELETED = "a picture is deleted seconds after its answer"
BUT_FOR_ONE = "but for one that you send with a correction"

MANY = "Many pictures at once"
HOW_MANY = f"Up to {MOST_FILES}, or a zip; or drop them, or a folder, anywhere on the page."
CHOOSE_PICTURES = "Choose pictures"
COLUMNS = ("File", "Answer", "Sure")
ANSWERED = "answered"
DOWNLOAD = "Download as CSV"

PROGRAMS = "Ask this page from a program"
CURL, HUGGINGFACE_HUB, GRADIO_CLIENT = "curl", "Python, with huggingface_hub", "Python, with gradio_client"
JAVASCRIPT, MCP = "JavaScript, in a web page of any site", "MCP, for assistants"

WRONG, WHO, WITH_PICTURE, SEND = "That’s wrong", "Who is it?", "Send the picture too", "Send"
KEPT = (
    "What is kept: the time, what the model said, the name you choose and the picture’s fingerprint; "
    "a small copy of the picture only if you tick the box; nothing about you."
)
THANKS = "Thank you. A person looks at it before a model learns from it."

SCRIPTS = {
    "choose": BUTTONS[0],
    "another": "Another picture",
    "placeholder": PLACEHOLDER,
    "uploading": "Uploading",
    "of": "of",
    "looking": "Looking…",
    "fetching": "Fetching the picture…",
    "unreachable": "The page could not be reached: see whether you are online, then try again.",
    "offline": "You are offline: a picture can be answered as soon as the connection is back.",
    "noExample": "There is no such example here: choose one of the drawings, or a picture of yours.",
    "noClipboard": "This browser does not show the page what was copied: press Ctrl+V, or choose a photo.",
    "noPicture": "That is no picture: copy a picture, its file or its address, then paste it.",
    "resultCopied": "The result is copied, as a picture and as text.",
    "linkCopied": "The link is copied: it opens with this answer.",
    "pageCopied": "The page’s link is copied. Your picture is not kept, so no link opens with it: copy or save the result.",
    "cannotCopy": "This browser does not let the page copy:",
    "savedAs": "Saved as",
    "noneInIt": "There is no picture in it: choose another.",
    "tooMany": f"These are more than {MOST_FILES} files: choose {MOST_FILES} at a time.",
    "noFolder": "The folder cannot be read: choose the pictures.",
    "close": "Close",
    "copy": "Copy",
}
"""By their names in page.js, answer.js and many.js."""
