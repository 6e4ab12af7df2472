"""A label -> what the engines are asked for."""

from collections.abc import Iterable

from cartoons.errors import SearchError

NAME = "{name}"
TEMPLATES = (NAME, "{name} cartoon", "{name} character")


def queries_for(label: str, templates: Iterable[str] = TEMPLATES) -> tuple[str, ...]:
    """Each template with the label in the place of {name}, in order, none twice. Raises SearchError for one without it."""
    templates = tuple(templates)
    if wrong := [template for template in templates if NAME not in template]:
        raise SearchError(f'The query "{wrong[0]}" has no {NAME}: write {NAME} where the name of the character belongs.')
    return tuple(dict.fromkeys(" ".join(template.replace(NAME, label).split()) for template in templates))
