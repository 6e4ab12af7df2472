"""Requests counted and timed, for /metrics in the text format of Prometheus."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.responses import Response

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counts what a PictureService observes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        names = ("route", "outcome")
        self._requests = Counter("pictures", "Pictures asked about.", names, registry=self._registry)
        self._seconds = Histogram(
            "picture_seconds", "From request to answer.", ("route",), buckets=SECONDS, registry=self._registry
        )

    def observe(self, route: str, outcome: str, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, outcome).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self) -> Response:
        """All counts, as text."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
