"""The names of the engines -> engines."""

from collections.abc import Iterable

from cartoons.errors import SearchError
from cartoons.search.commons import Commons
from cartoons.search.ddgs_engine import Bing, DuckDuckGo
from cartoons.search.engine import Engine, GetJson
from cartoons.search.openverse import Openverse

NAMES = (DuckDuckGo.name, Bing.name, Openverse.name, Commons.name)
DEFAULT_NAMES = (DuckDuckGo.name, Bing.name)


def engines_named(
    names: Iterable[str], get_json: GetJson, proxy: str | None = None, ca_file: str | None = None, timeout_s: int = 10
) -> list[Engine]:
    """The engines in the order of their names; get_json serves those with an API of their own, the rest DuckDuckGo and Bing.

    Raises SearchError for a name that is none of NAMES.
    """
    made: list[Engine] = []
    for name in dict.fromkeys(names):
        match name:
            case DuckDuckGo.name:
                made.append(DuckDuckGo(proxy, ca_file, timeout_s))
            case Bing.name:
                made.append(Bing(proxy, ca_file, timeout_s))
            case Openverse.name:
                made.append(Openverse(get_json))
            case Commons.name:
                made.append(Commons(get_json))
            case _:
                raise SearchError(f"No engine is called {name!r}: choose among {', '.join(NAMES)}.")
    return made
