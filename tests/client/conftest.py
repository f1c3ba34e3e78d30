import pytest
import urllib3


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are counted, not waited for."""
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda self, response=None: None)
